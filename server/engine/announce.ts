/**
 * Tells of what `escapement.start_run` and `escapement.complete` changed inside somebody else's transaction, once it has
 * committed. They cannot notify themselves: a NOTIFY holds a lock of the whole cluster until its transaction is safe on
 * the standby, and the heartbeats' connection would wait for it.
 */
import { LIMITS } from "../config.ts";
import type { RunState } from "../core/run.ts";
import type { EngineContext } from "./context.ts";
import { releaseDependents, settleWaits } from "./release.ts";
import { decideKeys } from "./start/child-keys.ts";

/** Tells one batch; returns how many. A crash in between loses hints, and the repair finds the waiting runs. */
export async function announceForeign(context: EngineContext): Promise<number> {
  const { sql, channel } = context;
  const told = await sql<
    { runId: string; namespaceId: number; jobId: number; state: RunState; awaited: boolean; gated: boolean }[]
  >`
    with told as (
      delete from escapement.unannounced where id = any(array(
        select id from escapement.unannounced order by id limit ${LIMITS.announceBatch} for update skip locked
      )) returning *
    )
    select run_id as "runId", namespace_id as "namespaceId", job_id as "jobId", state, awaited, gated from told order by id`;
  channel.publish(
    told.map(({ runId: id, awaited: _, gated: __, ...run }) => ({ kind: "run" as const, id, ...run })),
  );
  // Before their places are handed on, as in `leave`: the dependents stand in line by then.
  await releaseDependents(
    context,
    told.filter((run) => run.awaited).map((run) => run.runId),
  );
  const waiting = told.filter((run) => run.state === "WAITING");
  const gated = told.filter((run) => run.gated);
  await context.gates.work({
    entering: waiting.filter((run) => run.gated).map((run) => run.runId),
    left: gated.filter((run) => run.state !== "WAITING").map((run) => run.runId),
  });
  if (waiting.length > 0) {
    // The runs that they wait for were not marked: that would have locked them until somebody else's commit.
    const waits = await sql<{ id: string; self: boolean }[]>`
      select on_run_id as id, bool_or(on_run_id = run_id) as self from escapement.dependency
      where run_id = any(${waiting.map((run) => run.runId)}::bigint[]) group by 1`;
    await decideKeys(
      context,
      waits.flatMap(({ id, self }) => (self ? [id] : [])),
    );
    await settleWaits(
      context,
      waits.flatMap(({ id, self }) => (self ? [] : [id])),
    );
  }
  return told.length;
}
