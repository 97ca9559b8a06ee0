/** Triggers managed: pauses of many, resets, versions, dry runs, runs by hand, and what is kept of a deleted job. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { get, refused } from "./client.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
  for (const name of ["work", "other"]) {
    await get(server, `mutation ($name: String!) { createJob(input: { name: $name, type: "t" }) { id } }`, {
      name,
    });
  }
});
afterAll(() => server.close());

const CREATE = `mutation ($input: TriggerInput!, $dryRun: Boolean) {
  createTrigger(input: $input, dryRun: $dryRun) { ...shown } }
  fragment shown on Trigger { id name group state reason version nextFireAt onExcluded calendars { name }
    pauses { kind target by reason until } changes { unchanged added removed moved { from to } } }`;
const SHOW = `query ($name: String!) { trigger(name: $name) {
  state reason nextFireAt version job { name } pauses { kind target reason } occurrences { nodes { outcome reason count run { id } } } } }`;
const cron = (expression: string, timeZone = "UTC") => ({ cron: { expression, timeZone } });

async function create(name: string, more: object = {}) {
  const input = { name, job: "work", schedule: cron("0 * * * *"), ...more };
  return (await get(server, CREATE, { input })).createTrigger;
}
const show = async (name: string) => (await get(server, SHOW, { name })).trigger;
const states = async (...names: string[]) => Promise.all(names.map(async (name) => (await show(name)).state));

const PAUSE = `mutation ($scope: TriggerScope!, $reason: String, $until: DateTime) {
  pauseTriggers(scope: $scope, reason: $reason, until: $until) { namespace kind target by reason until } }`;
const RESUME = `mutation ($scope: TriggerScope!, $missed: MisfirePolicy) { resumeTriggers(scope: $scope, missed: $missed) }`;

test("a paused group pauses its triggers and those that join it, and leaves alone what was paused by itself", async () => {
  await create("g-1", { group: "night" });
  await create("g-2", { group: "night" });
  await create("g-other", { group: "day" });
  await get(server, `mutation { pauseTrigger(name: "g-2", reason: "broken") { id } }`);
  const scope = { group: { group: "night" } };
  const { pauseTriggers } = await get(server, PAUSE, { scope, reason: "maintenance" });
  expect(pauseTriggers).toEqual({
    namespace: "default",
    kind: "GROUP",
    target: "night",
    by: "anybody",
    reason: "maintenance",
    until: null,
  });
  expect(await states("g-1", "g-2", "g-other")).toEqual(["PAUSED", "PAUSED", "NORMAL"]);
  expect(await create("g-3", { group: "night" })).toMatchObject({
    state: "PAUSED",
    nextFireAt: null,
    reason: "maintenance",
    pauses: [{ kind: "GROUP", target: "night" }],
  });
  const UPDATE = `mutation ($name: String!, $group: String!) { updateTrigger(name: $name, input: { group: $group }) { state } }`;
  expect((await get(server, UPDATE, { name: "g-other", group: "night" })).updateTrigger.state).toBe("PAUSED");
  expect((await get(server, UPDATE, { name: "g-other", group: "day" })).updateTrigger.state).toBe("NORMAL");
  expect((await show("g-2")).pauses).toEqual([
    { kind: "TRIGGER", target: "g-2", reason: "broken" },
    { kind: "GROUP", target: "night", reason: "maintenance" },
  ]);

  const alone = await refused(server, `mutation { resumeTrigger(name: "g-1") { id } }`);
  expect(alone).toMatchObject({
    message: 'the trigger is paused with its group "night"; resume that',
    extensions: { code: "ILLEGAL_STATE" },
  });
  expect((await get(server, RESUME, { scope })).resumeTriggers).toBe(2);
  expect(await states("g-1", "g-2", "g-3")).toEqual(["NORMAL", "PAUSED", "NORMAL"]);
  const { resumeTrigger } = await get(
    server,
    `mutation { resumeTrigger(name: "g-2") { state reason pauses { kind } } }`,
  );
  expect(resumeTrigger).toEqual({ state: "NORMAL", reason: null, pauses: [] });
});

test("the triggers of a job, of a namespace and of everything are paused together", async () => {
  await create("j-1");
  await create("j-2", { job: "other" });
  for (const [scope, paused] of [
    [{ job: { job: "work" } }, ["PAUSED", "NORMAL"]],
    [{ namespace: "default" }, ["PAUSED", "PAUSED"]],
    [{ everything: true }, ["PAUSED", "PAUSED"]],
  ] as const) {
    await get(server, PAUSE, { scope });
    expect(await states("j-1", "j-2")).toEqual(paused);
    await get(server, RESUME, { scope });
    expect(await states("j-1", "j-2")).toEqual(["NORMAL", "NORMAL"]);
  }
  expect((await get(server, "{ triggerPauses { kind } }")).triggerPauses).toEqual([]);
});

test("a pause ends by itself at its time", async () => {
  await create("until");
  const until = new Date(Date.now() + 1_200).toISOString();
  const PAUSE_ONE = `mutation ($until: DateTime) { pauseTrigger(name: "until", until: $until) { state pauses { until } } }`;
  expect((await get(server, PAUSE_ONE, { until })).pauseTrigger).toEqual({
    state: "PAUSED",
    pauses: [{ until }],
  });
  await expect.poll(() => states("until")).toEqual(["NORMAL"]);
  const past = await refused(server, PAUSE_ONE, { until: "2020-01-01T00:00:00Z" });
  expect(past.extensions).toEqual({ code: "BAD_INPUT", field: "until" });
});

test("what a pause withheld is recorded, and made up for as asked when it is lifted", async () => {
  await create("withheld", { misfire: { policy: "FIRE_ALL" }, startAt: "2100-01-01T00:00:00Z" });
  await get(server, `mutation { pauseTrigger(name: "withheld") { id } }`);
  await server.database.sql`
    update escapement.trigger set start_at = null, next_at = date_trunc('hour', escapement.clock()) - interval '3 hours',
      noted_until = date_trunc('hour', escapement.clock()) - interval '4 hours' where name = 'withheld'`;
  const { resumeTrigger } = await get(
    server,
    `mutation { resumeTrigger(name: "withheld", missed: SKIP) { nextFireAt } }`,
  );
  expect(Date.parse(resumeTrigger.nextFireAt)).toBeGreaterThan(Date.now());
  const { occurrences } = await show("withheld");
  expect(occurrences.nodes.map((one: { outcome: string }) => one.outcome)).toEqual([
    "PAUSED",
    "PAUSED",
    "PAUSED",
    "PAUSED",
  ]);
});

test("a change is refused when somebody else was first", async () => {
  const { version } = await create("versioned");
  const UPDATE = `mutation ($version: Int, $priority: Int) { updateTrigger(name: "versioned", version: $version, input: { priority: $priority }) { version } }`;
  const { updateTrigger } = await get(server, UPDATE, { version, priority: 7 });
  expect(updateTrigger.version).toBe(version + 1);
  const late = await refused(server, UPDATE, { version, priority: 8 });
  expect(late).toMatchObject({
    message: `the trigger is at version ${version + 1}, not ${version}: somebody changed it; read it again`,
    extensions: { code: "CONFLICT", field: "version" },
  });
});

test("a dry run says what would change and changes nothing", async () => {
  const input = { name: "dry", job: "work", schedule: cron("0 9 * * *") };
  const { createTrigger } = await get(server, CREATE, { input, dryRun: true });
  expect(createTrigger).toMatchObject({
    name: "dry",
    state: "NORMAL",
    changes: { unchanged: 0, removed: [] },
  });
  expect(createTrigger.changes.added).toHaveLength(30);
  expect(await show("dry")).toBeNull();
  await get(server, CREATE, { input });
  expect((await refused(server, CREATE, { input, dryRun: true })).extensions).toEqual({
    code: "CONFLICT",
    field: "name",
  });

  const UPDATE = `mutation ($input: TriggerPatch!, $dryRun: Boolean) { updateTrigger(name: "dry", input: $input, dryRun: $dryRun) {
    nextFireAt version changes { unchanged added removed moved { from to } } } }`;
  const before = await show("dry");
  const moved = (await get(server, UPDATE, { input: { schedule: cron("0 10 * * *") }, dryRun: true }))
    .updateTrigger;
  expect(moved.changes).toMatchObject({ unchanged: 0, added: [], removed: [] });
  expect(moved.changes.moved).toHaveLength(30);
  for (const { from, to } of moved.changes.moved) expect(Date.parse(to) - Date.parse(from)).toBe(3_600_000);
  const more = (await get(server, UPDATE, { input: { schedule: cron("0 9,21 * * *") }, dryRun: true }))
    .updateTrigger;
  expect(more.changes).toMatchObject({ unchanged: 30, removed: [], moved: [] });
  expect(more.changes.added.length).toBeGreaterThan(28);
  expect(await show("dry")).toEqual(before);
  const real = (await get(server, UPDATE, { input: { schedule: cron("0 10 * * *") } })).updateTrigger;
  expect(real.changes.moved).toEqual(moved.changes.moved);
  expect(
    (await get(server, `{ trigger(name: "dry") { changes { unchanged } } }`)).trigger.changes,
  ).toBeNull();
});

test("a trigger runs now, outside its schedule, also while it is paused", async () => {
  await create("by-hand", { input: { a: 1 }, priority: 9, paused: true });
  const FIRE = `mutation ($input: JSON, $key: String) { fireTrigger(name: "by-hand", input: $input, idempotencyKey: $key) {
    id input priority trigger { name } job { name } } }`;
  const { fireTrigger } = await get(server, FIRE, { key: "once" });
  expect(fireTrigger).toMatchObject({
    input: { a: 1 },
    priority: 9,
    trigger: { name: "by-hand" },
    job: { name: "work" },
  });
  expect((await get(server, FIRE, { key: "once" })).fireTrigger.id).toBe(fireTrigger.id);
  expect((await get(server, FIRE, { input: { b: 2 } })).fireTrigger.input).toEqual({ b: 2 });
  expect(await show("by-hand")).toMatchObject({ state: "PAUSED", occurrences: { nodes: [] } });
});

test("a trigger in error is reset, and what it missed meanwhile is decided by its policy", async () => {
  await create("broken");
  expect((await refused(server, `mutation { resetTrigger(name: "broken") { id } }`)).extensions.code).toBe(
    "ILLEGAL_STATE",
  );
  await server.database.sql`
    update escapement.trigger set schedule = jsonb_set(schedule, '{expression}', '"nonsense"'),
      next_at = date_trunc('hour', escapement.clock()), noted_until = date_trunc('hour', escapement.clock()) - interval '1 ms'
    where name = 'broken'`;
  await expect.poll(() => states("broken")).toEqual(["ERROR"]);
  const still = await refused(server, `mutation { resetTrigger(name: "broken") { id } }`);
  expect(still.message).toMatch(/^its next time still cannot be computed/);
  expect((await refused(server, `mutation { resumeTrigger(name: "broken") { id } }`)).message).toMatch(
    /reset it/,
  );
  await server.database.sql`
    update escapement.trigger set schedule = jsonb_set(schedule, '{expression}', '"0 * * * *"') where name = 'broken'`;
  expect(
    (await get(server, `mutation { resetTrigger(name: "broken") { state reason } }`)).resetTrigger,
  ).toEqual({
    state: "NORMAL",
    reason: null,
  });
  await expect.poll(async () => (await show("broken")).occurrences.nodes.length).toBe(1);
});

test("triggers of a deleted job go with it, or wait for another one", async () => {
  const JOB = `mutation { createJob(input: { name: "gone", type: "t" }) { id } }`;
  await get(server, JOB);
  await create("orphan", { job: "gone" });
  await get(server, `mutation { deleteJob(name: "gone", keepTriggers: true) }`);
  expect(await show("orphan")).toMatchObject({
    state: "ERROR",
    reason: 'its job "gone" was deleted',
    nextFireAt: null,
  });
  const none = await refused(server, `mutation { resetTrigger(name: "orphan") { id } }`);
  expect(none.message).toBe(
    'there is no job "gone" any more; create it again, or update the trigger with another job',
  );
  await get(server, JOB);
  expect((await get(server, `mutation { resetTrigger(name: "orphan") { state } }`)).resetTrigger.state).toBe(
    "NORMAL",
  );
  await get(server, `mutation { deleteJob(name: "gone", keepTriggers: true) }`);
  const moved = await get(
    server,
    `mutation { updateTrigger(name: "orphan", input: { job: "other", schedule: { cron: { expression: "5 * * * *" } } }) { state job { name } } }`,
  );
  expect(moved.updateTrigger).toEqual({ state: "NORMAL", job: { name: "other" } });
  await get(server, JOB);
  await create("follows", { job: "gone" });
  await get(server, `mutation { deleteJob(name: "gone") }`);
  expect(await show("follows")).toBeNull();
});

test.each([
  ["@daily", "At 00:00 (UTC)"],
  ["30 7 * * MON-FRI", "At 07:30, Monday through Friday (UTC)"],
  ["*/5 * * * *", "Every 5 minutes (UTC)"],
])("%s is, in words, %s", async (expression, words) => {
  const { describeSchedule } = await get(
    server,
    `query ($schedule: ScheduleInput!) { describeSchedule(schedule: $schedule) }`,
    { schedule: { cron: { expression } } },
  );
  expect(describeSchedule).toBe(words);
});
