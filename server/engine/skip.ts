/**
 * waiting | ready → skipped: ends runs that have become too late for their first start, where their job says so
 * (`late: SKIP`). A claim never takes such a run, so the sweep may come when it likes; the leader calls it.
 */
import { LIMITS } from "../config.ts";
import type { EngineContext } from "./context.ts";
import { announceUnqueued, type Unqueued, unqueue, unqueuedColumns } from "./unqueue.ts";

const TOO_LATE = JSON.stringify({
  message: "the run could not start within its job's startDeadline, and late runs of the job are skipped",
  type: "StartDeadline",
});

/** Skips one batch; returns how many, so that a full batch is followed by another. */
export async function skipLate(context: EngineContext): Promise<number> {
  const { sql, serverId } = context;
  const skipped = await sql<Unqueued[]>`
    with now as materialized (select escapement.clock() as at),
    late_ready as materialized (
      select id from escapement.ready where skip_at <= (select at from now)
      order by skip_at limit ${LIMITS.releaseBatch} for update of ready skip locked
    ),
    late_waiting as materialized (
      select id from escapement.waiting where skip_at <= (select at from now)
      order by skip_at limit ${LIMITS.releaseBatch} for update of waiting skip locked
    ),
    ${unqueue(sql, sql`id = any(array(select id from late_ready union all select id from late_waiting))`, {
      state: "SKIPPED",
      error: TOO_LATE,
      source: `${serverId}/skip`,
    })}
    select ${unqueuedColumns(sql)} from unqueued`;
  if (skipped.length > 0) await announceUnqueued(context, skipped, "SKIPPED");
  return skipped.length;
}
