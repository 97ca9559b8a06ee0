/** A trigger in a form: read, previewed, filled in from what the API gives, and compared with it. */
import { describe, expect, test } from "vitest";
import {
  BLANK_SCHEDULE,
  formOfSchedule,
  readSchedule,
  type Schedule,
} from "../../../web/model/schedule-form.ts";
import {
  BLANK_TRIGGER,
  type EditedTrigger,
  formOfTrigger,
  patchOf,
  readPreview,
  readTrigger,
  type TriggerForm,
} from "../../../web/model/trigger-form.ts";

const AT = "2030-11-21T12:00:00";
const at = new Date(AT).toISOString();

describe("schedules", () => {
  test("each kind becomes the one field that the API wants", () => {
    expect(readSchedule(BLANK_SCHEDULE).values).toEqual({
      cron: { expression: "*/5 * * * *", dialect: "UNIX", timeZone: "UTC", gap: "SHIFT", overlap: "FIRST" },
    });
    expect(readSchedule({ ...BLANK_SCHEDULE, kind: "calendarInterval", every: "1 month" }).values).toEqual({
      calendarInterval: {
        every: "P1M",
        timeZone: "UTC",
        gap: "SHIFT",
        overlap: "FIRST",
        missingDay: "SHIFT",
      },
    });
    expect(
      readSchedule({ ...BLANK_SCHEDULE, kind: "dailyTimeInterval", every: "72m", timeZone: "Asia/Tokyo" })
        .values,
    ).toEqual({
      dailyTimeInterval: {
        every: "PT72M",
        from: "08:00",
        until: "18:00",
        weekdays: ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"],
        timeZone: "Asia/Tokyo",
      },
    });
    expect(readSchedule({ ...BLANK_SCHEDULE, kind: "fixedRate", repeat: "3" }).values).toEqual({
      fixedRate: { every: "PT5M", repeat: 2 },
    });
    expect(readSchedule({ ...BLANK_SCHEDULE, kind: "fixedDelay" }).values).toEqual({
      fixedDelay: { every: "PT5M" },
    });
    expect(readSchedule({ ...BLANK_SCHEDULE, kind: "once", at: AT }).values).toEqual({ once: { at } });
  });

  test("an incomplete one names the field that it needs", () => {
    const faults = (part: object) => Object.keys(readSchedule({ ...BLANK_SCHEDULE, ...part }).faults);
    expect(faults({ expression: " " })).toEqual(["expression"]);
    expect(faults({ kind: "fixedRate", every: "often" })).toEqual(["every"]);
    expect(faults({ kind: "fixedRate", repeat: "0" })).toEqual(["repeat"]);
    expect(faults({ kind: "once", at: "" })).toEqual(["at"]);
    expect(faults({ kind: "dailyTimeInterval", from: "", until: "", weekdays: [] })).toEqual([
      "from",
      "until",
      "weekdays",
    ]);
  });

  const zoned = { timeZone: "Europe/Berlin", gap: "SKIP", overlap: "BOTH" } as const;
  const given: [Schedule, object][] = [
    [
      { __typename: "CronSchedule", expression: "0 0 12 ? * 2", dialect: "QUARTZ", ...zoned },
      { cron: { expression: "0 0 12 ? * 2", dialect: "QUARTZ", ...zoned } },
    ],
    [
      { __typename: "OnceSchedule", at: "2030-01-31T08:00:00.250Z" },
      { once: { at: "2030-01-31T08:00:00.250Z" } },
    ],
    [{ __typename: "FixedRateSchedule", every: "PT0.1S", repeat: null }, { fixedRate: { every: "PT0.1S" } }],
    [
      { __typename: "FixedDelaySchedule", every: "PT1M30S", repeat: 0 },
      { fixedDelay: { every: "PT1M30S", repeat: 0 } },
    ],
    [
      { __typename: "CalendarIntervalSchedule", every: "P1M", missingDay: "SKIP", ...zoned },
      { calendarInterval: { every: "P1M", missingDay: "SKIP", ...zoned } },
    ],
    [
      {
        __typename: "DailyTimeIntervalSchedule",
        every: "PT1H12M",
        from: "22:00",
        until: "01:59:59",
        weekdays: ["SUNDAY", "MONDAY"],
        timeZone: "Europe/Berlin",
        repeat: 9,
      },
      {
        dailyTimeInterval: {
          every: "PT1H12M",
          from: "22:00",
          until: "01:59:59",
          weekdays: ["MONDAY", "SUNDAY"],
          timeZone: "Europe/Berlin",
          repeat: 9,
        },
      },
    ],
  ];
  test.each(given)("%j goes through a form unchanged", (schedule, values) => {
    expect(readSchedule(formOfSchedule(schedule))).toEqual({ values, faults: {} });
  });
});

const named: TriggerForm = { ...BLANK_TRIGGER, name: "t", job: "j" };
const plain = readTrigger(named).values;

test("blank fields take the defaults that the server has", () => {
  expect(plain).toEqual({
    name: "t",
    job: "j",
    group: "default",
    schedule: readSchedule(BLANK_SCHEDULE).values,
    onExcluded: "SKIP",
    misfire: { policy: "FIRE_ONCE", threshold: "PT1M", limit: 100 },
  });
});

test("everything typed is sent as the API wants it", () => {
  const all: TriggerForm = {
    ...named,
    group: "g",
    calendars: ["a", "b"],
    onExcluded: "NEXT_DAY",
    startAt: AT,
    endAt: AT,
    jitter: "30s",
    policy: "FIRE_ALL",
    threshold: "5m",
    limit: "7",
    window: "6h",
    priority: "-3",
    input: "null",
  };
  expect(readTrigger(all).values).toMatchObject({
    group: "g",
    calendars: ["a", "b"],
    onExcluded: "NEXT_DAY",
    startAt: at,
    endAt: at,
    jitter: "PT30S",
    misfire: { policy: "FIRE_ALL", threshold: "PT5M", limit: 7, window: "PT6H" },
    priority: -3,
    input: null,
  });
});

test("what a kind of schedule does not know is not sent, nor is moving without calendars", () => {
  const once = readTrigger({ ...named, kind: "once", at: AT, startAt: AT, jitter: "30s" }).values;
  expect(once).not.toHaveProperty("startAt");
  expect(once).not.toHaveProperty("jitter");
  expect(readTrigger({ ...named, kind: "fixedDelay", jitter: "30s", startAt: AT }).values).toMatchObject({
    startAt: at,
  });
  expect(readTrigger({ ...named, onExcluded: "NEXT_DAY" }).values).toMatchObject({ onExcluded: "SKIP" });
});

test("every fault is named at its field, and nothing is sent", () => {
  const wrong = readTrigger({
    ...BLANK_TRIGGER,
    expression: "",
    jitter: "some",
    threshold: "soon",
    limit: "many",
    window: "long",
    priority: "high",
    input: "{",
  });
  expect(wrong.values).toBeNull();
  expect(Object.keys(wrong.faults).sort()).toEqual(
    ["expression", "input", "job", "jitter", "limit", "name", "priority", "threshold", "window"].sort(),
  );
});

test("a preview asks with the name and the calendars, and not before the times are complete", () => {
  expect(readPreview({ ...BLANK_TRIGGER, calendars: ["c"], jitter: "30s" }, "team")).toEqual({
    schedule: readSchedule(BLANK_SCHEDULE).values,
    calendars: ["c"],
    onExcluded: "SKIP",
    jitter: "PT30S",
    namespace: "team",
    name: "",
  });
  expect(readPreview({ ...named, expression: "" }, "team")).toBeNull();
  expect(readPreview({ ...named, jitter: "some" }, "team")).toBeNull();
});

const trigger: EditedTrigger = {
  name: "t",
  group: "g",
  job: { name: "j" },
  schedule: {
    __typename: "CronSchedule",
    expression: "0 9 * * *",
    dialect: "UNIX",
    timeZone: "UTC",
    gap: "SHIFT",
    overlap: "FIRST",
  },
  calendars: [{ name: "a" }],
  onExcluded: "NEXT_DAY",
  startAt: "2030-01-31T08:00:00.000Z",
  endAt: null,
  jitter: "PT30S",
  misfire: { policy: "FIRE_ALL", threshold: "PT5M", limit: 7, window: "P2D" },
  priority: 3,
  input: { a: [1] },
};

test("a trigger that is opened and left alone changes nothing", () => {
  const values = readTrigger(formOfTrigger(trigger)).values;
  if (values === null) throw new Error("what the server gave cannot be read");
  expect(patchOf(values, values)).toEqual({});
});

test("a change is sent alone, and what was taken away is null", () => {
  const before = readTrigger(formOfTrigger(trigger)).values;
  const edited: TriggerForm = {
    ...formOfTrigger(trigger),
    expression: "0 10 * * *",
    calendars: [],
    startAt: "",
    jitter: "",
    priority: "",
    input: "",
    endAt: AT,
  };
  const after = readTrigger(edited).values;
  if (before === null || after === null) throw new Error("the form cannot be read");
  expect(patchOf(before, after)).toEqual({
    schedule: {
      cron: { expression: "0 10 * * *", dialect: "UNIX", timeZone: "UTC", gap: "SHIFT", overlap: "FIRST" },
    },
    onExcluded: "SKIP",
    calendars: null,
    startAt: null,
    jitter: null,
    priority: null,
    input: null,
    endAt: at,
  });
});
