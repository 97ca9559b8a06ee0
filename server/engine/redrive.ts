/**
 * ended → ready | waiting: gives runs that failed, were cancelled or skipped another chance, with a fresh budget of
 * retries. The run stays itself: who waits for it, the key it was started with and its occurrence go on naming it, and
 * its attempts so far stay its history. What it had ended as goes into `redrive`.
 */

import { illegalState, notFound } from "../core/rejection.ts";
import { nextState, type RunState } from "../core/run.ts";
import { guarded, type Sql, type Transaction } from "../store/connection.ts";
import { isRunId } from "../store/page.ts";
import { type EngineContext, type MovedRun, runChange } from "./context.ts";
import type { NewInput, StartedRun } from "./engine.ts";
import { checkNewInput, placeOf, readNewGates } from "./new-input.ts";
import { keyHeld, lockSingletons, moveKeys, readSingletons } from "./start/uniqueness.ts";

/** Which runs go back, and how fast. */
export interface RedriveOrder {
  runIds: string[];
  /** Only those that are dead letters. */
  deadOnly?: boolean;
  /** Instead of the input they had. */
  input?: NewInput | undefined;
  /** Instead of the gates they had, as JSON text; another input has other keys. */
  gates?: string | null | undefined;
  /** The first starts at `startAt` (epoch milliseconds), each next one `everyMs` later; absent: all at once. */
  spread?: { startAt: number; everyMs: number } | null;
  /** Also those that succeeded: a workflow of which a node is run again. */
  succeededToo?: boolean;
  /** Done in the same transaction, before they are put back. */
  before?: (transaction: Transaction) => Promise<void>;
}

interface Moved extends MovedRun {
  gated: boolean;
  state: "READY" | "WAITING";
}

/** Throws NOT_FOUND, LIMIT_EXCEEDED, and ILLEGAL_STATE unless the run failed, was cancelled or was skipped. */
export async function redrive(
  context: EngineContext,
  runId: string,
  options: { input?: NewInput | undefined; deadOnly?: boolean | undefined } = {},
): Promise<StartedRun> {
  if (!isRunId(runId)) throw notFound(`run "${runId}"`, "id");
  if (options.input) checkNewInput(options.input);
  await refuseNode(context, runId);
  const [moved] = await redriveAll(context, {
    runIds: [runId],
    input: options.input,
    gates: options.input && (await readNewGates(context, runId, options.input)),
    deadOnly: options.deadOnly ?? false,
  });
  if (moved) return moved;
  const [run] = await context.sql<
    { state: RunState }[]
  >`select state from escapement.run where id = ${runId}`;
  if (!run) throw notFound(`run "${runId}"`, "id");
  const transition = nextState(run.state, "rerun");
  if ("illegal" in transition) throw illegalState(transition.illegal);
  const [letter] = await context.sql`select from escapement.dead_letter where run_id = ${runId}`;
  if (options.deadOnly && !letter) {
    throw illegalState("the run is no dead letter; retryRun tries a run again that is not");
  }
  const [singleton] = await readSingletons(context.sql, [runId], options.input);
  throw singleton ? keyHeld() : illegalState("the run has just been changed by somebody else");
}

/** A node's run is its workflow's: whoever ran it again by itself would leave the workflow with the old result. */
async function refuseNode({ sql }: EngineContext, runId: string): Promise<void> {
  const [node] = await sql<{ node: string }[]>`
    select j.node from escapement.run r join escapement.job j on j.id = r.job_id
    where r.id = ${runId} and j.node is not null`;
  if (!node) return;
  throw illegalState(
    `the run is that of node "${node.node}"; recover its workflow (recoverRun), or run the node once more (executeNode)`,
  );
}

/**
 * Puts back those of the runs that can go back; returns them in the order given. One whose key another run of a
 * singleton job holds cannot.
 */
export async function redriveAll(context: EngineContext, order: RedriveOrder): Promise<StartedRun[]> {
  const { sql, channel } = context;
  const singletons = await readSingletons(sql, order.runIds, order.input);
  const moved =
    singletons.length === 0 && !order.before
      ? await move(sql, order)
      : await guarded(sql, async (transaction) => {
          await order.before?.(transaction);
          const { free, held } = await lockSingletons(transaction, singletons);
          const runIds = order.runIds.filter((id) => !held.has(id));
          const moved = await move(transaction as unknown as Sql, { ...order, runIds });
          const ids = new Set(moved.map(({ id }) => id));
          await moveKeys(
            transaction,
            free.filter(({ runId }) => ids.has(runId)),
          );
          return moved;
        });
  const queues = new Set(moved.filter((run) => run.state === "READY").map((run) => run.queueId));
  if (queues.size > 0) channel.publishReady([...queues]);
  channel.publish(moved.map((run) => runChange(run, run.state)));
  if (moved.some((run) => run.state === "WAITING")) channel.publishDue();
  const gated = moved.filter((run) => run.gated).map((run) => run.id);
  if (gated.length === 0) return moved.map(({ id, state }) => ({ id, state }));
  await context.gates.work({ entering: gated });
  const through = await sql<{ id: string }[]>`
    select id from escapement.ready where id = any(${gated}::bigint[])`;
  const ready = new Set(through.map((run) => run.id));
  return moved.map(({ id, state }) => ({ id, state: ready.has(id) ? "READY" : state }));
}

async function move(sql: Sql, order: RedriveOrder): Promise<Moved[]> {
  const { runIds, spread } = order;
  const wakes = spread ? sql`case when i.wake_at > now.at then i.wake_at end` : sql`null::timestamptz`;
  const wakeAt = runIds.map((_, at) => (spread ? spread.startAt + at * spread.everyMs : null));
  return sql<Moved[]>`
    with now as materialized (select escapement.clock() as at),
    item as (
      select i.id, i.n, to_timestamp(i.wake_ms / 1000)::timestamptz(3) as wake_at
      from unnest(${runIds}::bigint[], ${wakeAt}::float8[]) with ordinality as i(id, wake_ms, n)
    ),
    gone as (
      delete from escapement.ended e using item i, now
      where e.id = i.id ${order.succeededToo ? sql`` : sql`and e.state in ('FAILED', 'CANCELLED', 'SKIPPED')`}
        ${order.deadOnly ? sql`and exists (select from escapement.dead_letter d where d.run_id = e.id)` : sql``}
      returning e.*, i.n, ${wakes} as wakes,
        -- What had no gates may have to ask today.
        ${order.gates ? sql`${order.gates}::text` : sql`coalesce(e.gates, (select '[]' from escapement.job j where j.id = e.job_id and j.paused))`} as asks
    ),
    alive as (delete from escapement.dead_letter d using gone where d.run_id = gone.id),
    remembered as (
      insert into escapement.attempt (run_id, fence, number, secret, executor_id, started_at, ended_at, outcome, error, state)
      select id, fence, fence - released, secret, executor_id, started_at, ended_at, outcome, error, state
      from gone where secret is not null
    ),
    ${order.input ? edited(sql, order.input) : sql`edit as (select id, input, payload, null::text as json, null::bytea as bytes from gone),`}
    noted as (
      insert into escapement.redrive (run_id, number, at, fence, state, error, edited, input, bytes)
      select g.id, coalesce((select max(r.number) from escapement.redrive r where r.run_id = g.id), 0) + 1,
        now.at, g.fence, g.state, g.error, ${order.input !== undefined}, e.json, e.bytes
      from gone g join edit e on e.id = g.id, now
    ),
    made_ready as (
      insert into escapement.ready (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, fence, failures, lost, released, awaited, retry, checkpoint, ready_at)
      select g.id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, e.input, e.payload, tags, fence, 0, 0, released, awaited, retry, checkpoint, now.at
      from gone g join edit e on e.id = g.id, now where g.wakes is null and g.asks is null
    ),
    made_waiting as (
      insert into escapement.waiting (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint, wake_at,
        wake_kind)
      select g.id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, e.input, e.payload, tags, g.asks,
        fence, 0, 0, released, awaited, retry, checkpoint, g.wakes,
        case when g.wakes is not null then 'TIME' end
      from gone g join edit e on e.id = g.id where g.wakes is not null or g.asks is not null
    )
    select id, namespace_id as "namespaceId", job_id as "jobId", queue_id as "queueId",
      asks is not null as gated,
      case when wakes is null and asks is null then 'READY' else 'WAITING' end as state
    from gone order by n`;
}

/** Common table expressions that change the input; `edit` has the new place of it and, to be noted, what it was. */
function edited(sql: Sql, given: NewInput): ReturnType<Sql> {
  const { input, payload, beside } = placeOf(given);
  return sql`
    edit as (
      select g.id, ${input}::text as input, ${payload}::smallint as payload,
        case when g.payload = 0 then g.input else p.json end as json, p.bytes
      from gone g left join escapement.payload p on p.run_id = g.id and g.payload > 0
    ),
    ${
      beside
        ? sql`replaced as (
      insert into escapement.payload (run_id, json, bytes)
      select id, ${beside.json}::text, ${beside.bytes}::text::bytea from gone
      on conflict (run_id) do update set json = excluded.json, bytes = excluded.bytes
    ),`
        : sql`dropped as (delete from escapement.payload p using gone g where p.run_id = g.id),`
    }`;
}
