/** Backfills: progress, and what is asked for. */
import { expect, test } from "vitest";
import {
  BLANK_BACKFILL,
  canCancel,
  canPause,
  canResume,
  doneShare,
  partsOf,
  readBackfill,
} from "../../../web/model/backfill.ts";

const progress = {
  total: 10,
  pending: 4,
  started: 1,
  succeeded: 3,
  failed: 1,
  cancelled: 0,
  skipped: 0,
  kept: 1,
};

test("a bar has a part for each state that there is, what is done first", () => {
  expect(partsOf(progress).map(({ state, count, share }) => [state, count, share])).toEqual([
    ["SUCCEEDED", 3, 0.3],
    ["KEPT", 1, 0.1],
    ["FAILED", 1, 0.1],
    ["STARTED", 1, 0.1],
    ["PENDING", 4, 0.4],
  ]);
  expect(doneShare(progress)).toBe(0.5);
  expect(doneShare({ ...progress, total: 0 })).toBe(1);
});

test("a stopped one can be resumed and cancelled, a complete one neither", () => {
  const may = (state: Parameters<typeof canPause>[0]) => [
    canPause(state),
    canResume(state),
    canCancel(state),
  ];
  expect(may("RUNNING")).toEqual([true, false, true]);
  expect(may("PAUSED")).toEqual([false, true, true]);
  expect(may("STOPPED")).toEqual([false, true, true]);
  expect(may("COMPLETE")).toEqual([false, false, false]);
  expect(may("CANCELLED")).toEqual([false, false, false]);
});

const range = { from: "2026-01-01T00:00", to: "2026-01-31T00:00" };
const iso = { from: new Date(range.from).toISOString(), to: new Date(range.to).toISOString() };
const rest = { order: "ASCENDING", maxParallel: 1, onFailure: "CONTINUE", reprocess: "NONE" };

test("a range of a trigger's times, or of a job's days, which have a zone", () => {
  expect(readBackfill({ ...BLANK_BACKFILL, trigger: " t ", ...range }).values).toEqual({
    trigger: "t",
    ...iso,
    ...rest,
  });
  expect(
    readBackfill({ ...BLANK_BACKFILL, of: "job", job: "j", timeZone: "Europe/Berlin", ...range }).values,
  ).toEqual({ job: "j", timeZone: "Europe/Berlin", ...iso, ...rest });
});

test("a list of dates, in the order in which they are written", () => {
  const dates = "2026-03-01T08:00Z\n2026-01-01 08:00Z, 2026-02-01T08:00:00+01:00\n\n";
  const wanted = readBackfill({ ...BLANK_BACKFILL, trigger: "t", which: "list", dates });
  expect(wanted.values?.dates).toEqual([
    "2026-03-01T08:00:00.000Z",
    "2026-01-01T08:00:00.000Z",
    "2026-02-01T07:00:00.000Z",
  ]);
  expect(wanted.values).not.toHaveProperty("from");
});

test("every fault is named at its field", () => {
  const wrong = readBackfill({ ...BLANK_BACKFILL, maxParallel: "0", priority: "high", input: "{" });
  expect(wrong.values).toBeNull();
  expect(Object.keys(wrong.faults).sort()).toEqual([
    "from",
    "input",
    "maxParallel",
    "priority",
    "to",
    "trigger",
  ]);
  const list = { ...BLANK_BACKFILL, trigger: "t", which: "list" } as const;
  expect(readBackfill({ ...list, dates: " " }).faults).toHaveProperty("dates");
  expect(readBackfill({ ...list, dates: "2026-01-01T08:00Z\nsoon" }).faults.dates).toBe(
    '"soon" is not a date and time.',
  );
});
