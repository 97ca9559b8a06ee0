/** What people type into dialogs. */
import { describe, expect, test } from "vitest";
import {
  durationOf,
  fieldAtFault,
  readJob,
  readPace,
  readPreview,
  readRedrive,
  readSchedule,
  readStartRun,
  readTrigger,
  tagsOf,
} from "../../../web/model/forms.ts";

const run = { job: "j", input: "", priority: "", delay: "", tags: "", idempotencyKey: "" };
const job = {
  name: "j",
  description: "",
  type: "http",
  group: "",
  input: "",
  timeout: "",
  priority: "",
  tags: "",
};
const schedule = {
  kind: "cron",
  expression: "* * * * *",
  dialect: "UNIX",
  timeZone: "",
  every: "",
  at: "",
  from: "08:00",
  until: "18:00",
  weekdays: ["MONDAY", "FRIDAY"],
  startAt: "",
  jitter: "",
} as const;

describe("durations", () => {
  test.each([
    ["90s", "PT90S"],
    ["90", "PT90S"],
    ["5 m", "PT5M"],
    ["5min", "PT5M"],
    ["1.5h", "PT1.5H"],
    ["2 days", "P2D"],
    ["250ms", "PT0.25S"],
    ["pt10s", "PT10S"],
    ["P1D", "P1D"],
    ["soon", null],
    ["", null],
    ["-5s", null],
  ])("%j is %s", (text, iso) => {
    expect(durationOf(text)).toBe(iso);
  });
});

test("tags come apart at commas and blanks, each once", () => {
  expect(tagsOf(" a, b  a,,c ")).toEqual(["a", "b", "c"]);
});

describe("starting a run", () => {
  test("blank fields are left to the job", () => {
    expect(readStartRun(run)).toEqual({ values: { job: "j" }, faults: {} });
  });

  test("everything typed is sent as the API wants it", () => {
    expect(
      readStartRun({
        job: " j ",
        input: '{"a":1}',
        priority: "-3",
        delay: "5m",
        tags: "x y",
        idempotencyKey: " once ",
      }).values,
    ).toEqual({
      job: "j",
      input: { a: 1 },
      priority: -3,
      delay: "PT5M",
      tags: ["x", "y"],
      idempotencyKey: "once",
    });
  });

  test("an input of null is an input", () => {
    expect(readStartRun({ ...run, input: "null" }).values).toEqual({ job: "j", input: null });
  });

  test("every fault is named at its field, and nothing is sent", () => {
    const { values, faults } = readStartRun({
      ...run,
      job: " ",
      input: "{",
      priority: "high",
      delay: "soon",
    });
    expect(values).toBeNull();
    expect(Object.keys(faults).sort()).toEqual(["delay", "input", "job", "priority"]);
  });
});

describe("creating", () => {
  test("a job needs a name and a type", () => {
    expect(readJob({ ...job, name: "", type: "" }).faults).toHaveProperty("name");
    expect(readJob({ ...job, name: "", type: "" }).faults).toHaveProperty("type");
    expect(readJob({ ...job, timeout: "30s", group: "g" }).values).toEqual({
      name: "j",
      type: "http",
      timeout: "PT30S",
      group: "g",
    });
  });

  test("each kind of schedule becomes the one field that the API wants", () => {
    expect(readSchedule(schedule).values).toEqual({
      cron: { expression: "* * * * *", dialect: "UNIX", timeZone: "UTC" },
    });
    expect(readSchedule({ ...schedule, kind: "calendarInterval", every: "1 month" }).values).toEqual({
      calendarInterval: { every: "P1M", timeZone: "UTC" },
    });
    expect(
      readSchedule({ ...schedule, kind: "dailyTimeInterval", every: "72m", timeZone: "Asia/Tokyo" }).values,
    ).toEqual({
      dailyTimeInterval: {
        every: "PT72M",
        from: "08:00",
        until: "18:00",
        weekdays: ["MONDAY", "FRIDAY"],
        timeZone: "Asia/Tokyo",
      },
    });
    expect(readSchedule({ ...schedule, kind: "fixedRate", every: "5m" }).values).toEqual({
      fixedRate: { every: "PT5M" },
    });
    expect(readSchedule({ ...schedule, kind: "fixedDelay", every: "5m" }).values).toEqual({
      fixedDelay: { every: "PT5M" },
    });
    expect(readSchedule({ ...schedule, kind: "once", at: "2026-11-21T12:00:00" }).values).toEqual({
      once: { at: new Date("2026-11-21T12:00:00").toISOString() },
    });
  });

  test("an incomplete schedule names the field that it needs", () => {
    expect(readSchedule({ ...schedule, expression: " " }).faults).toHaveProperty("expression");
    expect(readSchedule({ ...schedule, kind: "fixedRate", every: "often" }).faults).toHaveProperty("every");
    expect(readSchedule({ ...schedule, kind: "once", at: "" }).faults).toHaveProperty("at");
    const daily = { ...schedule, kind: "dailyTimeInterval", every: "1h" } as const;
    expect(readSchedule({ ...daily, from: "", until: "", weekdays: [] })).toEqual({
      values: null,
      faults: { from: expect.any(String), until: expect.any(String), weekdays: expect.any(String) },
    });
  });

  test("start and jitter go along where they mean something", () => {
    const named = {
      ...schedule,
      name: "t",
      job: "j",
      startAt: "2026-11-21T12:00:00",
      jitter: "30s",
    } as const;
    const startAt = new Date("2026-11-21T12:00:00").toISOString();
    expect(readTrigger(named).values).toMatchObject({ startAt, jitter: "PT30S" });
    expect(readTrigger({ ...named, jitter: "some" }).faults).toHaveProperty("jitter");
    const delayed = readTrigger({ ...named, kind: "fixedDelay", every: "5m" }).values;
    expect(delayed).toMatchObject({ startAt });
    expect(delayed).not.toHaveProperty("jitter");
    expect(readPreview({ ...named, name: " " }, "default")).toEqual({
      schedule: readSchedule(schedule).values,
      startAt,
      jitter: "PT30S",
    });
    expect(readPreview(named, "team")).toMatchObject({ namespace: "team", name: "t" });
    expect(readPreview({ ...named, expression: "" }, "team")).toBeNull();
  });

  test("a trigger needs a name and a job beside its schedule", () => {
    expect(readTrigger({ ...schedule, name: "", job: "" }).faults).toMatchObject({
      name: expect.any(String),
      job: expect.any(String),
    });
    expect(readTrigger({ ...schedule, name: "t", job: "j" }).values).toMatchObject({ name: "t", job: "j" });
  });
});

test("the server's complaint goes to the innermost field that the form has", () => {
  expect(fieldAtFault("input.schedule.cron.expression", ["name", "expression"])).toBe("expression");
  expect(fieldAtFault("input.name", ["name"])).toBe("name");
  expect(fieldAtFault("input.retry", ["name"])).toBeUndefined();
  expect(fieldAtFault(undefined, ["name"])).toBeUndefined();
});

test("a redriven run's input is sent when it is another one, and only when it is JSON", () => {
  expect(readRedrive('{"a":1}', '{"a":1}')).toEqual({ values: {}, faults: {} });
  expect(readRedrive('{"a":1}', '{"a":2}').values).toEqual({ input: { a: 2 } });
  for (const text of ["", "null", "{"]) expect(readRedrive('{"a":1}', text).faults.input).toBeDefined();
});

test("a pace is a number of runs per second within the server's bounds; blank is all at once", () => {
  expect(readPace(" ").values).toEqual({ perSecond: null });
  expect(readPace("0.5").values).toEqual({ perSecond: 0.5 });
  for (const text of ["0", "-1", "often", "20000", "Infinity"]) expect(readPace(text).values).toBeNull();
});
