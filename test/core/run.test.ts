/** The run state machine: the whole table, and what reports and lost leases lead to. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_RETRY } from "../../server/core/retry.ts";
import {
  asOf,
  decideExpiry,
  decideSettlement,
  isEnded,
  MAX_LOST_LEASES,
  nextState,
  type Report,
  RUN_EVENTS,
  RUN_STATES,
  type RunEvent,
  type RunState,
} from "../../server/core/run.ts";

/** One line per event; columns in the order of RUN_STATES; a dash is illegal. */
const TABLE = `
  hold      WAITING   WAITING   -         -     -     -     -
  release   READY     -         -         -     -     -     -
  claim     -         RUNNING   -         -     -     -     -
  renew     -         -         RUNNING   -     -     -     -
  succeed   -         -         SUCCEEDED -     -     -     -
  retry     -         -         WAITING   -     -     -     -
  fail      -         -         FAILED    -     -     -     -
  giveBack  -         -         READY     -     -     -     -
  expire    -         -         READY     -     -     -     -
  poison    -         -         FAILED    -     -     -     -
  cancel    CANCELLED CANCELLED RUNNING   -     -     -     -
  stop      -         -         CANCELLED -     -     -     -
  skip      SKIPPED   SKIPPED   -         -     -     -     -
  rerun     -         -         -         -     READY READY READY
  force     -         -         -         -     SUCCEEDED - -
`;
const cells = TABLE.trim()
  .split("\n")
  .flatMap((line) => {
    const [event, ...targets] = line.trim().split(/\s+/);
    return RUN_STATES.map((state, column) => ({ event: event as RunEvent, state, target: targets[column] }));
  });

describe("the run state machine", () => {
  it("is tested in every pair of state and event", () => {
    expect(new Set(cells.map(({ state, event }) => `${state} ${event}`)).size).toBe(
      RUN_STATES.length * RUN_EVENTS.length,
    );
  });

  it.each(cells)("$event of a $state run leads to $target", ({ state, event, target }) => {
    const next = nextState(state, event);
    if (target === "-") expect(next).toEqual({ illegal: expect.stringMatching(/\w+ \w+/) });
    else expect(next).toEqual({ to: target });
  });

  it("never leaves an ended state, except by a rerun", () => {
    const walk = fc.array(fc.constantFrom(...RUN_EVENTS), { maxLength: 40 });
    fc.assert(
      fc.property(walk, (events) => {
        let state: RunState = "WAITING";
        for (const event of events) {
          const next = nextState(state, event);
          if (!("to" in next)) continue;
          if (isEnded(state)) expect(event).toBe("rerun");
          state = next.to;
        }
      }),
    );
  });
});

const report = (more: Partial<Report>): Report => ({
  outcome: "succeeded",
  cancelRequested: false,
  policy: DEFAULT_RETRY,
  failures: 1,
  elapsedMs: 0,
  random: 0.5,
  ...more,
});

describe("a worker's report", () => {
  it("ends the run as succeeded, or gives it back", () => {
    expect(decideSettlement(report({}))).toEqual({ event: "succeed", to: "SUCCEEDED" });
    expect(decideSettlement(report({ outcome: "released" }))).toEqual({ event: "giveBack", to: "READY" });
  });

  it("of a failure waits for the retry, and is final once retries are used up or refused", () => {
    expect(decideSettlement(report({ outcome: "failed" }))).toEqual({
      event: "retry",
      to: "WAITING",
      hold: "RETRY",
      delayMs: 10_000,
    });
    expect(decideSettlement(report({ outcome: "failed", failures: 4 }))).toMatchObject({
      event: "fail",
      to: "FAILED",
      reason: expect.stringContaining("used up"),
    });
    expect(decideSettlement(report({ outcome: "failed", retryRequested: false }))).toMatchObject({
      event: "fail",
    });
  });

  it.each(["succeeded", "failed", "released"] as const)(
    "%s after a cancel ends the run cancelled",
    (outcome) => {
      expect(decideSettlement(report({ outcome, cancelRequested: true }))).toEqual({
        event: "stop",
        to: "CANCELLED",
      });
    },
  );
});

describe("a lease that is taken away", () => {
  it("makes the run ready again twice, and dead the third time", () => {
    const lost = (lostLeases: number) =>
      decideExpiry({ cause: "leaseLost", cancelRequested: false, lostLeases });
    expect(lost(0)).toEqual({ event: "expire", to: "READY", lostLeases: 1 });
    expect(lost(1)).toEqual({ event: "expire", to: "READY", lostLeases: 2 });
    expect(lost(2)).toEqual({
      event: "poison",
      to: "FAILED",
      lostLeases: MAX_LOST_LEASES,
      reason: expect.stringContaining("3 times"),
    });
  });

  it("for its timeout is a failure under the retry policy", () => {
    const overdue = {
      cause: "timeOut" as const,
      cancelRequested: false,
      policy: DEFAULT_RETRY,
      elapsedMs: 0,
      random: 0.5,
    };
    expect(decideExpiry({ ...overdue, failures: 1 })).toMatchObject({ event: "retry", delayMs: 10_000 });
    expect(decideExpiry({ ...overdue, failures: 4 })).toMatchObject({ event: "fail", to: "FAILED" });
    expect(decideExpiry({ ...overdue, failures: 1, policy: { kind: "off" } })).toMatchObject({
      event: "fail",
    });
  });

  it("of a cancelled run ends it cancelled, whatever the cause", () => {
    expect(decideExpiry({ cause: "leaseLost", cancelRequested: true, lostLeases: 2 })).toEqual({
      event: "stop",
      to: "CANCELLED",
    });
    expect(
      decideExpiry({
        cause: "timeOut",
        cancelRequested: true,
        policy: DEFAULT_RETRY,
        failures: 1,
        elapsedMs: 0,
        random: 0,
      }),
    ).toEqual({ event: "stop", to: "CANCELLED" });
  });

  it("and every report lead where the state machine says their event leads", () => {
    const outcome = fc.constantFrom("succeeded" as const, "failed" as const, "released" as const);
    fc.assert(
      fc.property(
        outcome,
        fc.boolean(),
        fc.nat(5),
        fc.nat(5),
        (result, cancelRequested, failures, lostLeases) => {
          const settlements = [
            decideSettlement(report({ outcome: result, cancelRequested, failures: failures + 1 })),
            decideExpiry({ cause: "leaseLost", cancelRequested, lostLeases }),
          ];
          for (const { event, to } of settlements) expect(nextState("RUNNING", event)).toEqual({ to });
        },
      ),
    );
  });
});

describe("a run shown as of an earlier state", () => {
  const run = {
    id: "7",
    state: "FAILED" as RunState,
    priority: 5,
    createdAt: 1,
    readyAt: 2 as number | null,
    startedAt: 3 as number | null,
    executor: "e1" as string | null,
    endedAt: 4 as number | null,
    output: undefined as unknown,
    error: { message: "boom" } as { message: string } | null,
  };

  it("loses what had not happened yet and keeps the rest", () => {
    expect(asOf(run, "RUNNING")).toEqual({ ...run, state: "RUNNING", endedAt: null, error: null });
    expect(asOf(run, "READY")).toMatchObject({
      state: "READY",
      readyAt: 2,
      startedAt: null,
      executor: null,
      error: null,
    });
    expect(asOf(run, "WAITING")).toMatchObject({
      id: "7",
      priority: 5,
      createdAt: 1,
      readyAt: null,
      startedAt: null,
    });
  });

  it("gains no fields", () => {
    expect(Object.keys(asOf({ state: "FAILED" as RunState, id: "7" }, "WAITING"))).toEqual(["state", "id"]);
  });

  it("is the run itself in its present state, and the original is left alone", () => {
    expect(asOf(run, "FAILED")).toBe(run);
    asOf(run, "WAITING");
    expect(run.startedAt).toBe(3);
  });
});
