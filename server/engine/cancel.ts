/**
 * any → cancelled: waiting and ready runs end at once; a running one gets a flag that its executor sees in the next
 * heartbeat's answer, and loses its lease when it does not stop within the grace time.
 * With a root of a job that goes by steps, or with the reduce that stands for it once it has ended, goes all that it
 * has dealt out. Other children are runs of their own, which nobody has asked to cancel.
 */

import { LIMITS } from "../config.ts";
import { illegalState, notFound, unavailable } from "../core/rejection.ts";
import { nextState, type RunState } from "../core/run.ts";
import { liveRuns } from "../store/live-runs.ts";
import { isRunId } from "../store/page.ts";
import { readOpenFollowers } from "../store/parts.ts";
import { inBulk } from "./bulk.ts";
import { type EngineContext, runChange } from "./context.ts";
import type { BulkChange, BulkPage, LiveScope } from "./engine.ts";
import { cancelledError } from "./settle.ts";
import { announceUnqueued, type Unqueued, unqueue, unqueuedColumns } from "./unqueue.ts";

/** A run moves from table to table; so often it would have to do so just under our looks. */
const LOOKS = 5;

interface Cancelled extends Unqueued {
  versionId: number;
  state: "CANCELLED" | "RUNNING";
  /** Running, and no executor has it: the control plane's own. */
  own: boolean;
}

/**
 * Throws NOT_FOUND, and ILLEGAL_STATE when the run has ended and nothing of what it dealt out goes on. Cancelling a
 * running run twice is fine.
 */
export async function cancel(
  context: EngineContext,
  runId: string,
  reason: string | null,
): Promise<{ id: string; state: RunState }> {
  if (!isRunId(runId)) throw notFound(`run "${runId}"`, "id");
  for (let look = 0; look < LOOKS; look++) {
    const { states, heads } = await write(context, [runId], reason);
    await cancelFollowers(context, heads, reason);
    const state = states.get(runId);
    if (state !== undefined) return { id: runId, state };
    const [run] = await context.sql<{ state: RunState }[]>`
      select state from escapement.run where id = ${runId}`;
    if (!run) throw notFound(`run "${runId}"`, "id");
    const transition = nextState(run.state, "cancel");
    if (!("illegal" in transition)) continue;
    if ((await cancelFollowers(context, [runId], reason)) > 0) return { id: runId, state: run.state };
    throw illegalState(transition.illegal);
  }
  throw unavailable("the run keeps changing; retry in a moment");
}

/** Cancels what a filter finds, in the order of the ids. Throws BAD_INPUT for states that have ended. */
export async function cancelRuns(
  context: EngineContext,
  { namespaceId, filter }: LiveScope,
  reason: string | null,
  page: BulkPage,
): Promise<BulkChange> {
  const runs = await liveRuns(context.sql, namespaceId, filter);
  return inBulk(page, {
    count: runs.count,
    next: runs.next,
    change: (runIds) => cancelThose(context, runIds, reason),
  });
}

/** Cancels those of the runs that have not ended, and what goes with them; returns how many these are together. */
export async function cancelThose(
  context: EngineContext,
  runIds: string[],
  reason: string | null,
): Promise<number> {
  const { changed, heads } = await cancelEach(context, runIds, reason);
  return changed + (await cancelFollowers(context, heads, reason));
}

async function cancelEach(
  context: EngineContext,
  runIds: string[],
  reason: string | null,
): Promise<{ changed: number; heads: string[] }> {
  let open = runIds;
  const heads: string[] = [];
  // A run that moved on just under our look is found at its next place; one that ended is found nowhere.
  for (let look = 0; look < LOOKS && open.length > 0; look++) {
    const done = await write(context, open, reason);
    heads.push(...done.heads);
    open = open.filter((id) => !done.states.has(id));
  }
  return { changed: runIds.length - open.length, heads };
}

/**
 * Cancels what goes with the heads; returns how many. The reduce goes first, so that no end of a part lets it start.
 * Looked for again until there is nothing new: a part that was running may have dealt out more just before.
 */
async function cancelFollowers(
  context: EngineContext,
  heads: string[],
  reason: string | null,
): Promise<number> {
  if (heads.length === 0) return 0;
  const seen = new Set(heads);
  for (let total = 0; ; ) {
    const open = (await readOpenFollowers(context.sql, heads)).filter((id) => !seen.has(id));
    if (open.length === 0) return total;
    for (let at = 0; at < open.length; at += LIMITS.bulkBatch) {
      const batch = open.slice(at, at + LIMITS.bulkBatch);
      total += (await cancelEach(context, batch, reason)).changed;
    }
    for (const id of open) seen.add(id);
  }
}

/** The new states, by run, and which of them are of jobs that go by steps. */
async function write(
  context: EngineContext,
  runIds: string[],
  reason: string | null,
): Promise<{ states: Map<string, RunState>; heads: string[] }> {
  const { sql, serverId, channel, catalog } = context;
  const runs = await sql<Cancelled[]>`
    with now as materialized (select escapement.clock() as at),
    flagged as (
      update escapement.lease set cancel_at = coalesce(cancel_at, now.at), cancel_reason = coalesce(cancel_reason, ${reason}::text)
      from now where id = any(${runIds}::bigint[])
      returning id, namespace_id, job_id, queue_id, version_id, executor_id
    ),
    ${unqueue(sql, sql`id = any(${runIds}::bigint[])`, {
      state: "CANCELLED",
      error: cancelledError(reason),
      source: `${serverId}/cancel`,
    })}
    select ${unqueuedColumns(sql)}, version_id as "versionId", 'CANCELLED' as state, false as own from unqueued
    union all
    select id, namespace_id, job_id, queue_id, false, false, null, version_id, 'RUNNING', executor_id is null from flagged`;
  const flagged = runs.filter((run) => run.state === "RUNNING");
  channel.publish(flagged.map((run) => runChange(run, "RUNNING")));
  await announceUnqueued(
    context,
    runs.filter((run) => run.state === "CANCELLED"),
    "CANCELLED",
  );
  const own = runs.flatMap((run) => (run.own ? [run.id] : []));
  if (own.length > 0) await Promise.all([...context.stoppers.values()].map((stop) => stop(own)));
  const versions = await catalog.versions(runs.map((run) => run.versionId));
  const steps = ({ versionId }: Cancelled) => versions.get(versionId)?.execution !== "SINGLE";
  return {
    states: new Map(runs.map((run) => [run.id, run.state])),
    heads: runs.filter(steps).map((run) => run.id),
  };
}
