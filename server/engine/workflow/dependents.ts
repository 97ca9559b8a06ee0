/**
 * Dependent nodes: looks for the runs of other jobs that they wait for (DolphinScheduler D5). The newest run of a stretch
 * counts: the one with the latest scheduled time in it, and of several for one time the latest.
 */
import { LIMITS } from "../../config.ts";
import type { RunState } from "../../core/run.ts";
import {
  type Dependent,
  type Found,
  type Lookup,
  lookupsOf,
  resultOf,
} from "../../core/workflow/dependent.ts";
import { stateOf } from "../../core/workflow/state.ts";
import type { JobVersion } from "../../store/catalog.ts";
import { firstIdAt } from "../../store/runs.ts";
import type { EngineContext } from "../context.ts";
import { type Departure, leave } from "../leave.ts";
import { departure } from "./finish.ts";

/** Of a job with more runs than this since a stretch began, only the newest so many are looked through. */
const RUNS_LOOKED_THROUGH = 10_000;
/** A run that was asked for ahead of its time has an older id than that; one that was asked for afterwards a younger one. */
const DELAYED_MS = 86_400_000;

interface Waiting {
  id: string;
  secret: string;
  versionId: number;
  version: JobVersion;
  /** Of the workflow's run. */
  rootId: string;
  workflowId: number;
  namespaceId: number;
  /** Epoch milliseconds: the time that the workflow's run stands for. */
  at: number;
  timeZone: string;
  now: number;
}

/** Decides about those of the nodes that still wait, or, null, about a batch of all; returns how many it looked at. */
export async function checkDependents(
  context: EngineContext,
  runIds: string[] | null,
  after = "0",
): Promise<{
  looked: number;
  last: string;
}> {
  const waiting = await readWaiting(context, runIds, after);
  const asked = waiting.map((one) => {
    const { tree, timeZone } = dependentOf(one);
    return lookupsOf(tree, one.at, timeZone ?? one.timeZone);
  });
  const found = await findRuns(context, waiting, asked);
  const outputs: Departure[] = [];
  for (const [at, one] of waiting.entries()) {
    const lookups = asked[at] as Lookup[];
    const results = found[at] as (FoundRun | null)[];
    const end = await decide(context, one, lookups, results);
    if (end) outputs.push(end);
  }
  await leave(context, outputs, `${context.serverId}/workflow`);
  return { looked: waiting.length, last: waiting.at(-1)?.id ?? "0" };
}

const dependentOf = ({ version }: Waiting): Dependent =>
  version.control as Extract<JobVersion["control"], { kind: "dependent" }>;

async function decide(
  { sql }: EngineContext,
  one: Waiting,
  lookups: Lookup[],
  results: (FoundRun | null)[],
): Promise<Departure | null> {
  const { tree, passOutputs, waitOnFailureMs = 0 } = dependentOf(one);
  const run = { ...one, cancelRequested: false };
  const result = resultOf(tree, lookups, results);
  if (result === "WAITING") return null;
  if (result === "SUCCESS") {
    return departure(run, "SUCCEEDED", { output: passOutputs ? await mergedOutputs(sql, results) : null });
  }
  if (one.now < one.at + waitOnFailureMs) return null;
  const bad = lookups.find(
    (_, at) =>
      results[at] !== null &&
      resultOf(lookups[at]?.item as never, [lookups[at] as Lookup], [results[at] ?? null]) === "FAILED",
  );
  const what = bad
    ? `${bad.item.job}${bad.item.node === undefined ? "" : `#${bad.item.node}`} (${bad.item.cycle})`
    : "what it depends on";
  return departure(run, "FAILED", {
    error: JSON.stringify({ message: `${what} did not succeed`, type: "DependencyFailed" }),
  });
}

/** The members of all outputs; of equal names that of the earliest finish. */
async function mergedOutputs(
  sql: EngineContext["sql"],
  results: (FoundRun | null)[],
): Promise<string | null> {
  const ids = results.flatMap((found) => (found?.outputId == null ? [] : [found.outputId]));
  if (ids.length === 0) return null;
  const rows = await sql<{ output: string | null }[]>`
    select output from escapement.ended where id = any(${ids}::bigint[]) order by ended_at desc, id desc`;
  const merged = rows.map(({ output }): unknown => (output === null ? null : JSON.parse(output)));
  const objects = merged.filter(
    (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  );
  return JSON.stringify(Object.assign({}, ...objects));
}

async function readWaiting(
  { sql, catalog }: EngineContext,
  runIds: string[] | null,
  after: string,
): Promise<Waiting[]> {
  const rows = await sql<Omit<Waiting, "version">[]>`
    select l.id, l.secret, l.version_id as "versionId", root.id as "rootId", root.job_id as "workflowId",
      l.namespace_id as "namespaceId", date_part('epoch', root.scheduled_at)::float8 * 1000 as at,
      coalesce(t.schedule->>'timeZone', v.workflow::jsonb->>'timeZone', 'UTC') as "timeZone",
      date_part('epoch', escapement.clock())::float8 * 1000 as now
    from escapement.lease l
    join escapement.job_version own on own.id = l.version_id
    join escapement.lease root on root.id = l.parent_id
    join escapement.job_version v on v.id = root.version_id
    left join escapement.trigger t on t.id = root.trigger_id
    where l.executor_id is null and l.cancel_at is null and own.control::jsonb->>'kind' = 'dependent'
      and l.id > ${after} ${runIds === null ? sql`` : sql`and l.id = any(${runIds}::bigint[])`}
    order by l.id limit ${LIMITS.dependentBatch}`;
  const versions = await catalog.versions(rows.map(({ versionId }) => versionId));
  return rows.map((row) => ({
    ...row,
    at: Math.round(row.at),
    version: versions.get(row.versionId) as JobVersion,
  }));
}

interface FoundRun extends Found {
  /** The run whose output is passed on; null: it has none. */
  outputId: string | null;
}

/** What each lookup finds; one query for all. */
async function findRuns(
  { sql, catalog }: EngineContext,
  waiting: Waiting[],
  asked: Lookup[][],
): Promise<(FoundRun | null)[][]> {
  const flat = asked.flatMap((lookups, at) =>
    lookups.map(({ item, stretch }) => ({ ...item, ...stretch, one: waiting[at] as Waiting })),
  );
  if (flat.length === 0) return asked.map(() => []);
  const rows = await sql<
    { n: number; id: string; state: RunState; versionId: number; states: string | null; first: boolean }[]
  >`
    with asked as materialized (
      select a.*, j.id as job_id
      from unnest(${flat.map(({ one }) => one.namespaceId)}::int[], ${flat.map(({ job }) => job)}::text[],
        ${flat.map(({ from }) => firstIdAt(from - DELAYED_MS))}::bigint[],
        ${flat.map(({ from }) => new Date(from).toISOString())}::text[]::timestamptz[],
        ${flat.map(({ until }) => new Date(until).toISOString())}::text[]::timestamptz[],
        ${flat.map(({ one }) => one.rootId)}::bigint[])
        with ordinality as a(namespace_id, job, first_id, since, until, root_id, n)
      join escapement.job j on j.namespace_id = a.namespace_id and j.name = a.job and j.deleted_at is null
    )
    select a.n::int, r.id, r.state, r.version_id as "versionId", w.states,
      false as first
    from asked a cross join lateral (
      select c.id, c.state, c.version_id from (
        select r.id, r.state, r.version_id, r.scheduled_at from escapement.run r
        where r.job_id = a.job_id and r.id >= a.first_id and r.id <> a.root_id
          and r.scheduled_at >= a.since and r.scheduled_at < a.until
        order by r.id desc limit ${RUNS_LOOKED_THROUGH}
      ) c order by c.scheduled_at desc, c.id desc limit 1
    ) r
    left join escapement.workflow_run w on w.run_id = r.id
    union all
    -- A workflow that depends on itself has nobody to wait for the first time.
    select a.n::int, a.root_id, 'SUCCEEDED', 0, null, true
    from asked a join escapement.lease root on root.id = a.root_id
    where root.job_id = a.job_id
      and not exists (select from escapement.run r where r.job_id = a.job_id and r.id <> a.root_id)`;
  const versions = await catalog.versions(rows.map(({ versionId }) => versionId));
  const byNumber = new Map(rows.map((row) => [row.n, row]));
  const members = await memberIds(sql, rows, flat, versions);
  let n = 0;
  return asked.map((lookups) =>
    lookups.map(({ item }): FoundRun | null => {
      const row = byNumber.get(++n);
      if (!row) return null;
      if (row.first)
        return {
          state: "SUCCEEDED",
          ...(item.node === undefined ? {} : { node: "SUCCEEDED" }),
          outputId: null,
        };
      if (item.node === undefined) return { state: row.state, outputId: row.id };
      const place =
        versions.get(row.versionId)?.workflow?.nodes.findIndex(({ key }) => key === item.node) ?? -1;
      const letter = row.states?.charAt(place) ?? "";
      return {
        state: row.state,
        node: place < 0 || letter === "" ? null : stateOf(letter),
        outputId: members.get(`${row.id}/${place}`) ?? null,
      };
    }),
  );
}

async function memberIds(
  sql: EngineContext["sql"],
  rows: { n: number; id: string; versionId: number }[],
  flat: { node?: string }[],
  versions: Map<number, JobVersion>,
): Promise<Map<string, string>> {
  const wanted = rows.flatMap(({ n, id, versionId }) => {
    const key = flat[n - 1]?.node;
    const place = versions.get(versionId)?.workflow?.nodes.findIndex((node) => node.key === key) ?? -1;
    return key === undefined || place < 0 ? [] : [{ id, place }];
  });
  if (wanted.length === 0) return new Map();
  const found = await sql<{ id: string; place: number; memberId: string }[]>`
    select m.run_id as id, m.place, m.member_id as "memberId"
    from unnest(${wanted.map(({ id }) => id)}::bigint[], ${wanted.map(({ place }) => place)}::int[]) as w(id, place)
    join escapement.workflow_member m on m.run_id = w.id and m.place = w.place`;
  return new Map(found.map(({ id, place, memberId }) => [`${id}/${place}`, memberId]));
}
