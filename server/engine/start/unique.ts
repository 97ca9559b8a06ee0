/**
 * Starts of jobs with `unique`: under the lock of their keys, each start makes a run, or is answered with the run that
 * is there. Runs of other jobs in the same request go along; requests without such jobs never come here.
 */

import { conflict } from "../../core/rejection.ts";
import { guarded, type Transaction } from "../../store/connection.ts";
import { arrayText, byteas, type EngineContext } from "../context.ts";
import type { StartItem, StartOptions } from "../engine.ts";
import { announceStarted, type Inserted, insertGated, insertRuns, type KeyedRuns } from "../enqueue.ts";
import { settleWaits } from "../release.ts";
import { fieldOf, isLarge, type NewRun } from "./new-run.ts";
import { noteStarts } from "./notes.ts";
import {
  type GivenKey,
  giveKeys,
  isTaken,
  type KeyState,
  keyName,
  lastsMs,
  lockKeys,
  type WantedKey,
  wantedKey,
} from "./uniqueness.ts";
import type { Held } from "./waits.ts";

export interface UniqueRequest {
  items: StartItem[];
  runs: NewRun[];
  options: StartOptions;
  /** Idempotency keys, each with the places of the runs that it stands for. */
  keys: { key: NonNullable<KeyedRuns["key"]>; places: number[] }[];
  /** The runs that each item has to wait for. */
  hold: (transaction: Transaction) => Promise<Held>;
}

/** One answer per item. Throws CONFLICT for a key of another request, and BAD_INPUT where an input has no key. */
export async function startUnique(context: EngineContext, request: UniqueRequest): Promise<Inserted[]> {
  const { items, runs, options } = request;
  const wanted = runs.map((run, at) => wantedKey(run, (name) => fieldOf(options, at, name)));
  const requests = planned(runs).map((run) => ({ runs: [run], key: null }));
  const source = `${context.serverId}/unique`;
  /** Joined runs that had ended. */
  let over: string[] = [];
  const insert = async (transaction: Transaction): Promise<Inserted[]> => {
    if (await isStale(transaction, runs)) throw new Stale();
    const states = await lockKeys(
      transaction,
      wanted.flatMap((key) => key ?? []),
    );
    const answers: (Inserted | undefined)[] = runs.map(() => undefined);
    await answerRepeated(transaction, request, answers);
    /** By the place of the start that is answered. */
    const replacing = new Map<number, Replacement>();
    /** Places that make a run, with the place whose content it gets; by key, where there is one. */
    const making = new Map<string | number, { at: number; content: number }>();
    const first = new Map<string, number>();
    for (const [at, key] of wanted.entries()) {
      if (answers[at]) continue;
      if (key === null) {
        making.set(at, { at, content: at });
        continue;
      }
      const name = keyName(key);
      const { unique } = (runs[at] as NewRun).version;
      const leader = first.get(name);
      if (leader !== undefined) {
        const made = making.get(name);
        if (unique?.kind === "debounce" && made) made.content = at;
        const replaced = replacing.get(leader);
        if (replaced) replaced.content = at;
        continue;
      }
      first.set(name, at);
      const state = states.get(name) as KeyState;
      if (unique?.kind === "debounce" && state.runId !== null && state.putOff) {
        const leftMs = unique.maxWaitMs === null ? unique.delayMs : (state.leftMs ?? 0);
        replacing.set(at, { content: at, runId: state.runId, delayMs: Math.min(unique.delayMs, leftMs) });
      } else if (isTaken(unique?.kind, state)) answers[at] = existing(state.runId as string);
      else making.set(name, { at, content: at });
    }
    const replaced = await replace(transaction, [...replacing.values()], runs);
    for (const [at, { content, runId }] of replacing) {
      // Its time came just now: it is on its way, and this start makes the next one.
      if (replaced.has(runId)) answers[at] = existing(runId);
      else making.set(keyName(wanted[at] as WantedKey), { at, content });
    }
    const made = [...making.values()];
    const held = await request.hold(transaction);
    over = held.over;
    const inserted =
      made.length === 0
        ? []
        : await insertRuns(
            transaction,
            made.map(({ content }) => requests[content] as KeyedRuns),
            source,
            made.map(({ content }) => [held.waits[content] ?? []]),
          );
    if (inserted.some((answer) => answer.status === "stale")) throw new Stale();
    const given: GivenKey[] = [];
    for (const [n, { at }] of made.entries()) {
      const answer = inserted[n] as Inserted;
      answers[at] = answer;
      const key = wanted[at];
      if (key && answer.status === "started") {
        given.push({
          ...key,
          runId: answer.runs[0]?.id ?? "",
          forMs: lastsMs((runs[at] as NewRun).version.unique),
        });
      }
    }
    await giveKeys(transaction, given);
    for (const [at, key] of wanted.entries()) {
      if (key) answers[at] ??= existing(idOf(answers[first.get(keyName(key)) as number]));
    }
    const all = answers as Inserted[];
    await noteKeys(transaction, request, all);
    await noteStarts(transaction, items, runs, all);
    return all;
  };
  try {
    const gated = runs.some((run) => run.gates !== null);
    const answers = await (gated
      ? insertGated(context, requests, source, insert)
      : guarded(context.sql, insert));
    announceStarted(context, requests, answers);
    if (over.length > 0) await settleWaits(context, over);
    return answers;
  } catch (error) {
    if (error instanceof Stale) return runs.map(() => ({ status: "stale" }));
    throw error;
  }
}

/** A job changed under us: everything is taken back. */
class Stale extends Error {}

/** As they are inserted: a debounced one waits. */
function planned(runs: NewRun[]): NewRun[] {
  return runs.map((run) => {
    const { unique } = run.version;
    return unique?.kind === "debounce" ? { ...run, runAt: null, delayMs: unique.delayMs } : run;
  });
}

const existing = (runId: string): Inserted => ({
  status: "repeated",
  hash: Buffer.alloc(0),
  runIds: [runId],
});

function idOf(answer: Inserted | undefined): string {
  const id =
    answer?.status === "started" ? answer.runs[0]?.id : answer?.status === "repeated" && answer.runIds[0];
  if (!id) throw new Error("a start has neither made a run nor found one");
  return id;
}

async function isStale(transaction: Transaction, runs: NewRun[]): Promise<boolean> {
  const versions = [...new Set(runs.map((run) => run.version.id))];
  const [row] = await transaction<{ current: number }[]>`
    select count(*)::int as current from escapement.job where version_id = any(${versions}::int[]) and deleted_at is null`;
  return row?.current !== versions.length;
}

/** Requests that were made before get the runs they got then. */
async function answerRepeated(
  transaction: Transaction,
  { keys, options }: UniqueRequest,
  answers: (Inserted | undefined)[],
): Promise<void> {
  if (keys.length === 0) return;
  const rows = await transaction<{ n: number; hash: Buffer; runIds: string[] }[]>`
    update escapement.idempotency known set touched_at = escapement.clock()
    from unnest(${keys.map(({ key }) => key.namespaceId)}::int[], ${keys.map(({ key }) => key.key)}::text[])
      with ordinality as i(namespace_id, key, n)
    where known.namespace_id = i.namespace_id and known.key = i.key
    returning i.n::int, known.hash, known.run_ids as "runIds"`;
  for (const { n, hash, runIds } of rows) {
    const asked = keys[n - 1];
    if (!asked) continue;
    refuseOther(asked, hash, options);
    for (const [place, at] of asked.places.entries()) answers[at] = existing(String(runIds[place]));
  }
}

/** Writes what was started under which key, for the repetition. */
async function noteKeys(
  transaction: Transaction,
  { keys, options }: UniqueRequest,
  answers: Inserted[],
): Promise<void> {
  if (keys.length === 0) return;
  const flat = keys.flatMap(({ places }, n) => places.map((at) => ({ n: n + 1, runId: idOf(answers[at]) })));
  const rows = await transaction<{ n: number; hash: Buffer }[]>`
    with item as (
      select * from unnest(${keys.map(({ key }) => key.namespaceId)}::int[], ${keys.map(({ key }) => key.key)}::text[],
        ${byteas(keys.map(({ key }) => key.hash))}::text[]::bytea[]) with ordinality as k(namespace_id, key, hash, n)
    ),
    noted as (
      insert into escapement.idempotency as known (namespace_id, key, hash, run_ids)
      select i.namespace_id, i.key, i.hash, array_agg(r.run_id order by r.at)
      from item i join unnest(${flat.map((one) => one.n)}::int[], ${flat.map((one) => one.runId)}::bigint[])
        with ordinality as r(n, run_id, at) on r.n = i.n
      group by 1, 2, 3 order by 1, 2
      on conflict (namespace_id, key) do update set touched_at = excluded.touched_at
      returning known.namespace_id, known.key, known.hash
    )
    select i.n::int, noted.hash from noted join item i on i.namespace_id = noted.namespace_id and i.key = noted.key`;
  for (const { n, hash } of rows) {
    const asked = keys[n - 1];
    if (asked) refuseOther(asked, hash, options);
  }
}

function refuseOther(
  { key, places }: UniqueRequest["keys"][number],
  hash: Buffer,
  options: StartOptions,
): void {
  if (hash.equals(key.hash)) return;
  const field = options.idempotencyKey
    ? "idempotencyKey"
    : fieldOf(options, places[0] ?? 0, "idempotencyKey");
  throw conflict(`the key "${key.key}" was used for another request; choose a new one`, field);
}

interface Replacement {
  /** The place whose content the waiting run gets. */
  content: number;
  runId: string;
  delayMs: number;
}

/** Puts waiting runs off and gives them what was asked last; returns those that still waited. */
async function replace(
  transaction: Transaction,
  replacing: Replacement[],
  runs: NewRun[],
): Promise<Set<string>> {
  if (replacing.length === 0) return new Set();
  const column = <T>(pick: (run: NewRun) => T): T[] =>
    replacing.map(({ content }) => pick(runs[content] as NewRun));
  const rows = await transaction<{ id: string }[]>`
    with item as (
      select * from unnest(
        ${replacing.map(({ runId }) => runId)}::bigint[], ${replacing.map(({ delayMs }) => delayMs)}::float8[],
        ${column((run) => run.version.id)}::int[], ${column((run) => run.queueId)}::int[],
        ${column((run) => run.priority)}::smallint[],
        ${column((run) => (isLarge(run) ? null : run.input))}::text[],
        ${column((run) => (run.bytes !== null ? 2 : isLarge(run) ? 1 : 0))}::smallint[],
        ${column((run) => arrayText(run.tags))}::text[], ${column((run) => run.gates)}::text[],
        ${column((run) => (isLarge(run) ? run.input : null))}::text[],
        ${byteas(column((run) => run.bytes))}::text[]::bytea[],
        ${column((run) => run.retry && JSON.stringify(run.retry))}::text[],
        ${column((run) => run.skipAfterMs)}::float8[]
      ) as i(run_id, delay_ms, version_id, queue_id, priority, input, payload, tags, gates, json, bytes, retry,
        skip_after_ms)
    ),
    replaced as (
      update escapement.waiting w set version_id = i.version_id, queue_id = i.queue_id, priority = i.priority,
        input = i.input, payload = i.payload, tags = i.tags::text[], gates = i.gates, retry = i.retry::jsonb,
        skip_at = escapement.clock() + (i.delay_ms + i.skip_after_ms) * interval '1 millisecond',
        wake_at = escapement.clock() + i.delay_ms * interval '1 millisecond',
        scheduled_at = escapement.clock() + i.delay_ms * interval '1 millisecond'
      from item i where w.id = i.run_id and w.wake_kind = 'TIME' and w.fence = 0
      returning w.id
    ),
    placed as (
      insert into escapement.payload (run_id, json, bytes)
      select i.run_id, i.json, i.bytes from item i join replaced r on r.id = i.run_id where i.payload > 0
      on conflict (run_id) do update set json = excluded.json, bytes = excluded.bytes
    ),
    dropped as (
      delete from escapement.payload p using item i join replaced r on r.id = i.run_id
      where p.run_id = i.run_id and i.payload = 0
    )
    select id from replaced`;
  return new Set(rows.map(({ id }) => id));
}
