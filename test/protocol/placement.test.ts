/** Runs for certain executors over HTTP: the right parked poll wakes, and only that one. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, client, type Sent, send, type TestLease, until } from "./raw.ts";

let server: TestServer;
let api: ReturnType<typeof client>;

beforeAll(async () => {
  server = await startServer();
  api = client(server);
  await server.graphql(`mutation { createJob(input: { name: "a", type: "type.a" }) { name } }`);
});
afterAll(() => server.close());

const park = (claim: Record<string, unknown>, url = server.url): Sent =>
  send(url, "POST", "/v1/leases", { body: { waitSeconds: 30, ...claim } });
const runsOf = async (sent: Sent) => ((await sent.answer).json().leases as TestLease[]).map(({ run }) => run);
const parkedIs = (count: number) =>
  until(
    async () =>
      Number(
        /^escapement_parked_polls (\d+)$/m.exec((await ask(server.url, "GET", "/metrics")).text)?.[1],
      ) === count,
    `${count} polls are parked`,
  );
const start = async (run: Record<string, unknown>): Promise<string> => {
  const answer = await api.call("POST", "/v1/runs", { runs: [{ job: "a", ...run }] });
  expect(answer.status).toBe(201);
  return (answer.json().runs as { id: string }[])[0]?.id ?? "";
};

test("a run for one executor wakes its parked poll, however many others wait longer", async () => {
  const others = [park({ executor: "one" }), park({ executor: "two", types: ["type.a"] })];
  await parkedIs(2);
  const mine = park({ executor: "three", types: ["type.a"] });
  await parkedIs(3);
  const run = await start({ executor: "three" });
  expect(await runsOf(mine)).toEqual([run]);
  await parkedIs(2);
  const rest = [await start({ executor: "two" }), await start({ executor: "one" })];
  expect([...(await runsOf(others[1] as Sent)), ...(await runsOf(others[0] as Sent))]).toEqual(rest);
});

test("a run that requires labels wakes the poll of an executor that registered them", async () => {
  await api.call("PUT", "/v1/executors/big", { groups: ["default"], labels: { gpu: "a100" } });
  const small = park({ executor: "small" });
  await parkedIs(1);
  const big = park({ executor: "big" });
  await parkedIs(2);
  const run = await start({ requires: { gpu: "a100" } });
  expect(await runsOf(big)).toEqual([run]);
  await parkedIs(1);
  const any = await start({});
  expect(await runsOf(small)).toEqual([any]);
});

test("what cannot be an executor or a label is refused by its field", async () => {
  const refused = async (run: Record<string, unknown>) => {
    const answer = await api.call("POST", "/v1/runs", { runs: [{ job: "a", ...run }] });
    const { code, field } = answer.json();
    return [answer.status, code, field];
  };
  expect(await refused({ executor: "no blanks" })).toEqual([400, "bad_input", "runs[0].executor"]);
  expect(await refused({ requires: { gpu: "\u0007" } })).toEqual([400, "bad_input", "runs[0].requires.gpu"]);
  expect((await refused({ requires: { gpu: 1 } }))[0]).toBe(400);
});

const register = async (name: string, more: Record<string, unknown> = {}): Promise<void> => {
  const { status } = await api.call("PUT", `/v1/executors/${name}`, { groups: ["default"], ...more });
  expect(status).toBe(200);
};
const settleAll = (leases: TestLease[]) =>
  api.call("POST", "/v1/settle", { results: leases.map(({ id }) => ({ lease: id, outcome: "succeeded" })) });
const leasesOf = async (sent: Sent) => (await sent.answer).json().leases as TestLease[];

test("a parked poll of an executor at its capacity keeps nobody else from the next run", async () => {
  await register("full", { capacity: 1 });
  const run = await start({});
  const held = await leasesOf(park({ executor: "full" }));
  expect(held.map((lease) => lease.run)).toEqual([run]);
  const mine = park({ executor: "full" });
  await parkedIs(1);
  const other = park({ executor: "free" });
  await parkedIs(2);
  const next = await start({});
  expect(await runsOf(other)).toEqual([next]);
  const last = await start({});
  await settleAll(held);
  expect(await runsOf(mine)).toEqual([last]);
});

test("settling what one holds and claiming the next in one request fits a capacity of one", async () => {
  await register("single", { capacity: 1 });
  const runs = [await start({}), await start({})];
  const [first] = await leasesOf(park({ executor: "single", max: 5 }));
  const answer = await api.call("POST", "/v1/settle", {
    results: [{ lease: first?.id, outcome: "succeeded" }],
    claim: { executor: "single", max: 5, waitSeconds: 0 },
  });
  const leases = answer.json().leases as TestLease[];
  expect([first?.run, ...leases.map((lease) => lease.run)]).toEqual(runs);
  await settleAll(leases);
});

test("an executor whose load is above its limit waits, and takes runs when it reports less", async () => {
  await register("busy", { maxLoad: { cpu: 0.8 }, load: { cpu: 0.95, memory: 0.2 } });
  const poll = park({ executor: "busy" });
  await parkedIs(1);
  const run = await start({});
  await until(async () => {
    const { runs } = await server.graphql<{ runs: { nodes: { id: string; state: string }[] } }>(
      "{ runs(first: 1) { nodes { id state } } }",
    );
    return runs.nodes[0]?.id === run && runs.nodes[0].state === "READY";
  }, "the run waits");
  await api.call("POST", "/v1/heartbeat", { executor: "busy", leases: [], load: { cpu: 0.5 } });
  expect(await runsOf(poll)).toEqual([run]);
});

test("a drained executor's poll is answered at once with drain, and later ones wait and get nothing", async () => {
  const first = park({ executor: "leaving" });
  await parkedIs(1);
  await server.graphql(`mutation { drainExecutor(name: "leaving", reason: "new disk") { id } }`);
  expect((await first.answer).json()).toEqual({ leases: [], drain: true });
  const run = await start({});
  const second = await park({ executor: "leaving", waitSeconds: 0 }).answer;
  expect(second.json()).toEqual({ leases: [], drain: true });
  const beat = await api.call("POST", "/v1/heartbeat", { executor: "leaving", leases: [] });
  expect(beat.json()).toEqual({ leases: [], drain: true });
  const third = park({ executor: "leaving" });
  await parkedIs(1);
  await server.graphql(`mutation { undrainExecutor(name: "leaving") { id } }`);
  expect((await third.answer).json()).toMatchObject({ leases: [{ run }] });
});

test("an executor drained through one server is drained on another", async () => {
  const other = await startServer({ databaseUrl: server.databaseUrl });
  try {
    const poll = park({ executor: "far" }, other.url);
    await until(
      async () => /^escapement_parked_polls 1$/m.test((await ask(other.url, "GET", "/metrics")).text),
      "the poll is parked",
    );
    await server.graphql(`mutation { drainExecutor(name: "far") { id } }`);
    expect((await poll.answer).json()).toEqual({ leases: [], drain: true });
  } finally {
    await other.close();
  }
});

test("labels registered through one server count on another whose poll is parked", async () => {
  const other = await startServer({ databaseUrl: server.databaseUrl });
  try {
    const poll = park({ executor: "learner" }, other.url);
    await until(
      async () => /^escapement_parked_polls 1$/m.test((await ask(other.url, "GET", "/metrics")).text),
      "the poll is parked",
    );
    await register("learner", { labels: { zone: "eu" } });
    const run = await start({ requires: { zone: "eu" } });
    expect(await runsOf(poll)).toEqual([run]);
  } finally {
    await other.close();
  }
});

test("a negative capacity, load limit or label value is refused by its field", async () => {
  const refused = async (more: Record<string, unknown>) => {
    const answer = await api.call("PUT", "/v1/executors/odd", { groups: ["default"], ...more });
    return [answer.status, answer.json().field];
  };
  expect(await refused({ capacity: -1 })).toEqual([400, "capacity"]);
  expect(await refused({ maxLoad: { cpu: -0.1 } })).toEqual([400, "maxLoad.cpu"]);
  expect(await refused({ labels: { zone: 7 } })).toEqual([400, "labels.zone"]);
  const { executors } = await server.graphql<{ executors: { nodes: unknown[] } }>(
    `{ executors(filter: { search: "odd" }) { nodes { id } } }`,
  );
  expect(executors.nodes).toEqual([]);
});
