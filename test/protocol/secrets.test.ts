/** Secrets over HTTP: workers get the values, and nobody and nothing else does. */
import { Writable } from "node:stream";
import pino from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { get, listen } from "../graphql/client.ts";
import { newKey, ref, tablesWith } from "../support/secrets.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, client, send, type TestLease, until } from "./raw.ts";

const VALUE = "s3cret-val/ue+of=the test";
const MULTILINE = 'line one of it\nline "two" of it';
const key = newKey();
let server: TestServer;
let api: ReturnType<typeof client>;
/** All that the server logged, whatever the level. */
let logged = "";

beforeAll(async () => {
  const log = new Writable({
    write(chunk, _encoding, done) {
      logged += chunk;
      done();
    },
  });
  server = await startServer({ config: { secretKeys: [key] }, log: pino({ level: "trace" }, log) });
  api = client(server);
  await get(
    server,
    `mutation ($value: String!, $lines: String!, $input: JSON) {
      createNamespace(input: { name: "other" }) { id }
      createJob(input: { name: "job", type: "t" }) { id }
      own: createJob(input: { name: "own", type: "t", input: $input }) { id }
      other: createJob(input: { namespace: "other", name: "job", type: "t" }) { id }
      setSecret(name: "TOKEN", value: $value) { version }
      lines: setSecret(name: "LINES", value: $lines) { version }
      foreign: setSecret(namespace: "other", name: "TOKEN", value: "the other's") { version }
    }`,
    { value: VALUE, lines: MULTILINE, input: { auth: `Bearer ${ref("TOKEN")}` } },
  );
});
afterAll(() => server.close());

const complete = (lease: TestLease | undefined) => api.call("POST", `/v1/leases/${lease?.id}/complete`, {});
const append = (lease: TestLease, body: string, type = "text/plain", url = server.url) =>
  ask(url, "POST", `/v1/leases/${lease.id}/logs`, { body, headers: { "content-type": type } });
const messages = async (lease: TestLease) =>
  (await ask(server.url, "GET", `/v1/runs/${lease.run}/log`)).text
    .split("\n")
    .filter(Boolean)
    .map((line) => line.replace(/^\S+ \S+ /, ""));

test("a worker gets the value, from the job's input or the run's, and the run shows the reference", async () => {
  const lease = await api.lease("job", { input: { a: [ref("TOKEN"), `$${ref("TOKEN")}`] } });
  expect(lease.input).toEqual({ a: [VALUE, ref("TOKEN")] });
  const own = await api.lease("own");
  expect(own.input).toEqual({ auth: `Bearer ${VALUE}` });
  const { run, job } = await get(
    server,
    'query ($id: ID!) { run(id: $id) { input state } job(name: "own") { input } }',
    { id: lease.run },
  );
  expect(run).toEqual({ input: { a: [ref("TOKEN"), `$${ref("TOKEN")}`] }, state: "RUNNING" });
  expect(job.input).toEqual({ auth: `Bearer ${ref("TOKEN")}` });
  for (const one of [lease, own]) await complete(one);
});

test("a poll that is parked gets it, and a settle that claims", async () => {
  const parked = send(server.url, "POST", "/v1/leases", { body: { executor: "parked", waitSeconds: 30 } });
  await until(
    async () => (await ask(server.url, "GET", "/metrics")).text.includes("escapement_parked_polls 1"),
    "the poll is parked",
  );
  await api.start("job", { input: ref("TOKEN") });
  const { leases } = (await parked.answer).json() as { leases: TestLease[] };
  expect(leases.map(({ input }) => input)).toEqual([VALUE]);
  await api.start("job", { input: { next: ref("TOKEN") } });
  const settled = await api.call("POST", "/v1/settle", {
    results: [{ lease: leases[0]?.id, outcome: "succeeded" }],
    claim: { executor: "parked", waitSeconds: 0 },
  });
  const next = (settled.json() as { leases: TestLease[] }).leases;
  expect(next.map(({ input }) => input)).toEqual([{ next: VALUE }]);
  await complete(next[0]);
});

test("the same request again is answered with the same lease, value and all", async () => {
  await api.start("job", { input: ref("TOKEN") });
  const first = await api.claim({ requestId: "one" });
  const second = await api.claim({ requestId: "one" });
  expect(first[0]?.input).toBe(VALUE);
  expect(second).toEqual(first);
  await complete(first[0]);
});

test("each run of a claim for several namespaces gets the secret of its own", async () => {
  const other = client(server, { namespace: "other" });
  await other.start("job", { input: ref("TOKEN") });
  await api.start("job", { input: ref("TOKEN") });
  const leases = await api.claim({ namespaces: ["default", "other"], max: 2 });
  expect(leases.map(({ input }) => input).sort()).toEqual([VALUE, "the other's"]);
  for (const lease of leases) await complete(lease);
});

test("an executor at its capacity is not held up by runs that fail for want of a secret", async () => {
  await api.call("PUT", "/v1/executors/narrow", { groups: ["default"], types: ["t"], capacity: 1 });
  const bad = await api.start("job", { input: ref("NOWHERE") });
  const good = await api.start("job", { input: "good" });
  expect((await api.claim({ executor: "narrow", max: 5 })).map(({ run }) => run)).toEqual([good]);
  const { error, state, attempts, deadLetter } = (
    await get(
      server,
      "query ($id: ID!) { run(id: $id) { error { type message } state deadLetter attempts { outcome } } }",
      { id: bad },
    )
  ).run;
  expect({ state, deadLetter, attempts }).toEqual({
    state: "FAILED",
    deadLetter: true,
    attempts: [{ outcome: "FAILED" }],
  });
  expect(error).toMatchObject({ type: "SecretMissing", message: expect.stringContaining('"NOWHERE"') });
});

test("a log shows values as ***, whichever server appends, in text and in NDJSON", async () => {
  // Another server on the same outputs.
  const other = await startServer({
    databaseUrl: server.databaseUrl,
    config: { secretKeys: [key], dataDir: server.config.dataDir },
  });
  try {
    const lease = await api.lease("job", { input: { a: ref("TOKEN"), b: ref("LINES") } });
    await append(lease, `token ${VALUE}!\n${MULTILINE}\n`);
    await append(
      lease,
      JSON.stringify({ message: `${VALUE}\n${MULTILINE}` }),
      "application/x-ndjson",
      other.url,
    );
    await append(lease, `${JSON.stringify(lease.input)}\n`, "text/plain", other.url);
    expect(await messages(lease)).toEqual([
      "token ***!",
      "***",
      "***",
      "***",
      "***",
      '{"a":"***","b":"***"}',
    ]);
    await complete(lease);
    const without = await api.lease("job", { input: "none" });
    await append(without, `token ${VALUE}\n`);
    expect(await messages(without)).toEqual([`token ${VALUE}`]);
    await complete(without);
  } finally {
    await other.close();
  }
});

test("a large input's values are hidden in its log, too", async () => {
  const lease = await api.lease("job", { input: { padding: "p".repeat(5_000), a: ref("TOKEN") } });
  await append(lease, `token ${VALUE}`);
  expect(await messages(lease)).toEqual(["token ***"]);
  await complete(lease);
});

test("no table, no event, no answer and no line of the server's log has a value", async () => {
  // One that no test has had logged by a worker on purpose.
  const value = "nowhere-to-be-seen";
  await get(server, 'mutation ($value: String!) { setSecret(name: "HIDDEN", value: $value) { name } }', {
    value,
  });
  const fields = "id state input error { message } progress job { name input } attempts { outcome }";
  const listener = await listen(server, `subscription { runChanged { ${fields} } }`);
  const inputs = [{ a: ref("HIDDEN") }, { a: ref("HIDDEN"), padding: "p".repeat(5_000) }];
  const events: unknown[] = [];
  for (const input of inputs) {
    const lease = await api.lease("job", { input });
    expect(JSON.stringify(lease.input)).toContain(value);
    await append(lease, `it is ${value}`);
    await api.call("POST", `/v1/leases/${lease.id}/heartbeat`, { progress: 0.5, message: "at it" });
    await api.call("POST", `/v1/leases/${lease.id}/runs`, {
      runs: [{ job: "job", input: { child: ref("HIDDEN") } }],
    });
    await api.call("POST", `/v1/leases/${lease.id}/fail`, { error: { message: "failed" }, retry: false });
    expect(await tablesWith(server.database.sql, value)).toEqual([]);
    for (let state = ""; state !== "FAILED"; ) {
      const event = await listener.next();
      events.push(event);
      state = event.runChanged.id === lease.run ? event.runChanged.state : state;
    }
    expect(await tablesWith(server.database.sql, lease.run)).not.toEqual([]);
  }
  await listener.stop();
  const shown = await get(
    server,
    `{ runs(first: 50) { nodes { ${fields} log { text } } } secrets { nodes { id name description updatedBy } } }`,
  );
  for (const text of [JSON.stringify(events), JSON.stringify(shown), logged])
    expect(text).not.toContain(value);
  // The searches find what is there.
  expect(logged).toContain("this server leads");
  expect(JSON.stringify(shown)).toContain(JSON.stringify(ref("HIDDEN")).slice(1, -1));
  expect(await tablesWith(server.database.sql, ref("HIDDEN"))).toEqual(["ended", "payload"]);
});
