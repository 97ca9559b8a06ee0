/** Bad input: each is refused with its code and the field at fault, never by a 5xx, and nothing is written. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LIMITS } from "../../server/config.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, get, refused } from "./client.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  await get(server, `mutation { createJob(input: { name: "job", type: "t" }) { id } }`);
  await get(
    server,
    `mutation { createTrigger(input: { name: "trigger", job: "job", paused: true, schedule: { fixedRate: { every: "PT1H" } } }) { id } }`,
  );
});
afterAll(() => server.close());

const job = (fields: string) => `mutation { createJob(input: { ${fields} }) { id } }`;
const trigger = (fields: string) => `mutation { createTrigger(input: { ${fields} }) { id } }`;
const schedule = (text: string) => trigger(`name: "new", job: "job", schedule: { ${text} }`);
const start = (fields: string) => `mutation { startRun(input: { ${fields} }) { id } }`;
const CREATE_JOB = "mutation ($input: JobInput!) { createJob(input: $input) { id } }";
const START_RUNS = "mutation ($input: [StartRunInput!]!) { startRuns(input: $input) { id } }";

/** What is asked, the code, the field, and the variables. */
const TABLE: [string, string, string | undefined, Record<string, unknown>?][] = [
  // Names
  [job(`name: "job", type: "t"`), "CONFLICT", "name"],
  [job(`name: "", type: "t"`), "BAD_INPUT", "name"],
  [job(`name: "a b", type: "t"`), "BAD_INPUT", "name"],
  [job(`name: "${"x".repeat(200)}", type: "t"`), "BAD_INPUT", "name"],
  [job(`name: "n", type: "no good"`), "BAD_INPUT", "type"],
  [job(`name: "n", type: "t", group: "ü"`), "BAD_INPUT", "group"],
  [job(`name: "n", type: "t", tags: [" x"]`), "BAD_INPUT", "tags"],
  [job(`name: "n", type: "t", tags: [null]`), "BAD_INPUT", "tags[0]"],
  [job(`name: "n", type: "t", namespace: "nowhere"`), "NOT_FOUND", "namespace"],
  [job(`name: "n", type: "t", namespace: "\\u0000"`), "NOT_FOUND", "namespace"],
  [`mutation { createNamespace(input: { name: "default" }) { id } }`, "CONFLICT", "name"],
  [`mutation { createNamespace(input: { name: "-" }) { id } }`, "BAD_INPUT", "name"],
  // Values
  [job(`name: "n", type: "t", description: "\\u0000"`), "BAD_INPUT", "description"],
  [job(`name: "n", type: "t", description: "${"x".repeat(3000)}"`), "LIMIT_EXCEEDED", "description"],
  [job(`name: "n", type: "t", input: "\\u0000"`), "BAD_INPUT", "input"],
  [job(`name: "n", type: "t", priority: 40000`), "BAD_INPUT", "priority"],
  [job(`name: "n", type: "t", priority: 99999999999`), "BAD_INPUT", "priority"],
  [job(`name: "n", type: "t", priority: "5"`), "BAD_INPUT", "priority"],
  [job(`name: "n", type: "t", timeout: "5 minutes"`), "BAD_INPUT", "timeout"],
  [job(`name: "n", type: "t", timeout: 5`), "BAD_INPUT", "timeout"],
  [job(`name: "n", type: "t", timeout: "PT0S"`), "BAD_INPUT", "timeout"],
  [job(`name: "n", type: "t", timeout: "P1M"`), "BAD_INPUT", "timeout"],
  [job(`name: "n", type: "t", startDeadline: "-PT5S"`), "BAD_INPUT", "startDeadline"],
  [job(`name: "n", type: "t", retention: {}`), "BAD_INPUT", "retention"],
  [job(`name: "n", type: "t", retention: { age: "P31D" }`), "BAD_INPUT", "retention.age"],
  [job(`name: "n", type: "t", retention: { count: -1 }`), "BAD_INPUT", "retention.count"],
  [job(`name: "n", type: "t", retention: { count: 10001 }`), "BAD_INPUT", "retention.count"],
  [job(`name: "n", type: "t", retry: {}`), "BAD_INPUT", "retry"],
  [job(`name: "n", type: "t", retry: { off: false }`), "BAD_INPUT", "retry.off"],
  [job(`name: "n", type: "t", retry: { off: true, fixed: {} }`), "BAD_INPUT", "retry"],
  [job(`name: "n", type: "t", retry: { fixed: { max: -1 } }`), "BAD_INPUT", "retry.fixed.max"],
  [job(`name: "n", type: "t", retry: { backoff: { jitter: 2 } }`), "BAD_INPUT", "retry.backoff.jitter"],
  [job(`name: "n", type: "t", retry: { backoff: { cap: "x" } }`), "BAD_INPUT", "retry.backoff.cap"],
  // Shapes
  [job(`name: "n"`), "BAD_INPUT", "type"],
  [job(`name: "n", type: "t", colour: "red"`), "BAD_INPUT", "colour"],
  [job(`name: 5, type: "t"`), "BAD_INPUT", "name"],
  [`mutation { createJob { id } }`, "BAD_INPUT", "input"],
  [`{ job { id } }`, "BAD_INPUT", "name"],
  [`{ job(name: "job", colour: "red") { id } }`, "BAD_INPUT", "colour"],
  [`{ job(name: "job") { colour } }`, "BAD_INPUT", undefined],
  [`{ job(name: "job") }`, "BAD_INPUT", undefined],
  [`{ runs(filter: { states: [GONE] }) { nodes { id } } }`, "BAD_INPUT", "filter.states[0]"],
  [`{ job(name: "job"`, "BAD_INPUT", undefined],
  [`query ($x: Nope) { job(name: $x) { id } }`, "BAD_INPUT", undefined],
  [`{ __typename } { __typename }`, "BAD_INPUT", undefined],
  // The same through variables
  [CREATE_JOB, "BAD_INPUT", "type", { input: { name: "n" } }],
  [CREATE_JOB, "BAD_INPUT", "colour", { input: { name: "n", type: "t", colour: "red" } }],
  [CREATE_JOB, "BAD_INPUT", "name", { input: { name: 5, type: "t" } }],
  [CREATE_JOB, "BAD_INPUT", "timeout", { input: { name: "n", type: "t", timeout: "soon" } }],
  [
    CREATE_JOB,
    "BAD_INPUT",
    "retry.fixed.delay",
    { input: { name: "n", type: "t", retry: { fixed: { delay: 3 } } } },
  ],
  [CREATE_JOB, "BAD_INPUT", "input", { input: "text" }],
  [CREATE_JOB, "BAD_INPUT", "input"],
  [
    `mutation ($wait: Duration) { createJob(input: { name: "n", type: "t", timeout: $wait }) { id } }`,
    "BAD_INPUT",
    "timeout",
    { wait: "soon" },
  ],
  [
    `mutation ($retries: Int!) { createJob(input: { name: "n", type: "t", retry: { fixed: { max: $retries } } }) { id } }`,
    "BAD_INPUT",
    "retry.fixed.max",
    { retries: "three" },
  ],
  [START_RUNS, "BAD_INPUT", "input[1].delay", { input: [{ job: "job" }, { job: "job", delay: "soon" }] }],
  [START_RUNS, "BAD_INPUT", "input[0].job", { input: [{}] }],
  // Triggers
  [trigger(`name: "trigger", job: "job", schedule: { fixedRate: { every: "PT1H" } }`), "CONFLICT", "name"],
  [trigger(`name: "new", job: "none", schedule: { fixedRate: { every: "PT1H" } }`), "NOT_FOUND", "job"],
  [schedule(`cron: { expression: "not cron" }`), "BAD_INPUT", "schedule.cron.expression"],
  [schedule(`cron: { expression: "" }`), "BAD_INPUT", "schedule.cron.expression"],
  [schedule(`cron: { expression: "0 0 30 2 *" }`), "BAD_INPUT", "schedule.cron.expression"],
  [
    schedule(`cron: { expression: "0 0 * * *", timeZone: "Mars/Base" }`),
    "BAD_INPUT",
    "schedule.cron.timeZone",
  ],
  [schedule(`cron: { expression: "0 0 * * *", dialect: CRONTAB }`), "BAD_INPUT", "schedule.cron.dialect"],
  [schedule(`fixedRate: { every: "PT0S" }`), "BAD_INPUT", "schedule.fixedRate.every"],
  [schedule(`fixedRate: { every: "PT1H", repeat: -1 }`), "BAD_INPUT", "schedule.fixedRate.repeat"],
  [schedule(`fixedDelay: { every: "P1M" }`), "BAD_INPUT", "schedule.fixedDelay.every"],
  [schedule(`once: { at: "tomorrow" }`), "BAD_INPUT", "schedule.once.at"],
  [schedule(`once: { at: "2030-02-30T00:00:00Z" }`), "BAD_INPUT", "schedule.once.at"],
  [schedule(`once: { at: "2030-02-01T00:00:00" }`), "BAD_INPUT", "schedule.once.at"],
  [schedule(`once: { at: "2030-02-01" }`), "BAD_INPUT", "schedule.once.at"],
  [schedule(`once: {}`), "BAD_INPUT", "schedule.once.at"],
  [schedule(``), "BAD_INPUT", "schedule"],
  [schedule(`calendarInterval: { every: "P1MT1H" }`), "BAD_INPUT", "schedule.calendarInterval.every"],
  [schedule(`calendarInterval: { every: "PT0S" }`), "BAD_INPUT", "schedule.calendarInterval.every"],
  [
    schedule(`calendarInterval: { every: "P1D", timeZone: "Mars/Base" }`),
    "BAD_INPUT",
    "schedule.calendarInterval.timeZone",
  ],
  [schedule(`dailyTimeInterval: { every: "P1M" }`), "BAD_INPUT", "schedule.dailyTimeInterval.every"],
  [
    schedule(`dailyTimeInterval: { every: "PT1H", from: "8" }`),
    "BAD_INPUT",
    "schedule.dailyTimeInterval.from",
  ],
  [
    schedule(`dailyTimeInterval: { every: "PT1H", until: "24:00" }`),
    "BAD_INPUT",
    "schedule.dailyTimeInterval.until",
  ],
  [
    schedule(`dailyTimeInterval: { every: "PT1H", weekdays: [] }`),
    "BAD_INPUT",
    "schedule.dailyTimeInterval.weekdays",
  ],
  [
    schedule(`dailyTimeInterval: { every: "PT1H", repeat: -1 }`),
    "BAD_INPUT",
    "schedule.dailyTimeInterval.repeat",
  ],
  [
    trigger(`name: "new", job: "job", schedule: { fixedDelay: { every: "PT1H" } }, jitter: "PT1M"`),
    "BAD_INPUT",
    "jitter",
  ],
  [
    trigger(`name: "new", job: "job", schedule: { fixedRate: { every: "PT1H" } }, jitter: "P2D"`),
    "BAD_INPUT",
    "jitter",
  ],
  [
    trigger(
      `name: "new", job: "job", schedule: { once: { at: "2030-01-01T00:00:00Z" } }, endAt: "2029-01-01T00:00:00Z"`,
    ),
    "BAD_INPUT",
    "schedule",
  ],
  [
    trigger(`name: "new", job: "job", schedule: { fixedRate: { every: "PT1H" } }, misfire: { limit: 0 }`),
    "BAD_INPUT",
    "misfire.limit",
  ],
  [`mutation { pauseTrigger(name: "none") { id } }`, "NOT_FOUND", "name"],
  [`mutation { pauseTrigger(name: "trigger", reason: "\\u0000") { id } }`, "BAD_INPUT", "reason"],
  [`mutation { resumeTrigger(name: "none") { id } }`, "NOT_FOUND", "name"],
  [`mutation { updateTrigger(name: "none", input: {}) { id } }`, "NOT_FOUND", "name"],
  [`mutation { updateJob(name: "none", input: {}) { id } }`, "NOT_FOUND", "name"],
  [
    `{ previewSchedule(schedule: { fixedRate: { every: "PT1H" } }, calendars: ["holidays"]) }`,
    "NOT_FOUND",
    "calendars[0]",
  ],
  [`{ previewSchedule(schedule: { cron: { expression: "x" } }) }`, "BAD_INPUT", "schedule.cron.expression"],
  [`{ previewSchedule(schedule: { fixedRate: { every: "PT1H" } }, first: 1000) }`, "BAD_INPUT", "first"],
  [
    `{ previewFires(schedule: { fixedRate: { every: "PT1H" } }, startAt: "2031-01-01T00:00:00Z", endAt: "2030-01-01T00:00:00Z") { at } }`,
    "BAD_INPUT",
    "endAt",
  ],
  // Runs
  [start(`job: "none"`), "NOT_FOUND", "job"],
  [start(`job: "\\u0000"`), "BAD_INPUT", "job"],
  [start(`job: "job", namespace: "nowhere"`), "NOT_FOUND", "namespace"],
  [start(`job: "job", inputBytes: "%%%"`), "BAD_INPUT", "inputBytes"],
  [start(`job: "job", input: 1, inputBytes: "AAAA"`), "BAD_INPUT", "inputBytes"],
  [start(`job: "job", input: NAKED`), "BAD_INPUT", "input"],
  [start(`job: "job", priority: 33000`), "BAD_INPUT", "priority"],
  [start(`job: "job", runAt: "2030-01-01T00:00:00Z", delay: "PT1S"`), "BAD_INPUT", "delay"],
  [start(`job: "job", idempotencyKey: ""`), "BAD_INPUT", "idempotencyKey"],
  [start(`job: "job", idempotencyKey: "\\u0000"`), "BAD_INPUT", "idempotencyKey"],
  [start(`job: "job", after: ["12"]`), "BAD_INPUT", "after"],
  [start(`job: "job", after: ["x"]`), "BAD_INPUT", "after"],
  [start(`job: "job", tags: ["\\u0000"]`), "BAD_INPUT", "tags"],
  [`mutation { cancelRun(id: "12") { id } }`, "NOT_FOUND", "id"],
  [`mutation { cancelRun(id: "${"9".repeat(40)}") { id } }`, "NOT_FOUND", "id"],
  [`mutation { retryRun(id: "zwölf") { id } }`, "NOT_FOUND", "id"],
  // Lists
  [`{ runs(first: 201) { nodes { id } } }`, "BAD_INPUT", "first"],
  [`{ runs(first: -1) { nodes { id } } }`, "BAD_INPUT", "first"],
  [`{ jobs(first: 1000000) { nodes { id } } }`, "LIMIT_EXCEEDED", undefined],
  [`{ runs(after: "garbage") { nodes { id } } }`, "BAD_INPUT", "after"],
  [`{ runs(after: "WyJhIl0") { nodes { id } } }`, "BAD_INPUT", "after"],
  [`{ jobs(after: "WzEsIlx1MDAwMCJd") { nodes { id } } }`, "BAD_INPUT", "after"],
  [`{ jobs(after: "") { nodes { id } } }`, "BAD_INPUT", "after"],
  [`{ jobs(namespace: "nowhere") { nodes { id } } }`, "NOT_FOUND", "namespace"],
  [`{ runs(namespace: "nowhere") { nodes { id } } }`, "NOT_FOUND", "namespace"],
  [`{ runs(filter: { createdAfter: "yesterday" }) { nodes { id } } }`, "BAD_INPUT", "filter.createdAfter"],
  [`{ jobs(filter: { search: "\\u0000" }) { nodes { id } } }`, "BAD_INPUT", undefined],
  [`{ overview { history(minutes: 100000) { at } } }`, "BAD_INPUT", "minutes"],
  // Tokens
  [`mutation { createToken(input: { name: "t", role: KING }) { secret } }`, "BAD_INPUT", "role"],
  [
    `mutation { createToken(input: { name: "t", role: VIEWER, groups: ["a"] }) { secret } }`,
    "BAD_INPUT",
    "groups",
  ],
  [
    `mutation { createToken(input: { name: "t", role: VIEWER, expiresAt: "2001-01-01T00:00:00Z" }) { secret } }`,
    "BAD_INPUT",
    "expiresAt",
  ],
  [`mutation { revokeToken(id: "none") { id } }`, "NOT_FOUND", "id"],
];

test.each(TABLE)("%s is %s of %s", async (query, code, field, variables) => {
  const { status, errors } = await ask(server, query, variables);
  expect(status).toBeLessThan(500);
  expect(errors).toHaveLength(1);
  expect(errors?.[0]?.message.length).toBeGreaterThan(10);
  expect({ field: undefined, ...errors?.[0]?.extensions }).toEqual({ code, field });
});

test("nothing of it was written", async () => {
  const { jobs, triggers, runs, namespaces, tokens } = await get(
    server,
    "{ jobs { nodes { name version } } triggers { nodes { name state } } runs { nodes { id } } namespaces { name } tokens { id } }",
  );
  expect(jobs.nodes).toEqual([{ name: "job", version: 1 }]);
  expect(triggers.nodes).toEqual([{ name: "trigger", state: "PAUSED" }]);
  expect({ runs: runs.nodes, namespaces, tokens }).toEqual({
    runs: [],
    namespaces: [{ name: "default" }],
    tokens: [],
  });
});

test("an oversized input is refused with its size and limit", async () => {
  const input = { job: "job", input: "x".repeat(LIMITS.inputBytes) };
  const query = "mutation ($input: StartRunInput!) { startRun(input: $input) { id } }";
  const { message, extensions } = await refused(server, query, { input });
  expect(extensions).toEqual({ code: "LIMIT_EXCEEDED", field: "input" });
  expect(message).toContain(String(LIMITS.inputBytes));
});

test("of a list of runs with one bad one, none is started", async () => {
  const input = [{ job: "job" }, { job: "none" }];
  expect((await refused(server, START_RUNS, { input })).extensions).toEqual({
    code: "NOT_FOUND",
    field: "input[1].job",
  });
  const many = Array.from({ length: LIMITS.runsPerRequest + 1 }, () => ({ job: "job" }));
  expect((await refused(server, START_RUNS, { input: many })).extensions).toEqual({
    code: "LIMIT_EXCEEDED",
    field: "input",
  });
  expect((await get(server, "{ runs { nodes { id } } }")).runs.nodes).toEqual([]);
});

describe("over HTTP", () => {
  const post = (body: string, headers: Record<string, string> = { "content-type": "application/json" }) =>
    fetch(`${server.url}/graphql`, { method: "POST", headers, body });

  test.each([
    ["{not json", 400],
    ["", 400],
    ["3", 400],
    ["null", 400],
    ["[]", 400],
    [`[{"query":"{__typename}"},{"query":"{__typename}"}]`, 400],
    ["{}", 400],
    [`{"query":5}`, 400],
    [`{"query":"{__typename}","variables":"x"}`, 400],
    [`{"query":"{__typename}","surprise":1}`, 400],
  ])("the body %s is answered by %i with a code", async (body, status) => {
    const response = await post(body);
    expect(response.status).toBe(status);
    const { errors } = (await response.json()) as { errors: { message: string; extensions: object }[] };
    expect(errors[0]).toMatchObject({ message: expect.any(String), extensions: { code: "BAD_INPUT" } });
  });

  test("an answer has its members in the order they were asked for, whichever way it is made", async () => {
    const body = JSON.stringify({ query: '{ job(name: "job") { version id name } }' });
    const wanted = /^\{"data":\{"job":\{"version":1,"id":"job_\d+","name":"job"\}\}\}$/;
    expect(await (await post(body)).text()).toMatch(wanted);
    const accept = "application/graphql-response+json";
    expect(await (await post(body, { "content-type": "application/json", accept })).text()).toMatch(wanted);
  });

  test("a body beyond the limit is answered by 413", async () => {
    const response = await post(
      JSON.stringify({ query: "{ __typename }", variables: { x: "y".repeat(LIMITS.graphqlBodyBytes) } }),
    );
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: "LIMIT_EXCEEDED" } }] });
  });

  test("curl's idea of a body is understood, other types are named", async () => {
    const body = JSON.stringify({ query: "{ viewer { role } }" });
    const plain = await post(body, { "content-type": "application/x-www-form-urlencoded" });
    expect(await plain.json()).toEqual({ data: { viewer: { role: "ADMIN" } } });
    const text = await post(body, { "content-type": "text/plain" });
    expect(text.status).toBe(415);
    expect(await text.json()).toMatchObject({ errors: [{ extensions: { code: "BAD_INPUT" } }] });
  });

  test("a wrong document is 400 for those who ask by the specification, 200 for plain JSON", async () => {
    const body = JSON.stringify({ query: "{ nothing }" });
    const type = { "content-type": "application/json" };
    expect((await post(body, { ...type, accept: "application/graphql-response+json" })).status).toBe(400);
    expect((await post(body, { ...type, accept: "application/json" })).status).toBe(200);
  });

  test("a query may come by GET, a mutation may not", async () => {
    const by = (query: string) => fetch(`${server.url}/graphql?query=${encodeURIComponent(query)}`);
    expect(await (await by("{ viewer { role } }")).json()).toEqual({ data: { viewer: { role: "ADMIN" } } });
    expect((await by(`mutation { deleteJob(name: "job") }`)).status).toBe(405);
  });

  test("a browser gets GraphiQL, whole, without anything from elsewhere", async () => {
    const page = await fetch(`${server.url}/graphql`, { headers: { accept: "text/html" } });
    expect(page.headers.get("content-type")).toContain("text/html");
    const html = await page.text();
    expect(html).toContain("Escapement GraphQL");
    expect(html).not.toMatch(/<(script|link)[^>]+(src|href)=["']?https?:/);
  });
});

test("what is not the caller's fault is masked and logged under a number", async () => {
  await server.database.sql`alter table escapement.namespace rename to lost`;
  try {
    const { message, extensions } = await refused(server, "{ namespaces { name } }");
    expect(extensions.code).toBe("INTERNAL");
    expect(message).toContain(extensions.id);
    expect(message).not.toContain("lost");
  } finally {
    await server.database.sql`alter table escapement.lost rename to namespace`;
  }
});
