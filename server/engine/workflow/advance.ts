/**
 * ended → dependents, of workflows: a member has ended, or somebody wants something of a run; what core/workflow says is
 * done, in one transaction for a batch of runs, whose rows are locked. What has to follow a commit follows it; whatever a
 * crash leaves undone, the repair finds by looking again.
 */
import { LIMITS } from "../../config.ts";
import type { WorkflowNode } from "../../core/workflow/graph.ts";
import { NODE_STATES } from "../../core/workflow/state.ts";
import { guarded } from "../../store/connection.ts";
import { cancelThose } from "../cancel.ts";
import type { EngineContext } from "../context.ts";
import type { Engine } from "../engine.ts";
import { announceStarted } from "../enqueue.ts";
import { createLane } from "../lane.ts";
import { type Departure, leave } from "../leave.ts";
import { rememberEnds } from "./cache.ts";
import { finishWorkflows } from "./finish.ts";
import { type EndedMember, readEnds } from "./members.ts";
import { finishNested, moveMembers, readLost, type StartingMembers, startMembers } from "./nested.ts";
import { chosenBy, type Moving, moving, Stale, type StartedNodes, settle, startNodes } from "./nodes.ts";
import { type Notice, notifications, notify } from "./notify.ts";
import { lockOpen, type OpenRun, saveOpen } from "./open.ts";

/** What is known when a run with members is looked at. */
export interface Look {
  runId: string;
  /** Members that have ended; null: whoever has. */
  memberIds: string[] | null;
  /** It has run for longer than it may. */
  timedOut?: boolean;
  /** Members that were told to stop are told again: the first time may have been lost. */
  insist?: boolean;
}

/** Looks at runs with members, and does what is next. */
export type Conduct = (looks: Look[]) => Promise<void>;

/** A node's job may change between our look and our insert, hardly this often. */
const STALE_TRIES = 5;

export function createConduct(context: EngineContext, start: Engine["start"]): Conduct {
  const lane = createLane<Look, Aftermath>({
    maxItems: LIMITS.workflowBatch,
    maxWaiting: LIMITS.laneWaiting,
    run: async (looks) => {
      const aftermath = await decideAll(context, looks);
      return looks.map(() => aftermath);
    },
  });
  return async (looks) => {
    const aftermaths = new Set(await Promise.all(looks.map(lane)));
    // Not in the lane: what follows may end others, which are then looked at, too.
    for (const aftermath of aftermaths) {
      aftermath.done ??= follow(context, start, aftermath);
      await aftermath.done;
    }
  };
}

/** What is to be done after a commit, once for all who share it. */
interface Aftermath {
  started: StartedNodes;
  notices: Notice[];
  /** Members of these runs are to stop. */
  stopping: OpenRun[];
  members: StartingMembers[];
  departures: Departure[];
  done: Promise<void> | null;
}

async function decideAll(context: EngineContext, looks: Look[]): Promise<Aftermath> {
  for (let tries = 1; ; tries++) {
    try {
      return await decideOnce(context, merged(looks));
    } catch (error) {
      if (!(error instanceof Stale) || tries === STALE_TRIES) throw error;
      context.catalog.forgetSettings();
    }
  }
}

/** One look per run. */
function merged(looks: Look[]): Map<string, Look> {
  const byRun = new Map<string, Look>();
  for (const look of looks) {
    const other = byRun.get(look.runId);
    const memberIds =
      other === undefined
        ? look.memberIds
        : look.memberIds === null || other.memberIds === null
          ? null
          : [...look.memberIds, ...other.memberIds];
    byRun.set(look.runId, { ...other, ...look, memberIds });
  }
  return byRun;
}

async function decideOnce(context: EngineContext, looks: Map<string, Look>): Promise<Aftermath> {
  return await guarded(context.sql, async (transaction) => {
    const runs = await lockOpen(context, transaction, [...looks.keys()]);
    const ends = await endsOf(transaction, runs, looks);
    const stopping: OpenRun[] = [];
    const all: Moving[] = [];
    for (const run of runs) {
      if (looks.get(run.id)?.timedOut) run.halt ??= "TIMED_OUT";
      if (run.version.workflow === null) continue;
      const one = moving(run, run.version.workflow);
      for (const { place, state, output } of ends.get(run.id) ?? []) {
        settle(one, place, state, chosenBy(one.workflow.nodes[place] as WorkflowNode, output));
      }
      all.push(one);
    }
    await rememberEnds(context, transaction, all, ends);
    const started = await startNodes(context, transaction, all);
    for (const { run, step } of all) {
      if (step.stop && isNews(run, looks)) stopping.push(run);
      if (step.stop) run.halt ??= run.cancelRequested ? "CANCELLED" : "FAILED";
    }
    const nested = runs.filter(({ version }) => version.workflow === null);
    const lost = await readLost(
      transaction,
      nested.filter(({ id }) => looks.get(id)?.memberIds === null),
    );
    const moved = nested.map((run) => ({
      run,
      ...moveMembers(run, ends.get(run.id) ?? [], lost.get(run.id) ?? []),
    }));
    for (const { run, step } of moved) {
      if (step.stop && isNews(run, looks)) stopping.push(run);
      if (step.stop) run.halt ??= "CANCELLED";
    }
    const departures = [
      ...(await finishWorkflows(transaction, all)),
      ...(await finishNested(
        transaction,
        moved.flatMap(({ run, step: { end } }) => (end === null ? [] : [{ run, end }])),
      )),
    ];
    await saveOpen(transaction, runs);
    const members = moved.flatMap(({ starting }) => (starting.places.length > 0 ? [starting] : []));
    return { started, notices: notifications(all), stopping, members, departures, done: null };
  });
}

/** Its members have not been told to stop, or not for this reason. */
function isNews({ id, halt }: OpenRun, looks: Map<string, Look>): boolean {
  const look = looks.get(id);
  return halt === null || look?.timedOut === true || look?.insist === true;
}

async function endsOf(
  transaction: Parameters<typeof readEnds>[0],
  runs: OpenRun[],
  looks: Map<string, Look>,
): Promise<Map<string, EndedMember[]>> {
  const told = runs.filter(({ id }) => looks.get(id)?.memberIds !== null);
  const untold = runs.filter(({ id }) => looks.get(id)?.memberIds === null);
  const ids = told.flatMap(({ id }) => looks.get(id)?.memberIds ?? []);
  const ends = [
    ...(ids.length === 0 ? [] : await readEnds(transaction, told, ids)),
    ...(await readEnds(transaction, untold, null)),
  ];
  const byRun = new Map<string, EndedMember[]>();
  for (const end of ends) byRun.set(end.runId, [...(byRun.get(end.runId) ?? []), end]);
  return byRun;
}

async function follow(context: EngineContext, start: Engine["start"], aftermath: Aftermath): Promise<void> {
  const { started, notices, stopping, members, departures } = aftermath;
  announceStarted(context, started.requests, started.answers);
  const gated = started.requests.flatMap(({ runs }, no) => {
    const answer = started.answers[no];
    if (answer?.status !== "started") return [];
    return runs.flatMap(({ gates }, at) => (gates === null ? [] : (answer.runs[at]?.id ?? [])));
  });
  if (gated.length > 0) await context.gates.work({ entering: gated });
  await notify(context, start, notices);
  if (stopping.length > 0) await stopMembers(context, stopping);
  for (const one of members) await startMembers(context, start, one);
  // A run that somebody asked to cancel just now is looked at again by whoever asked.
  await leave(context, departures, `${context.serverId}/workflow`);
}

/** Cancels what runs of these; their ends come back as looks. */
async function stopMembers(context: EngineContext, runs: OpenRun[]): Promise<void> {
  const rows = await context.sql<{ id: string }[]>`
    select m.member_id as id
    from unnest(${runs.map(({ id }) => id)}::bigint[], ${runs.map(({ states }) => states)}::text[]) as r(id, states)
    cross join lateral (
      select m.member_id, m.place from escapement.workflow_member m where m.run_id = r.id offset 0
    ) m
    where substr(r.states, m.place + 1, 1) = ${NODE_STATES.STARTED} order by 1`;
  const ids = rows.map(({ id }) => id);
  for (let at = 0; at < ids.length; at += LIMITS.bulkBatch) {
    await cancelThose(context, ids.slice(at, at + LIMITS.bulkBatch), "its workflow stops");
  }
}
