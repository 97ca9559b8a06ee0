/** Runs over GraphQL: started, followed to their end, cancelled, tried again, with all that hangs on them. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, type Data, get, refused } from "./client.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  await get(
    server,
    `mutation {
      job: createJob(input: { name: "job", type: "plain", input: { from: "job" }, priority: 3 }) { id }
      retried: createJob(input: { name: "retried", type: "retried", retry: { fixed: { delay: "PT1H", max: 3 } } }) { id }
      idle: createJob(input: { name: "idle", type: "idle", startDeadline: "PT1S" }) { id }
    }`,
  );
});
afterAll(() => server.close());

const RUN = `query ($id: ID!) {
  run(id: $id) {
    id namespace state priority input inputBytes output progress message cancelRequested attempt tags late jobVersion
    createdAt scheduledAt readyAt startedAt endedAt
    job { name } trigger { name } parent { id }
    error { message type stack } executor { name state running }
    holds { kind until runs { id state } }
    attempts { number executor outcome startedAt endedAt error { message } }
    children { nodes { id } }
    log { text cursor attempt ended } files { name attempt size digest url }
  }
}`;
const read = async (id: string): Promise<Data> => (await get(server, RUN, { id })).run;
const START = `mutation ($input: StartRunInput!) { startRun(input: $input) { id state createdAt } }`;
const start = async (input: object): Promise<string> => (await get(server, START, { input })).startRun.id;

async function claim(type: string): Promise<string> {
  const { body } = await server.call("POST", "/v1/leases", {
    executor: "worker",
    types: [type],
    waitSeconds: 10,
  });
  return (body as Data).leases[0].id;
}

test("a run's whole life is told", async () => {
  const { startRun } = await get(server, START, {
    input: { job: "job", input: { n: [1, { deep: "é" }] }, tags: ["a", "b"], priority: 7 },
  });
  expect(startRun.state).toBe("READY");
  const id = startRun.id;
  expect(await read(id)).toMatchObject({
    namespace: "default",
    state: "READY",
    priority: 7,
    input: { n: [1, { deep: "é" }] },
    inputBytes: null,
    tags: ["a", "b"],
    job: { name: "job" },
    jobVersion: 1,
    trigger: null,
    parent: null,
    attempt: 0,
    attempts: [],
    holds: [],
    startedAt: null,
    late: false,
    createdAt: startRun.createdAt,
    log: { text: "", ended: false },
    files: [],
  });

  const lease = await claim("plain");
  await server.call("POST", `/v1/leases/${lease}/heartbeat`, { progress: 0.5, message: "half way" });
  await fetch(`${server.url}/v1/leases/${lease}/logs`, {
    method: "POST",
    headers: { "content-type": "text/plain" },
    body: "hello",
  });
  await fetch(`${server.url}/v1/leases/${lease}/files/result.txt`, { method: "PUT", body: "42" });
  await expect.poll(async () => (await read(id)).progress, { timeout: 5_000 }).toBe(0.5);
  const running = await read(id);
  expect(running).toMatchObject({
    state: "RUNNING",
    message: "half way",
    attempt: 1,
    executor: { name: "worker", state: "ONLINE", running: 1 },
    attempts: [{ number: 1, executor: "worker", outcome: "RUNNING", endedAt: null, error: null }],
    log: { attempt: 1, ended: false },
    files: [{ name: "result.txt", attempt: 1, size: 2 }],
  });
  expect(running.log.text).toContain("hello");
  const file = await fetch(server.url + running.files[0].url);
  expect(await file.text()).toBe("42");

  const output = { answer: 42, list: [null] };
  await server.call("POST", `/v1/leases/${lease}/complete`, { output });
  const ended = await read(id);
  expect(ended).toMatchObject({
    state: "SUCCEEDED",
    output,
    error: null,
    attempts: [{ number: 1, executor: "worker", outcome: "SUCCEEDED" }],
    log: { ended: true },
  });
  const { createdAt, readyAt, startedAt, endedAt } = ended;
  expect([readyAt, startedAt, endedAt]).toEqual([readyAt, startedAt, endedAt].sort());
  expect(Date.parse(readyAt) - Date.parse(createdAt)).toBeLessThan(1_000);
});

test("a log is searched on the server, and an expensive search of many runs at once is refused", async () => {
  await start({ job: "job" });
  const lease = await claim("plain");
  const id = lease.split("-")[0] ?? "";
  const lines = ["all well", "low on space", "Space Odyssey"].map((message, at) =>
    JSON.stringify({ message, level: ["info", "warn", "debug"][at] }),
  );
  await fetch(`${server.url}/v1/leases/${lease}/logs`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: lines.join("\n"),
  });
  const search = async (filter: string) => {
    const { run } = await get(server, `query ($id: ID!) { run(id: $id) { log(${filter}) { text } } }`, {
      id,
    });
    return run.log.text.replace(/\S+Z /g, "");
  };
  expect(await search('search: "space"')).toBe("warn low on space\ndebug Space Odyssey\n");
  expect(await search('search: "space", level: INFO')).toBe("warn low on space\n");
  const long = `query ($id: ID!) { run(id: $id) { log(search: "${"x".repeat(201)}") { text } } }`;
  expect((await refused(server, long, { id })).extensions).toMatchObject({
    code: "BAD_INPUT",
    field: "search",
  });
  const many = '{ runs(first: 100) { nodes { log(search: "x") { text } } } }';
  expect((await refused(server, many)).extensions.code).toBe("LIMIT_EXCEEDED");
  await server.call("POST", `/v1/leases/${lease}/complete`, {});
});

test("a log is read on from its cursor", async () => {
  await start({ job: "job" });
  const lease = await claim("plain");
  const write = (body: string) =>
    fetch(`${server.url}/v1/leases/${lease}/logs`, {
      method: "POST",
      headers: { "content-type": "text/plain" },
      body,
    });
  await write("one");
  const id = lease.split("-")[0] ?? "";
  const { log } = await read(id);
  await write("two");
  const more = await get(
    server,
    "query ($id: ID!, $after: String) { run(id: $id) { log(after: $after) { text ended } } }",
    {
      id,
      after: log.cursor,
    },
  );
  expect(more.run.log.text).toContain("two");
  expect(more.run.log.text).not.toContain("one");
  const other = await get(server, "query ($id: ID!) { run(id: $id) { log(attempt: 7) { text attempt } } }", {
    id,
  });
  expect(other.run.log).toEqual({ text: "", attempt: 7 });
  await server.call("POST", `/v1/leases/${lease}/complete`, {});
});

describe("an input", () => {
  test("that is not given is the job's, and stays so when the job changes", async () => {
    const id = await start({ job: "job", delay: "PT1H" });
    await get(server, `mutation { updateJob(name: "job", input: { input: { from: "later" } }) { id } }`);
    expect((await read(id)).input).toEqual({ from: "job" });
  });

  test("that is large is given back whole", async () => {
    const input = { text: "x".repeat(100_000) };
    expect((await read(await start({ job: "job", input, delay: "PT1H" }))).input).toEqual(input);
  });

  test("of bytes is given back as bytes", async () => {
    const inputBytes = Buffer.from([0, 1, 255]).toString("base64");
    expect(await read(await start({ job: "job", inputBytes, delay: "PT1H" }))).toMatchObject({
      input: null,
      inputBytes,
    });
  });

  test("may have variables in it, of any type", async () => {
    const { startRun } = await get(
      server,
      `mutation ($n: Int, $text: String, $json: JSON) {
        startRun(input: { job: "idle", delay: "PT1H", input: { n: $n, list: [$text], json: $json, big: 1e3 } }) { input }
      }`,
      { n: 7, text: "t", json: { a: [true] } },
    );
    expect(startRun.input).toEqual({ n: 7, list: ["t"], json: { a: [true] }, big: 1000 });
  });
});

test("a long output is there for whoever asks for it", async () => {
  const id = await start({ job: "job" });
  const lease = await claim("plain");
  const output = { text: "y".repeat(50_000) };
  await server.call("POST", `/v1/leases/${lease}/complete`, { output });
  expect((await read(id)).output).toEqual(output);
});

test("what holds a waiting run is told", async () => {
  const delayed = await start({ job: "idle", runAt: "2100-01-01T00:00:00Z" });
  expect(await read(delayed)).toMatchObject({
    state: "WAITING",
    scheduledAt: "2100-01-01T00:00:00.000Z",
    late: false,
    holds: [{ kind: "TIME", until: "2100-01-01T00:00:00.000Z", runs: [] }],
  });
  const dependent = await start({ job: "idle", after: [delayed] });
  expect((await read(dependent)).holds).toEqual([
    { kind: "DEPENDENCY", until: null, runs: [{ id: delayed, state: "WAITING" }] },
  ]);
  await get(server, "mutation ($id: ID!) { cancelRun(id: $id) { id } }", { id: delayed });
  await expect.poll(async () => (await read(dependent)).state, { timeout: 5_000 }).toBe("READY");
});

test("a run that waits past its job's start deadline is late", async () => {
  const id = await start({ job: "idle" });
  expect((await read(id)).late).toBe(false);
  await server.database
    .sql`update escapement.ready set scheduled_at = scheduled_at - interval '2 s' where id = ${id}`;
  expect((await read(id)).late).toBe(true);
});

test("a failure is told with its error, and each attempt of a retried run", async () => {
  const id = await start({ job: "retried" });
  const fail = async (message: string, retry?: boolean) => {
    const lease = await claim("retried");
    await server.call("POST", `/v1/leases/${lease}/fail`, {
      error: { message, type: "Oops", stack: "at x" },
      retry,
    });
  };
  await fail("first");
  const waiting = await read(id);
  expect(waiting).toMatchObject({
    state: "WAITING",
    attempt: 1,
    holds: [{ kind: "RETRY" }],
    attempts: [{ number: 1, outcome: "FAILED", error: { message: "first" } }],
  });
  await server.database.sql`update escapement.waiting set wake_at = escapement.clock() where id = ${id}`;
  server.loops.ticker.wake();
  await fail("second", false);
  expect(await read(id)).toMatchObject({
    state: "FAILED",
    attempt: 2,
    error: { message: "second", type: "Oops", stack: "at x" },
    attempts: [
      { number: 1, outcome: "FAILED", error: { message: "first" } },
      { number: 2, outcome: "FAILED", error: { message: "second" } },
    ],
  });

  const { retryRun } = await get(server, "mutation ($id: ID!) { retryRun(id: $id) { id state attempt } }", {
    id,
  });
  expect(retryRun).toEqual({ id, state: "READY", attempt: 2 });
  const lease = await claim("retried");
  await server.call("POST", `/v1/leases/${lease}/complete`, {});
  const { state, attempts } = await read(id);
  expect([state, attempts.map((attempt: Data) => attempt.outcome)]).toEqual([
    "SUCCEEDED",
    ["FAILED", "FAILED", "SUCCEEDED"],
  ]);
  expect(
    (await refused(server, "mutation ($id: ID!) { retryRun(id: $id) { id } }", { id })).extensions,
  ).toEqual({
    code: "ILLEGAL_STATE",
  });
});

test("a waiting, a ready and a running run can be cancelled, an ended one cannot", async () => {
  const CANCEL =
    "mutation ($id: ID!, $reason: String) { cancelRun(id: $id, reason: $reason) { state cancelRequested error { message } } }";
  for (const extra of [{ delay: "PT1H" }, {}]) {
    const id = await start({ job: "idle", ...extra });
    const { cancelRun } = await get(server, CANCEL, { id, reason: "not needed" });
    expect(cancelRun).toEqual({
      state: "CANCELLED",
      cancelRequested: false,
      error: { message: "not needed" },
    });
    expect((await refused(server, CANCEL, { id })).extensions).toEqual({ code: "ILLEGAL_STATE" });
  }
  const id = await start({ job: "job" });
  const lease = await claim("plain");
  const { cancelRun } = await get(server, CANCEL, { id, reason: "stop" });
  expect(cancelRun).toMatchObject({ state: "RUNNING", cancelRequested: true });
  const { body } = await server.call("POST", `/v1/leases/${lease}/heartbeat`, {});
  expect(body).toMatchObject({ cancel: true });
  await server.call("POST", `/v1/leases/${lease}/complete`, {});
  expect(await read(id)).toMatchObject({ state: "CANCELLED", attempts: [{ outcome: "CANCELLED" }] });
});

test("the same key starts one run, and the same key for something else is a conflict", async () => {
  const input = { job: "idle", delay: "PT1H", idempotencyKey: "once" };
  const answers = await Promise.all(Array.from({ length: 5 }, () => start(input)));
  expect(new Set(answers).size).toBe(1);
  const other = await ask(server, START, { input: { ...input, priority: 9 } });
  expect(other.errors?.[0]?.extensions).toEqual({ code: "CONFLICT", field: "idempotencyKey" });
});

test("thousands of runs are started at once, in the order asked for", { timeout: 60_000 }, async () => {
  const input = Array.from({ length: 10_000 }, (_, n) => ({ job: "idle", delay: "PT1H", input: n }));
  const { startRuns } = await get(
    server,
    "mutation ($input: [StartRunInput!]!) { startRuns(input: $input) { id state input createdAt } }",
    { input },
  );
  expect(startRuns.map((run: Data) => run.input)).toEqual(input.map((one) => one.input));
});

test("a job tells its runs and the newest of them", async () => {
  const older = await start({ job: "idle", delay: "PT1H" });
  const newer = await start({ job: "idle", delay: "PT1H" });
  const { job } = await get(
    server,
    `{ job(name: "idle") { running lastRun { id } runs(first: 2, filter: { states: [WAITING] }) { nodes { id } } } }`,
  );
  expect(job).toEqual({
    running: false,
    lastRun: { id: newer },
    runs: { nodes: [{ id: newer }, { id: older }] },
  });
});
