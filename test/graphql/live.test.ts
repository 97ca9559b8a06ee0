/** Subscriptions over WebSocket and server-sent events, with events of this server and of another. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { type Data, get, type Listener, listen, listenSse, until } from "./client.ts";

let server: TestServer;
let other: TestServer;
const listeners: Listener[] = [];

beforeAll(async () => {
  server = await startServer();
  other = await startServer({ databaseUrl: server.databaseUrl });
  await get(
    server,
    `mutation { createJob(input: { name: "job", type: "live", retry: { off: true } }) { id } }`,
  );
  await get(server, `mutation { createJob(input: { name: "other", type: "elsewhere" }) { id } }`);
});
afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.stop()));
});
afterAll(async () => {
  await other.close();
  await server.close();
});

async function hear(
  query: string,
  variables = {},
  open = listen,
  target: { url: string } = server,
): Promise<Listener> {
  const listener = await open(target, query, variables);
  listeners.push(listener);
  return listener;
}

async function start(job = "job", extra = ""): Promise<string> {
  const { startRun } = await get(server, `mutation { startRun(input: { job: "${job}" ${extra} }) { id } }`);
  return startRun.id;
}

async function claim(type = "live"): Promise<string> {
  const { body } = await server.call("POST", "/v1/leases", {
    executor: "tester",
    types: [type],
    waitSeconds: 10,
  });
  return (body as Data).leases[0].id;
}

async function write(lease: string, text: string): Promise<void> {
  const headers = { "content-type": "text/plain" };
  await fetch(`${server.url}/v1/leases/${lease}/logs`, { method: "POST", headers, body: text });
}

async function runThrough(output: unknown = null): Promise<void> {
  const lease = await claim();
  await server.call("POST", `/v1/leases/${lease}/complete`, { output });
}

describe.each([
  ["WebSocket", listen],
  ["server-sent events", listenSse],
])("over %s", (_name, open) => {
  test("a run's subscriber sees each state in order, and what held in it", async () => {
    const listener = await hear(
      `subscription { runChanged(job: "job") { id state startedAt endedAt attempt output executor { name } } }`,
      {},
      open,
    );
    const id = await start();
    await runThrough({ answer: 42 });
    const seen = [await listener.next(), await listener.next(), await listener.next()].map(
      (data) => data.runChanged,
    );
    expect(seen.map((run) => [run.id, run.state, run.attempt])).toEqual([
      [id, "READY", 0],
      [id, "RUNNING", 1],
      [id, "SUCCEEDED", 1],
    ]);
    expect(seen[0]).toMatchObject({ startedAt: null, endedAt: null, output: null, executor: null });
    expect(seen[1]).toMatchObject({ endedAt: null, output: null, executor: { name: "tester" } });
    expect(seen[2]).toMatchObject({ output: { answer: 42 } });
  });

  test("an event of one server reaches a subscriber of the other", async () => {
    const listener = await hear(`subscription { runChanged(job: "other") { id state } }`, {}, open, other);
    // The servers notice each other within a beat; until then nothing is sent between them.
    const ids = new Set<string>();
    const seen = await Promise.race([
      listener.next(),
      (async () => {
        for (;;) {
          ids.add(await start("other"));
          await new Promise((resolve) => setTimeout(resolve, 250));
          if (ids.size > 60) throw new Error("no event came in 15 s");
        }
      })(),
    ]);
    expect(ids).toContain((seen as Data).runChanged.id);
  });

  test("a log is followed from its beginning to the run's end", async () => {
    const id = await start();
    const lease = await claim();
    await write(lease, "first");
    const listener = await hear(
      "subscription ($id: ID!) { runLog(id: $id) { text cursor attempt ended } }",
      { id },
      open,
    );
    const first = (await listener.next()).runLog;
    expect(first).toMatchObject({ attempt: 1, ended: false });
    expect(first.text).toContain("first");
    await write(lease, "second");
    const second = (await listener.next()).runLog;
    expect(second.text).toContain("second");
    expect(second.text).not.toContain("first");
    await server.call("POST", `/v1/leases/${lease}/complete`, {});
    expect((await listener.next()).runLog).toMatchObject({ text: "", ended: true });
    expect(await listener.event()).toBeNull();

    const picked = await hear(
      'subscription ($id: ID!) { runLog(id: $id, search: "SECOND", level: INFO) { text ended } }',
      { id },
      open,
    );
    expect((await picked.next()).runLog).toEqual({ text: second.text, ended: false });
    expect((await picked.next()).runLog).toEqual({ text: "", ended: true });

    const later = await hear(
      "subscription ($id: ID!, $after: String) { runLog(id: $id, after: $after) { text ended } }",
      { id, after: first.cursor },
      open,
    );
    expect((await later.next()).runLog).toEqual({ text: second.text, ended: false });
    expect((await later.next()).runLog.ended).toBe(true);
  });
});

test("an event that comes late shows the run as it was, not what came of it", async () => {
  const id = await start();
  await runThrough({ done: true });
  const { run } = await get(server, "query ($id: ID!) { run(id: $id) { state } }", { id });
  expect(run.state).toBe("SUCCEEDED");
  const listener = await hear(
    "subscription ($id: ID) { runChanged(id: $id) { state readyAt startedAt endedAt output attempt } }",
    { id },
  );
  const change = { kind: "run", id, namespaceId: 1, jobId: 1 } as const;
  server.channel.publish(
    (["WAITING", "READY", "RUNNING", "SUCCEEDED"] as const).map((state) => ({ ...change, state })),
  );
  const time = expect.stringMatching(/Z$/);
  const seen = [];
  for (let n = 0; n < 4; n++) seen.push((await listener.next()).runChanged);
  expect(seen).toEqual([
    { state: "WAITING", readyAt: null, startedAt: null, endedAt: null, output: null, attempt: 0 },
    { state: "READY", readyAt: time, startedAt: null, endedAt: null, output: null, attempt: 0 },
    { state: "RUNNING", readyAt: time, startedAt: time, endedAt: null, output: null, attempt: 1 },
    { state: "SUCCEEDED", readyAt: time, startedAt: time, endedAt: time, output: { done: true }, attempt: 1 },
  ]);
});

test("after lost notifications a subscriber is told how its run is now", async () => {
  const id = await start("job", `delay: "PT1H"`);
  const listener = await hear("subscription ($id: ID) { runChanged(id: $id) { id state } }", { id });
  server.channel.emit("resync");
  expect(await listener.next()).toEqual({ runChanged: { id, state: "WAITING" } });
});

test("jobs, triggers and executors are reported when they change, in their namespace only", async () => {
  await get(server, `mutation { createNamespace(input: { name: "apart" }) { id } }`);
  const jobs = await hear(`subscription { jobChanged(namespace: "default") { name version deletedAt } }`);
  const triggers = await hear(`subscription { triggerChanged(namespace: "default") { name state } }`);
  const executors = await hear(`subscription { executorChanged { name state groups } }`);
  const make = (namespace: string) =>
    get(
      server,
      `mutation ($namespace: String!) {
        createJob(input: { namespace: $namespace, name: "seen", type: "t" }) { id }
        createTrigger(input: { namespace: $namespace, name: "seen", job: "seen", paused: true,
          schedule: { fixedRate: { every: "PT1H" } } }) { id }
        updateJob(namespace: $namespace, name: "seen", input: { priority: 7 }) { id }
      }`,
      { namespace },
    );
  await make("apart");
  await make("default");
  expect((await jobs.next()).jobChanged).toMatchObject({ name: "seen", deletedAt: null });
  expect(await triggers.next()).toEqual({ triggerChanged: { name: "seen", state: "PAUSED" } });
  await get(server, `mutation { deleteJob(namespace: "default", name: "seen") }`);
  const last = await until(jobs, ({ jobChanged }) => jobChanged.deletedAt !== null);
  expect(last.jobChanged).toMatchObject({ name: "seen", version: 2 });
  await server.call("PUT", "/v1/executors/fresh", { groups: ["default"], types: ["t"], capacity: 2 });
  await until(executors, ({ executorChanged }) => executorChanged.name === "fresh");
});

test("the overview comes at once, and again when something has changed", async () => {
  const listener = await hear(`subscription { overviewChanged(namespace: "default") { waiting } }`);
  const { waiting } = (await listener.next()).overviewChanged;
  await start("job", `delay: "PT1H"`);
  await until(listener, ({ overviewChanged }) => overviewChanged.waiting === waiting + 1);
});

test("a subscription that is stopped frees what it held", async () => {
  const listener = await hear(`subscription { runChanged { id } }`);
  await listener.stop();
  await start("other");
  expect(await listener.event()).toBeNull();
});

test("a connection has a limit of subscriptions, and the message says so", async () => {
  const { createClient } = await import("graphql-ws");
  const { default: WebSocket } = await import("ws");
  const client = createClient({
    url: `${server.url.replace("http", "ws")}/graphql`,
    webSocketImpl: WebSocket,
  });
  const query = `subscription { jobChanged { id } }`;
  const open = Array.from({ length: 20 }, () => client.iterate({ query }));
  for (const iterator of open) void iterator.next().catch(() => {});
  const refusal = await client
    .iterate({ query })
    .next()
    .catch((errors: unknown) => errors);
  expect(refusal).toMatchObject([{ extensions: { code: "LIMIT_EXCEEDED" } }]);
  await client.dispose();
});

test("what is wrong with a subscription is said like for a query", async () => {
  for (const [query, code] of [
    [`subscription { runLog(id: "7") { text } }`, "NOT_FOUND"],
    [`subscription { runLog(id: "x") { text } }`, "NOT_FOUND"],
    [`subscription { runChanged(namespace: "nowhere") { id } }`, "NOT_FOUND"],
    [`subscription { nothing { id } }`, "BAD_INPUT"],
    [`subscription {`, "BAD_INPUT"],
  ] as const) {
    for (const open of [listen, listenSse]) {
      const listener = await hear(query, {}, open);
      const event = await listener.event().catch((errors: unknown) => ({ errors }));
      expect(event).toMatchObject({ errors: [{ extensions: { code } }] });
    }
  }
});
