/** Puts the arrows together over one database. */
import { createAdvance, followBackfills, repairBackfills } from "./backfill/advance.ts";
import { cancelBackfill, createBackfill, pauseBackfill, resumeBackfill } from "./backfill.ts";
import { cancel, cancelRuns } from "./cancel.ts";
import { createFloors } from "./claim/floors.ts";
import { createClaim } from "./claim.ts";
import { type EngineContext, formatLeaseId } from "./context.ts";
import { discardDeadLetters, redriveDeadLetters } from "./dead-letters.ts";
import type { Engine, Reserve } from "./engine.ts";
import { createGates } from "./gates/gates.ts";
import { limitGroup } from "./gates/limit-group.ts";
import { pause, resume, resumeRun, suspendRun } from "./gates/pause.ts";
import { hasten } from "./hasten.ts";
import { redrive } from "./redrive.ts";
import { createRenew } from "./renew.ts";
import { rerun } from "./rerun.ts";
import { reschedule, rescheduleRuns } from "./reschedule.ts";
import { createSettle } from "./settle.ts";
import { startChildren } from "./start/children.ts";
import { createStart } from "./start/start.ts";
import { createConduct } from "./workflow/advance.ts";
import { executeNode, forceSuccess, recover } from "./workflow/commands.ts";
import { followMembers } from "./workflow/members.ts";
import { conductReady } from "./workflow/own.ts";
import { createDependentRound, createOwnRepair, timeOutOwn, warnOfLong } from "./workflow/sweep.ts";
import { answerApproval, signalRun, stopOwn, wakeOwn } from "./workflow/waits.ts";

/** The context of all arrows, with the gates that work in it and the floors of its claims. `onError` hears of what is left to the repair. */
export function openContext(
  base: Omit<EngineContext, "gates" | "floors" | "followers" | "stoppers" | "report">,
  onError: (error: unknown) => void,
): EngineContext {
  const context: EngineContext = {
    ...base,
    floors: createFloors(),
    followers: new Map(),
    stoppers: new Map(),
    report: onError,
    get gates() {
      return gates;
    },
  };
  const gates = createGates(context, onError);
  return context;
}

/** The engine over one database. */
export function createEngine(context: EngineContext): Engine {
  const handOff: { reserve: Reserve } = { reserve: async () => [] };
  const start = createStart(context, handOff);
  const settle = createSettle(context);
  const advance = createAdvance(context, start);
  context.followers.set("backfills", (endedIds) => followBackfills(context, advance, endedIds));
  const conduct = createConduct(context, start);
  context.followers.set("workflows", (endedIds) => followMembers(context, conduct, endedIds));
  context.stoppers.set("workflows", (runIds) => stopOwn(context, conduct, runIds));
  // Before the polls hear of it: what they then claim reads these queues.
  context.channel.on("ready", (queueIds) => context.catalog.wakeQueues(queueIds));
  return {
    start,
    handOverTo(reserve) {
      handOff.reserve = reserve;
    },
    claim: createClaim(context, settle),
    settle,
    renew: createRenew(context),
    startChildren: (leaseId, request) => startChildren(context, leaseId, request),
    cancel: (runId, reason) => cancel(context, runId, reason),
    cancelRuns: (scope, reason, page) => cancelRuns(context, scope, reason, page),
    reschedule: (runId, time) => reschedule(context, runId, time),
    rescheduleRuns: (scope, time, page) => rescheduleRuns(context, scope, time, page),
    pause: (scope, by, reason) => pause(context, scope, by, reason),
    async resume(scope) {
      await resume(context, scope);
      await wakeOwn(context, conduct, scope.namespaceId);
    },
    limitGroup: (namespaceId, group, maxParallel) => limitGroup(context, namespaceId, group, maxParallel),
    suspendRun: (runId, by, reason) => suspendRun(context, runId, by, reason),
    async resumeRun(runId) {
      await wakeOwn(context, conduct, await resumeRun(context, runId));
    },
    createBackfill: (request) => createBackfill(context, advance, request),
    pauseBackfill: (id, reason) => pauseBackfill(context, id, reason),
    resumeBackfill: (id) => resumeBackfill(context, advance, id),
    cancelBackfill: (id, reason) => cancelBackfill(context, id, reason),
    repairBackfills: () => repairBackfills(context, advance),
    hasten: (runId, input) => hasten(context, runId, input),
    rerun: (runId, changes) => rerun(context, start, runId, changes),
    redrive: (runId, options) => redrive(context, runId, options),
    recover: (runId, mode) => recover(context, conduct, runId, mode),
    executeNode: (runId, node, scope) => executeNode(context, runId, node, scope),
    forceSuccess: (runId, output) => forceSuccess(context, conduct, runId, output),
    signalRun: (runId, signal) => signalRun(context, runId, signal),
    answerApproval: (runId, answer) => answerApproval(context, runId, answer),
    conductReady: () => conductReady(context, start, conduct),
    async sweepWorkflows() {
      await timeOutOwn(context, conduct);
      await warnOfLong(context, start);
    },
    checkDependents: createDependentRound(context),
    repairWorkflows: createOwnRepair(context, conduct),
    redriveDeadLetters: (scope, page, pace) => redriveDeadLetters(context, scope, page, pace),
    discardDeadLetters: (scope, page) => discardDeadLetters(context, scope, page),
    async giveBackUnnamed(executorId, heldLeaseIds, graceMs) {
      const rows = await context.sql<{ id: string; secret: string }[]>`
        select id, secret from escapement.lease
        where executor_id = ${executorId} and started_at <= escapement.clock() - ${graceMs} * interval '1 millisecond'
        -- Those that a worker's own transaction is completing will be gone; waiting for it would hold up others.
        for no key update skip locked`;
      const held = new Set(heldLeaseIds);
      const unnamed = rows
        .map((row) => formatLeaseId(row.id, row.secret))
        .filter((leaseId) => !held.has(leaseId));
      await settle(unnamed.map((leaseId) => ({ leaseId, outcome: "released" as const })));
      return unnamed.length;
    },
  };
}
