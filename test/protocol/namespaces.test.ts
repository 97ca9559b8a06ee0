/** Executors that work for several namespaces: what they may name, what wakes them, and that their leases are theirs. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createWorker } from "../../worker/index.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, client, type Sent, send, type TestLease, until } from "./raw.ts";

let server: TestServer;
const BOTH = ["north", "south"];
const api = (namespace?: string) => client(server, namespace === undefined ? {} : { namespace });

beforeAll(async () => {
  server = await startServer();
  for (const name of BOTH) {
    await server.graphql(`mutation {
      createNamespace(input: { name: "${name}" }) { id }
      createJob(input: { namespace: "${name}", name: "job", type: "type" }) { id }
    }`);
  }
});
afterAll(() => server.close());

const park = (claim: Record<string, unknown>): Sent =>
  send(server.url, "POST", "/v1/leases", { body: { executor: "both", waitSeconds: 30, ...claim } });
const leasesOf = async (sent: Sent) =>
  (await sent.answer).json().leases as (TestLease & { namespace?: string })[];
const parkedIs = (count: number) =>
  until(
    async () =>
      Number(
        /^escapement_parked_polls (\d+)$/m.exec((await ask(server.url, "GET", "/metrics")).text)?.[1],
      ) === count,
    `${count} polls are parked`,
  );
const complete = (lease: TestLease | undefined, namespace?: string) =>
  api(namespace).call("POST", `/v1/leases/${lease?.id}/complete`);
const weigh = (name: string, weight: number | string) =>
  server.graphql<{ updateNamespace: { weight: number } }>(
    `mutation { updateNamespace(name: "${name}", input: { weight: ${weight} }) { weight } }`,
  );

test("a parked poll is woken by a run of any of its namespaces, and its lease says of which", async () => {
  for (const types of [undefined, ["type", "other"]]) {
    for (const name of BOTH) {
      const sent = park({ namespaces: BOTH, ...(types ? { types } : {}) });
      await parkedIs(1);
      const run = await api(name).start("job");
      const [lease] = await leasesOf(sent);
      expect(lease).toMatchObject({ run, namespace: name });
      expect((await complete(lease)).status).toBe(200);
    }
  }
});

test("a parked poll is woken by a run that becomes ready later, and one of another namespace is not", async () => {
  const north = park({ executor: "north-only", namespaces: ["north"] });
  const both = park({ namespaces: BOTH });
  await parkedIs(2);
  const run = await api("south").start("job", { delaySeconds: 0.05 });
  const [lease] = await leasesOf(both);
  expect(lease).toMatchObject({ run, namespace: "south" });
  await parkedIs(1);
  const other = await api("north").start("job");
  const [mine] = await leasesOf(north);
  expect(mine).toMatchObject({ run: other, namespace: "north" });
  for (const each of [lease, mine]) await complete(each);
});

test("a lease of another namespace is its executor's, whatever namespace that calls from", async () => {
  const run = await api("south").start("job");
  const [lease] = await api("north").claim({ namespaces: BOTH });
  expect(lease?.run).toBe(run);
  const beat = await api("north").call("POST", `/v1/leases/${lease?.id}/heartbeat`);
  expect(beat.status).toBe(200);
  const beats = await api("north").call("POST", "/v1/heartbeat", { executor: "tester", leases: [lease?.id] });
  expect(beats.json()).toMatchObject({ leases: [{ lease: lease?.id, status: "ok" }] });
  expect((await complete(lease, "default")).status).toBe(404);
  expect((await complete(lease, "north")).status).toBe(200);
  expect(await api("south").state(run)).toBe("SUCCEEDED");
});

test("a plain claim's leases carry no namespace, and it takes none of another", async () => {
  await api("south").start("job");
  expect(await api("north").claim()).toEqual([]);
  const [lease] = await api("south").claim();
  expect(lease).toBeDefined();
  expect(lease).not.toHaveProperty("namespace");
  await complete(lease);
});

test("a run for an executor of its own namespace is not for one of the same name elsewhere", async () => {
  const run = await api("south").start("job", { executor: "twin" });
  expect(await api("north").claim({ executor: "twin", namespaces: BOTH })).toEqual([]);
  const [lease] = await api("south").claim({ executor: "twin", namespaces: BOTH });
  expect(lease?.run).toBe(run);
  await complete(lease);
});

test("weights decide who gets how much, and are from 1 to 100", async () => {
  expect((await weigh("south", 3)).updateNamespace.weight).toBe(3);
  for (const name of BOTH) for (let n = 0; n < 8; n++) await api(name).start("job");
  const leases = (await api().claim({ namespaces: BOTH, max: 8 })) as (TestLease & { namespace: string })[];
  const south = leases.filter(({ namespace }) => namespace === "south").length;
  // The first round under new weights starts from what was handed out under the old ones.
  expect(Math.abs(south - 6)).toBeLessThanOrEqual(1);
  for (const lease of [...leases, ...(await api().claim({ namespaces: BOTH, max: 100 }))])
    await complete(lease);
  for (const weight of [0, 101]) {
    await expect(weigh("south", weight)).rejects.toThrow("must be a whole number from 1 to 100");
  }
  expect((await weigh("south", 1)).updateNamespace.weight).toBe(1);
});

test("explain counts executors of other namespaces that claim for the run's", async () => {
  const explain = async (run: string) =>
    (
      await server.graphql<{ run: { explain: { summary: string } } }>(
        `query { run(id: "${run}") { explain { summary } } }`,
      )
    ).run.explain.summary;
  await server.graphql(
    `mutation { createJob(input: { namespace: "south", name: "rare", type: "rare", group: "rare" }) { id } }`,
  );
  const run = await api("south").start("rare");
  expect(await explain(run)).toContain("none has polled group rare yet");
  await api("north").claim({ executor: "helper", groups: ["rare"], namespaces: ["north"] });
  expect(await explain(run)).toContain("none has polled group rare yet");
  await api("north").claim({ executor: "helper", groups: ["rare"], types: ["else"], namespaces: BOTH });
  expect(await explain(run)).toContain("goes to the first executor that asks");
  const [lease] = await api("north").claim({ executor: "helper", groups: ["rare"], namespaces: BOTH });
  expect(lease?.run).toBe(run);
  const { executors } = await server.graphql<{ executors: { nodes: { serves: string[] }[] } }>(
    `{ executors(namespace: "north", filter: { search: "helper" }) { nodes { serves } } }`,
  );
  expect(executors.nodes).toEqual([{ serves: ["south"] }]);
  await complete(lease);
});

test("what is wrong with the namespaces of a claim is named, also in the claim of a settle, and nothing is settled", async () => {
  const types = Array.from({ length: 501 }, (_, at) => `t${at}`);
  const wrong: [Record<string, unknown>, string, number][] = [
    [{ namespaces: [] }, "namespaces", 400],
    [{ namespaces: "north" }, "namespaces", 400],
    [{ namespaces: ["north", "no good"] }, "namespaces[1]", 400],
    [{ namespaces: ["north", "nowhere"] }, "namespaces[1]", 404],
    [{ namespaces: Array.from({ length: 21 }, (_, at) => `n${at}`) }, "namespaces", 400],
    [{ namespaces: BOTH, types }, "namespaces", 400],
  ];
  const lease = await api("north").lease("job");
  for (const [claim, field, status] of wrong) {
    const answer = await api().call("POST", "/v1/leases", { executor: "x", waitSeconds: 0, ...claim });
    expect([answer.status, answer.json().field]).toEqual([status, field]);
    const settle = await api().call("POST", "/v1/settle", {
      results: [{ lease: lease.id, outcome: "succeeded" }],
      claim: { executor: "x", ...claim },
    });
    expect([settle.status, settle.json().field]).toEqual([status, `claim.${field}`]);
  }
  expect(await api("north").state(lease.run)).toBe("RUNNING");
  await complete(lease);
});

test("the TypeScript worker works for all the namespaces it is told", async () => {
  const seen: (string | undefined)[] = [];
  const worker = createWorker({
    url: server.url,
    namespaces: BOTH,
    handlers: { type: (_, { lease }) => void seen.push(lease.namespace) },
  });
  await worker.start();
  try {
    const runs = [];
    for (const name of BOTH) runs.push(await api(name).start("job"));
    for (const run of runs) {
      const ended = await ask(server.url, "GET", `/v1/runs/${run}?waitSeconds=10`);
      expect(ended.json().state).toBe("SUCCEEDED");
    }
    expect(seen.toSorted()).toEqual(BOTH);
  } finally {
    await worker.stop();
  }
});

test("a token of one namespace names no other", async () => {
  const admin = "an-administrator's-token";
  const guarded = await startServer({ config: { adminToken: admin }, token: admin });
  try {
    await guarded.graphql(`mutation { createNamespace(input: { name: "other" }) { id } }`);
    const { createToken } = await guarded.graphql<{ createToken: { secret: string } }>(
      `mutation { createToken(input: { name: "w", role: WORKER, namespace: "default" }) { secret } }`,
    );
    const claim = (token: string, namespaces: string[]) =>
      client(guarded, { token }).call("POST", "/v1/leases", { executor: "x", waitSeconds: 0, namespaces });
    const refused = await claim(createToken.secret, ["default", "other"]);
    expect(refused.status).toBe(403);
    expect(refused.json().detail).toContain('namespaces[1]: your token does not reach namespace "other"');
    expect((await claim(createToken.secret, ["default"])).status).toBe(200);
    expect((await claim(admin, ["default", "other"])).status).toBe(200);
  } finally {
    await guarded.close();
  }
});
