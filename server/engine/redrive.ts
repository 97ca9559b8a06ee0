/** ended → ready: gives a failed or cancelled run another chance, with a fresh budget of retries. */

import { illegalState, notFound } from "../core/rejection.ts";
import { nextState, type RunState } from "../core/run.ts";
import { isRunId } from "../store/page.ts";
import { type EngineContext, type MovedRun, runChange } from "./context.ts";
import type { StartedRun } from "./engine.ts";

/** Throws NOT_FOUND, and ILLEGAL_STATE unless the run has failed or was cancelled. */
export async function redrive({ sql, channel }: EngineContext, runId: string): Promise<StartedRun> {
  if (!isRunId(runId)) throw notFound(`run "${runId}"`, "id");
  const [moved] = await sql<MovedRun[]>`
    with now as materialized (select escapement.clock() as at),
    gone as (
      delete from escapement.ended where id = ${runId} and state in ('FAILED', 'CANCELLED', 'SKIPPED') returning *
    ),
    remembered as (
      insert into escapement.attempt (run_id, fence, number, secret, executor_id, started_at, ended_at, outcome, error, state)
      select id, fence, fence - released, secret, executor_id, started_at, ended_at, outcome, error, state
      from gone where secret is not null
    ),
    made_ready as (
      insert into escapement.ready (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, fence, failures, lost, released, ready_at)
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, fence, 0, 0, released, now.at from gone, now
    )
    select id, namespace_id as "namespaceId", job_id as "jobId", queue_id as "queueId" from gone`;
  if (moved) {
    channel.publishReady([moved.queueId]);
    channel.publish([runChange(moved, "READY")]);
    return { id: moved.id, state: "READY" };
  }
  const [run] = await sql<{ state: RunState }[]>`select state from escapement.run where id = ${runId}`;
  if (!run) throw notFound(`run "${runId}"`, "id");
  const transition = nextState(run.state, "rerun");
  throw illegalState(
    "illegal" in transition ? transition.illegal : "the run has just been changed by somebody else",
  );
}
