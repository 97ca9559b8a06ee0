/**
 * failed → succeeded, by a person who knows better (DolphinScheduler D1: FORCED_SUCCESS). The run keeps its error, which
 * tells that it had failed; it is no dead letter any more, and it may have an output.
 */
import { LIMITS } from "../config.ts";
import { refuseNul } from "../core/json.ts";
import { illegalState, limitExceeded, notFound } from "../core/rejection.ts";
import { nextState, type RunState } from "../core/run.ts";
import { counted, type EngineContext, type MovedRun, runChange } from "./context.ts";
import type { StartedRun } from "./engine.ts";

/** Throws NOT_FOUND, BAD_INPUT and LIMIT_EXCEEDED for the output, and ILLEGAL_STATE unless the run has failed. */
export async function force(
  { sql, channel, serverId }: EngineContext,
  runId: string,
  output: string | null,
): Promise<StartedRun> {
  if (output !== null) {
    refuseNul(output, "output");
    const size = Buffer.byteLength(output);
    if (size > LIMITS.outputBytes)
      throw limitExceeded(`has ${size} bytes; at most ${LIMITS.outputBytes} are allowed`, "output");
  }
  const [forced] = await sql<MovedRun[]>`
    with now as materialized (select escapement.clock() as at),
    forced as (
      update escapement.ended e set state = 'SUCCEEDED', output = ${output}::text,
        -- A success has had an attempt; one that failed before its first has had none.
        secret = coalesce(secret, gen_random_uuid()), started_at = coalesce(started_at, ended_at),
        outcome = coalesce(outcome, 'FAILED')
      where id = ${runId} and state = 'FAILED'
      returning id, namespace_id, job_id, queue_id
    ),
    alive as (delete from escapement.dead_letter d using forced where d.run_id = forced.id),
    tallied as (${counted(sql, sql`select namespace_id, 'SUCCEEDED' as what from forced`, `${serverId}/force`)})
    select id, namespace_id as "namespaceId", job_id as "jobId", queue_id as "queueId" from forced`;
  if (forced) {
    channel.publish([runChange(forced, "SUCCEEDED")]);
    return { id: runId, state: "SUCCEEDED" };
  }
  const [run] = await sql<{ state: RunState }[]>`select state from escapement.run where id = ${runId}`;
  if (!run) throw notFound(`run "${runId}"`, "id");
  const transition = nextState(run.state, "force");
  throw illegalState(
    "illegal" in transition ? transition.illegal : "the run has just been changed by somebody else",
  );
}
