/** Fires as people see them: wall clock, offset, and a note on days on which the clocks change. */
import { expect, test } from "vitest";
import { fireTime } from "../../server/core/schedule/fire-time.ts";

test.each<[string, string, string, string, string | null]>([
  ["UTC", "2027-01-01T03:00:00Z", "2027-01-01T03:00:00", "+00:00", null],
  ["UTC", "2027-01-01T03:00:00.100Z", "2027-01-01T03:00:00.100", "+00:00", null],
  ["Asia/Kathmandu", "2027-01-01T00:00:00Z", "2027-01-01T05:45:00", "+05:45", null],
  ["America/New_York", "2027-03-13T12:00:00Z", "2027-03-13T07:00:00", "-05:00", null],
  [
    "America/New_York",
    "2027-03-14T05:00:00Z",
    "2027-03-14T00:00:00",
    "-05:00",
    "forward from 02:00 to 03:00",
  ],
  [
    "America/New_York",
    "2027-03-14T07:00:00Z",
    "2027-03-14T03:00:00",
    "-04:00",
    "forward from 02:00 to 03:00",
  ],
  ["America/New_York", "2027-11-07T06:30:00Z", "2027-11-07T01:30:00", "-05:00", "back from 02:00 to 01:00"],
  ["America/New_York", "2027-11-08T05:00:00Z", "2027-11-08T00:00:00", "-05:00", null],
  // The clocks go forward at midnight, so that the day begins at 01:00, and back to the day before.
  ["Africa/Cairo", "2027-04-29T22:00:00Z", "2027-04-30T01:00:00", "+03:00", "forward from 00:00 to 01:00"],
  ["Africa/Cairo", "2027-10-28T20:30:00Z", "2027-10-28T23:30:00", "+03:00", "back from 00:00 to 23:00"],
  ["Africa/Cairo", "2027-10-29T09:00:00Z", "2027-10-29T11:00:00", "+02:00", null],
  ["Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31T00:00:00", "+14:00", null],
])("in %s, %s is %s %s: %s", (timeZone, at, local, offset, note) => {
  expect(fireTime(timeZone, Date.parse(at))).toEqual({
    at: Date.parse(at),
    local,
    offset,
    note: note === null ? null : `the clocks go ${note}`,
  });
});
