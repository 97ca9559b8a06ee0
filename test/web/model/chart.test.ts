/** The rate chart's columns and the overview's advice. */
import { describe, expect, test } from "vitest";
import { chartColumns } from "../../../web/model/chart.ts";
import { adviceFor } from "../../../web/model/health.ts";

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 10, 21, 12, 0, 30);

test("minutes without a point are zero, and the last minute is the present one", () => {
  const [at, ended, succeeded, started] = chartColumns(
    [{ at: new Date(NOW - MINUTE).toISOString(), started: 7, succeeded: 5, failed: 2 }],
    3,
    NOW,
  );
  expect(at.at(-1)).toBe(Date.UTC(2026, 10, 21, 12, 0, 0) / 1000);
  expect(at.map((second, index) => second - (at[index - 1] ?? second - 60))).toEqual([60, 60, 60]);
  expect(started).toEqual([0, 7, 0]);
  expect(succeeded).toEqual([0, 5, 0]);
  expect(ended).toEqual([0, 7, 0]);
});

test("points outside the window are left out", () => {
  const old = [{ at: new Date(NOW - 5 * MINUTE).toISOString(), started: 9, succeeded: 9, failed: 0 }];
  expect(chartColumns(old, 3, NOW)[3]).toEqual([0, 0, 0]);
});

describe("advice", () => {
  const well = { ready: 0, executorsOnline: 1, oldestReadySeconds: null, triggerLatenessSeconds: null };

  test("all is well", () => {
    expect(adviceFor(well)).toEqual([]);
    expect(adviceFor({ ...well, ready: 5, oldestReadySeconds: 2, triggerLatenessSeconds: 0.4 })).toEqual([]);
    expect(adviceFor({ ...well, executorsOnline: 0 })).toEqual([]);
  });

  test("ready runs without an executor ask for a worker", () => {
    expect(adviceFor({ ...well, ready: 2, executorsOnline: 0, oldestReadySeconds: 90 })).toEqual([
      "2 runs are ready and no executor is online. Start a worker.",
    ]);
  });

  test("an old ready run and a late trigger are named with their age", () => {
    const [ready, trigger] = adviceFor({
      ...well,
      ready: 1,
      oldestReadySeconds: 120,
      triggerLatenessSeconds: 30,
    });
    expect(ready).toContain("2m");
    expect(trigger).toContain("30 s");
  });
});
