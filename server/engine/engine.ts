/**
 * The arrows of the state machine as one object: what transports and loops may ask for. Every call that
 * returns has committed; every call that throws a Rejection has changed nothing.
 */

import type { Step } from "../core/execution.ts";
import type { Affinity } from "../core/gate.ts";
import type { Claimant, Requirement } from "../core/placement.ts";
import type { RetryPolicy } from "../core/retry.ts";
import type { RunState } from "../core/run.ts";
import type { NodeScope, RunOptions } from "../core/workflow/scope.ts";
import type { Backfill } from "../store/backfills.ts";
import type { DeadLetterFilter } from "../store/dead-letters.ts";
import type { PauseScope } from "../store/pauses.ts";
import type { RunFilter } from "../store/run-list.ts";
import type { BackfillRequest } from "./backfill.ts";

/** A run to start, after its transport has read it: lengths and types are checked, names are not. */
export interface StartItem {
  namespace: string;
  job: string;
  /** JSON text, as it came; null or absent: the job's own input. */
  input?: string | null;
  /** Instead of `input`. */
  inputBytes?: Buffer | null;
  priority?: number | null;
  /** Epoch milliseconds; past times mean now. */
  runAt?: number | null;
  /** Counted from the database's now. */
  delayMs?: number | null;
  tags?: string[] | null;
  /** Runs with the same group and key go one after the other. */
  affinity?: Affinity | null;
  idempotencyKey?: string | null;
  /** Runs to wait for, whatever they end as. */
  after?: string[] | null;
  /** Who may run it, beyond what the job asks for. */
  requires?: Requirement | null;
  /** The run that this one repeats. */
  rerunOf?: string | null;
  /** That was a part, and this is one: alone, in no root's line. */
  part?: boolean;
  /** Runs to wait for together with all that they start (DTF T7); their results are this run's to read. */
  joins?: string[] | null;
  /** Instead of the job's. */
  retry?: RetryPolicy | null;
  /** On whose behalf it is started. */
  triggerId?: number | null;
  /** Of a workflow's run: where it begins, and how. */
  workflow?: RunOptions | null;
  /** Epoch milliseconds: the time in the past that it stands for. It starts at once and is never too late. */
  nominalAt?: number | null;
}

export interface StartOptions {
  /** One key for the whole request (`Idempotency-Key`); exclusive with keys of single items. */
  idempotencyKey?: string | null;
  /** The run on whose behalf it is started. */
  parentId?: string | null;
  /** Prefix of `field` in rejections, such as `runs` or `input`. */
  field?: string;
  /** Where an item stands, when that is not simply its place in `field`. */
  placeOf?: (at: number) => string;
}

/** An input that takes the place of another: one of the two. */
export interface NewInput {
  /** JSON text. */
  json: string | null;
  bytes: Buffer | null;
}

export interface StartedRun {
  id: string;
  state: RunState;
}

/** A poll for work. `namespaceId` and `groups` are already what the caller's token allows. */
export interface ClaimPoll {
  /** The executor's own. */
  namespaceId: number;
  /** Whose runs it takes, in ascending order; absent: those of its own namespace. */
  namespaceIds?: readonly number[] | undefined;
  executorId: number;
  /** Whom runs may ask for; absent: none that ask for somebody. As it is now, also while the poll is parked. */
  executor?: Claimant | undefined;
  groups: string[];
  /** Absent: any type. */
  types?: string[] | undefined;
  max: number;
  requestId?: string | undefined;
}

/** A parked poll that is kept for runs which are just being created. */
export interface Reservation {
  poll: ClaimPoll;
  /** Runs that it takes. */
  room: number;
  /** Lets it go: with the leases that were born for it, or with none to wait on. */
  answer(leases: ClaimedLease[]): void;
}

/** Finds parked polls that take up to `count` runs of a queue together, the longest parked first, and keeps them. */
export type Reserve = (queueId: number, count: number) => Promise<Reservation[]>;

/** A claimed run as the gateway sends it. Ids are opaque to it. */
export interface ClaimedLease {
  leaseId: string;
  runId: string;
  namespaceId: number;
  namespace: string;
  queueId: number;
  /** Number of this attempt, from 1; a release does not count. */
  attempt: number;
  job: string;
  type: string;
  group: string;
  /** JSON text. */
  input: string | null;
  inputBytes: Buffer | null;
  scheduledAt: number;
  leaseSeconds: number;
  timeoutSeconds: number | null;
  attempts: { made: number; max: number | null };
  /** Of a job that goes by steps. */
  step?: Step | undefined;
  parentId: string | null;
  fence: number;
  /** JSON text that an earlier attempt saved. */
  checkpoint: string | null;
}

export interface Failure {
  message: string;
  type?: string | undefined;
  stack?: string | undefined;
}

export interface SettleItem {
  leaseId: string;
  outcome: "succeeded" | "failed" | "released";
  /** JSON text. */
  output?: string | null | undefined;
  /** Instead of `output`; within LIMITS.outputBytes. */
  outputBytes?: Buffer | undefined;
  error?: Failure | undefined;
  retry?: boolean | undefined;
  retryAfterMs?: number | undefined;
  /** JSON text for the next attempt; of failed and released only. `null` forgets what was saved, absent keeps it. */
  checkpoint?: string | undefined;
}

/** `lost`: the lease is over and nothing was changed. `unknown`: no such run (404). */
export type SettleResult =
  | { status: "ok"; state: RunState; retryInMs?: number | undefined }
  | { status: "lost" }
  | { status: "unknown" };

export interface RenewItem {
  leaseId: string;
  progress?: number | undefined;
  message?: string | undefined;
  /** JSON text for the next attempt, durable before the answer; `null` forgets what was saved. */
  checkpoint?: string | undefined;
}

export type RenewResult =
  | { status: "ok"; cancel: boolean; leaseSeconds: number }
  | { status: "lost" }
  | { status: "unknown" };

/** What a running lease asks to start. */
export interface ChildrenRequest {
  runs: StartItem[];
  /** Waits for all of `runs` and for all that they start. */
  join?: StartItem | undefined;
  /** At once, instead of with the lease's completion. */
  now: boolean;
  /** The same one again starts nothing and gets the same answer. */
  requestId?: string | undefined;
}

/** The ids, in the order of the request. */
export interface ChildrenAnswer {
  runs: string[];
  join?: string;
}

/** The lease that a call names is over: expired and taken away, settled, cancelled or replaced. Nothing was changed. */
export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
  constructor() {
    super("this lease is over; stop working on the run");
  }
}

export interface Engine {
  /** Keeps what the scope names from starting. */
  pause(scope: PauseScope, by: string, reason: string | null): Promise<void>;
  resume(scope: PauseScope): Promise<void>;
  /** How many runs of a worker group go on at once; null: no limit. Throws BAD_INPUT. */
  limitGroup(namespaceId: number, group: string, maxParallel: number | null): Promise<void>;
  /** Throws NOT_FOUND, ILLEGAL_STATE. */
  suspendRun(runId: string, by: string, reason: string | null): Promise<void>;
  /** Throws NOT_FOUND. */
  resumeRun(runId: string): Promise<void>;
  /** Starts runs, all or none. Throws NOT_FOUND, BAD_INPUT, CONFLICT, LIMIT_EXCEEDED. */
  start(items: StartItem[], options?: StartOptions): Promise<StartedRun[]>;
  /** Says who waits for runs on this server: runs that start are handed over without a claim. */
  handOverTo(reserve: Reserve): void;
  /** Takes up to `max` ready runs now; empty when there are none. Does not wait. */
  claim(poll: ClaimPoll): Promise<ClaimedLease[]>;
  /** Settles leases; the answers are in the order of the items. Safe to repeat. */
  settle(items: SettleItem[]): Promise<SettleResult[]>;
  /** Prolongs leases and notes progress. */
  renew(items: RenewItem[]): Promise<RenewResult[]>;
  /** Gives back the leases of an executor that it did not name; those younger than `graceMs` are kept. */
  giveBackUnnamed(executorId: number, heldLeaseIds: string[], graceMs: number): Promise<number>;
  /** Stages child runs that are created when the lease completes, or starts them at once. Throws LeaseLost. */
  startChildren(leaseId: string, request: ChildrenRequest): Promise<ChildrenAnswer>;
  /** Cancels: waiting and ready runs end at once, running ones are flagged. Throws NOT_FOUND, ILLEGAL_STATE. */
  cancel(runId: string, reason: string | null): Promise<{ id: string; state: RunState }>;
  /** Cancels what a filter finds, in the order of the ids. Throws BAD_INPUT. */
  cancelRuns(scope: LiveScope, reason: string | null, page: BulkPage): Promise<BulkChange>;
  /** Gives a run that no executor has another time. Throws NOT_FOUND, BAD_INPUT, ILLEGAL_STATE. */
  reschedule(runId: string, time: NewTime): Promise<StartedRun>;
  /** The same for what a filter finds of waiting and ready runs. Throws BAD_INPUT. */
  rescheduleRuns(scope: LiveScope, time: SpreadTime, page: BulkPage): Promise<BulkChange>;
  /** Runs a job once for each of a set of past dates. Throws BAD_INPUT, LIMIT_EXCEEDED, NOT_FOUND. */
  createBackfill(request: BackfillRequest): Promise<Backfill>;
  /** What runs goes on, and nothing new starts. Throws NOT_FOUND, ILLEGAL_STATE. */
  pauseBackfill(id: number, reason: string | null): Promise<Backfill>;
  /** Throws NOT_FOUND, ILLEGAL_STATE. */
  resumeBackfill(id: number): Promise<Backfill>;
  /** Its runs are cancelled. Throws NOT_FOUND, ILLEGAL_STATE. */
  cancelBackfill(id: number, reason: string | null): Promise<Backfill>;
  /** What a crash has left of them. */
  repairBackfills(): Promise<void>;
  /** Lifts the hold of a run that waits for a time or a retry. Throws NOT_FOUND, BAD_INPUT, ILLEGAL_STATE. */
  hasten(runId: string, input?: NewInput | undefined): Promise<StartedRun>;
  /**
   * Starts a new run like one that has ended, of the job as it is now. Throws NOT_FOUND, BAD_INPUT, CONFLICT,
   * LIMIT_EXCEEDED, ILLEGAL_STATE.
   */
  rerun(runId: string, changes?: RerunChanges): Promise<StartedRun>;
  /**
   * Puts a failed, cancelled or skipped run back into the queue with a fresh budget of retries, with another input if
   * one is given. Throws NOT_FOUND, BAD_INPUT, LIMIT_EXCEEDED, ILLEGAL_STATE.
   */
  redrive(
    runId: string,
    options?: { input?: NewInput | undefined; deadOnly?: boolean | undefined },
  ): Promise<StartedRun>;
  /** A workflow goes on: with its failed nodes, or with what was suspended or stopped. Throws NOT_FOUND, ILLEGAL_STATE. */
  recover(runId: string, mode: "FAILED" | "SUSPENDED"): Promise<StartedRun>;
  /** Runs nodes of an ended workflow once more. Throws NOT_FOUND, BAD_INPUT, ILLEGAL_STATE. */
  executeNode(runId: string, node: string, scope: NodeScope): Promise<StartedRun>;
  /** Calls a failure a success; `output` is JSON text. Throws NOT_FOUND, BAD_INPUT, LIMIT_EXCEEDED, ILLEGAL_STATE. */
  forceSuccess(runId: string, output: string | null): Promise<StartedRun>;
  /** Lets nodes go on that wait for the signal; `payload` is JSON text. Throws NOT_FOUND, ILLEGAL_STATE. */
  signalRun(runId: string, signal: { name: string; payload: string | null; by: string }): Promise<void>;
  /** A person's answer to a node that waits for one. Throws NOT_FOUND, ILLEGAL_STATE. */
  answerApproval(
    runId: string,
    answer: { approved: boolean; comment: string | null; by: string },
  ): Promise<void>;
  /** Takes the control plane's own runs that are ready. */
  conductReady(): Promise<void>;
  /** What time does to own runs: the leader's. */
  sweepWorkflows(): Promise<void>;
  /** Looks for the runs that dependent nodes wait for: the leader's. */
  checkDependents(): Promise<void>;
  /** What a crash has left of workflows: the leader's. */
  repairWorkflows(): Promise<void>;
  /** Redrives dead letters in the order of their ids. */
  redriveDeadLetters(
    scope: DeadLetterScope,
    page: BulkPage,
    pace: { startAt?: number | null; perSecond?: number | null },
  ): Promise<BulkChange & { nextAt: number | null }>;
  /** The runs stay in the history, as long as others do; they are no dead letters any more. */
  discardDeadLetters(scope: DeadLetterScope, page: BulkPage): Promise<BulkChange>;
}

/** What is different in the new run. */
export interface RerunChanges {
  input?: NewInput | undefined;
  idempotencyKey?: string | null | undefined;
}

/** Which runs of those that have not ended. */
export interface LiveScope {
  /** Null: every namespace. */
  namespaceId: number | null;
  filter: Omit<RunFilter, "jobId">;
}

/** Which dead letters. */
export interface DeadLetterScope {
  /** Null: every namespace. */
  namespaceId: number | null;
  filter: DeadLetterFilter;
}

/** One of the two; a time that is over means now. */
export interface NewTime {
  /** Epoch milliseconds. */
  runAt?: number | null | undefined;
  /** Counted from the database's now. */
  delayMs?: number | null | undefined;
}

/** For many runs: not all of them at once. */
export interface SpreadTime extends NewTime {
  /** Each run has a place of its own, by its id, in so long after the time. */
  spreadMs?: number | null | undefined;
}

/** How much of a change of many is done by this call. */
export interface BulkPage {
  /** The `cursor` of the call before. */
  after?: string | null | undefined;
  /** At most so many; by default LIMITS.bulkRuns. */
  limit?: number | null | undefined;
  /** Counts and changes nothing. */
  dryRun?: boolean | null | undefined;
}

/** What a call did of a change of many. */
export interface BulkChange {
  /** Runs that matched before this call, after the page's `after`. */
  matched: number;
  changed: number;
  /** Pass it as `after` to go on; null when there is nothing left. */
  cursor: string | null;
}
