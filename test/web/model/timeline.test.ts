/** A run's waterfall. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type TimedRun, timelineOf } from "../../../web/model/timeline.ts";

const at = (second: number): string =>
  new Date(Date.UTC(2026, 10, 21, 12, 0, 0) + second * 1000).toISOString();
const now = (second: number): number => Date.parse(at(second));

test("a run that ran once splits into waiting, ready and running", () => {
  const { rows, fromMs, toMs } = timelineOf(
    {
      createdAt: at(0),
      readyAt: at(5),
      endedAt: at(10),
      attempts: [{ number: 1, startedAt: at(6), endedAt: at(10), outcome: "SUCCEEDED" }],
    },
    now(99),
  );
  expect(toMs - fromMs).toBe(10_000);
  expect(rows).toEqual([
    {
      label: "Attempt 1",
      segments: [
        { kind: "waiting", tone: "waiting", spanMs: 5_000, left: 0, width: 0.5 },
        { kind: "ready", tone: "ready", spanMs: 1_000, left: 0.5, width: 0.1 },
        { kind: "running", tone: "good", spanMs: 4_000, left: 0.6, width: 0.4 },
      ],
    },
  ]);
});

test("a retry has a row of its own that begins where the failed attempt ended", () => {
  const { rows } = timelineOf(
    {
      createdAt: at(0),
      readyAt: at(15),
      endedAt: null,
      attempts: [
        { number: 1, startedAt: at(0), endedAt: at(5), outcome: "FAILED" },
        { number: 2, startedAt: at(16), endedAt: null, outcome: "RUNNING" },
      ],
    },
    now(20),
  );
  expect(rows.map((row) => row.segments.map(({ kind, tone, spanMs }) => [kind, tone, spanMs]))).toEqual([
    [["running", "bad", 5_000]],
    [
      ["waiting", "waiting", 10_000],
      ["ready", "ready", 1_000],
      ["running", "running", 4_000],
    ],
  ]);
});

test("a run that no worker has taken grows to the present", () => {
  const { rows } = timelineOf({ createdAt: at(0), readyAt: at(1), endedAt: null, attempts: [] }, now(4));
  expect(rows).toEqual([
    {
      label: "Start",
      segments: [
        { kind: "waiting", tone: "waiting", spanMs: 1_000, left: 0, width: 0.25 },
        { kind: "ready", tone: "ready", spanMs: 3_000, left: 0.25, width: 0.75 },
      ],
    },
  ]);
});

test("a run cancelled while it waited ends where it was cancelled", () => {
  const { rows, toMs, fromMs } = timelineOf(
    { createdAt: at(0), readyAt: null, endedAt: at(3), attempts: [] },
    now(50),
  );
  expect(toMs - fromMs).toBe(3_000);
  expect(rows).toMatchObject([{ label: "No attempt", segments: [{ kind: "waiting", width: 1 }] }]);
});

test("between attempts the run shows as waiting in a row named Next", () => {
  const { rows } = timelineOf(
    {
      createdAt: at(0),
      readyAt: at(0),
      endedAt: null,
      attempts: [{ number: 1, startedAt: at(0), endedAt: at(2), outcome: "TIMED_OUT" }],
    },
    now(4),
  );
  expect(rows.at(-1)).toMatchObject({ label: "Next", segments: [{ kind: "waiting", spanMs: 2_000 }] });
});

test("whatever the clocks say, segments stay inside the axis, do not overlap and are never empty", () => {
  const second = fc.integer({ min: 0, max: 1_000 });
  const attempt = fc.record({
    number: fc.integer({ min: 1, max: 9 }),
    startedAt: second.map(at),
    endedAt: fc.option(second.map(at)),
    outcome: fc.constantFrom("RUNNING" as const, "FAILED" as const, "SUCCEEDED" as const),
  });
  const run: fc.Arbitrary<TimedRun> = fc.record({
    createdAt: second.map(at),
    readyAt: fc.option(second.map(at)),
    endedAt: fc.option(second.map(at)),
    attempts: fc.array(attempt, { maxLength: 4 }),
  });
  fc.assert(
    fc.property(run, second, (timed, present) => {
      for (const { segments } of timelineOf(timed, now(present)).rows) {
        let end = 0;
        for (const segment of segments) {
          expect(segment.width).toBeGreaterThan(0);
          expect(segment.left).toBeGreaterThanOrEqual(end - 1e-9);
          end = segment.left + segment.width;
          expect(end).toBeLessThanOrEqual(1 + 1e-9);
        }
      }
    }),
  );
});
