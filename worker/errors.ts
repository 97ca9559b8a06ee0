/** What a handler may throw to steer its retry, what its signal may carry, and how an error travels as JSON. */
import type { FailRequest, RunFailure } from "./protocol.ts";

/** Throw it when trying again cannot help: the run fails for good. */
export class DoNotRetry extends Error {
  override readonly name: string = "DoNotRetry";
}

/** Throw it to have the next attempt no sooner than in `seconds`, where the job's policy still allows one. */
export class RetryAfter extends Error {
  override readonly name: string = "RetryAfter";
  readonly seconds: number;

  constructor(seconds: number, message = `Try again in ${seconds} s.`, options?: ErrorOptions) {
    super(message, options);
    this.seconds = seconds;
  }
}

/** Why a handler's signal was aborted; `signal.reason` is always one of the four below. */
export abstract class Stopped extends Error {}

/** Somebody cancelled the run. Stop, and settle as you like: it ends CANCELLED. */
export class Cancelled extends Stopped {
  override readonly name = "Cancelled";
  constructor() {
    super("The run was cancelled.");
  }
}

/** The run is somebody else's by now: nothing that this attempt does is recorded any more. */
export class LeaseLost extends Stopped {
  override readonly name = "LeaseLost";
  constructor() {
    super("The lease is over: the run was taken away from this worker.");
  }
}

/** The attempt used up the job's timeout. */
export class TimedOut extends Stopped {
  override readonly name = "TimedOut";
  constructor(seconds: number) {
    super(`The attempt was stopped after its timeout of ${seconds} s.`);
  }
}

/** The worker shuts down; what throws now is given back and costs no attempt. */
export class WorkerStopping extends Stopped {
  override readonly name = "WorkerStopping";
  constructor() {
    super("The worker is shutting down.");
  }
}

/** What a thrown value means to the control plane. */
export function failureOf(thrown: unknown): FailRequest {
  const error = describe(thrown);
  if (thrown instanceof DoNotRetry) return { error, retry: false };
  if (thrown instanceof RetryAfter) {
    // The protocol's limit is a year; anything else that is not a number of seconds is left to the policy.
    const seconds = Math.min(thrown.seconds, 31_536_000);
    return seconds >= 0 ? { error, retryAfterSeconds: seconds } : { error };
  }
  return { error };
}

function describe(thrown: unknown): RunFailure {
  if (!(thrown instanceof Error)) return { message: clean(String(thrown), 10_000) };
  const type = thrown.name === "Error" ? thrown.constructor.name : thrown.name;
  const failure: RunFailure = {
    message: clean(thrown.message || type, 10_000),
    type: clean(type, 200),
  };
  const stack = stackOf(thrown);
  return stack === "" ? failure : { ...failure, stack: clean(stack, 50_000) };
}

function stackOf(error: Error): string {
  const own = error.stack ?? "";
  return error.cause instanceof Error ? `${own}\nCaused by: ${stackOf(error.cause)}` : own;
}

/** PostgreSQL's text holds no NUL, and a message cut to its limit still says more than a refused one. */
function clean(text: string, maxLength: number): string {
  return text.replaceAll("\0", "\u{fffd}").slice(0, maxLength);
}
