/**
 * A run that has ended, once more as a new one. A redriven run stays itself because somebody still waits for its
 * result; one that is run again has had its result, which stays: the new run has its own and names its origin.
 * Of a job that goes by steps, a root is run again with all that follows from it, a part alone.
 */
import type { Step } from "../core/execution.ts";
import { affinityOf } from "../core/gate.ts";
import type { Requirement } from "../core/placement.ts";
import { illegalState, notFound } from "../core/rejection.ts";
import type { RetryPolicy } from "../core/retry.ts";
import { isEnded, type RunState } from "../core/run.ts";
import type { RunOptions } from "../core/workflow/scope.ts";
import type { Transaction } from "../store/connection.ts";
import { isRunId } from "../store/page.ts";
import { noteSteps } from "./claim/steps.ts";
import type { EngineContext } from "./context.ts";
import type { Engine, RerunChanges, StartedRun, StartItem } from "./engine.ts";
import type { Inserted } from "./enqueue.ts";
import { checkNewInput } from "./new-input.ts";

interface Origin {
  state: RunState;
  namespace: string;
  job: string;
  priority: number;
  tags: string[] | null;
  json: string | null;
  bytes: Buffer | null;
  /** Only when it asked for more than its job. */
  requires: Requirement | null;
  /** JSON text of its group and key. */
  affinity: string | null;
  /** Its own policy. */
  retry: RetryPolicy | null;
  /** Set: it is a node's. */
  node: string | null;
  /** Of a workflow: how it was started. */
  options: RunOptions | null;
  /** Null: a root, or of a job without steps. */
  step: Exclude<Step, "ROOT"> | null;
}

/** Throws NOT_FOUND, also when the job is gone, ILLEGAL_STATE while the run goes on, and what `start` throws. */
export async function rerun(
  { sql }: EngineContext,
  start: Engine["start"],
  runId: string,
  { input, idempotencyKey }: RerunChanges = {},
): Promise<StartedRun> {
  if (!isRunId(runId)) throw notFound(`run "${runId}"`, "id");
  if (input) checkNewInput(input);
  const [origin] = await sql<Origin[]>`
    select r.state, n.name as namespace, j.name as job, j.node, (select w.options from escapement.workflow_run w where w.run_id = r.id) as options, r.priority, r.tags,
      case when r.payload = 0 then coalesce(r.input, v.input) else p.json end as json, p.bytes,
      case when r.queue_id <> v.queue_id then q.requirement end as requires,
      (
        select x.key from escapement.ended e cross join lateral jsonb_to_recordset(e.gates::jsonb) as x(gate int, key text)
        join escapement.gate g on g.id = x.gate where e.id = r.id and g.kind = 'AFFINITY'
      ) as affinity,
      (select e.retry from escapement.ended e where e.id = r.id) as retry,
      (select step from escapement.part where part.run_id = r.id) as step
    from escapement.run r
    join escapement.namespace n on n.id = r.namespace_id
    join escapement.job j on j.id = r.job_id
    join escapement.job_version v on v.id = r.version_id
    join escapement.queue q on q.id = r.queue_id
    left join escapement.payload p on p.run_id = r.id and r.payload > 0
    where r.id = ${runId}`;
  if (!origin) throw notFound(`run "${runId}"`, "id");
  if (!isEnded(origin.state)) throw illegalState("the run has not ended; only an ended run can be run again");
  if (origin.node !== null) {
    throw illegalState(
      `the run is that of node "${origin.node}"; run its workflow again, or the node once more (executeNode)`,
    );
  }
  if (origin.step === "REDUCE") {
    const retry = origin.state === "SUCCEEDED" ? "" : "retry it, or ";
    throw illegalState(`a reduce reads what its own parts led to; ${retry}run its root again`);
  }
  const [started] = await start([
    {
      namespace: origin.namespace,
      job: origin.job,
      input: input ? input.json : origin.json,
      inputBytes: input ? input.bytes : origin.bytes,
      priority: origin.priority,
      tags: origin.tags,
      requires: origin.requires,
      affinity: affinityOf(origin.affinity),
      retry: origin.retry,
      workflow: origin.options && Object.keys(origin.options).length > 0 ? origin.options : null,
      idempotencyKey: idempotencyKey ?? null,
      rerunOf: runId,
      part: origin.step === "PART",
    },
  ]);
  if (!started) throw new Error("the engine started nothing");
  return started;
}

/** Writes which of the runs just started repeat others, in the transaction that starts them. */
export async function noteReruns(
  transaction: Transaction,
  items: StartItem[],
  answers: Inserted[],
): Promise<void> {
  const started = answers.map((answer) => (answer.status === "started" ? answer.runs[0]?.id : undefined));
  const pairs = items.flatMap(({ rerunOf, part }, at) => {
    const runId = started[at];
    return rerunOf == null || runId === undefined ? [] : [{ runId, rerunOf, part }];
  });
  if (pairs.length === 0) return;
  await transaction`
    insert into escapement.rerun (run_id, of_run_id)
    select * from unnest(${pairs.map((pair) => pair.runId)}::bigint[], ${pairs.map((pair) => pair.rerunOf)}::bigint[])`;
  await noteSteps(
    transaction,
    pairs.flatMap(({ runId, part }) => (part ? [{ id: runId, step: "PART" as const }] : [])),
  );
}
