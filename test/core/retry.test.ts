/** Retries: the waits of each policy, what ends them, and which policies are accepted. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkRetry,
  DEFAULT_RETRY,
  decideRetry,
  type FailedRun,
  type RetryPolicy,
} from "../../server/core/retry.ts";

const failed = (failures: number, more: Partial<FailedRun> = {}): FailedRun => ({
  failures,
  elapsedMs: 0,
  random: 0.5,
  ...more,
});
/** The waits a policy gives, failure after failure, until it refuses. */
function waits(policy: RetryPolicy, limit = 50): number[] {
  const delays: number[] = [];
  for (let failures = 1; failures <= limit; failures++) {
    const decision = decideRetry(policy, failed(failures));
    if (!decision.retry) return delays;
    delays.push(decision.delayMs);
  }
  return delays;
}
const backoff = (more: object = {}): RetryPolicy => ({ ...DEFAULT_RETRY, jitter: 0, ...more }) as RetryPolicy;

describe("a failed run", () => {
  it("is never retried when retries are off", () => {
    expect(decideRetry({ kind: "off" }, failed(1, { retryRequested: true, retryAfterMs: 5 }))).toEqual({
      retry: false,
      reason: "retries are off",
    });
  });

  it("waits the same time before each of a fixed policy's retries", () => {
    expect(waits({ kind: "fixed", delayMs: 10_000, max: 3 })).toEqual([10_000, 10_000, 10_000]);
  });

  it("waits the initial delay first, then a delay that grows with every failure", () => {
    expect(waits(backoff())).toEqual([10_000, 10_000, 20_000]);
    expect(waits(backoff({ delayMs: 1_000, factor: 3, max: 5 }))).toEqual([
      10_000, 3_000, 9_000, 27_000, 81_000,
    ]);
  });

  it("goes on at the cap, which bounds the wait and does not end the retries", () => {
    expect(waits(backoff({ max: 8, capMs: 60_000 }))).toEqual([
      10_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000, 60_000,
    ]);
    expect(waits(backoff({ capMs: 4_000 }))).toEqual([4_000, 4_000, 4_000]);
  });

  it("is retried `max` times, so it is tried once more than that", () => {
    expect(waits({ kind: "fixed", delayMs: 1, max: 0 })).toEqual([]);
    expect(waits({ kind: "fixed", delayMs: 1, max: 1 })).toEqual([1]);
    expect(decideRetry({ kind: "fixed", delayMs: 1, max: 2 }, failed(3))).toEqual({
      retry: false,
      reason: "all 2 retries are used up",
    });
  });

  it("is given up when the worker asks for no retry", () => {
    const decision = decideRetry(DEFAULT_RETRY, failed(1, { retryRequested: false, retryAfterMs: 5 }));
    expect(decision).toEqual({ retry: false, reason: "the worker asked for no retry" });
  });

  it("waits as long as the worker asks, within max and maxElapsed", () => {
    const policy: RetryPolicy = { kind: "fixed", delayMs: 1_000, max: 2, maxElapsedMs: 60_000 };
    expect(decideRetry(policy, failed(1, { retryAfterMs: 45_000 }))).toEqual({
      retry: true,
      delayMs: 45_000,
    });
    expect(decideRetry(policy, failed(1, { retryAfterMs: 0 }))).toEqual({ retry: true, delayMs: 0 });
    expect(decideRetry(policy, failed(3, { retryAfterMs: 0 })).retry).toBe(false);
    expect(decideRetry(policy, failed(1, { retryAfterMs: 60_001 }))).toEqual({
      retry: false,
      reason: "the next retry would start later than PT1M after the first start",
    });
  });

  it("is retried up to maxElapsed after its first start, and not later", () => {
    const policy: RetryPolicy = { kind: "fixed", delayMs: 10_000, max: 9, maxElapsedMs: 60_000 };
    expect(decideRetry(policy, failed(2, { elapsedMs: 50_000 })).retry).toBe(true);
    expect(decideRetry(policy, failed(2, { elapsedMs: 50_001 })).retry).toBe(false);
  });

  it("strays from its nominal wait by the jitter, either way, and never past the cap", () => {
    const policy = backoff({ jitter: 0.1 });
    expect(decideRetry(policy, failed(1, { random: 0 }))).toEqual({ retry: true, delayMs: 9_000 });
    expect(decideRetry(policy, failed(1, { random: 0.999999 }))).toEqual({ retry: true, delayMs: 11_000 });
    const capped = backoff({ jitter: 0.1, capMs: 10_000 });
    expect(decideRetry(capped, failed(1, { random: 0.999999 }))).toEqual({ retry: true, delayMs: 10_000 });
  });

  it("always gets a whole, bounded wait, however extreme the policy", () => {
    const policy = fc.record({
      kind: fc.constant("backoff" as const),
      initialDelayMs: fc.integer({ min: 0, max: 1e12 }),
      delayMs: fc.constantFrom(0, 1, 5_000, 1e12),
      factor: fc.double({ min: 1, max: 100, noNaN: true }),
      capMs: fc.integer({ min: 0, max: 1e12 }),
      max: fc.constant(10_000),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    const random = fc.double({ min: 0, max: 0.999999, noNaN: true });
    fc.assert(
      fc.property(policy, fc.integer({ min: 1, max: 10_000 }), random, (candidate, failures, chance) => {
        const decision = decideRetry(candidate, failed(failures, { random: chance }));
        if (!decision.retry) throw new Error(decision.reason);
        expect(Number.isSafeInteger(decision.delayMs)).toBe(true);
        expect(decision.delayMs).toBeGreaterThanOrEqual(0);
        expect(decision.delayMs).toBeLessThanOrEqual(candidate.capMs);
      }),
    );
  });
});

describe("a retry policy as given", () => {
  it("says nothing when nothing is given, and is the default backoff when only its kind is", () => {
    expect(checkRetry(null)).toBeNull();
    expect(checkRetry({ inherit: true })).toBeNull();
    expect(checkRetry({ backoff: {} })).toEqual(DEFAULT_RETRY);
    expect(DEFAULT_RETRY).toMatchObject({
      initialDelayMs: 10_000,
      delayMs: 5_000,
      factor: 2,
      capMs: 3_600_000,
      max: 3,
    });
  });

  it("fills in the defaults of a fixed policy and reads durations", () => {
    expect(checkRetry({ fixed: {} })).toEqual({ kind: "fixed", delayMs: 10_000, max: 3 });
    expect(checkRetry({ fixed: { delay: "PT1M", max: 5, maxElapsed: "PT1H" }, off: null })).toEqual({
      kind: "fixed",
      delayMs: 60_000,
      max: 5,
      maxElapsedMs: 3_600_000,
    });
    expect(checkRetry({ off: true })).toEqual({ kind: "off" });
  });

  it.each([
    [{}, "retry"],
    [{ off: true, fixed: {} }, "retry"],
    [{ off: false }, "retry.off"],
    [{ inherit: false }, "retry.inherit"],
    [{ inherit: true, off: true }, "retry"],
    [{ fixed: { delay: "10s" } }, "retry.fixed.delay"],
    [{ fixed: { max: -1 } }, "retry.fixed.max"],
    [{ fixed: { max: 1.5 } }, "retry.fixed.max"],
    [{ fixed: { maxElapsed: "P1M" } }, "retry.fixed.maxElapsed"],
    [{ backoff: { factor: 0.5 } }, "retry.backoff.factor"],
    [{ backoff: { factor: Number.NaN } }, "retry.backoff.factor"],
    [{ backoff: { jitter: 1.1 } }, "retry.backoff.jitter"],
    [{ backoff: { max: 100_000 } }, "retry.backoff.max"],
    [{ backoff: { cap: "-PT1S" } }, "retry.backoff.cap"],
    [{ backoff: { initialDelay: "" } }, "retry.backoff.initialDelay"],
  ])("%j is refused, naming %s", (input, field) => {
    expect(() => checkRetry(input)).toThrow(expect.objectContaining({ code: "BAD_INPUT", field }));
  });
});
