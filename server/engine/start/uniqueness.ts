/**
 * Keys of jobs with `unique`. A key's row is locked first, in a statement of its own; who holds the key is then read
 * with a fresh snapshot from where the runs are. So nothing has to be given back when a run ends, and nothing to be
 * repaired when that is missed. Starts and redrives take keys; runs of other jobs never come here.
 */
import { illegalState, type Rejection } from "../../core/rejection.ts";
import { findUniqueKey, type Unique, uniqueKey } from "../../core/unique.ts";
import type { Sql, Transaction } from "../../store/connection.ts";
import { booleans } from "../context.ts";
import type { NewInput } from "../engine.ts";
import type { NewRun } from "./new-run.ts";

/** A key that a start or a redrive wants. */
export interface WantedKey {
  jobId: number;
  key: string;
}

/** What is known of a key whose row is locked. */
export interface KeyState {
  /** The run that was last given the key. */
  runId: string | null;
  /** That run has not ended. */
  live: boolean;
  /** It waits for its time, and was never tried. */
  putOff: boolean;
  /** Milliseconds until the throttle's or the debounce's end; null: none, or over. */
  leftMs: number | null;
}

export const keyName = ({ jobId, key }: WantedKey): string => `${jobId}/${key}`;

/** Null: its job asks for none. Throws BAD_INPUT when the input has none. */
export function wantedKey(run: NewRun, field: (name: string) => string): WantedKey | null {
  const { unique, jobId, input } = run.version;
  if (unique === null) return null;
  return { jobId, key: uniqueKey(unique, run.bytes === null ? (run.input ?? input) : null, field) };
}

/** A new run may not have the key. */
export function isTaken(kind: Unique["kind"] | undefined, state: KeyState): boolean {
  if (state.runId === null) return false;
  return kind === "singleton" ? state.live : kind === "throttle" && state.leftMs !== null;
}

/** For how long a run has its key; null: until it ends. */
export function lastsMs(unique: Unique | null): number | null {
  if (unique?.kind === "throttle") return unique.everyMs;
  return unique?.kind === "debounce" ? unique.maxWaitMs : null;
}

/** Locks the rows, in the order of their keys, and reads their state. */
export async function lockKeys(
  transaction: Transaction,
  wanted: WantedKey[],
): Promise<Map<string, KeyState>> {
  const distinct = [...new Map(wanted.map((one) => [keyName(one), one])).values()];
  const [jobIds, keys] = [distinct.map(({ jobId }) => jobId), distinct.map(({ key }) => key)];
  await transaction`
    insert into escapement.uniqueness as u (job_id, key, touched_at)
    select w.job_id, w.key, escapement.clock()
    from unnest(${jobIds}::int[], ${keys}::text[]) as w(job_id, key) order by w.job_id, w.key collate "C"
    on conflict (job_id, key) do update set touched_at = excluded.touched_at`;
  const rows = await transaction<(WantedKey & KeyState)[]>`
    select u.job_id as "jobId", u.key, u.run_id as "runId",
      w.id is not null or exists (select from escapement.ready r where r.id = u.run_id)
        or exists (select from escapement.lease l where l.id = u.run_id) as live,
      w.wake_kind = 'TIME' and w.fence = 0 is true as "putOff",
      case when u.until_at > escapement.clock()
        then extract(epoch from u.until_at - escapement.clock())::float8 * 1000 end as "leftMs"
    from unnest(${jobIds}::int[], ${keys}::text[]) as i(job_id, key)
    join escapement.uniqueness u on u.job_id = i.job_id and u.key = i.key
    left join escapement.waiting w on w.id = u.run_id`;
  return new Map(rows.map((row) => [keyName(row), row]));
}

/** A key that has been given to a run. */
export interface GivenKey extends WantedKey {
  runId: string;
  /** Until when it counts, from now; null: as long as the run has not ended. */
  forMs: number | null;
}

/** Writes who holds the keys now; their rows are locked. `keepUntil` leaves the time as it was. */
export async function giveKeys(transaction: Transaction, given: GivenKey[]): Promise<void> {
  if (given.length === 0) return;
  await transaction`
    update escapement.uniqueness u set run_id = g.run_id,
      until_at = case when g.timed then escapement.clock() + g.for_ms * interval '1 millisecond' end
    from unnest(${given.map((one) => one.jobId)}::int[], ${given.map((one) => one.key)}::text[],
      ${given.map((one) => one.runId)}::bigint[], ${given.map((one) => one.forMs ?? 0)}::float8[],
      ${booleans(given.map((one) => one.forMs !== null))}::text[]::boolean[]) as g(job_id, key, run_id, for_ms, timed)
    where u.job_id = g.job_id and u.key = g.key`;
}

/** A run of a singleton job that goes on, with a new input or with the one it has. */
export interface Singleton extends WantedKey {
  runId: string;
  /** The key that it had; null: the same, or none. */
  former: string | null;
}

/** Those among the runs. Parts of a job are no starts of it. Throws BAD_INPUT when the input has no key. */
export async function readSingletons(
  sql: Sql,
  runIds: string[],
  input: NewInput | undefined,
): Promise<Singleton[]> {
  const rows = await sql<{ runId: string; jobId: number; unique: Unique; json: string | null }[]>`
    select r.id as "runId", r.job_id as "jobId", v."unique",
      case when r.payload = 0 then coalesce(r.input, v.input) else p.json end as json
    from unnest(${runIds}::bigint[]) as i(id)
    join escapement.run r on r.id = i.id
    join escapement.job_version v on v.id = r.version_id
    left join escapement.payload p on p.run_id = r.id and r.payload > 0
    where v."unique" ->> 'kind' = 'singleton' and not exists (select from escapement.part s where s.run_id = r.id)`;
  return rows.map(({ runId, jobId, unique, json }) => {
    const key = uniqueKey(unique, input ? input.json : json, (name) => name);
    const had = findUniqueKey(unique, json, "input");
    return { runId, jobId, key, former: had === key ? null : had };
  });
}

/** Locks their keys; those whose key another run holds, or one before them in the list, may not have it. */
export async function lockSingletons(
  transaction: Transaction,
  singletons: Singleton[],
): Promise<{ free: Singleton[]; held: Set<string> }> {
  const former = singletons.flatMap((one) =>
    one.former === null ? [] : [{ jobId: one.jobId, key: one.former }],
  );
  const states = await lockKeys(transaction, [...singletons, ...former]);
  const free = new Map<string, Singleton>();
  const held = new Set<string>();
  for (const one of singletons) {
    const name = keyName(one);
    const state = states.get(name);
    if (free.has(name) || (state?.live && state.runId !== one.runId)) held.add(one.runId);
    else free.set(name, one);
  }
  return { free: [...free.values()], held };
}

/** Gives them their keys, and lets those go that they had: a start with the former input is not answered with them. */
export async function moveKeys(transaction: Transaction, singletons: Singleton[]): Promise<void> {
  const left = singletons.filter(({ former }) => former !== null);
  if (left.length > 0) {
    await transaction`
      update escapement.uniqueness u set run_id = null
      from unnest(${left.map((one) => one.jobId)}::int[], ${left.map((one) => one.former)}::text[],
        ${left.map((one) => one.runId)}::bigint[]) as l(job_id, key, run_id)
      where u.job_id = l.job_id and u.key = l.key and u.run_id = l.run_id`;
  }
  await giveKeys(
    transaction,
    singletons.map((one) => ({ ...one, forMs: null })),
  );
}

/** Why a run may not go on. */
export function keyHeld(): Rejection {
  return illegalState("another run with its key has not ended, and at most one may go on");
}
