/**
 * The run state machine: what may happen to a run in each state, and what a report or a lost lease leads to.
 *
 *                 WAITING    READY      RUNNING    SUCCEEDED FAILED  CANCELLED SKIPPED
 *   hold          WAITING    WAITING    –          –         –       –         –         one more reason not to start
 *   release       READY      –          –          –         –       –         –         the last hold is gone
 *   claim         –          RUNNING    –          –         –       –         –         an executor takes it
 *   renew         –          –          RUNNING    –         –       –         –         heartbeat
 *   succeed       –          –          SUCCEEDED  –         –       –         –         the executor reports success
 *   retry         –          –          WAITING    –         –       –         –         a failure that is tried again (hold RETRY)
 *   fail          –          –          FAILED     –         –       –         –         a failure that is not
 *   giveBack      –          –          READY      –         –       –         –         the executor returns it, no attempt spent
 *   expire        –          –          READY      –         –       –         –         lease lost, costs no retry
 *   poison        –          –          FAILED     –         –       –         –         lease lost for the third time
 *   cancel        CANCELLED  CANCELLED  RUNNING    –         –       –         –         of a running run: the flag is set, `stop` follows
 *   stop          –          –          CANCELLED  –         –       –         –         a run with the flag settled, or its lease is over
 *   skip          SKIPPED    SKIPPED    –          –         –       –         –         not wanted: overlap, branch not chosen
 *   rerun         –          –          –          –         READY   READY     READY     by a person; holds are decided anew
 *   force         –          –          –          –         SUCCEEDED –       –         by a person who calls it a success
 *
 * Every pair is answered here, so a new state or event does not compile until it is.
 * A timed-out attempt is a failure like any other: `retry` or `fail`.
 */
import { decideRetry, type FailedRun, type RetryPolicy } from "./retry.ts";

export const RUN_STATES = [
  "WAITING",
  "READY",
  "RUNNING",
  "SUCCEEDED",
  "FAILED",
  "CANCELLED",
  "SKIPPED",
] as const;
export type RunState = (typeof RUN_STATES)[number];

/** States that a run does not leave by itself. */
export type EndState = "SUCCEEDED" | "FAILED" | "CANCELLED" | "SKIPPED";

/** What becomes of a run that could only start after its start deadline: it runs all the same, or it ends SKIPPED. */
export const LATE_POLICIES = ["RUN", "SKIP"] as const;
export type LatePolicy = (typeof LATE_POLICIES)[number];

/** Why a run may not start yet (CONTRACT section 1). */
export const HOLD_KINDS = [
  "TIME",
  "RETRY",
  "DEPENDENCY",
  "AFFINITY",
  "CONCURRENCY",
  "OVERLAP",
  "RATE",
  "PAUSED",
] as const;
export type HoldKind = (typeof HOLD_KINDS)[number];

export const RUN_EVENTS = [
  "hold",
  "release",
  "claim",
  "renew",
  "succeed",
  "retry",
  "fail",
  "giveBack",
  "expire",
  "poison",
  "cancel",
  "stop",
  "skip",
  "rerun",
  "force",
] as const;
export type RunEvent = (typeof RUN_EVENTS)[number];

/** Where an event leads, or the sentence that says why it leads nowhere. */
export type Transition = { to: RunState } | { illegal: string };

const to = (state: RunState): Transition => ({ to: state });
const no = (illegal: string): Transition => ({ illegal });

const NOT_RUNNING = no("the run is not running, so no executor can report on it");
const HAS_HOLDS = no("the run still has holds");
const ALREADY_READY = no("the run has no holds and waits for an executor");
const RUNNING = no("the run is running; cancel it first");
const LIVE = no("the run has not ended; only an ended run can be run again");
const NO_FAILURE = no("the run has not failed; only a failure can be called a success");

/** What an ended run answers to everything but `rerun` and `force`. */
function ended(because: string): Omit<Record<RunEvent, Transition>, "rerun" | "force"> {
  const over = no(`the run has already ${because}`);
  return {
    hold: over,
    release: over,
    claim: over,
    renew: over,
    succeed: over,
    retry: over,
    fail: over,
    giveBack: over,
    expire: over,
    poison: over,
    cancel: over,
    stop: over,
    skip: over,
  };
}

const NEXT: Record<RunState, Record<RunEvent, Transition>> = {
  WAITING: {
    hold: to("WAITING"),
    release: to("READY"),
    claim: HAS_HOLDS,
    renew: NOT_RUNNING,
    succeed: NOT_RUNNING,
    retry: NOT_RUNNING,
    fail: NOT_RUNNING,
    giveBack: NOT_RUNNING,
    expire: NOT_RUNNING,
    poison: NOT_RUNNING,
    cancel: to("CANCELLED"),
    stop: NOT_RUNNING,
    skip: to("SKIPPED"),
    rerun: LIVE,
    force: NO_FAILURE,
  },
  READY: {
    hold: to("WAITING"),
    release: ALREADY_READY,
    claim: to("RUNNING"),
    renew: NOT_RUNNING,
    succeed: NOT_RUNNING,
    retry: NOT_RUNNING,
    fail: NOT_RUNNING,
    giveBack: NOT_RUNNING,
    expire: NOT_RUNNING,
    poison: NOT_RUNNING,
    cancel: to("CANCELLED"),
    stop: NOT_RUNNING,
    skip: to("SKIPPED"),
    rerun: LIVE,
    force: NO_FAILURE,
  },
  RUNNING: {
    hold: RUNNING,
    release: RUNNING,
    claim: no("another executor is running it"),
    renew: to("RUNNING"),
    succeed: to("SUCCEEDED"),
    retry: to("WAITING"),
    fail: to("FAILED"),
    giveBack: to("READY"),
    expire: to("READY"),
    poison: to("FAILED"),
    cancel: to("RUNNING"),
    stop: to("CANCELLED"),
    skip: RUNNING,
    rerun: LIVE,
    force: NO_FAILURE,
  },
  SUCCEEDED: {
    ...ended("succeeded"),
    rerun: no("the run has succeeded; start a new one instead"),
    force: NO_FAILURE,
  },
  FAILED: { ...ended("failed"), rerun: to("READY"), force: to("SUCCEEDED") },
  CANCELLED: { ...ended("been cancelled"), rerun: to("READY"), force: NO_FAILURE },
  SKIPPED: { ...ended("been skipped"), rerun: to("READY"), force: NO_FAILURE },
};

/** The whole machine: what `event` does to a run in `state`. */
export function nextState(state: RunState, event: RunEvent): Transition {
  return NEXT[state][event];
}

/** True for the states a run does not leave by itself. */
export function isEnded(state: RunState): state is EndState {
  return state === "SUCCEEDED" || state === "FAILED" || state === "CANCELLED" || state === "SKIPPED";
}

/** A run is lost for good when the third executor in turn stops answering for it (Sidekiq's poison pill). */
export const MAX_LOST_LEASES = 3;

/** What becomes of a run whose lease is over, with the event that takes it there. */
export type Settlement =
  | { event: "succeed"; to: "SUCCEEDED" }
  | { event: "retry"; to: "WAITING"; hold: "RETRY"; delayMs: number }
  | { event: "fail"; to: "FAILED"; reason: string }
  | { event: "stop"; to: "CANCELLED" }
  | { event: "giveBack"; to: "READY" }
  | { event: "expire"; to: "READY"; lostLeases: number }
  | { event: "poison"; to: "FAILED"; lostLeases: number; reason: string };

/** What a worker reported about a run it holds. `failures` counts this one when the outcome is `failed`. */
export interface Report extends FailedRun {
  outcome: "succeeded" | "failed" | "released";
  cancelRequested: boolean;
  policy: RetryPolicy;
}

/**
 * Decides about a report. Once somebody asked to cancel, the run ends CANCELLED whatever the worker says
 * (CONTRACT section 5): a success that arrives after the request was not wanted any more.
 */
export function decideSettlement(report: Report): Settlement {
  if (report.cancelRequested) return { event: "stop", to: "CANCELLED" };
  if (report.outcome === "succeeded") return { event: "succeed", to: "SUCCEEDED" };
  if (report.outcome === "released") return { event: "giveBack", to: "READY" };
  const decision = decideRetry(report.policy, report);
  return decision.retry
    ? { event: "retry", to: "WAITING", hold: "RETRY", delayMs: decision.delayMs }
    : { event: "fail", to: "FAILED", reason: decision.reason };
}

/** What is known when the control plane takes a lease away. */
export type OverdueLease =
  | {
      cause: "leaseLost";
      cancelRequested: boolean;
      /** Before this one. */
      lostLeases: number;
      /** It was this executor's part of a broadcast: it fails and never moves (PowerJob P4). */
      staysPut?: boolean;
    }
  /** The attempt ran longer than its timeout: a failure under the retry policy, heartbeats or not. */
  | ({ cause: "timeOut"; cancelRequested: boolean; policy: RetryPolicy } & Omit<
      FailedRun,
      "retryRequested" | "retryAfterMs"
    >);

/** Decides about a lease that is taken away: silent executor, timeout, or a cancelled run past its grace time. */
export function decideExpiry(lease: OverdueLease): Settlement {
  if (lease.cancelRequested) return { event: "stop", to: "CANCELLED" };
  if (lease.cause === "timeOut") return decideSettlement({ ...lease, outcome: "failed" });
  const lostLeases = lease.lostLeases + 1;
  if (lease.staysPut) {
    const reason = "its executor stopped answering, and this part of a broadcast was for that one alone";
    return { event: "poison", to: "FAILED", lostLeases, reason };
  }
  if (lostLeases < MAX_LOST_LEASES) return { event: "expire", to: "READY", lostLeases };
  return {
    event: "poison",
    to: "FAILED",
    lostLeases,
    reason: `its executor stopped answering ${lostLeases} times; the run may be what stops it`,
  };
}

/** Fields of a run's full view that come true one state after the other. Absent ones are left absent. */
export interface RunView {
  state: RunState;
  readyAt?: unknown;
  startedAt?: unknown;
  executor?: unknown;
  attempt?: unknown;
  progress?: unknown;
  endedAt?: unknown;
  output?: unknown;
  error?: unknown;
}

type Blank = Exclude<keyof RunView, "state">;
const AFTER_RUNNING: readonly Blank[] = ["endedAt", "output", "error"];
const AFTER_READY: readonly Blank[] = ["startedAt", "executor", "attempt", "progress", ...AFTER_RUNNING];
const NOT_YET: Record<RunState, readonly Blank[]> = {
  WAITING: ["readyAt", ...AFTER_READY],
  READY: AFTER_READY,
  RUNNING: AFTER_RUNNING,
  SUCCEEDED: [],
  FAILED: [],
  CANCELLED: [],
  SKIPPED: [],
};

/**
 * The run as it was in an earlier `state`: an event that is delivered late must not show what came after it.
 * Fields that did not hold yet become null, so the view's own types must allow null there.
 */
export function asOf<View extends RunView>(run: View, state: RunState): View {
  if (run.state === state) return run;
  const known = NOT_YET[state].filter((field) => run[field] !== undefined);
  return { ...run, state, ...Object.fromEntries(known.map((field) => [field, null])) };
}
