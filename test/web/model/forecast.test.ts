/** Minutes of a forecast, summed and searched. */
import { expect, test } from "vitest";
import {
  columnsOf,
  fullestMinutes,
  type MinuteCounts,
  snapped,
  stepFor,
  totalOf,
  viewOf,
} from "../../../web/model/forecast.ts";

const MINUTE = 60_000;
const FROM = Date.parse("2030-01-01T12:30:00Z");
/** Two hours, in which minute n has n fires. */
const minutes: MinuteCounts = {
  fromMs: FROM,
  knownMs: FROM + 120 * MINUTE,
  counts: Array.from({ length: 120 }, (_, minute) => minute),
};
const whole = { fromMs: FROM, toMs: FROM + 120 * MINUTE };
const sum = (from: number, to: number): number => minutes.counts.slice(from, to).reduce((a, b) => a + b, 0);

test("bars are as short as there is room for", () => {
  expect(stepFor(whole, 120)).toBe(1);
  expect(stepFor(whole, 119)).toBe(2);
  expect(stepFor({ fromMs: 0, toMs: 30 * 1440 * MINUTE }, 150)).toBe(360);
  expect(stepFor({ fromMs: 0, toMs: 30 * 1440 * MINUTE }, 1)).toBe(1440);
});

test("minutes are summed into bars that begin at full hours of the reader's clock", () => {
  expect(columnsOf(minutes, whole, 60, 0)).toEqual([
    ["12:00", "13:00", "14:00"].map((time) => Date.parse(`2030-01-01T${time}:00Z`) / 1000),
    [sum(0, 30), sum(30, 90), sum(90, 120)],
  ]);
  // Half an hour apart, as in India.
  expect(columnsOf(minutes, whole, 60, 330)[1]).toEqual([sum(0, 60), sum(60, 120)]);
});

test("what nobody looked at is not zero", () => {
  const cut = { ...minutes, knownMs: FROM + 60 * MINUTE };
  expect(columnsOf(cut, whole, 60, 330)[1]).toEqual([sum(0, 60), null]);
});

test("the fullest minutes of a view come first, the earlier one of two that are equal", () => {
  expect(fullestMinutes(minutes, { fromMs: FROM, toMs: FROM + 10 * MINUTE }, 3)).toEqual(
    [9, 8, 7].map((fires) => ({ atMs: FROM + fires * MINUTE, fires })),
  );
  const equal = { ...minutes, counts: [0, 2, 2, 0] };
  expect(fullestMinutes(equal, whole, 5).map(({ atMs }) => (atMs - FROM) / MINUTE)).toEqual([1, 2]);
  expect(totalOf(minutes, { fromMs: FROM + MINUTE, toMs: FROM + 3 * MINUTE })).toBe(3);
});

test("an address that names no part, or one outside, shows the whole", () => {
  expect(viewOf(minutes, undefined, undefined)).toEqual(whole);
  expect(viewOf(minutes, "nonsense", "2030-01-01T13:00:00Z")).toEqual({ ...whole, toMs: FROM + 30 * MINUTE });
  expect(viewOf(minutes, "2031-01-01T00:00:00Z", undefined)).toEqual(whole);
  expect(viewOf(minutes, "2020-01-01T00:00:00Z", "2040-01-01T00:00:00Z")).toEqual(whole);
});

test("what is dragged over becomes whole minutes, five at least", () => {
  expect(snapped({ fromMs: FROM + 100, toMs: FROM + 10 * MINUTE + 100 })).toEqual({
    fromMs: FROM,
    toMs: FROM + 11 * MINUTE,
  });
  expect(snapped({ fromMs: FROM, toMs: FROM + 1 })).toEqual({ fromMs: FROM, toMs: FROM + 5 * MINUTE });
});
