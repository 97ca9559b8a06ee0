/** How every state looks: a word, an icon and a tone, so that colour never carries the meaning alone. */

export type RunState = "WAITING" | "READY" | "RUNNING" | "SUCCEEDED" | "FAILED" | "CANCELLED" | "SKIPPED";
export type HoldKind =
  | "TIME"
  | "RETRY"
  | "DEPENDENCY"
  | "AFFINITY"
  | "CONCURRENCY"
  | "OVERLAP"
  | "RATE"
  | "PAUSED";
export type AttemptOutcome =
  | "RUNNING"
  | "SUCCEEDED"
  | "FAILED"
  | "TIMED_OUT"
  | "LOST"
  | "RELEASED"
  | "CANCELLED";
export type TriggerState = "NORMAL" | "PAUSED" | "BLOCKED" | "COMPLETE" | "ERROR";
export type ExecutorState = "ONLINE" | "DRAINING" | "OFFLINE" | "LEFT";
export type OccurrenceOutcome =
  | "FIRED"
  | "LATE"
  | "DST_SHIFTED"
  | "MISFIRED"
  | "EXCLUDED"
  | "PAUSED"
  | "DISCARDED";

export type BackfillState = "RUNNING" | "PAUSED" | "STOPPED" | "CANCELLED" | "COMPLETE";
export type BackfillDateState =
  | "PENDING"
  | "STARTED"
  | "SUCCEEDED"
  | "FAILED"
  | "CANCELLED"
  | "SKIPPED"
  | "KEPT";

/** A family of colours that stay apart for colour-blind eyes: amber, cyan, blue, green, vermilion, grey. */
export type Tone = "waiting" | "ready" | "running" | "good" | "bad" | "quiet";
/** The name of a picture; components/state-badge.tsx draws it. */
export type Icon =
  | "clock"
  | "retry"
  | "queued"
  | "spinner"
  | "check"
  | "cross"
  | "ban"
  | "skip"
  | "pause"
  | "plug"
  | "timeout"
  | "back";
export type Face = { word: string; icon: Icon; tone: Tone };

/** Every run state in the order of a run's life. */
export const RUN_STATES: readonly RunState[] = [
  "WAITING",
  "READY",
  "RUNNING",
  "SUCCEEDED",
  "FAILED",
  "CANCELLED",
  "SKIPPED",
];

/** Every state of a backfill, and of one of its dates: what is done comes first, as in a bar. */
export const BACKFILL_STATES: readonly BackfillState[] = [
  "RUNNING",
  "PAUSED",
  "STOPPED",
  "COMPLETE",
  "CANCELLED",
];
export const BACKFILL_DATE_STATES: readonly BackfillDateState[] = [
  "SUCCEEDED",
  "KEPT",
  "SKIPPED",
  "FAILED",
  "CANCELLED",
  "STARTED",
  "PENDING",
];

/** Every outcome of a due time, the good ones first. */
export const OUTCOMES: readonly OccurrenceOutcome[] = [
  "FIRED",
  "LATE",
  "MISFIRED",
  "DST_SHIFTED",
  "EXCLUDED",
  "PAUSED",
  "DISCARDED",
];

const RUN_FACES: Record<RunState, Face> = {
  WAITING: { word: "Waiting", icon: "clock", tone: "waiting" },
  READY: { word: "Ready", icon: "queued", tone: "ready" },
  RUNNING: { word: "Running", icon: "spinner", tone: "running" },
  SUCCEEDED: { word: "Succeeded", icon: "check", tone: "good" },
  FAILED: { word: "Failed", icon: "cross", tone: "bad" },
  CANCELLED: { word: "Cancelled", icon: "ban", tone: "quiet" },
  SKIPPED: { word: "Skipped", icon: "skip", tone: "quiet" },
};

const ATTEMPT_FACES: Record<AttemptOutcome, Face> = {
  RUNNING: RUN_FACES.RUNNING,
  SUCCEEDED: RUN_FACES.SUCCEEDED,
  FAILED: RUN_FACES.FAILED,
  TIMED_OUT: { word: "Timed out", icon: "timeout", tone: "bad" },
  LOST: { word: "Lost", icon: "plug", tone: "bad" },
  RELEASED: { word: "Given back", icon: "back", tone: "quiet" },
  CANCELLED: RUN_FACES.CANCELLED,
};

const TRIGGER_FACES: Record<TriggerState, Face> = {
  NORMAL: { word: "Active", icon: "check", tone: "good" },
  PAUSED: { word: "Paused", icon: "pause", tone: "waiting" },
  BLOCKED: { word: "Blocked", icon: "clock", tone: "waiting" },
  COMPLETE: { word: "Complete", icon: "skip", tone: "quiet" },
  ERROR: { word: "Error", icon: "cross", tone: "bad" },
};

const EXECUTOR_FACES: Record<ExecutorState, Face> = {
  ONLINE: { word: "Online", icon: "check", tone: "good" },
  DRAINING: { word: "Draining", icon: "pause", tone: "waiting" },
  OFFLINE: { word: "Offline", icon: "plug", tone: "bad" },
  LEFT: { word: "Left", icon: "back", tone: "quiet" },
};

const OCCURRENCE_FACES: Record<OccurrenceOutcome, Face> = {
  FIRED: { word: "Fired", icon: "check", tone: "good" },
  LATE: { word: "Fired late", icon: "clock", tone: "waiting" },
  MISFIRED: { word: "Misfired", icon: "cross", tone: "bad" },
  DST_SHIFTED: { word: "Fired, shifted by the clocks", icon: "clock", tone: "good" },
  EXCLUDED: { word: "Excluded", icon: "skip", tone: "quiet" },
  PAUSED: { word: "Paused", icon: "pause", tone: "waiting" },
  DISCARDED: { word: "Discarded", icon: "ban", tone: "quiet" },
};

const BACKFILL_FACES: Record<BackfillState, Face> = {
  RUNNING: RUN_FACES.RUNNING,
  PAUSED: TRIGGER_FACES.PAUSED,
  STOPPED: { word: "Stopped", icon: "cross", tone: "bad" },
  CANCELLED: RUN_FACES.CANCELLED,
  COMPLETE: { word: "Complete", icon: "check", tone: "good" },
};

const BACKFILL_DATE_FACES: Record<BackfillDateState, Face> = {
  PENDING: { word: "Pending", icon: "clock", tone: "waiting" },
  STARTED: { word: "Started", icon: "spinner", tone: "running" },
  SUCCEEDED: RUN_FACES.SUCCEEDED,
  FAILED: RUN_FACES.FAILED,
  CANCELLED: RUN_FACES.CANCELLED,
  SKIPPED: RUN_FACES.SKIPPED,
  KEPT: { word: "Kept", icon: "back", tone: "ready" },
};

/** A run's face. One that waits for its next try says so: retrying is neither running nor plain waiting. */
export function runFace(state: RunState, holds: readonly { kind: HoldKind }[] = []): Face {
  if (state === "WAITING" && holds.some((hold) => hold.kind === "RETRY"))
    return { word: "Retrying", icon: "retry", tone: "waiting" };
  return RUN_FACES[state];
}

export const attemptFace = (outcome: AttemptOutcome): Face => ATTEMPT_FACES[outcome];
export const triggerFace = (state: TriggerState): Face => TRIGGER_FACES[state];
export const executorFace = (state: ExecutorState): Face => EXECUTOR_FACES[state];
export const occurrenceFace = (outcome: OccurrenceOutcome): Face => OCCURRENCE_FACES[outcome];

export const backfillFace = (state: BackfillState): Face => BACKFILL_FACES[state];
export const backfillDateFace = (state: BackfillDateState): Face => BACKFILL_DATE_FACES[state];

/** Whether nothing more will happen to a run by itself. */
export const hasEnded = (state: RunState): boolean =>
  state === "SUCCEEDED" || state === "FAILED" || state === "CANCELLED" || state === "SKIPPED";

/** How far along a run is, for telling which of two reports about it is the later one. */
export function progressRank(run: { state: RunState; attempt: number }): number {
  if (hasEnded(run.state)) return Number.POSITIVE_INFINITY;
  // One attempt goes RUNNING, then perhaps WAITING (for its retry) and READY before the next one.
  return run.attempt * 3 + (run.state === "RUNNING" ? 0 : run.state === "WAITING" ? 1 : 2);
}

/** Whether `cancelRun` can do something. */
export const canCancel = (run: { state: RunState; cancelRequested: boolean }): boolean =>
  !hasEnded(run.state) && !run.cancelRequested;

/** Whether `retryRun` can do something: only for a run that ended without success. */
export const canRetry = (state: RunState): boolean => hasEnded(state) && state !== "SUCCEEDED";
