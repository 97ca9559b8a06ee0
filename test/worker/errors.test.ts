/** What a thrown value means to the control plane, and how calls are repeated. */
import { describe, expect, test } from "vitest";
import { ProtocolError, Unanswered } from "../../worker/client.ts";
import { DoNotRetry, failureOf, RetryAfter } from "../../worker/errors.ts";
import { backoffMs, createPersist, isPassing } from "../../worker/persist.ts";

describe("a thrown value", () => {
  test("travels with its type, message and stack, causes included", () => {
    class DiskFull extends Error {}
    const { error, ...rest } = failureOf(new DiskFull("no space", { cause: new TypeError("inner") }));
    expect(rest).toEqual({});
    expect(error).toMatchObject({ message: "no space", type: "DiskFull" });
    expect(error.stack).toMatch(/errors\.test\.ts[\s\S]*Caused by: TypeError: inner/);
  });

  test.each([
    ["text", "text"],
    [undefined, "undefined"],
    [42, "42"],
  ])("that is no error is told as it is: %j", (thrown, message) => {
    expect(failureOf(thrown)).toEqual({ error: { message } });
  });

  test("ends retries or puts them off", () => {
    expect(failureOf(new DoNotRetry("never"))).toMatchObject({ retry: false, error: { type: "DoNotRetry" } });
    expect(failureOf(new RetryAfter(90))).toMatchObject({ retryAfterSeconds: 90 });
    expect(failureOf(new RetryAfter(Number.POSITIVE_INFINITY))).toMatchObject({
      retryAfterSeconds: 31_536_000,
    });
    expect(failureOf(new RetryAfter(Number.NaN))).not.toHaveProperty("retryAfterSeconds");
    expect(failureOf(new RetryAfter(-1))).not.toHaveProperty("retryAfterSeconds");
  });

  test("fits the protocol's limits and PostgreSQL's text", () => {
    const { error } = failureOf(new Error(`a\0b${"x".repeat(20_000)}`));
    expect(error.message).toHaveLength(10_000);
    expect(error.message.startsWith("a\u{fffd}b")).toBe(true);
    expect(error.stack?.length).toBeLessThanOrEqual(50_000);
    expect(failureOf(new Error("")).error.message).toBe("Error");
  });
});

describe("repeated calls", () => {
  const problem = (status: number) => new ProtocolError({ status });

  test.each([500, 502, 503, 408, 425, 429, 401, 403])("status %i may pass", (status) => {
    expect(isPassing(problem(status))).toBe(true);
  });

  test.each([400, 404, 409, 410, 413, 418])("status %i is final", (status) => {
    expect(isPassing(problem(status))).toBe(false);
  });

  test("a call without an answer may be repeated, a mistake of ours may not", () => {
    expect(isPassing(new Unanswered("GET /", new Error("reset")))).toBe(true);
    expect(isPassing(new TypeError("oops"))).toBe(false);
  });

  test("the pause is spread from nothing to a limit that doubles up to 5 s", () => {
    expect(backoffMs(0, 0)).toBe(0);
    expect([0, 1, 2, 3].map((failures) => backoffMs(failures, 1))).toEqual([100, 200, 400, 800]);
    expect(backoffMs(50, 1)).toBe(5_000);
    expect(backoffMs(50, 0.5)).toBe(2_500);
  });

  test("go on until they are answered, and say so once", async () => {
    const told: string[] = [];
    const persist = createPersist({
      failed: (error) => told.push(error.message),
      answered: () => told.push("answered"),
    });
    const answer = await persist(async (tries) => {
      if (tries < 2) throw new Unanswered("GET /", new Error("reset"));
      return tries;
    }, new AbortController().signal);
    expect(answer).toBe(2);
    expect(told).toEqual(["GET / got no answer: reset", "GET / got no answer: reset", "answered"]);
  });

  test("wait for as long as the server asks", async () => {
    let askedMs = 0;
    const persist = createPersist({
      failed: (_, retryInMs) => {
        askedMs = retryInMs;
      },
      answered: () => undefined,
    });
    const over = new AbortController();
    const call = persist(() => Promise.reject(new ProtocolError({ status: 503 }, 7)), over.signal);
    await expect.poll(() => askedMs).toBeGreaterThanOrEqual(7_000);
    over.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
  });

  test("end with a final answer", async () => {
    const persist = createPersist({ failed: () => undefined, answered: () => undefined });
    const call = persist(() => Promise.reject(problem(410)), new AbortController().signal);
    await expect(call).rejects.toMatchObject({ status: 410 });
  });
});
