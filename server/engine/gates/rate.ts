/**
 * Gates of kind RATE: at most `capacity` attempts per key begin in any interval of the gate's length, whatever made
 * them. Their places are not freed by the end of a run but by time, so what counts is a table of its own:
 *
 *   let in ──► recent_start, 'infinity' ──claim──► when it began ──the interval──► gone
 *
 * What was let in counts from then on and until it has begun for as long as the interval, so that workers who come
 * back find no more than `capacity` runs to begin at once. After a claim the pass at its keys notes when it began;
 * should that be lost, whoever finds the rate full with a line does. A run that its executor gave back or lost is
 * ready again at once: its next attempt counts, but is not held up.
 */
import { LIMITS } from "../../config.ts";
import { GROUP_STAGE, type JobGate, UNLIMITED } from "../../core/gate.ts";
import { inputKey } from "../../core/input-key.ts";
import type { Sql, Transaction } from "../../store/connection.ts";
import type { EngineContext } from "../context.ts";
import type { GateKey } from "./pass.ts";

/** How long a server that took up a key's wake-up has the others wait; should it die, they do it then. */
const TAKEN_UP_MS = 1_000;

/** An attempt that a claim began, at a gate of kind RATE. */
export interface BegunAttempt extends GateKey {
  runId: string;
  fence: number;
}

/** The attempt at its gate; null: its job has no rate. `input` is what the run's key is in. */
export function begunAttempt(
  runId: string,
  fence: number,
  jobGates: JobGate[],
  input: string | null,
): BegunAttempt | null {
  const gate = jobGates.find(({ kind }) => kind === "RATE");
  if (!gate) return null;
  const key = gate.keyPath === null ? "" : inputKey(gate.keyPath, input, "input");
  return key === null ? null : { runId, fence, gateId: gate.id, key };
}

/** When the attempt that `row` names with `run_id` and `fence` began; null: it has not. */
function beganAt(sql: Sql, row: "b" | "r"): ReturnType<Sql> {
  const of = (id: string) => sql`${sql(id)} = ${sql(`${row}.run_id`)} and fence = ${sql(`${row}.fence`)}`;
  return sql`coalesce(
    (select started_at from escapement.lease where ${of("id")}),
    (select started_at from escapement.attempt where ${of("attempt.run_id")}),
    (select started_at from escapement.ended where ${of("id")}))`;
}

/**
 * Notes attempts that were claimed: those that were let in begin to count down, others come back and count, too. Their
 * stripes are locked.
 */
export async function noteBegun(transaction: Transaction, begun: BegunAttempt[]): Promise<void> {
  if (begun.length === 0) return;
  const s = transaction as unknown as Sql;
  await s`
    insert into escapement.recent_start as known (run_id, fence, gate_id, key, started_at)
    select b.run_id, b.fence, b.gate_id, b.key, coalesce(${beganAt(s, "b")}, 'infinity')
    from unnest(${begun.map(({ runId }) => runId)}::bigint[], ${begun.map(({ fence }) => fence)}::int[],
      ${begun.map(({ gateId }) => gateId)}::int[], ${begun.map(({ key }) => key)}::text[]) as b(run_id, fence, gate_id, key)
    on conflict (run_id, fence) do update set started_at = excluded.started_at where known.started_at = 'infinity'`;
}

/** What a pass found at the gates of rates. */
export interface LetIn {
  runIds: string[];
  /** The gates of groups that they go on to. */
  next: GateKey[];
  /** Until somebody can be let in again; null: nobody waits for a time. */
  nextInMs: number | null;
}

/** Lets runs in while the last interval has room. The stripes of the keys are locked. */
export async function letInByRate(transaction: Transaction, gates: GateKey[]): Promise<LetIn> {
  if (gates.length === 0) return { runIds: [], next: [], nextInMs: null };
  const s = transaction as unknown as Sql;
  const wanted = (): ReturnType<Sql> => s`
    select distinct g.id as gate_id, w.key, g.capacity, coalesce(g.every_ms, 0) * interval '1 millisecond' as every
    from unnest(${gates.map((gate) => gate.gateId)}::int[], ${gates.map((gate) => gate.key)}::text[]) as w(gate_id, key)
    join escapement.gate g on g.id = w.gate_id`;
  await recount(s, wanted());
  const rows = await s<
    { runId: string | null; gateId: number | null; key: string; nextInMs: number | null }[]
  >`
    with now as materialized (select escapement.clock() as at),
    wanted as materialized (
      select w.*, (
        select count(*) from escapement.recent_start r
        where r.gate_id = w.gate_id and r.key = w.key and r.started_at > now.at - w.every
      ) as counted
      from (${wanted()}) w, now
    ),
    chosen as materialized (
      select w.gate_id, w.key, w.capacity, l.run_id, l.stage
      from wanted w cross join lateral (
        select run_id, stage from escapement.place p
        where p.gate_id = w.gate_id and p.key = w.key and p.state = 'LINE' and w.counted < w.capacity
        order by escapement.line_turn(run_id, rank), run_id limit least(greatest(w.capacity - w.counted, 0), ${LIMITS.releaseBatch})
      ) l
    ),
    took as (
      update escapement.place p set state = 'TAKEN' from chosen c where p.run_id = c.run_id and p.stage = c.stage
    ),
    stepped as (
      update escapement.place p set state = 'LINE' from chosen c
      where p.run_id = c.run_id and p.stage = ${GROUP_STAGE} and p.state = 'AHEAD'
      returning p.gate_id, p.key
    ),
    counts as (
      insert into escapement.recent_start (run_id, fence, gate_id, key, started_at)
      select c.run_id, w.fence + 1, c.gate_id, c.key, 'infinity'
      from chosen c join escapement.waiting w on w.id = c.run_id
      where c.capacity < ${UNLIMITED}
      on conflict (run_id, fence) do update set gate_id = excluded.gate_id, key = excluded.key, started_at = 'infinity'
    ),
    line as materialized (
      select w.gate_id, w.key, case
        -- More than one batch may go: the next one at once.
        when w.counted + taken.n < w.capacity then now.at
        -- So many starts have to be over before there is room again; those that have not begun have no time yet.
        else (
          select nullif(r.started_at, 'infinity') + w.every from escapement.recent_start r
          where r.gate_id = w.gate_id and r.key = w.key and r.started_at > now.at - w.every
          order by r.started_at offset w.counted + taken.n - w.capacity limit 1
        ) end as wake_at
      from wanted w
      cross join lateral (select count(*) as n from chosen c where c.gate_id = w.gate_id and c.key = w.key) taken, now
      where exists (
        select from escapement.place p where p.gate_id = w.gate_id and p.key = w.key and p.state = 'LINE' offset taken.n)
    ),
    sleeps as (
      insert into escapement.rate_wake (gate_id, key, wake_at)
      select gate_id, key, wake_at from line where wake_at is not null
      on conflict (gate_id, key) do update set wake_at = excluded.wake_at
    ),
    sleeps_no_more as (
      delete from escapement.rate_wake s using wanted w
      where s.gate_id = w.gate_id and s.key = w.key
        and not exists (
          select from line l where l.gate_id = w.gate_id and l.key = w.key and l.wake_at is not null)
    )
    select run_id as "runId", null::int as "gateId", null as key, null::float8 as "nextInMs" from chosen
    union all
    select distinct null::bigint, gate_id, key, null::float8 from stepped
    union all
    select null, null, null, date_part('epoch', min(l.wake_at) - now.at) * 1000 from line l, now group by now.at`;
  return {
    runIds: rows.flatMap(({ runId }) => runId ?? []),
    next: rows.flatMap(({ gateId, key }) => (gateId === null ? [] : { gateId, key })),
    nextInMs: rows.find(({ nextInMs }) => nextInMs !== null)?.nextInMs ?? null,
  };
}

/**
 * At keys that are full and have a line: what of all that was let in has begun, and what never will; and drops what is
 * over. So what nobody told of delays the line at most until somebody looks.
 */
async function recount(s: Sql, wanted: ReturnType<Sql>): Promise<void> {
  await s`
    with now as materialized (select escapement.clock() as at),
    wanted as materialized (
      select w.* from (${wanted}) w, now
      where exists (
          select from escapement.place p where p.gate_id = w.gate_id and p.key = w.key and p.state = 'LINE'
        ) and w.capacity <= (
          select count(*) from escapement.recent_start r
          where r.gate_id = w.gate_id and r.key = w.key and r.started_at > now.at - w.every
        )
    ),
    pending as materialized (
      select r.run_id, r.fence, ${beganAt(s, "r")} as started_at,
        exists (
          select from escapement.place p
          where p.run_id = r.run_id and p.gate_id = r.gate_id and p.key = r.key and p.state = 'TAKEN'
        ) as has_place
      from wanted w
      join escapement.recent_start r on r.gate_id = w.gate_id and r.key = w.key and r.started_at = 'infinity'
      where not exists (select from escapement.ready q where q.id = r.run_id and q.fence < r.fence)
    ),
    began as (
      update escapement.recent_start r set started_at = p.started_at from pending p
      where r.run_id = p.run_id and r.fence = p.fence and p.started_at is not null
    ),
    dropped as (
      delete from escapement.recent_start r using pending p
      where r.run_id = p.run_id and r.fence = p.fence and p.started_at is null and not p.has_place
    )
    delete from escapement.recent_start r using wanted w, now
    where r.gate_id = w.gate_id and r.key = w.key and r.started_at <= now.at - w.every`;
}

/** Keys whose time has come, taken up by this server, and how long until the next in ms; null: nobody waits for one. */
export async function takeUpDue({
  sql,
}: Pick<EngineContext, "sql">): Promise<{ due: GateKey[]; nextInMs: number | null }> {
  const rows = await sql<{ gateId: number | null; key: string; nextInMs: number | null }[]>`
    with now as materialized (select escapement.clock() as at),
    due as materialized (
      select gate_id, key from escapement.rate_wake where wake_at <= (select at from now)
      order by wake_at limit ${LIMITS.releaseBatch} for update of rate_wake skip locked
    ),
    taken_up as (
      update escapement.rate_wake w set wake_at = now.at + ${TAKEN_UP_MS} * interval '1 millisecond' from due, now
      where w.gate_id = due.gate_id and w.key = due.key
      returning w.gate_id, w.key
    )
    select gate_id as "gateId", key, null::float8 as "nextInMs" from taken_up
    union all
    select null, '', date_part('epoch', min(wake_at) - now.at) * 1000
    from escapement.rate_wake, now where wake_at > (select at from now) group by now.at`;
  return {
    due: rows.flatMap(({ gateId, key }) => (gateId === null ? [] : { gateId, key })),
    nextInMs: rows.find(({ gateId }) => gateId === null)?.nextInMs ?? null,
  };
}

/** Drops starts that do not count any more, of keys that nobody passes by. Waits for nobody. */
export async function forgetStarts({ sql }: Pick<EngineContext, "sql">): Promise<void> {
  await sql`
    delete from escapement.recent_start where ctid = any(array(
      select r.ctid from escapement.recent_start r join escapement.gate g on g.id = r.gate_id
      where case
          when r.started_at < 'infinity' then r.started_at
          when exists (select from escapement.waiting w where w.id = r.run_id)
            or exists (select from escapement.ready q where q.id = r.run_id)
            or exists (select from escapement.lease l where l.id = r.run_id) then 'infinity'
          else coalesce(${beganAt(sql, "r")}, '-infinity')
        end <= escapement.clock() - coalesce(g.every_ms, 0) * interval '1 millisecond'
      for update of r skip locked))`;
}
