/**
 * – → waiting | ready: starts runs. A run without holds goes straight into `ready` in the statement that creates
 * it; concurrent requests share that statement. A key makes a request repeatable: the repeat writes before it
 * answers, so that it waits for the standby like the first one did (RELIABILITY M4).
 */
import { createHash } from "node:crypto";
import { LIMITS } from "../config.ts";
import { refuseNul } from "../core/json.ts";
import { checkTags } from "../core/name.ts";
import { badInput, conflict, limitExceeded, notFound, Rejection, unavailable } from "../core/rejection.ts";
import type { RunState } from "../core/run.ts";
import type { JobVersion } from "../store/catalog.ts";
import { guarded, type Sql, type Transaction } from "../store/connection.ts";
import { isRunId } from "../store/page.ts";
import { arrayText, booleans, byteas, counted, type EngineContext, runChange } from "./context.ts";
import type { StartedRun, StartItem, StartOptions } from "./engine.ts";
import { createLane } from "./lane.ts";

/** A run to be inserted: names resolved, limits checked. */
export interface NewRun {
  version: JobVersion;
  priority: number;
  triggerId: number | null;
  parentId: string | null;
  runAt: number | null;
  delayMs: number | null;
  input: string | null;
  bytes: Buffer | null;
  tags: string[] | null;
}

interface KeyedRuns {
  runs: NewRun[];
  /** Set: the request may be repeated under this key. */
  key: { namespaceId: number; key: string; hash: Buffer } | null;
}

/** What the insert says of one request. */
type Inserted =
  | { status: "started"; runs: StartedRun[] }
  | { status: "repeated"; hash: Buffer; runIds: string[] }
  /** A job changed under us: nothing was inserted. */
  | { status: "stale" };

/** A list of this size with changed jobs is read again this often before the caller is asked to come back. */
const STALE_TRIES = 5;

export function createEnqueue(context: EngineContext) {
  const { sql, catalog } = context;
  const lane = createLane<KeyedRuns, Inserted>({
    maxItems: LIMITS.laneItems,
    maxWaiting: LIMITS.laneWaiting,
    weigh: (request) => request.runs.length,
    key: ({ key }) => key && `${key.namespaceId}/${key.key}`,
    run: async (requests) => {
      const answers = await insertRuns(sql, requests, `${context.serverId}/start`);
      announceStarted(context, requests, answers);
      return answers;
    },
  });

  return async function start(items: StartItem[], options: StartOptions = {}): Promise<StartedRun[]> {
    if (items.length > LIMITS.runsPerRequest) {
      throw limitExceeded(`at most ${LIMITS.runsPerRequest} runs can be started at once`, options.field);
    }
    if (items.length === 0) return [];
    for (let tries = 1; ; tries++) {
      const runs = await resolveItems(context, items, options);
      const keyed = items.some((item) => item.idempotencyKey != null);
      const after = items.some((item) => item.after != null && item.after.length > 0);
      const lone = items.length === 1 && !after;
      let answers: Inserted[];
      if (lone || (!keyed && !after)) {
        const key = options.idempotencyKey ?? (lone ? items[0]?.idempotencyKey : null) ?? null;
        const request = { runs, key: key === null ? null : requestKey(runs, key, items) };
        const answer = await lane(request);
        refuseOtherRequest(answer, request, options, 0);
        answers = [answer];
      } else {
        answers = await startApart(context, items, runs, options);
      }
      if (answers.some((answer) => answer.status === "stale")) {
        if (tries === STALE_TRIES) throw unavailable("the jobs keep changing; retry in a moment");
        catalog.forget();
        continue;
      }
      return await readRepeated(sql, answers, items, options);
    }
  };

  /** Requests that need several statements: keys of single items, or runs to wait for. */
  async function startApart(
    { serverId }: EngineContext,
    items: StartItem[],
    runs: NewRun[],
    options: StartOptions,
  ): Promise<Inserted[]> {
    const requests: KeyedRuns[] = options.idempotencyKey
      ? [{ runs, key: requestKey(runs, options.idempotencyKey, items) }]
      : items.map((item, at) => {
          const own = runs.slice(at, at + 1);
          const key = item.idempotencyKey;
          return { runs: own, key: key == null ? null : requestKey(own, key, [item]) };
        });
    const seen = new Set<string>();
    for (const [at, { key }] of requests.entries()) {
      const name = key && `${key.namespaceId}/${key.key}`;
      if (name === null) continue;
      if (seen.has(name)) throw badInput(fieldOf(options, at, "idempotencyKey"), "the same key stands twice");
      seen.add(name);
    }
    const pending = await guarded(sql, async (transaction) => {
      const held = await holdForOthers(transaction, items, options);
      const answers = await insertRuns(
        transaction,
        requests,
        `${serverId}/apart`,
        options.idempotencyKey ? [held] : held.map((waitsFor) => [waitsFor]),
      );
      const stale = answers.find((answer) => answer.status === "stale");
      if (!stale)
        for (const [at, answer] of answers.entries()) refuseOtherRequest(answer, requests[at], options, at);
      return answers;
    });
    announceStarted(context, requests, pending);
    return pending;
  }
}

export function fieldOf(options: StartOptions, at: number, name: string): string {
  return options.field === undefined ? name : `${options.field}[${at}].${name}`;
}

/** Names to ids, limits checked; nothing is written. */
export async function resolveItems(
  context: EngineContext,
  items: StartItem[],
  options: StartOptions,
): Promise<NewRun[]> {
  const runs: NewRun[] = [];
  for (const [at, item] of items.entries()) {
    const field = (name: string) => fieldOf(options, at, name);
    const namespaceId = await context.catalog.namespaceId(item.namespace, field("namespace"));
    const version = await context.catalog.currentVersion(namespaceId, item.job, field("job"));
    if (item.input != null && item.inputBytes != null) {
      throw badInput(field("inputBytes"), "give either input or inputBytes, not both");
    }
    const size = item.inputBytes?.length ?? (item.input == null ? 0 : Buffer.byteLength(item.input));
    if (size > LIMITS.inputBytes) {
      throw limitExceeded(
        `the input has ${size} bytes; at most ${LIMITS.inputBytes} are allowed: put more into a file or a table and name it in the input`,
        field(item.inputBytes == null ? "input" : "inputBytes"),
      );
    }
    refuseNul(item.input, field("input"));
    if (item.priority != null && !(Number.isInteger(item.priority) && Math.abs(item.priority) <= 32_000)) {
      throw badInput(field("priority"), "must be a whole number from -32000 to 32000");
    }
    if (item.runAt != null && item.delayMs != null) {
      throw badInput(field("delay"), "give either runAt or delay, not both");
    }
    if (item.idempotencyKey != null && (item.idempotencyKey === "" || item.idempotencyKey.length > 200)) {
      throw badInput(field("idempotencyKey"), "must have 1 to 200 characters");
    }
    if (item.after != null && item.after.length > LIMITS.afterPerRun) {
      throw limitExceeded(`a run can wait for at most ${LIMITS.afterPerRun} others`, field("after"));
    }
    runs.push({
      version,
      priority: item.priority ?? version.priority,
      triggerId: null,
      parentId: options.parentId ?? null,
      runAt: item.runAt ?? null,
      delayMs: item.delayMs ?? null,
      input: item.input ?? null,
      bytes: item.inputBytes ?? null,
      tags: item.tags == null ? null : checkTags(item.tags, field("tags")),
    });
  }
  return runs;
}

function requestKey(runs: NewRun[], key: string, items: StartItem[]): KeyedRuns["key"] {
  const [first] = runs;
  if (!first) return null;
  const asked = items.map((item) => [
    item.namespace,
    item.job,
    item.input ?? null,
    item.inputBytes?.toString("base64") ?? null,
    item.priority ?? null,
    item.runAt ?? null,
    item.delayMs ?? null,
    item.tags ?? null,
    item.after ?? null,
  ]);
  const hash = createHash("sha256").update(JSON.stringify(asked)).digest();
  return { namespaceId: first.version.namespaceId, key, hash };
}

/**
 * Marks the runs that new ones wait for, so that whoever ends them looks for waiters: the mark is on the row that
 * the end deletes, so one of the two sees the other. Returns, per item, the runs that have not ended yet.
 * @throws BAD_INPUT for a run that does not exist in the namespace.
 */
export async function holdForOthers(
  transaction: Transaction,
  items: StartItem[],
  options: StartOptions,
): Promise<string[][]> {
  const wanted = new Set<string>();
  for (const [at, item] of items.entries()) {
    for (const id of item.after ?? []) {
      if (!isRunId(id)) throw badInput(fieldOf(options, at, "after"), `there is no run "${id}"`);
      wanted.add(id);
    }
  }
  if (wanted.size === 0) return items.map(() => []);
  const live = new Map<string, string>();
  const ended = new Map<string, string>();
  // A run may move from one table to the next between our looks; each look is a fresh snapshot.
  for (let look = 0; look < 10 && live.size + ended.size < wanted.size; look++) {
    const ids = [...wanted].filter((id) => !live.has(id) && !ended.has(id)).sort();
    for (const table of ["waiting", "ready", "lease"]) {
      const rows = await transaction<{ id: string; namespace: string }[]>`
        update escapement.${transaction(table)} r set awaited = true
        from escapement.namespace n where r.id = any(${ids}::bigint[]) and n.id = r.namespace_id
        returning r.id, n.name as namespace`;
      for (const row of rows) live.set(row.id, row.namespace);
    }
    const rows = await transaction<{ id: string; namespace: string }[]>`
      select r.id, n.name as namespace from escapement.ended r join escapement.namespace n on n.id = r.namespace_id
      where r.id = any(${ids}::bigint[])`;
    for (const row of rows) ended.set(row.id, row.namespace);
  }
  return items.map((item, at) => {
    const own = [...new Set(item.after ?? [])];
    for (const id of own) {
      if ((live.get(id) ?? ended.get(id)) !== item.namespace) {
        throw badInput(
          fieldOf(options, at, "after"),
          `there is no run "${id}" in namespace "${item.namespace}"`,
        );
      }
    }
    return own.filter((id) => live.has(id));
  });
}

/** The statement. `held` gives, per request and run, the runs it has to wait for. */
export async function insertRuns(
  sql: Sql | Transaction,
  requests: KeyedRuns[],
  source: string,
  held: string[][][] = [],
): Promise<Inserted[]> {
  const runs = requests.flatMap((request, requestNo) =>
    request.runs.map((run, at) => ({ run, requestNo, waitsFor: held[requestNo]?.[at] ?? [] })),
  );
  const column = <T>(pick: (entry: (typeof runs)[number]) => T): T[] => runs.map(pick);
  const large = (run: NewRun): boolean =>
    run.input !== null && Buffer.byteLength(run.input) > LIMITS.inlineInputBytes;
  const versions = [...new Set(column(({ run }) => run.version.id))];
  const keys = requests.flatMap(({ key }, requestNo) => (key ? [{ ...key, requestNo }] : []));
  const waits = runs.flatMap(({ waitsFor }, at) => waitsFor.map((onRunId) => ({ at: at + 1, onRunId })));
  const s = sql as Sql;
  const payloads = runs.some(({ run }) => run.bytes !== null || large(run));

  const rows = await s<
    {
      id: string | null;
      n: number;
      state: RunState;
      hash: Buffer | null;
      runIds: string[] | null;
      requestNo: number;
    }[]
  >`
    with now as materialized (select escapement.clock() as at),
    current as (
      select count(*) as versions from escapement.job where version_id = any(${versions}::int[]) and deleted_at is null
    ),
    item as (
      select escapement.next_run_id() as id, i.*
      from unnest(
        ${column(({ requestNo }) => requestNo)}::int[],
        ${column(({ run }) => run.version.namespaceId)}::int[],
        ${column(({ run }) => run.version.jobId)}::int[],
        ${column(({ run }) => run.version.id)}::int[],
        ${column(({ run }) => run.version.queueId)}::int[],
        ${column(({ run }) => run.priority)}::smallint[],
        ${column(({ run }) => run.triggerId)}::int[],
        ${column(({ run }) => run.parentId)}::bigint[],
        ${column(({ run }) => run.runAt)}::float8[],
        ${column(({ run }) => run.delayMs)}::float8[],
        ${column(({ run }) => (large(run) ? null : run.input))}::text[],
        ${column(({ run }) => (run.bytes !== null ? 2 : large(run) ? 1 : 0))}::smallint[],
        ${column(({ run }) => arrayText(run.tags))}::text[],
        ${booleans(column(({ waitsFor }) => waitsFor.length > 0))}::text[]::boolean[]
      ) with ordinality as i(request_no, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        run_at, delay_ms, input, payload, tags, depends, n)
    ),
    ${
      keys.length === 0
        ? s`fresh as (select null::int as request_no where false),`
        : s`key as (
      select * from unnest(${keys.map((k) => k.requestNo)}::int[], ${keys.map((k) => k.namespaceId)}::int[],
        ${keys.map((k) => k.key)}::text[], ${byteas(keys.map((k) => k.hash))}::text[]::bytea[]) as k(request_no, namespace_id, key, hash)
    ),
    claimed as (
      insert into escapement.idempotency as known (namespace_id, key, hash, run_ids, created_at, touched_at)
      select k.namespace_id, k.key, k.hash, array_agg(i.id order by i.n), now.at, now.at
      from key k join item i using (request_no), now, current
      where current.versions = ${versions.length}
      group by k.namespace_id, k.key, k.hash, now.at
      -- Two requests with the same keys then never wait for each other.
      order by k.namespace_id, k.key
      on conflict (namespace_id, key) do update set touched_at = excluded.touched_at
      returning known.namespace_id, known.key, known.hash, known.run_ids, known.xmax = 0 as is_new
    ),
    fresh as (select k.request_no from claimed c join key k using (namespace_id, key) where c.is_new),`
    }
    run as materialized (
      select i.*, now.at as now,
        coalesce(to_timestamp(i.run_at / 1000), now.at + i.delay_ms * interval '1 millisecond') as wake_at
      from item i, now, current
      where current.versions = ${versions.length}
      ${keys.length === 0 ? s`` : s`and (not i.request_no = any(${keys.map((k) => k.requestNo)}::int[]) or i.request_no in (select request_no from fresh))`}
    ),
    made_ready as (
      insert into escapement.ready (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, ready_at)
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        coalesce(wake_at, now), input, payload, tags::text[], now
      from run where not depends and (wake_at is null or wake_at <= now)
    ),
    made_waiting as (
      insert into escapement.waiting (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, wake_at, wake_kind)
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        coalesce(wake_at, now), input, payload, tags::text[],
        case when wake_at > now then wake_at end, case when wake_at > now then 'TIME' end
      from run where depends or wake_at > now
    ),
    ${
      waits.length === 0
        ? s``
        : s`made_dependency as (
      insert into escapement.dependency (on_run_id, run_id)
      select w.on_run_id, run.id
      from unnest(${waits.map((w) => w.onRunId)}::bigint[], ${waits.map((w) => w.at)}::int[]) as w(on_run_id, n)
      join run on run.n = w.n
    ),`
    }
    ${
      payloads
        ? s`made_payload as (
      insert into escapement.payload (run_id, json, bytes)
      select run.id, p.json, p.bytes
      from unnest(${column(({ run }) => (large(run) ? run.input : null))}::text[],
        ${byteas(column(({ run }) => run.bytes))}::text[]::bytea[]) with ordinality as p(json, bytes, n)
      join run on run.n = p.n where run.payload > 0
    ),`
        : s``
    }
    made_tally as (${counted(s, s`select namespace_id, 'STARTED' as what from run`, source)})
    select id, n::int, case when depends or wake_at > now then 'WAITING' else 'READY' end as state,
      null::bytea as hash, null::bigint[] as "runIds", request_no as "requestNo"
    from run
    ${
      keys.length === 0
        ? s``
        : s`union all
    select null, 0, null, c.hash, c.run_ids, k.request_no from claimed c join key k using (namespace_id, key)
    where not c.is_new`
    }`;

  const answers: Inserted[] = requests.map(() => ({ status: "stale" }));
  for (const row of rows.sort((a, b) => a.n - b.n)) {
    const answer = answers[row.requestNo] as Inserted;
    if (row.id === null) {
      answers[row.requestNo] = {
        status: "repeated",
        hash: row.hash as Buffer,
        runIds: (row.runIds as string[]).map(String),
      };
    } else if (answer.status === "started") {
      answer.runs.push({ id: row.id, state: row.state });
    } else {
      answers[row.requestNo] = { status: "started", runs: [{ id: row.id, state: row.state }] };
    }
  }
  return answers;
}

/** Tells waiting polls and listeners what a committed insert made. */
export function announceStarted(
  { channel }: EngineContext,
  requests: KeyedRuns[],
  answers: Inserted[],
): void {
  const queues = new Set<number>();
  let delayed = false;
  const changes = answers.flatMap((answer, requestNo) => {
    if (answer.status !== "started") return [];
    return answer.runs.map((run, at) => {
      const version = requests[requestNo]?.runs[at]?.version as JobVersion;
      if (run.state === "READY") queues.add(version.queueId);
      else delayed = true;
      return runChange(
        { id: run.id, namespaceId: version.namespaceId, jobId: version.jobId, queueId: version.queueId },
        run.state,
      );
    });
  });
  if (queues.size > 0) channel.publishReady([...queues]);
  if (changes.length > 0) channel.publish(changes);
  if (delayed) channel.publishDue();
}

function refuseOtherRequest(
  answer: Inserted,
  request: KeyedRuns | undefined,
  options: StartOptions,
  at: number,
): void {
  if (answer.status !== "repeated" || !request?.key || answer.hash.equals(request.key.hash)) return;
  const field = options.idempotencyKey ? "idempotencyKey" : fieldOf(options, at, "idempotencyKey");
  throw conflict(`the key "${request.key.key}" was used for another request; choose a new one`, field);
}

/** Answers in the order of the items; repeated requests get the runs of the first one as they are now. */
async function readRepeated(
  sql: Sql,
  answers: Inserted[],
  items: StartItem[],
  options: StartOptions,
): Promise<StartedRun[]> {
  const repeated = answers.flatMap((answer) => (answer.status === "repeated" ? answer.runIds : []));
  const states = new Map<string, RunState>();
  if (repeated.length > 0) {
    const rows = await sql<{ id: string; state: RunState }[]>`
      select id, state from escapement.run where id = any(${repeated}::bigint[])`;
    for (const row of rows) states.set(row.id, row.state);
  }
  return answers.flatMap((answer, at) => {
    if (answer.status === "started") return answer.runs;
    if (answer.status === "stale")
      throw new Rejection("UNAVAILABLE", "the jobs keep changing; retry in a moment");
    return answer.runIds.map((id) => {
      const state = states.get(id);
      if (state === undefined) {
        throw notFound(
          `run ${id} any more, which the key of item ${at + 1} of ${items.length} started`,
          options.field,
        );
      }
      return { id, state };
    });
  });
}
