/** Calendar intervals as text: what is given back means what was given. */
import { expect, test } from "vitest";
import { parseDuration } from "../../server/core/duration.ts";
import { formatInterval, readInterval } from "../../server/core/schedule/calendar-interval.ts";

const back = (text: string): string =>
  formatInterval({
    ...readInterval(parseDuration(text)),
    kind: "calendarInterval",
    timeZone: "UTC",
    missingDay: "SHIFT",
    gap: "SHIFT",
    overlap: "FIRST",
  });

test.each([
  ["P1D", "P1D"],
  ["PT24H", "PT24H"],
  ["PT36H", "PT36H"],
  ["P2W", "P14D"],
  ["PT90M", "PT1H30M"],
  ["PT25H0.5S", "PT25H0.5S"],
  ["PT30S", "PT30S"],
  ["P12M", "P1Y"],
  ["P5M", "P5M"],
])("%s is given back as %s, and read again as itself", (given, text) => {
  expect(back(given)).toBe(text);
  expect(readInterval(parseDuration(back(given)))).toEqual(readInterval(parseDuration(given)));
});
