/**
 * Whether and when a failed run is tried again. The rules are DTF's (SEMANTICS T2), with `max` counting retries:
 * a run with `max: 3` is tried four times at most.
 *
 *   fixed     every failure waits `delay`
 *   backoff   the first failure waits `initialDelay`, the n-th `delay · factor^(n-1)`, never more than `cap`
 *   off       no failure is retried
 */
import { durationMs, formatDuration } from "./duration.ts";
import { badInput } from "./rejection.ts";

/** As stored in the database. */
export type RetryPolicy =
  | { kind: "off" }
  | { kind: "fixed"; delayMs: number; max: number; maxElapsedMs?: number }
  | {
      kind: "backoff";
      initialDelayMs: number;
      delayMs: number;
      factor: number;
      capMs: number;
      max: number;
      maxElapsedMs?: number;
      /** 0 to 1: how far the wait may stray from its nominal length, either way. */
      jitter: number;
    };

/** What a job gets that says nothing about retries. */
export const DEFAULT_RETRY: RetryPolicy = {
  kind: "backoff",
  initialDelayMs: 10_000,
  delayMs: 5_000,
  factor: 2,
  capMs: 3_600_000,
  max: 3,
  jitter: 0.1,
};

/** What is known when a run has just failed. */
export interface FailedRun {
  /** Failures so far, this one included; at least 1. Lost leases are not failures. */
  failures: number;
  /** From the start of the first attempt until now. */
  elapsedMs: number;
  /** What the worker said: `false` ends the retries; `true` adds none to what the policy allows. */
  retryRequested?: boolean | undefined;
  /** The wait the worker asked for, instead of the policy's. */
  retryAfterMs?: number | undefined;
  /** In [0, 1). */
  random: number;
}

export type RetryDecision = { retry: true; delayMs: number } | { retry: false; reason: string };

/** Decides about one failure. The reason of a refusal is a sentence for people. */
export function decideRetry(policy: RetryPolicy, run: FailedRun): RetryDecision {
  if (run.retryRequested === false) return { retry: false, reason: "the worker asked for no retry" };
  if (policy.kind === "off") return { retry: false, reason: "retries are off" };
  if (run.failures > policy.max) {
    return { retry: false, reason: `all ${policy.max} retries are used up` };
  }
  const delayMs = run.retryAfterMs ?? policyDelayMs(policy, run.failures, run.random);
  if (policy.maxElapsedMs !== undefined && run.elapsedMs + delayMs > policy.maxElapsedMs) {
    return {
      retry: false,
      reason: `the next retry would start later than ${formatDuration(policy.maxElapsedMs)} after the first start`,
    };
  }
  return { retry: true, delayMs };
}

function policyDelayMs(
  policy: Exclude<RetryPolicy, { kind: "off" }>,
  failures: number,
  random: number,
): number {
  if (policy.kind === "fixed") return policy.delayMs;
  // Bounded, so that no delay times endless growth is still no delay.
  const growth = Math.min(policy.factor ** (failures - 1), Number.MAX_SAFE_INTEGER);
  const grownMs = failures <= 1 ? policy.initialDelayMs : policy.delayMs * growth;
  const nominalMs = Math.min(grownMs, policy.capMs);
  const lowMs = nominalMs * (1 - policy.jitter);
  // The cap bounds the jittered wait too, by narrowing its range: cutting it off would line up half of all capped waits.
  const highMs = Math.min(nominalMs * (1 + policy.jitter), policy.capMs);
  return Math.round(lowMs + (highMs - lowMs) * random);
}

/** `RetryInput` of the API, durations as ISO 8601 text. Exactly one of the four is given. */
export interface RetryInput {
  inherit?: boolean | null | undefined;
  off?: boolean | null | undefined;
  fixed?:
    | {
        delay?: string | null | undefined;
        max?: number | null | undefined;
        maxElapsed?: string | null | undefined;
      }
    | null
    | undefined;
  backoff?:
    | {
        initialDelay?: string | null | undefined;
        delay?: string | null | undefined;
        factor?: number | null | undefined;
        cap?: string | null | undefined;
        max?: number | null | undefined;
        maxElapsed?: string | null | undefined;
        jitter?: number | null | undefined;
      }
    | null
    | undefined;
}

/** More retries than this is a loop, not a policy. */
const MAX_RETRIES = 10_000;
const MAX_FACTOR = 100;

/**
 * Fills in the defaults of CONTRACT section 4 and throws BAD_INPUT naming what is out of range. Null means that
 * nothing is said here: the next level decides. A run asks its own policy first, then its job's, its namespace's and
 * the server's.
 */
export function checkRetry(input: RetryInput | null | undefined, field = "retry"): RetryPolicy | null {
  if (input == null) return null;
  const given = [input.inherit, input.off, input.fixed, input.backoff].filter((choice) => choice != null);
  if (given.length !== 1) throw badInput(field, "give exactly one of off, fixed, backoff and inherit");
  if (input.inherit === true) return null;
  if (input.fixed) {
    const at = `${field}.fixed`;
    return {
      kind: "fixed",
      delayMs: durationMs(input.fixed.delay ?? "PT10S", `${at}.delay`),
      max: within(input.fixed.max ?? 3, 0, MAX_RETRIES, `${at}.max`, "whole"),
      ...elapsedLimit(input.fixed.maxElapsed, `${at}.maxElapsed`),
    };
  }
  if (input.backoff) {
    const at = `${field}.backoff`;
    return {
      kind: "backoff",
      initialDelayMs: durationMs(input.backoff.initialDelay ?? "PT10S", `${at}.initialDelay`),
      delayMs: durationMs(input.backoff.delay ?? "PT5S", `${at}.delay`),
      factor: within(input.backoff.factor ?? 2, 1, MAX_FACTOR, `${at}.factor`),
      capMs: durationMs(input.backoff.cap ?? "PT1H", `${at}.cap`),
      max: within(input.backoff.max ?? 3, 0, MAX_RETRIES, `${at}.max`, "whole"),
      jitter: within(input.backoff.jitter ?? 0.1, 0, 1, `${at}.jitter`),
      ...elapsedLimit(input.backoff.maxElapsed, `${at}.maxElapsed`),
    };
  }
  if (input.off !== true) {
    const name = input.off === false ? "off" : "inherit";
    throw badInput(`${field}.${name}`, `${name} can only be true; leave it out or give another policy`);
  }
  return { kind: "off" };
}

function elapsedLimit(text: string | null | undefined, field: string): { maxElapsedMs?: number } {
  return text == null ? {} : { maxElapsedMs: durationMs(text, field) };
}

function within(value: number, low: number, high: number, field: string, whole?: "whole"): number {
  if (value >= low && value <= high && (whole === undefined || Number.isInteger(value))) return value;
  throw badInput(field, `must be a ${whole ? "whole " : ""}number from ${low} to ${high}, not ${value}`);
}
