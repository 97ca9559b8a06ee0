/** Long polls: they wake when there is work, cost nothing while there is none, and lose no run. */
import pino from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createHttp } from "../../server/http.ts";
import { diskStore } from "../../server/store/output-disk.ts";
import { createOutputIndex } from "../../server/store/output-index.ts";
import { createOutputs } from "../../server/store/outputs.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, client, type Sent, send, type TestLease, until } from "./raw.ts";

let server: TestServer;
let api: ReturnType<typeof client>;

beforeAll(async () => {
  server = await startServer();
  api = client(server);
  await server.graphql(`mutation {
    a: createJob(input: { name: "a", type: "type.a" }) { name }
    b: createJob(input: { name: "b", type: "type.b" }) { name }
  }`);
});
afterAll(() => server.close());

const park = (claim: Record<string, unknown> = {}, url = server.url): Sent =>
  send(url, "POST", "/v1/leases", { body: { executor: "tester", waitSeconds: 30, ...claim } });
const leasesOf = async (sent: Sent) => (await sent.answer).json().leases as TestLease[];
const parked = async (url = server.url) =>
  Number(/^escapement_parked_polls (\d+)$/m.exec((await ask(url, "GET", "/metrics")).text)?.[1]);
const parkedIs = (count: number, url?: string) =>
  until(async () => (await parked(url)) === count, `${count} polls are parked`);
const complete = (lease: TestLease | undefined) => api.call("POST", `/v1/leases/${lease?.id}/complete`);

test("a parked poll wakes with the start of a run that it wants", async () => {
  const sent = park({ types: ["type.a"] });
  await parkedIs(1);
  await api.start("b");
  const run = await api.start("a");
  const [lease] = await leasesOf(sent);
  expect(lease?.run).toBe(run);
  expect(await parked()).toBe(0);
  for (const left of [lease, ...(await api.claim())]) await complete(left);
});

test("a parked poll gets the run it waits for by the statement that starts it", async () => {
  const sent = park({ types: ["type.a"] });
  await parkedIs(1);
  const started = await api.call("POST", "/v1/runs", { runs: [{ job: "a" }] });
  const [lease] = await leasesOf(sent);
  expect(started.json().runs).toEqual([{ id: lease?.run, state: "RUNNING" }]);
  await complete(lease);
});

test("a poll without work answers with nothing when its time is over, and at once when it has none", async () => {
  const began = performance.now();
  expect(await leasesOf(park({ waitSeconds: 0.2 }))).toEqual([]);
  expect(performance.now() - began).toBeGreaterThan(190);
  expect(await leasesOf(park({ waitSeconds: 0 }))).toEqual([]);
});

test("of polls that want the same, the one parked longest is served first", async () => {
  const first = park({ executor: "first" });
  await parkedIs(1);
  const second = park({ executor: "second", types: ["type.a"] });
  await parkedIs(2);
  const runs = [await api.start("a")];
  const [one] = await leasesOf(first);
  runs.push(await api.start("a"));
  const [two] = await leasesOf(second);
  expect([one?.run, two?.run]).toEqual(runs);
  for (const lease of [one, two]) await complete(lease);
});

test("many runs at once wake as many polls as there is work for", async () => {
  const polls = Array.from({ length: 20 }, () => park());
  await parkedIs(20);
  const body = { runs: Array(15).fill({ job: "a" }) };
  const started = (await api.call("POST", "/v1/runs", body)).json().runs as { id: string }[];
  await parkedIs(5);
  for (const { id } of await Promise.all(
    Array.from({ length: 5 }, async () => ({ id: await api.start("b") })),
  )) {
    started.push({ id });
  }
  const leases = (await Promise.all(polls.map(leasesOf))).flat();
  expect(leases.map(({ run }) => run).sort()).toEqual(started.map(({ id }) => id).sort());
  for (const lease of leases) await complete(lease);
});

test("no start is missed however polls and starts interleave", async () => {
  const seen = new Set<string>();
  const started: string[] = [];
  const worker = async (name: string) => {
    while (seen.size < 150) {
      for (const lease of await leasesOf(park({ executor: name, max: 2, waitSeconds: 0.4 }))) {
        expect(seen.has(lease.run)).toBe(false);
        seen.add(lease.run);
        await complete(lease);
      }
    }
  };
  const workers = ["w1", "w2", "w3"].map(worker);
  for (let at = 0; at < 150; at++) started.push(await api.start(at % 2 ? "a" : "b"));
  await Promise.all(workers);
  expect([...seen].sort()).toEqual(started.sort());
});

test("a start that commits while an empty claim is on its way back is not missed", async () => {
  let answerMayLeave = () => {};
  const held = new Promise<void>((resolve) => {
    answerMayLeave = resolve;
  });
  let claims = 0;
  const engine: typeof server.engine = {
    ...server.engine,
    async claim(poll) {
      claims += 1;
      const leases = await server.engine.claim(poll);
      if (claims === 1) await held;
      return leases;
    },
  };
  const { config, database, catalog, channel, tokens } = server;
  const outputs = createOutputs(diskStore(config.dataDir), createOutputIndex(database.sql), channel);
  const app = await createHttp({
    config,
    database,
    catalog,
    channel,
    tokens,
    outputs,
    engine,
    log: pino({ level: "silent" }),
  });
  try {
    const url = await app.listen({ host: "127.0.0.1", port: 0 });
    // It may wait for less time than the look once a second would need.
    const sent = park({ waitSeconds: 0.05 }, url);
    await until(() => claims === 1, "the claim has found nothing");
    const run = await api.start("a");
    answerMayLeave();
    const [lease] = await leasesOf(sent);
    expect(lease?.run).toBe(run);
    await complete(lease);
  } finally {
    await app.close();
  }
});

test("a poll whose connection closes is taken out, and the run goes to the next one", async () => {
  const gone = park({ executor: "gone" });
  await parkedIs(1);
  gone.answer.catch(() => {});
  gone.request.destroy();
  await parkedIs(0);
  const alive = park({ executor: "alive" });
  await parkedIs(1);
  const run = await api.start("a");
  const [lease] = await leasesOf(alive);
  expect(lease).toMatchObject({ run, fence: 1 });
  await complete(lease);
});

test("what was claimed for a connection that closed meanwhile is given back at no cost", async () => {
  const run = await api.start("a");
  await server.database.sql.begin(async (transaction) => {
    // The claim stops in the middle of its statement.
    await transaction`lock table escapement.lease in share mode`;
    const gone = park({ executor: "gone" });
    gone.answer.catch(() => {});
    const blocked = async () => {
      const [row] = await transaction`select count(*)::int as n from pg_locks where not granted`;
      return row?.n > 0;
    };
    await until(blocked, "the claim waits");
    gone.request.destroy();
    await gone.answer.catch(() => {});
    // What arrives after the end of that connection is read after it.
    await ask(server.url, "GET", "/healthz");
  });
  const [lease] = await leasesOf(park({ executor: "alive" }));
  expect(lease).toMatchObject({ run, fence: 2, attempt: 1 });
  await complete(lease);
});

test("a claim that is repeated after its answer was lost brings the run, wherever the connection broke", async () => {
  for (let round = 0; round < 25; round++) {
    const claim = { executor: "cut", requestId: `round-${round}` };
    const cut = park(claim);
    await parkedIs(1);
    const starting = api.start("a");
    if (round % 5 > 0) await new Promise((resolve) => setTimeout(resolve, round % 5));
    cut.request.destroy();
    const heard = await leasesOf(cut).catch(() => undefined);
    const run = await starting;
    const [lease] = heard ?? (await leasesOf(park(claim)));
    expect(lease).toMatchObject({ run, attempt: 1 });
    expect((await complete(lease)).status).toBe(200);
  }
});

test("a claim whose database connection dies is answered 503, and repeated it brings the run", async () => {
  const run = await api.start("a");
  const claim = { executor: "unlucky", requestId: "once", waitSeconds: 0 };
  let cut: Sent | undefined;
  await server.database.sql.begin(async (transaction) => {
    await transaction`lock table escapement.lease in share mode`;
    cut = park(claim);
    const ended = async () => {
      const [row] = await transaction`
        select count(pg_terminate_backend(pid))::int as n from pg_locks
        where not granted and relation = 'escapement.lease'::regclass`;
      return row?.n > 0;
    };
    await until(ended, "the claim's connection is cut");
  });
  const answer = await cut?.answer;
  expect([answer?.status, answer?.json().code, answer?.headers["retry-after"]]).toEqual([
    503,
    "unavailable",
    "1",
  ]);
  const [lease] = await leasesOf(park(claim));
  expect(lease).toMatchObject({ run, fence: 1 });
  await complete(lease);
});

test("a poll for a type that nobody has defined yet gets the first run of it", async () => {
  const sent = park({ types: ["type.new"], groups: ["new-group"] });
  await parkedIs(1);
  await server.graphql(
    `mutation { createJob(input: { name: "new", type: "type.new", group: "new-group" }) { name } }`,
  );
  const run = await api.start("new");
  const [lease] = await leasesOf(sent);
  expect(lease?.run).toBe(run);
  await complete(lease);
});

test("runs that become ready without anybody saying so are found by the look once a second", async () => {
  const sent = park();
  await parkedIs(1);
  // As by the function escapement.start_run in somebody's own transaction.
  const [source] = await server.database.sql`
    select v.id, v.job_id, v.queue_id from escapement.job_version v join escapement.job j on j.version_id = v.id where j.name = 'a'`;
  await server.database.sql`
    insert into escapement.ready (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, ready_at)
    values (escapement.next_run_id(), 1, ${source?.job_id}, ${source?.id}, ${source?.queue_id}, 5, escapement.clock(), escapement.clock())`;
  const [lease] = await leasesOf(sent);
  expect(lease?.job).toBe("a");
  await complete(lease);
});

test("a run given back wakes a parked poll", async () => {
  const lease = await api.lease("a");
  const sent = park({ executor: "other" });
  await parkedIs(1);
  await api.call("POST", `/v1/leases/${lease.id}/release`, {});
  const [again] = await leasesOf(sent);
  expect(again?.run).toBe(lease.run);
  await complete(again);
});

test("a settle's claim waits like any other, and its results hold whatever becomes of the wait", async () => {
  const held = await api.lease("a");
  const sent = send(server.url, "POST", "/v1/settle", {
    body: {
      results: [{ lease: held.id, outcome: "succeeded" }],
      claim: { executor: "tester", waitSeconds: 30 },
    },
  });
  await parkedIs(1);
  expect(await api.state(held.run)).toBe("SUCCEEDED");
  const run = await api.start("a");
  const answer = (await sent.answer).json() as { results: unknown[]; leases: TestLease[] };
  expect(answer.results).toEqual([{ lease: held.id, status: "ok", state: "SUCCEEDED" }]);
  expect(answer.leases[0]?.run).toBe(run);
  await complete(answer.leases[0]);
});

test("a parked poll whose token is revoked gets nothing any more", async () => {
  const guarded = await startServer({
    databaseUrl: server.databaseUrl,
    config: { adminToken: "an-administrator's-token" },
  });
  try {
    const { id, secret } = await guarded.tokens.create({ name: "w", role: "WORKER", namespaceId: 1 });
    const sent = send(guarded.url, "POST", "/v1/leases", {
      token: secret,
      body: { executor: "revoked", waitSeconds: 30 },
    });
    const admin = client(guarded, { token: "an-administrator's-token" });
    await until(
      async () => /^escapement_parked_polls 1$/m.test((await admin.call("GET", "/metrics")).text),
      "it is parked",
    );
    await guarded.tokens.revoke(id);
    const run = await admin.start("a");
    expect((await sent.answer).status).toBe(401);
    const [lease] = await api.claim();
    expect(lease).toMatchObject({ run, fence: 1 });
    await complete(lease);
  } finally {
    await guarded.close();
  }
});

test("a run started on one server wakes a poll on another, and both count their own", async () => {
  const second = await startServer({ databaseUrl: server.databaseUrl });
  try {
    const sent = park({ executor: "there" }, second.url);
    await parkedIs(1, second.url);
    expect(await parked()).toBe(0);
    const run = await api.start("a");
    const [lease] = await leasesOf(sent);
    expect(lease?.run).toBe(run);
    await complete(lease);
  } finally {
    await second.close();
  }
});

test("a closing server answers what is parked at once, takes no new work, and loses nothing", async () => {
  const second = await startServer({ databaseUrl: server.databaseUrl });
  const held = await api.lease("a");
  const polls = Array.from({ length: 10 }, (_, at) => park({ executor: `p${at}` }, second.url));
  const waiting = ask(second.url, "GET", `/v1/runs/${held.run}?waitSeconds=60`);
  await parkedIs(10, second.url);
  const began = performance.now();
  const [answers, waited] = await Promise.all([Promise.all(polls.map(leasesOf)), waiting, second.close()]);
  expect(answers).toEqual(polls.map(() => []));
  expect(waited.json()).toEqual({ id: held.run, state: "RUNNING" });
  // Far below the minute that they would have waited.
  expect(performance.now() - began).toBeLessThan(10_000);
  await expect(ask(second.url, "GET", "/healthz")).rejects.toThrow();
  await complete(held);
});
