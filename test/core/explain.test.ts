import { describe, expect, test } from "vitest";
import { explain } from "../../server/core/explain.ts";
import type { ExecutorFacts, PlaceFacts, RunFacts } from "../../server/core/explain-gate.ts";

const NOW = Date.parse("2026-01-01T12:00:00Z");
const worker = (more: Partial<ExecutorFacts> = {}): ExecutorFacts => ({
  id: 1,
  name: "w1",
  labels: {},
  live: true,
  types: null,
  running: 0,
  ...more,
});
const run = (more: Partial<RunFacts> = {}): RunFacts => ({
  id: "99",
  state: "READY",
  namespace: "default",
  now: NOW,
  job: { id: 7, name: "report" },
  group: "default",
  type: "sql",
  requirement: {},
  trigger: null,
  scheduledAt: NOW,
  wakeAt: null,
  wakeKind: null,
  startedAt: null,
  dependencies: { ids: [], count: 0 },
  pause: null,
  places: [],
  executors: [worker()],
  ahead: 0,
  meanMs: null,
  ...more,
});
const place = (more: Partial<PlaceFacts> = {}): PlaceFacts => ({
  kind: "CONCURRENCY",
  policy: null,
  capacity: 2,
  key: "",
  state: "LINE",
  taken: 2,
  heldBy: ["11", "12"],
  ahead: 3,
  everyMs: null,
  opensAt: null,
  ...more,
});
const kinds = (facts: RunFacts) =>
  explain(facts).gates.map(({ kind, passes }) => `${passes ? "+" : "-"}${kind}`);

test("a run that is next and has somebody to run it is blocked by nothing", () => {
  const { blocker, summary, estimatedStartAt } = explain(run());
  expect(blocker).toBeNull();
  expect(summary).toBe("The run is the next of its queue and goes to the first executor that asks.");
  expect(estimatedStartAt).toBe(NOW);
});

test("gates come in the order in which they are passed, and the first that blocks is the reason", () => {
  const facts = run({
    state: "WAITING",
    ahead: null,
    trigger: { id: 3, name: "nightly" },
    wakeAt: NOW + 60_000,
    wakeKind: "TIME",
    dependencies: { ids: ["5"], count: 1 },
    places: [
      place({ kind: "AFFINITY", key: '["customer","42"]', capacity: 1, taken: 0, ahead: 0, state: null }),
      place(),
    ],
    executors: [],
  });
  expect(kinds(facts)).toEqual([
    "+TRIGGER",
    "+CALENDAR",
    "-TIME",
    "-DEPENDENCY",
    "+AFFINITY",
    "-CONCURRENCY",
    "-EXECUTORS",
  ]);
  expect(explain(facts).summary).toBe("The run is to start at 2026-01-01T12:01:00.000Z.");
});

describe("what a gate says", () => {
  const reason = (more: Partial<RunFacts>): string => explain(run(more)).summary;
  const waiting = { state: "WAITING", ahead: null } as const;

  test.each<[string, Partial<RunFacts>, string]>([
    [
      "retry",
      { ...waiting, wakeAt: NOW, wakeKind: "RETRY" },
      "The run is tried again at 2026-01-01T12:00:00.000Z.",
    ],
    ["one run", { ...waiting, dependencies: { ids: ["5"], count: 1 } }, "The run waits for run 5 to end."],
    [
      "many runs",
      { ...waiting, dependencies: { ids: ["5"], count: 12 } },
      "The run waits for 12 runs to end.",
    ],
    [
      "paused job",
      { ...waiting, pause: { kind: "JOB", by: "ada", reason: "new disk" } },
      "The run does not start while job report is paused (by ada: new disk).",
    ],
    [
      "paused run",
      { ...waiting, pause: { kind: "RUN", by: "ada", reason: null } },
      "The run does not start while it is paused (by ada).",
    ],
    [
      "affinity",
      { ...waiting, places: [place({ kind: "AFFINITY", key: '["customer","42"]', taken: 1, ahead: 0 })] },
      "The run waits for run 11, which holds affinity customer 42.",
    ],
    [
      "overlap",
      { ...waiting, places: [place({ kind: "OVERLAP", policy: "SERIAL_WAIT", taken: 1, ahead: 1 })] },
      "The run waits for run 11 of report, which has not ended (SERIAL_WAIT) and 1 run in line before it.",
    ],
    [
      "limit",
      { ...waiting, places: [place()] },
      "The run waits for a place of report, with 2 of 2 taken and 3 runs in line before it.",
    ],
    [
      "rate",
      {
        ...waiting,
        places: [place({ kind: "RATE", key: '"acme"', everyMs: 60_000, opensAt: NOW + 60_000 })],
      },
      'The run waits for the rate of report for key "acme", with 2 of 2 starts in the last PT1M and 3 runs in line before it; it is let in at 2026-01-01T12:01:00.000Z.',
    ],
    ["no executor", { executors: [] }, "The run waits for an executor: none has polled group default yet."],
    [
      "unknown executor",
      { requirement: { executor: "w9" } },
      "The run waits for an executor: w9, which it asks for, has not polled group default yet.",
    ],
    [
      "labels",
      { requirement: { labels: { gpu: "a100" } } },
      "The run waits for an executor: none of the 1 of group default has the labels gpu=a100.",
    ],
    [
      "labels of the executor it asks for",
      { requirement: { executor: "w1", labels: { gpu: "a100" } } },
      "The run waits for an executor: w1 does not have the labels gpu=a100.",
    ],
    [
      "type",
      { executors: [worker({ types: ["http"] }), worker({ types: [] })] },
      "The run waits for an executor: none of the 2 of group default takes type sql.",
    ],
    ["offline", { executors: [worker({ live: false })] }, "The run waits for an executor: w1 is offline."],
    [
      "draining",
      { executors: [worker({ draining: true })] },
      "The run waits for an executor: w1 is draining.",
    ],
    [
      "several reasons",
      { executors: [worker({ overloaded: true }), worker({ live: false }), worker({ live: false })] },
      "The run waits for an executor: of the 3 of group default that could run it, 1 is above its load limit and 2 are offline.",
    ],
    [
      "capacity",
      { executors: [worker({ capacity: 2, running: 2 })] },
      "The run is in its queue while w1 is at capacity, and it is the next.",
    ],
    ["others before it", { ahead: 4 }, "The run is in its queue, with 4 runs before it."],
    ["very many", { ahead: 10_001 }, "The run is in its queue, with more than 10000 runs before it."],
  ])("%s", (_name, more, sentence) => {
    expect(reason(more)).toBe(sentence);
  });
});

test("an offline executor that drains too is offline, and one that fits is enough", () => {
  const gone = worker({ live: false, draining: true });
  expect(explain(run({ executors: [gone] })).summary).toContain("w1 is offline");
  expect(explain(run({ executors: [gone, worker({ id: 2, name: "w2" })] })).blocker).toBeNull();
});

describe("the estimated start", () => {
  const at = (more: Partial<RunFacts>): number | null => {
    const { estimatedStartAt } = explain(run(more));
    return estimatedStartAt === null ? null : estimatedStartAt - NOW;
  };
  test("is the known time when only time holds the run", () => {
    expect(at({ state: "WAITING", ahead: null, wakeAt: NOW + 5_000, wakeKind: "RETRY" })).toBe(5_000);
    expect(
      at({ state: "WAITING", ahead: null, wakeAt: NOW + 5_000, wakeKind: "TIME", executors: [] }),
    ).toBeNull();
  });
  test("counts who goes first, and how many go on at once", () => {
    const executors = [worker({ capacity: 2, running: 2 }), worker({ capacity: 2, running: 2 })];
    expect(at({ ahead: 7, meanMs: 1_000, executors })).toBe(2_000);
    expect(at({ ahead: 8, meanMs: 1_000, executors })).toBe(3_000);
  });
  test("is now while there is room for all that go first", () => {
    expect(at({ ahead: 1, meanMs: 1_000, executors: [worker({ capacity: 5, running: 2 })] })).toBe(0);
  });
  test("of a run in line counts the line", () => {
    expect(at({ state: "WAITING", ahead: null, meanMs: 1_000, places: [place()] })).toBe(2_000);
  });
  test("is unknown without experience or an executor", () => {
    expect(at({ ahead: 5 })).toBeNull();
    expect(at({ executors: [], meanMs: 1_000 })).toBeNull();
    expect(
      at({ state: "WAITING", ahead: null, dependencies: { ids: ["5"], count: 1 }, meanMs: 1 }),
    ).toBeNull();
  });
  test("of a running run is when it started, and an ended one has none", () => {
    expect(at({ state: "RUNNING", ahead: null, startedAt: NOW - 3_000 })).toBe(-3_000);
    expect(at({ state: "FAILED", ahead: null })).toBeNull();
  });
});

test("an ended run has no gates", () => {
  expect(explain(run({ state: "SUCCEEDED", ahead: null }))).toMatchObject({
    gates: [],
    summary: "The run has ended: SUCCEEDED.",
  });
});

test("a run that waits for a rate starts when it is let in, if nothing else holds it", () => {
  const waits = place({ kind: "RATE", everyMs: 60_000, opensAt: NOW + 60_000 });
  const facts = run({ state: "WAITING", ahead: null, places: [waits] });
  expect(explain(facts)).toMatchObject({
    blocker: { kind: "RATE", until: NOW + 60_000 },
    estimatedStartAt: NOW + 60_000,
  });
  expect(explain({ ...facts, executors: [] }).estimatedStartAt).toBeNull();
});
