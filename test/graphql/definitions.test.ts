/** Namespaces, jobs, triggers and tokens: created, read back, changed, deleted. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, get, refused } from "./client.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

const JOB = `fragment Job on Job {
  id namespace name description tags type group input priority timeout startDeadline version running nextFireAt
  lastRun { id }
  retry {
    __typename
    ... on FixedRetry { delay max maxElapsed }
    ... on BackoffRetry { initialDelay delay factor cap max maxElapsed jitter }
    ... on RetryOff { off }
  }
}`;
const CREATE_JOB = `mutation ($input: JobInput!) { createJob(input: $input) { ...Job } } ${JOB}`;
const UPDATE_JOB = `mutation ($name: String!, $input: JobPatch!) { updateJob(name: $name, input: $input) { ...Job } } ${JOB}`;
const READ_JOB = `query ($name: String!) { job(name: $name) { ...Job } } ${JOB}`;

test("a job says how long its outputs are kept, and takes it back", async () => {
  const { createJob } = await get(
    server,
    `mutation { createJob(input: { name: "tidy", type: "t", retention: { age: "P1W", count: 3 } }) { retention { age count } version } }`,
  );
  expect(createJob).toEqual({ retention: { age: "P7D", count: 3 }, version: 1 });
  const update = (patch: string) =>
    get(server, `mutation { updateJob(name: "tidy", input: ${patch}) { retention { age count } version } }`);
  const same = '{ retention: { age: "P7D", count: 3 } }';
  expect((await update(same)).updateJob.version).toBe(1);
  expect((await update("{ retention: { count: 0 } }")).updateJob.retention).toEqual({ age: null, count: 0 });
  expect((await update("{ priority: 3 }")).updateJob.retention).toEqual({ age: null, count: 0 });
  expect((await update("{ retention: null }")).updateJob.retention).toBeNull();
});

test("a namespace says how long the outputs of its jobs are kept, and takes it back", async () => {
  const update = async (patch: string) =>
    (
      await get(
        server,
        `mutation { updateNamespace(name: "default", input: ${patch}) { retention { age count } } }`,
      )
    ).updateNamespace.retention;
  expect(await update('{ retention: { age: "PT12H" } }')).toEqual({ age: "PT12H", count: null });
  expect(await update("{}")).toEqual({ age: "PT12H", count: null });
  const { namespaces } = await get(server, "{ namespaces { name retention { age } } }");
  expect(namespaces).toContainEqual({ name: "default", retention: { age: "PT12H" } });
  expect(
    (
      await refused(
        server,
        'mutation { updateNamespace(name: "default", input: { retention: { age: "P1Y" } }) { id } }',
      )
    ).extensions,
  ).toMatchObject({ code: "BAD_INPUT", field: "retention.age" });
  expect(await update("{ retention: null }")).toBeNull();
});

test("a job gets the documented defaults, and its input back", async () => {
  const { createJob } = await get(server, CREATE_JOB, { input: { name: "plain", type: "shell" } });
  expect(createJob).toMatchObject({
    namespace: "default",
    name: "plain",
    description: null,
    tags: [],
    type: "shell",
    group: "default",
    input: null,
    priority: 5,
    timeout: "PT5M",
    startDeadline: "PT15M",
    version: 1,
    running: false,
    lastRun: null,
    nextFireAt: null,
    retry: {
      __typename: "BackoffRetry",
      initialDelay: "PT10S",
      delay: "PT5S",
      factor: 2,
      cap: "PT1H",
      max: 3,
      jitter: 0.1,
    },
  });
  const input = {
    name: "full",
    description: "everything set",
    tags: ["a", "b"],
    type: "http",
    group: "eu/west",
    input: { url: "http://example.test", list: [1, 2.5, null, { deep: true }], text: 'quo"te' },
    priority: 9,
    timeout: "PT1H30M",
    startDeadline: "P1D",
    retry: { fixed: { delay: "PT0.5S", max: 7, maxElapsed: "PT2H" } },
  };
  await get(server, CREATE_JOB, { input });
  const { job } = await get(server, READ_JOB, { name: "full" });
  expect(job).toMatchObject({
    ...input,
    retry: { __typename: "FixedRetry", delay: "PT0.5S", max: 7, maxElapsed: "PT2H" },
  });
});

test("a patch makes a version, keeps what it does not name, and null clears", async () => {
  const before = {
    name: "patched",
    type: "t",
    description: "old",
    input: { a: 1 },
    tags: ["x"],
    priority: 3,
  };
  await get(server, CREATE_JOB, { input: before });
  const { updateJob } = await get(server, UPDATE_JOB, {
    name: "patched",
    input: { description: null, input: null, retry: { off: true }, group: "g" },
  });
  expect(updateJob).toMatchObject({
    description: null,
    input: null,
    tags: ["x"],
    priority: 3,
    group: "g",
    version: 2,
    retry: { __typename: "RetryOff" },
  });
  const same = await get(server, UPDATE_JOB, {
    name: "patched",
    input: { retry: { off: true }, group: "g" },
  });
  expect(same.updateJob.version).toBe(2);
});

test("two who change a job at once both succeed, one after the other", async () => {
  await get(server, CREATE_JOB, { input: { name: "shared", type: "t" } });
  const priorities = [1, 2, 3, 4];
  await Promise.all(
    priorities.map((priority) => get(server, UPDATE_JOB, { name: "shared", input: { priority } })),
  );
  const { job } = await get(server, READ_JOB, { name: "shared" });
  expect(job.version).toBe(5);
});

test("of several who create one name at once, one succeeds", async () => {
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => ask(server, CREATE_JOB, { input: { name: "raced", type: "t" } })),
  );
  expect(answers.filter(({ data }) => data?.createJob).length).toBe(1);
  const codes = answers.flatMap(({ errors }) => errors?.map((error) => error.extensions) ?? []);
  expect(new Set(codes.map(({ code, field }) => `${code} ${field}`))).toEqual(new Set(["CONFLICT name"]));
});

test("a deleted job is gone with its triggers, its name is free, and its runs still name it", async () => {
  await get(server, CREATE_JOB, { input: { name: "brief", type: "t" } });
  await get(server, CREATE_TRIGGER, {
    input: { name: "brief", job: "brief", paused: true, schedule: EVERY_HOUR },
  });
  const { startRun } = await get(server, `mutation { startRun(input: { job: "brief" }) { id } }`);
  expect(await get(server, `mutation { deleteJob(name: "brief") }`)).toEqual({ deleteJob: true });
  const after = await get(
    server,
    `query ($id: ID!) {
      job(name: "brief") { id }
      trigger(name: "brief") { id }
      run(id: $id) { state job { name deletedAt } }
      jobs(filter: { search: "brief" }) { nodes { id } }
      runs(filter: { job: "brief" }) { nodes { id } }
    }`,
    { id: startRun.id },
  );
  expect(after).toMatchObject({ job: null, trigger: null, jobs: { nodes: [] }, runs: { nodes: [startRun] } });
  expect(after.run).toMatchObject({ state: "READY", job: { name: "brief" } });
  expect(after.run.job.deletedAt).not.toBeNull();
  expect((await refused(server, `mutation { deleteJob(name: "brief") }`)).extensions.code).toBe("NOT_FOUND");
  expect((await refused(server, `mutation { startRun(input: { job: "brief" }) { id } }`)).extensions).toEqual(
    {
      code: "NOT_FOUND",
      field: "job",
    },
  );
  await get(server, CREATE_JOB, { input: { name: "brief", type: "t" } });
});

const EVERY_HOUR = { fixedRate: { every: "PT1H" } };
const TRIGGER = `fragment Trigger on Trigger {
  id namespace name state reason firedCount nextFireAt lastFireAt startAt endAt priority input nextFires(first: 2)
  job { name }
  misfire { policy threshold limit }
  schedule {
    __typename
    ... on OnceSchedule { at }
    ... on CronSchedule { expression timeZone dialect gap overlap }
    ... on FixedRateSchedule { every repeat }
    ... on FixedDelaySchedule { every repeat }
    ... on CalendarIntervalSchedule { every timeZone missingDay gap overlap }
    ... on DailyTimeIntervalSchedule { every from until weekdays timeZone repeat }
  }
}`;
const CREATE_TRIGGER = `mutation ($input: TriggerInput!) { createTrigger(input: $input) { ...Trigger } } ${TRIGGER}`;
const UPDATE_TRIGGER = `mutation ($name: String!, $input: TriggerPatch!) {
  updateTrigger(name: $name, input: $input) { ...Trigger }
} ${TRIGGER}`;
const PAUSE = `mutation ($name: String!, $reason: String) { pauseTrigger(name: $name, reason: $reason) { ...Trigger } } ${TRIGGER}`;
const RESUME = `mutation ($name: String!) { resumeTrigger(name: $name) { ...Trigger } } ${TRIGGER}`;
const OCCURRENCES = `query ($name: String!) {
  trigger(name: $name) { state nextFireAt occurrences { nodes { scheduledAt until count outcome run { id } } } }
}`;

test("each kind of schedule is accepted, with the documented defaults, and given back", async () => {
  await get(server, CREATE_JOB, { input: { name: "timed", type: "t" } });
  const create = async (name: string, schedule: object, rest: object = {}) =>
    (await get(server, CREATE_TRIGGER, { input: { name, job: "timed", schedule, ...rest } })).createTrigger;
  expect(await create("once", { once: { at: "2100-01-01T01:00:00+01:00" } })).toMatchObject({
    job: { name: "timed" },
    state: "NORMAL",
    nextFireAt: "2100-01-01T00:00:00.000Z",
    nextFires: ["2100-01-01T00:00:00.000Z"],
    schedule: { __typename: "OnceSchedule", at: "2100-01-01T00:00:00.000Z" },
    misfire: { policy: "FIRE_ONCE", threshold: "PT1M", limit: 100 },
    firedCount: 0,
    lastFireAt: null,
  });
  const nightly = await create(
    "cron",
    { cron: { expression: "0 3 * * *", timeZone: "Europe/Berlin" } },
    { startAt: "2100-06-01T00:00:00Z", endAt: "2100-06-03T00:00:00Z", priority: 8, input: { n: 1 } },
  );
  expect(nightly).toMatchObject({
    nextFires: ["2100-06-01T01:00:00.000Z", "2100-06-02T01:00:00.000Z"],
    schedule: {
      expression: "0 3 * * *",
      timeZone: "Europe/Berlin",
      dialect: "UNIX",
      gap: "SHIFT",
      overlap: "FIRST",
    },
    priority: 8,
    input: { n: 1 },
  });
  expect(await create("rate", { fixedRate: { every: "PT1H", repeat: 3 } }, { paused: true })).toMatchObject({
    state: "PAUSED",
    nextFireAt: null,
    nextFires: [],
    schedule: { __typename: "FixedRateSchedule", every: "PT1H", repeat: 3 },
  });
  expect(
    await create(
      "delay",
      { fixedDelay: { every: "PT10S" } },
      { misfire: { policy: "FIRE_ALL", limit: 5 }, startAt: "2100-01-01T00:00:00Z" },
    ),
  ).toMatchObject({
    schedule: { __typename: "FixedDelaySchedule", every: "PT10S", repeat: null },
    misfire: { policy: "FIRE_ALL", threshold: "PT1M", limit: 5 },
    nextFires: ["2100-01-01T00:00:00.000Z", "2100-01-01T00:00:10.000Z"],
  });
  expect(
    await create(
      "monthly",
      { calendarInterval: { every: "P1M", timeZone: "Europe/Berlin" } },
      { startAt: "2100-01-31T08:00:00Z" },
    ),
  ).toMatchObject({
    schedule: {
      __typename: "CalendarIntervalSchedule",
      every: "P1M",
      timeZone: "Europe/Berlin",
      missingDay: "SHIFT",
      gap: "SHIFT",
      overlap: "FIRST",
    },
    nextFires: ["2100-01-31T08:00:00.000Z", "2100-02-28T08:00:00.000Z"],
  });
  expect(
    await create(
      "office",
      {
        dailyTimeInterval: { every: "PT72M", from: "08:00", until: "11:00", weekdays: ["FRIDAY", "MONDAY"] },
      },
      { startAt: "2100-01-01T09:00:00Z" },
    ),
  ).toMatchObject({
    schedule: {
      __typename: "DailyTimeIntervalSchedule",
      every: "PT1H12M",
      from: "08:00",
      until: "11:00",
      weekdays: ["MONDAY", "FRIDAY"],
      timeZone: "UTC",
      repeat: null,
    },
    nextFires: ["2100-01-01T09:12:00.000Z", "2100-01-01T10:24:00.000Z"],
  });
  const { job } = await get(server, `{ job(name: "timed") { nextFireAt triggers { nodes { name } } } }`);
  expect(job.triggers.nodes.map(({ name }: { name: string }) => name)).toEqual([
    "cron",
    "delay",
    "monthly",
    "office",
    "once",
    "rate",
  ]);
  expect(job.nextFireAt).toBe("2100-01-01T00:00:00.000Z");
});

test("a changed schedule sets the next time anew; other changes leave it", async () => {
  await get(server, CREATE_JOB, { input: { name: "moved", type: "t" } });
  const created = await get(server, CREATE_TRIGGER, {
    input: { name: "moved", job: "moved", schedule: { once: { at: "2100-01-01T00:00:00Z" } }, priority: 4 },
  });
  const same = await get(server, UPDATE_TRIGGER, {
    name: "moved",
    input: { priority: null, misfire: { policy: "SKIP", threshold: "PT10S" } },
  });
  expect(same.updateTrigger).toEqual({
    ...created.createTrigger,
    priority: null,
    misfire: { policy: "SKIP", threshold: "PT10S", limit: 100 },
  });
  const later = await get(server, UPDATE_TRIGGER, {
    name: "moved",
    input: { schedule: { cron: { expression: "0 0 1 1 *" } }, startAt: "2101-01-01T00:00:00Z" },
  });
  expect(later.updateTrigger.nextFireAt).toBe("2101-01-01T00:00:00.000Z");
  const never = await refused(server, UPDATE_TRIGGER, {
    name: "moved",
    input: { endAt: "2101-01-01T00:00:00Z", startAt: "2101-01-02T00:00:00Z" },
  });
  expect(never.extensions).toEqual({ code: "BAD_INPUT", field: "endAt" });
});

test("of the times that pass during a pause the latest is made up for, and the grid goes on", async () => {
  await get(server, CREATE_JOB, { input: { name: "napping", type: "t" } });
  await get(server, CREATE_TRIGGER, {
    input: {
      name: "nap",
      job: "napping",
      schedule: { cron: { expression: "0 * * * *" } },
      startAt: "2100-01-01T00:00:00Z",
    },
  });
  const paused = await get(server, PAUSE, { name: "nap", reason: "holidays" });
  expect(paused.pauseTrigger).toMatchObject({
    state: "PAUSED",
    reason: "holidays",
    nextFireAt: null,
    nextFires: [],
  });
  // Five hours and a bit ago, on the grid: as if it had been paused since.
  await server.database.sql`
    update escapement.trigger set start_at = null,
      next_at = date_trunc('hour', escapement.clock()) - interval '5 hours',
      noted_until = date_trunc('hour', escapement.clock()) - interval '6 hours'
    where name = 'nap'`;
  const resumed = await get(server, RESUME, { name: "nap" });
  expect(resumed.resumeTrigger).toMatchObject({ state: "NORMAL", reason: null });
  const occurrences = async () =>
    (await get(server, OCCURRENCES, { name: "nap" })).trigger.occurrences.nodes as {
      outcome: string;
      scheduledAt: string;
      run: unknown;
    }[];
  await expect.poll(async () => (await occurrences()).length).toBe(6);
  const hour = 3_600_000;
  const [latest, ...others] = await occurrences();
  expect(latest).toMatchObject({ outcome: "MISFIRED", run: expect.anything() });
  expect(others.map(({ outcome, run }) => [outcome, run])).toEqual(others.map(() => ["PAUSED", null]));
  const { trigger } = await get(server, OCCURRENCES, { name: "nap" });
  expect(Date.parse(trigger.nextFireAt)).toBe(Date.parse(latest?.scheduledAt ?? "") + hour);
  expect((await get(server, RESUME, { name: "nap" })).resumeTrigger.state).toBe("NORMAL");
});

test("a trigger that is over can be neither paused nor resumed, and a new schedule revives it", async () => {
  await get(server, CREATE_JOB, { input: { name: "over", type: "t" } });
  await get(server, CREATE_TRIGGER, {
    input: { name: "over", job: "over", schedule: { once: { at: "2100-01-01T00:00:00Z" } } },
  });
  await server.database.sql`
    update escapement.trigger set state = 'COMPLETE', next_at = null, last_at = '2100-01-01T00:00:00Z' where name = 'over'`;
  for (const query of [PAUSE, RESUME]) {
    expect((await refused(server, query, { name: "over" })).extensions).toEqual({ code: "ILLEGAL_STATE" });
  }
  const again = { once: { at: "2100-01-01T00:00:00Z" } };
  expect(
    (
      await refused(server, UPDATE_TRIGGER, {
        name: "over",
        input: { schedule: again, endAt: "2100-01-02T00:00:00Z" },
      })
    ).extensions,
  ).toEqual({
    code: "BAD_INPUT",
    field: "schedule",
  });
  const { updateTrigger } = await get(server, UPDATE_TRIGGER, {
    name: "over",
    input: { schedule: { once: { at: "2100-01-02T00:00:00Z" } } },
  });
  expect(updateTrigger).toMatchObject({ state: "NORMAL", nextFireAt: "2100-01-02T00:00:00.000Z" });
});

test("a fixed delay that is resumed while its run goes on waits for it again", async () => {
  await get(server, CREATE_JOB, { input: { name: "slow", type: "slow" } });
  await get(server, CREATE_TRIGGER, {
    input: { name: "slow", job: "slow", schedule: { fixedDelay: { every: "PT1H" } } },
  });
  const waits = `{ trigger(name: "slow") { state nextFireAt } }`;
  const blocked = async () => (await get(server, waits)).trigger.state === "BLOCKED";
  await expect.poll(blocked, { timeout: 10_000 }).toBe(true);
  await get(server, PAUSE, { name: "slow" });
  expect((await get(server, RESUME, { name: "slow" })).resumeTrigger.state).toBe("BLOCKED");
  const { runs } = await get(
    server,
    `{ runs(filter: { trigger: "slow" }) { nodes { id trigger { name } } } }`,
  );
  expect(runs.nodes).toMatchObject([{ trigger: { name: "slow" } }]);
  await get(server, "mutation ($id: ID!) { cancelRun(id: $id) { state } }", { id: runs.nodes[0].id });
  const { trigger } = await get(server, waits);
  expect(trigger.state).toBe("NORMAL");
  expect(Date.parse(trigger.nextFireAt)).toBeGreaterThan(Date.now() + 3_500_000);
});

test("a fixed delay whose run ended during a pause counts from that end", async () => {
  await get(server, CREATE_JOB, { input: { name: "ended", type: "ended" } });
  await get(server, CREATE_TRIGGER, {
    input: { name: "ended", job: "ended", schedule: { fixedDelay: { every: "PT1H", repeat: 5 } } },
  });
  const find = `{ trigger(name: "ended") { state } runs(filter: { trigger: "ended" }) { nodes { id endedAt } } }`;
  const blocked = async () => (await get(server, find)).trigger.state === "BLOCKED";
  await expect.poll(blocked, { timeout: 10_000 }).toBe(true);
  await get(server, PAUSE, { name: "ended" });
  const [{ id }] = (await get(server, find)).runs.nodes;
  await get(server, "mutation ($id: ID!) { cancelRun(id: $id) { id } }", { id });
  const [{ endedAt }] = (await get(server, find)).runs.nodes;
  const { resumeTrigger } = await get(server, RESUME, { name: "ended" });
  expect(resumeTrigger.state).toBe("NORMAL");
  expect(Date.parse(resumeTrigger.nextFireAt)).toBe(Date.parse(endedAt) + 3_600_000);
});

test("a deleted trigger is gone, and its runs stay", async () => {
  await get(server, CREATE_JOB, { input: { name: "kept", type: "t" } });
  await get(server, CREATE_TRIGGER, {
    input: { name: "kept", job: "kept", schedule: { once: { at: new Date().toISOString() } } },
  });
  const fired = async () =>
    (await get(server, `{ runs(filter: { trigger: "kept" }) { nodes { id } } }`)).runs.nodes[0];
  await expect.poll(fired, { timeout: 10_000 }).toBeTruthy();
  const { id } = await fired();
  expect(await get(server, `mutation { deleteTrigger(name: "kept") }`)).toEqual({ deleteTrigger: true });
  expect(await get(server, "query ($id: ID!) { run(id: $id) { id trigger { id } } }", { id })).toEqual({
    run: { id, trigger: null },
  });
  expect((await refused(server, `mutation { deleteTrigger(name: "kept") }`)).extensions).toEqual({
    code: "NOT_FOUND",
    field: "name",
  });
});

test("a schedule can be looked at before it is used", async () => {
  const preview = `query ($schedule: ScheduleInput!, $from: DateTime, $first: Int) {
    previewSchedule(schedule: $schedule, from: $from, first: $first)
  }`;
  const from = "2030-03-30T01:00:00Z";
  const berlin = { cron: { expression: "30 2 * * *", timeZone: "Europe/Berlin" } };
  expect((await get(server, preview, { schedule: berlin, from, first: 3 })).previewSchedule).toEqual([
    "2030-03-30T01:30:00.000Z",
    "2030-03-31T01:00:00.000Z",
    "2030-04-01T00:30:00.000Z",
  ]);
  const rate = { fixedRate: { every: "PT90M" } };
  expect((await get(server, preview, { schedule: rate, from, first: 2 })).previewSchedule).toEqual([
    "2030-03-30T02:30:00.000Z",
    "2030-03-30T04:00:00.000Z",
  ]);
  const { previewSchedule } = await get(server, preview, { schedule: rate });
  expect(previewSchedule).toHaveLength(10);
  expect(Date.parse(previewSchedule[0])).toBeGreaterThan(Date.now());
});

test("a preview shows what the clocks show, and what they do on a day on which they change", async () => {
  const { previewFires } = await get(
    server,
    `query ($schedule: ScheduleInput!, $from: DateTime) {
      previewFires(schedule: $schedule, from: $from, first: 3) { at local offset note }
    }`,
    {
      schedule: { cron: { expression: "30 2 * * *", timeZone: "Europe/Berlin" } },
      from: "2030-03-30T01:00:00Z",
    },
  );
  expect(previewFires).toEqual([
    { at: "2030-03-30T01:30:00.000Z", local: "2030-03-30T02:30:00", offset: "+01:00", note: null },
    {
      at: "2030-03-31T01:00:00.000Z",
      local: "2030-03-31T03:00:00",
      offset: "+02:00",
      note: "the clocks go forward from 02:00 to 03:00",
    },
    { at: "2030-04-01T00:30:00.000Z", local: "2030-04-01T02:30:00", offset: "+02:00", note: null },
  ]);
});

test("jitter puts a trigger's times off by its own part, which a preview by its name knows before", async () => {
  const schedule = { cron: { expression: "H * * * *" } };
  const { previewSchedule } = await get(
    server,
    `query ($schedule: ScheduleInput!, $startAt: DateTime) {
      previewSchedule(schedule: $schedule, startAt: $startAt, jitter: "PT30S", name: "spread", first: 3)
    }`,
    { schedule, startAt: "2100-01-01T00:00:00Z" },
  );
  await get(server, CREATE_JOB, { input: { name: "spread", type: "t" } });
  const { createTrigger } = await get(
    server,
    `mutation ($schedule: ScheduleInput!) {
      createTrigger(input: {
        name: "spread", job: "spread", schedule: $schedule, startAt: "2100-01-01T00:00:00Z", jitter: "PT30S"
      }) { jitter nextFires(first: 3) upcoming(first: 1) { at offset } }
    }`,
    { schedule },
  );
  expect(createTrigger).toEqual({
    jitter: "PT30S",
    nextFires: previewSchedule,
    upcoming: [{ at: previewSchedule[0], offset: "+00:00" }],
  });
  expect(new Date(previewSchedule[0]).getTime() % 60_000).toBeGreaterThan(0);
  const { updateTrigger } = await get(
    server,
    `mutation { updateTrigger(name: "spread", input: { jitter: null }) { jitter nextFireAt } }`,
  );
  expect(updateTrigger.jitter).toBeNull();
  expect(new Date(updateTrigger.nextFireAt).getTime() % 60_000).toBe(0);
});

test("namespaces keep names apart", async () => {
  const { createNamespace } = await get(
    server,
    `mutation { createNamespace(input: { name: "team" }) { id name } }`,
  );
  expect(createNamespace.name).toBe("team");
  expect(
    (await refused(server, `mutation { createNamespace(input: { name: "team" }) { id } }`)).extensions,
  ).toEqual({
    code: "CONFLICT",
    field: "name",
  });
  for (const namespace of ["default", "team"]) {
    await get(server, CREATE_JOB, { input: { namespace, name: "twin", type: "t", description: namespace } });
  }
  const read = await get(
    server,
    `{ here: job(name: "twin") { description } there: job(namespace: "team", name: "twin") { description } }`,
  );
  expect(read).toEqual({ here: { description: "default" }, there: { description: "team" } });
  const both = await get(server, `{ jobs(filter: { search: "twin" }) { nodes { namespace } } }`);
  expect(both.jobs.nodes).toEqual([{ namespace: "default" }, { namespace: "team" }]);
});

test("a node is found by its id, and an id of nothing finds nothing", async () => {
  const { createJob } = await get(server, CREATE_JOB, { input: { name: "node", type: "t" } });
  const { startRun } = await get(server, `mutation { startRun(input: { job: "node" }) { id } }`);
  const find = "query ($id: ID!) { node(id: $id) { __typename id } }";
  expect((await get(server, find, { id: createJob.id })).node).toEqual({
    __typename: "Job",
    id: createJob.id,
  });
  expect((await get(server, find, { id: startRun.id })).node).toEqual({ __typename: "Run", id: startRun.id });
  for (const id of [
    "",
    "x",
    "job_",
    "job_0",
    "job_99999999999",
    "job_2000000000",
    "run_1",
    "0",
    "-1",
    "9".repeat(30),
    "é",
  ]) {
    expect(await get(server, find, { id })).toEqual({ node: null });
  }
});
