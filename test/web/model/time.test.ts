/** Times, durations, rates and sizes in words. */
import { describe, expect, test } from "vitest";
import {
  clockTime,
  durationInWords,
  everyInWords,
  formatBytes,
  formatCount,
  formatRate,
  formatSpan,
  fullTime,
  preciseTime,
  relativeTime,
} from "../../../web/model/time.ts";

const NOW = Date.parse("2026-11-21T12:00:00.000Z");

describe("spans", () => {
  test.each([
    [0, "0 ms"],
    [840, "840 ms"],
    [999.4, "999 ms"],
    [1_000, "1.0 s"],
    [4_240, "4.2 s"],
    [9_949, "9.9 s"],
    [9_950, "10 s"],
    [59_400, "59 s"],
    [59_600, "1m"],
    [200_000, "3m 20s"],
    [3_600_000, "1h"],
    [7_500_000, "2h 5m"],
    [86_399_999, "1d"],
    [349_200_000, "4d 1h"],
    [-5, "0 ms"],
  ])("%d ms is %s", (ms, words) => {
    expect(formatSpan(ms)).toBe(words);
  });
});

describe("distances from now", () => {
  test.each([
    ["2026-11-21T12:00:00.400Z", "now"],
    ["2026-11-21T11:59:59.600Z", "just now"],
    ["2026-11-21T11:59:48.000Z", "12 s ago"],
    ["2026-11-21T11:58:59.000Z", "1 min ago"],
    ["2026-11-21T09:59:00.000Z", "2 h ago"],
    ["2026-11-18T12:00:00.000Z", "3 d ago"],
    ["2026-11-21T12:00:07.100Z", "in 8 s"],
    ["2026-11-21T12:03:20.000Z", "in 3m 20s"],
  ])("%s is %s", (at, words) => {
    expect(relativeTime(at, NOW)).toBe(words);
  });
});

describe("clock times", () => {
  test("today's are the time alone, in the reader's zone", () => {
    expect(clockTime("2026-11-21T13:05:09.000Z", NOW, "UTC")).toBe("13:05:09");
    expect(clockTime("2026-11-21T13:05:09.000Z", NOW, "Asia/Tokyo")).toBe("22:05:09");
  });

  test("another day's bear the date, another year's the year too", () => {
    expect(clockTime("2026-11-20T23:00:00.000Z", NOW, "UTC")).toBe("20 Nov 23:00:00");
    expect(clockTime("2027-01-01T00:00:00.000Z", NOW, "UTC")).toBe("1 Jan 2027 00:00:00");
  });

  test("the day is that of the reader's zone, not of UTC", () => {
    expect(clockTime("2026-11-21T20:00:00.000Z", NOW, "Asia/Tokyo")).toBe("22 Nov 05:00:00");
  });

  test("a log's go to the millisecond and a tooltip's name the zone", () => {
    expect(preciseTime("2026-11-21T13:05:09.007Z", "UTC")).toBe("13:05:09.007");
    expect(fullTime("2026-11-21T13:05:09.007Z", "UTC")).toMatch(/^Sat, 21 Nov 2026.*13:05:09\.007 UTC$/);
  });
});

describe("ISO durations", () => {
  test.each([
    ["PT5M", "5 minutes"],
    ["PT1H30M", "1 hour 30 minutes"],
    ["P1DT12H", "1 day 12 hours"],
    ["P2W", "2 weeks"],
    ["PT0.25S", "0.25 seconds"],
    ["PT0S", "0 seconds"],
    ["P1M", "1 month"],
    ["soon", "soon"],
  ])("%s is %s", (iso, words) => {
    expect(durationInWords(iso)).toBe(words);
  });

  test("a repetition of one unit leaves the number out", () => {
    expect(everyInWords("PT1S")).toBe("every second");
    expect(everyInWords("PT90S")).toBe("every 90 seconds");
    expect(everyInWords("PT1H30M")).toBe("every 1 hour 30 minutes");
  });
});

test("counts keep their digits up to a million", () => {
  expect(formatCount(12_345)).toBe("12,345");
  expect(formatCount(1_234_567)).toBe("1.2M");
});

test.each([
  [0, "0"],
  [0.004, "<0.01"],
  [0.7134, "0.71"],
  [9.999, "10"],
  [12.34, "12.3"],
  [5_312.2, "5,312"],
])("a rate of %d per second is %s", (rate, words) => {
  expect(formatRate(rate)).toBe(words);
});

test.each([
  [0, "0 B"],
  [980, "980 B"],
  [12_340, "12.3 kB"],
  [123_456_789, "123 MB"],
  [5e15, "5000 TB"],
])("%d bytes are %s", (bytes, words) => {
  expect(formatBytes(bytes)).toBe(words);
});
