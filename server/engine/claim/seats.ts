/**
 * Capacities: an executor that registered one never holds more leases, through however many servers it polls. A claim
 * for such executors counts their leases as its snapshot shows them and moves each one's `seat` on, but only from the
 * value that the same snapshot shows: of two claims that counted the same, the later finds the seat moved, or locked,
 * and gives that executor nothing. Nobody waits for a lock, so nothing can deadlock. Others' claims know none of this.
 */
import type { Sql } from "../../store/connection.ts";
import type { ClaimPoll } from "../engine.ts";

/** What a claim found for one executor. */
export interface Seat {
  executorId: number;
  /** How many more leases it could hold. */
  free: number;
}

/** True when the poll's executor has a capacity. */
export function isCapped({ executor }: ClaimPoll): boolean {
  return executor?.capacity != null;
}

/**
 * Common table expressions, the last of which is `granted`: one row with `takers`, per rank the place in `polls`
 * (from 1) of the poll that gets the run, and `seats`, JSON of every executor whose leases were counted.
 * Each executor with a capacity has at most one poll among them.
 */
export function seats(sql: Sql, polls: ClaimPoll[]): ReturnType<Sql> {
  const capped = polls.filter(isCapped).map((poll) => poll.executorId);
  const limited = polls.map((poll) => (isCapped(poll) ? poll.executorId : null));
  return sql`
    seen as materialized (
      select s.executor_id, s.claims,
        e.capacity - (select count(*) from escapement.lease l where l.executor_id = s.executor_id)::int as free
      from unnest(${capped}::int[]) as w(id)
      join escapement.seat s on s.executor_id = w.id join escapement.executor e on e.id = w.id
    ),
    seated as (
      update escapement.seat s set claims = s.claims + 1 from seen
      where s.executor_id = any(array(
          select executor_id from escapement.seat where executor_id = any(${capped}::int[]) for update skip locked))
        and seen.executor_id = s.executor_id and seen.claims = s.claims and seen.free > 0
      returning s.executor_id, seen.free
    ),
    granted as materialized (
      select coalesce(array_agg(p.place::int order by p.place), '{}') as takers,
        (select json_agg(json_build_object('executorId', executor_id, 'free', free)) from seen) as seats
      from unnest(${limited}::int[], ${polls.map((poll) => poll.max)}::int[]) with ordinality as p(executor_id, max, place)
      left join seated s on s.executor_id = p.executor_id
      cross join lateral generate_series(1, case when p.executor_id is null then p.max when s.free is null then 0 else least(p.max, s.free) end)
    ),`;
}

/** Marks executors that are at their capacity, so that the next run wakes somebody else's poll. */
export function noteFull(polls: { poll: ClaimPoll }[], counted: Seat[]): void {
  const full = new Set(counted.filter(({ free }) => free <= 0).map(({ executorId }) => executorId));
  for (const { poll } of polls) {
    if (poll.executor && isCapped(poll)) poll.executor.full = full.has(poll.executorId);
  }
}
