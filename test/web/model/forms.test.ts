/** What people type into dialogs. */
import { describe, expect, test } from "vitest";
import {
  durationOf,
  durationTyped,
  fieldAtFault,
  instantOf,
  localOf,
  readJob,
  readPace,
  readRedrive,
  readStartRun,
  rebased,
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

  test.each(["5m", "1mo", "2d", "1y", "90s", "P1DT12H", "0.1s"])("%s comes back as it was typed", (text) => {
    expect(durationTyped(durationOf(text) ?? "")).toBe(text);
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
});

test("the server's complaint goes to the innermost field that the form has", () => {
  expect(fieldAtFault("input.schedule.cron.expression", ["name", "expression"])).toBe("expression");
  expect(fieldAtFault("input.name", ["name"])).toBe("name");
  expect(fieldAtFault("input.retry", ["name"])).toBeUndefined();
  expect(fieldAtFault(undefined, ["name"])).toBeUndefined();
  expect(fieldAtFault("input.calendars[1]", ["calendars"])).toBe("calendars");
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

test("an instant goes into a field of local time and comes back, to the millisecond", () => {
  for (const at of ["2030-01-31T08:00:00.000Z", "2030-07-01T12:34:56.789Z"])
    expect(instantOf(localOf(at))).toBe(at);
  expect(localOf("2030-01-31T08:00:00.000Z")).toMatch(/^2030-01-3\dT\d\d:\d\d:00$/);
  for (const text of ["", " ", "tomorrow"]) expect(instantOf(text)).toBeNull();
});

test("what was edited stays when somebody else's change is taken in", () => {
  const before = { name: "n", every: "5m", weekdays: ["MONDAY"] };
  const edited = { ...before, every: "10m" };
  expect(rebased(edited, before, { name: "n2", every: "1h", weekdays: ["FRIDAY"] })).toEqual({
    name: "n2",
    every: "10m",
    weekdays: ["FRIDAY"],
  });
});
