/** What a dry run says about fires, in words and as a list. */
import { expect, test } from "vitest";
import { changeRows, changesInWords, comparedInWords, type FireChanges } from "../../../web/model/changes.ts";

const DAY_MS = 86_400_000;
const FROM = Date.parse("2030-01-01T00:00:00Z");
const day = (number: number, time: string): string =>
  new Date(Date.parse(`2030-01-01T${time}:00Z`) + (number - 1) * DAY_MS).toISOString();
const none: FireChanges = {
  from: new Date(FROM).toISOString(),
  until: new Date(FROM + 30 * DAY_MS).toISOString(),
  unchanged: 0,
  added: [],
  removed: [],
  moved: [],
};
const days = Array.from({ length: 30 }, (_, index) => index + 1);

test("thirty fires that move alike are one sentence, on the clock of the schedule", () => {
  const moved = days.map((number) => ({ from: day(number, "08:00"), to: day(number, "09:00") }));
  expect(changesInWords({ ...none, moved }, "Europe/Berlin")).toEqual([
    "30 fires move from 09:00 to 10:00.",
    "None stays as it is.",
  ]);
});

test("moves to another day say by how many", () => {
  const moved = [
    { from: day(5, "08:00"), to: day(7, "08:00") },
    { from: day(12, "08:00"), to: day(14, "08:00") },
    { from: day(20, "08:00"), to: day(19, "09:30") },
  ];
  expect(changesInWords({ ...none, moved, unchanged: 1 }, "UTC")).toEqual([
    "2 fires move 2 days later, at 08:00.",
    "1 fire moves 1 day earlier, from 08:00 to 09:30.",
    "1 fire stays as it is.",
  ]);
});

test("ways of moving that many fires go are told, the others counted together", () => {
  const moved = ["01:00", "01:00", "02:00", "03:00", "04:00"].map((time, index) => ({
    from: day(index + 1, "00:00"),
    to: day(index + 1, time),
  }));
  expect(changesInWords({ ...none, moved }, "UTC").slice(0, 2)).toEqual([
    "2 fires move from 00:00 to 01:00.",
    "3 fires move to other times.",
  ]);
});

test("what is new and what is gone says when, if that is always the same", () => {
  expect(
    changesInWords(
      { ...none, added: [day(1, "21:00"), day(2, "21:00")], removed: [day(3, "08:00")], unchanged: 28 },
      "UTC",
    ),
  ).toEqual([
    "1 fire no longer happens, at 08:00.",
    "2 fires are new, each at 21:00.",
    "28 fires stay as they are.",
  ]);
  expect(changesInWords({ ...none, added: [day(1, "21:00"), day(2, "22:00")] }, "UTC")[0]).toBe(
    "2 fires are new.",
  );
});

test("a change that moves nothing says so", () => {
  expect(changesInWords({ ...none, unchanged: 30 })).toEqual(["All 30 fires stay as they are."]);
  expect(changesInWords(none)).toEqual(["It has no fires in that time."]);
});

test("how far was compared is said where that is less than 30 days", () => {
  expect(comparedInWords(none)).toBe("the next 30 days");
  const until = (ms: number): string =>
    comparedInWords({ ...none, until: new Date(FROM + ms).toISOString() });
  expect(until(1.25 * DAY_MS)).toBe("the next 1.3 days, which is as far as a thousand fires go");
  expect(until(DAY_MS / 12)).toBe("the next 2 hours, which is as far as a thousand fires go");
});

test("the list is in order of time, with what was and what will be", () => {
  const changes: FireChanges = {
    ...none,
    added: [day(1, "21:00")],
    removed: [day(3, "08:00")],
    moved: [{ from: day(2, "08:00"), to: day(2, "09:30") }],
  };
  expect(changeRows(changes, "UTC").map(({ kind, before, after }) => [kind, before, after])).toEqual([
    ["added", null, "Tue, 1 Jan 2030, 21:00"],
    ["moved", "Wed, 2 Jan 2030, 08:00", "Wed, 2 Jan 2030, 09:30"],
    ["removed", "Thu, 3 Jan 2030, 08:00", null],
  ]);
});
