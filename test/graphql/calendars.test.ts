/** Calendars over GraphQL: each kind, chains, what a change moves, and triggers that go by them. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { get, refused } from "./client.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
  await get(server, `mutation { createJob(input: { name: "work", type: "t" }) { id } }`);
});
afterAll(() => server.close());

const CREATE = `mutation ($input: CalendarInput!, $dryRun: Boolean) { createCalendar(input: $input, dryRun: $dryRun) { ...shown } }
  fragment shown on Calendar { id name timeZone version base { name } rule {
    __typename
    ... on AnnualCalendar { annual: days } ... on HolidaysCalendar { dates { date label } } ... on WeeklyCalendar { weekdays }
    ... on MonthlyCalendar { monthly: days } ... on DailyCalendar { from until invert }
    ... on CronCalendar { expression dialect } ... on PeriodsCalendar { periods { from until label } } }
    changes { triggers moved changes { trigger { name } changes { added removed moved { from to } } } } }`;
const UPDATE = `mutation ($name: String!, $input: CalendarPatch!, $dryRun: Boolean, $version: Int) {
  updateCalendar(name: $name, input: $input, dryRun: $dryRun, version: $version) { version base { name }
    changes { triggers moved changes { trigger { name } changes { added removed moved { from to } } } } } }`;
const TRIGGER = `mutation ($input: TriggerInput!) { createTrigger(input: $input) { name nextFireAt calendars { name } } }`;

async function calendar(name: string, rule: object, more: object = {}) {
  return (await get(server, CREATE, { input: { name, rule, ...more } })).createCalendar;
}
async function trigger(name: string, calendars: string[], more: object = {}) {
  const schedule = { cron: { expression: "0 9 * * *" } };
  return (await get(server, TRIGGER, { input: { name, job: "work", schedule, calendars, ...more } }))
    .createTrigger;
}

test.each([
  ["annual", { annual: { days: ["12-25", "01-01", "12-25"] } }, { annual: ["01-01", "12-25"] }],
  [
    "holidays",
    { holidays: { dates: [{ date: "2030-05-01", label: "Labour Day" }, { date: "2030-01-01" }] } },
    {
      dates: [
        { date: "2030-01-01", label: null },
        { date: "2030-05-01", label: "Labour Day" },
      ],
    },
  ],
  ["weekly", { weekly: {} }, { weekdays: ["SUNDAY", "SATURDAY"] }],
  ["monthly", { monthly: { days: [15, -1] } }, { monthly: [-1, 15] }],
  ["daily", { daily: { from: "18:00", until: "08:00" } }, { from: "18:00", until: "08:00", invert: false }],
  ["cron", { cron: { expression: "* 0-5 * * *" } }, { expression: "* 0-5 * * *", dialect: "UNIX" }],
  [
    "periods",
    {
      periods: { periods: [{ from: "2030-01-01T00:00:00Z", until: "2030-01-02T12:00:00Z", label: "move" }] },
    },
    { periods: [{ from: "2030-01-01T00:00:00.000Z", until: "2030-01-02T12:00:00.000Z", label: "move" }] },
  ],
])("a calendar of the kind %s comes back as it was given, sorted", async (name, rule, shown) => {
  expect(await calendar(`kind-${name}`, rule, { timeZone: "Europe/Berlin" })).toMatchObject({
    version: 1,
    timeZone: "Europe/Berlin",
    rule: shown,
    changes: { triggers: 0, moved: 0, changes: [] },
  });
});

test.each([
  [{ annual: { days: ["13-01"] } }, "rule.annual.days"],
  [{ holidays: { dates: [{ date: "2030-02-30" }] } }, "rule.holidays.dates[0].date"],
  [{ weekly: { weekdays: [] } }, "rule.weekly.weekdays"],
  [{ monthly: { days: [32] } }, "rule.monthly.days"],
  [{ daily: { from: "8", until: "09:00" } }, "rule.daily.from"],
  [{ cron: { expression: "* 25 * * *" } }, "rule.cron.expression"],
])("%j is refused, naming %s", async (rule, field) => {
  const problem = await refused(server, CREATE, { input: { name: "bad", rule } });
  expect(problem.extensions).toEqual({ code: "BAD_INPUT", field });
});

test("a trigger fires only when all its calendars and their bases include the time", async () => {
  await calendar("weekends", { weekly: {} });
  await calendar("new-year", { annual: { days: ["01-01"] } }, { base: "weekends" });
  await calendar("evenings", { daily: { from: "18:00", until: "24:00".replace("24", "00") } });
  const made = await trigger("chained", ["new-year", "evenings"], {
    schedule: { cron: { expression: "0 9,19 * * *" } },
    startAt: "2029-12-28T00:00:00Z",
  });
  expect(made.calendars).toEqual([{ name: "new-year" }, { name: "evenings" }]);
  const { trigger: shown } = await get(server, `{ trigger(name: "chained") { nextFires(first: 4) } }`);
  // 29 and 30 December 2029 are a weekend, the first of January is a Tuesday.
  expect(shown.nextFires).toEqual(
    ["2029-12-28", "2029-12-31", "2030-01-02", "2030-01-03"].map((day) => `${day}T09:00:00.000Z`),
  );
  const { calendar: base } = await get(
    server,
    `{ calendar(name: "new-year") { excluded(from: "2029-12-28T12:00:00Z", first: 2) { from until by } triggers { nodes { name } } } }`,
  );
  expect(base).toEqual({
    excluded: [
      { from: "2029-12-29T00:00:00.000Z", until: "2029-12-31T00:00:00.000Z", by: ["weekends"] },
      { from: "2030-01-01T00:00:00.000Z", until: "2030-01-02T00:00:00.000Z", by: ["new-year"] },
    ],
    triggers: { nodes: [{ name: "chained" }] },
  });
});

test("a preview takes calendars into account, and says what was moved", async () => {
  await calendar("sundays", { weekly: { weekdays: ["SUNDAY"] } });
  const PREVIEW = `query ($onExcluded: OnExcluded) { previewFires(first: 2, from: "2030-01-01T00:00:00Z", calendars: ["sundays"],
    onExcluded: $onExcluded, schedule: { cron: { expression: "0 9 6 * *" } }) { at note } }`;
  // Sunday, 6 January 2030.
  expect((await get(server, PREVIEW)).previewFires[0].at).toBe("2030-02-06T09:00:00.000Z");
  expect((await get(server, PREVIEW, { onExcluded: "NEXT_DAY" })).previewFires[0]).toEqual({
    at: "2030-01-07T09:00:00.000Z",
    note: "moved from 2030-01-06 by a calendar",
  });
  expect((await get(server, PREVIEW, { onExcluded: "PREVIOUS_DAY" })).previewFires[0].at).toBe(
    "2030-01-05T09:00:00.000Z",
  );
});

test("replacing a calendar moves its triggers and says what moved; a dry run only says it", async () => {
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
  await calendar("closed", { holidays: { dates: [{ date: "2020-01-01" }] } });
  await calendar("closed-and-more", { annual: { days: ["02-29"] } }, { base: "closed" });
  await trigger("direct", ["closed"]);
  await trigger("through-base", ["closed-and-more"]);
  await trigger("unrelated", []);
  const before = (await get(server, `{ trigger(name: "direct") { nextFires(first: 2) version } }`)).trigger;
  const input = { rule: { holidays: { dates: [{ date: tomorrow }] } } };
  const dry = (await get(server, UPDATE, { name: "closed", input, dryRun: true })).updateCalendar;
  expect(dry.changes.triggers).toBe(2);
  expect(dry.changes.changes.map((one: { trigger: { name: string } }) => one.trigger.name)).toEqual([
    "direct",
    "through-base",
  ]);
  expect(dry.changes.changes[0].changes).toMatchObject({
    added: [],
    removed: [`${tomorrow}T09:00:00.000Z`],
    moved: [],
  });
  expect((await get(server, `{ trigger(name: "direct") { nextFires(first: 2) version } }`)).trigger).toEqual(
    before,
  );
  const real = (await get(server, UPDATE, { name: "closed", input, version: 1 })).updateCalendar;
  expect(real).toMatchObject({ version: 2, changes: { triggers: 2, changes: dry.changes.changes } });
  const after = (await get(server, `{ trigger(name: "through-base") { nextFires(first: 5) } }`)).trigger;
  expect(after.nextFires.join()).not.toContain(tomorrow);
  expect((await refused(server, UPDATE, { name: "closed", input, version: 1 })).extensions).toEqual({
    code: "CONFLICT",
    field: "version",
  });
  // What changes nothing makes no version.
  expect((await get(server, UPDATE, { name: "closed", input })).updateCalendar.version).toBe(2);
});

test("a calendar in use cannot be deleted, and says who uses it", async () => {
  await calendar("used", { weekly: {} });
  await calendar("above", { annual: { days: ["12-25"] } }, { base: "used" });
  await trigger("user", ["used"]);
  const DELETE = `mutation ($name: String!) { deleteCalendar(name: $name) }`;
  expect((await refused(server, DELETE, { name: "used" })).message).toBe(
    'the calendar is in use by trigger "user", calendar "above"; take it out of them first',
  );
  await get(server, `mutation { updateTrigger(name: "user", input: { calendars: null }) { id } }`);
  await get(server, DELETE, { name: "above" });
  expect((await get(server, DELETE, { name: "used" })).deleteCalendar).toBe(true);
  expect((await get(server, `{ calendar(name: "used") { id } }`)).calendar).toBeNull();
});

test("a chain that comes back to its beginning is refused, and shown", async () => {
  await calendar("a", { weekly: {} });
  await calendar("b", { weekly: {} }, { base: "a" });
  await calendar("c", { weekly: {} }, { base: "b" });
  expect(await refused(server, UPDATE, { name: "a", input: { base: "c" } })).toMatchObject({
    message: 'makes a circle: "a" → "c" → "b" → "a"; choose another base',
    extensions: { code: "BAD_INPUT", field: "base" },
  });
  expect((await refused(server, UPDATE, { name: "a", input: { base: "a" } })).message).toBe(
    'makes a circle: "a" → "a"; choose another base',
  );
});

test("what a calendar leaves nothing of is refused", async () => {
  await calendar("never", { cron: { expression: "* 9 * * *" } });
  const input = { name: "idle", job: "work", schedule: { cron: { expression: "0 9 * * *" } } };
  const idle = await refused(server, TRIGGER, { input: { ...input, calendars: ["never"] } });
  expect(idle.extensions).toEqual({ code: "BAD_INPUT", field: "schedule" });
  const unknown = await refused(server, TRIGGER, { input: { ...input, calendars: ["weekends", "nowhere"] } });
  expect(unknown).toMatchObject({ extensions: { code: "NOT_FOUND", field: "calendars[1]" } });
  const twice = await refused(server, TRIGGER, { input: { ...input, calendars: ["weekends", "weekends"] } });
  expect(twice.extensions).toEqual({ code: "BAD_INPUT", field: "calendars[1]" });
  const moved = await refused(server, TRIGGER, {
    input: {
      ...input,
      schedule: { fixedRate: { every: "PT1M" } },
      calendars: ["weekends"],
      onExcluded: "NEXT_DAY",
    },
  });
  expect(moved.extensions).toEqual({ code: "BAD_INPUT", field: "onExcluded" });
});

const ICS = [
  "BEGIN:VCALENDAR",
  "VERSION:2.0",
  "PRODID:-//Escapement//Test//EN",
  "BEGIN:VEVENT",
  "UID:1@test",
  "DTSTAMP:20300101T000000Z",
  "DTSTART;VALUE=DATE:20301225",
  "DTEND;VALUE=DATE:20301227",
  "SUMMARY:Christmas",
  "END:VEVENT",
  "BEGIN:VEVENT",
  "UID:2@test",
  "DTSTAMP:20300101T000000Z",
  "DTSTART:20300301T220000Z",
  "DTEND:20300302T020000Z",
  "SUMMARY:Migration",
  "END:VEVENT",
  "END:VCALENDAR",
  "",
].join("\r\n");

test("an iCalendar file becomes holidays, and periods that are their base; importing it again replaces it", async () => {
  const IMPORT = `mutation ($ics: String!) { importCalendar(input: { name: "imported", ics: $ics, until: "2031-01-01T00:00:00Z" }) {
    version skipped rule { ... on HolidaysCalendar { dates { date label } } } base { name rule { ... on PeriodsCalendar { periods { from until label } } } } } }`;
  expect((await get(server, IMPORT, { ics: ICS })).importCalendar).toEqual({
    version: 1,
    skipped: [],
    rule: {
      dates: [
        { date: "2030-12-25", label: "Christmas" },
        { date: "2030-12-26", label: "Christmas" },
      ],
    },
    base: {
      name: "imported.times",
      rule: {
        periods: [
          { from: "2030-03-01T22:00:00.000Z", until: "2030-03-02T02:00:00.000Z", label: "Migration" },
        ],
      },
    },
  });
  expect((await get(server, IMPORT, { ics: ICS })).importCalendar.version).toBe(1);
  expect(
    (await get(server, IMPORT, { ics: ICS.replace("20301227", "20301226") })).importCalendar,
  ).toMatchObject({
    version: 2,
    rule: { dates: [{ date: "2030-12-25" }] },
  });
  expect((await refused(server, IMPORT, { ics: "hello" })).extensions).toEqual({
    code: "BAD_INPUT",
    field: "ics",
  });
});
