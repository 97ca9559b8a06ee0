/** Executors and what runs ask of them, as GraphQL shows and changes them. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

const ONE = `query ($search: String) { executors(filter: { search: $search }) { nodes {
  name state capacity labels load maxLoad overloaded drainReason } } }`;
const one = async (search: string) => {
  const { executors } = await server.graphql<{ executors: { nodes: Record<string, unknown>[] } }>(ONE, {
    search,
  });
  return executors.nodes[0];
};
const register = (name: string, more: Record<string, unknown> = {}) =>
  server.call("PUT", `/v1/executors/${name}`, { groups: ["default"], ...more });
const faultOf = (query: string) =>
  server.graphql(query).then(
    () => null,
    (fault: { errors: { extensions: { code: string; field?: string } }[] }) => fault.errors[0]?.extensions,
  );

test("an executor shows its labels, capacity, load and limits", async () => {
  await register("shown", { capacity: 3, labels: { zone: "eu" }, load: { cpu: 0.9 }, maxLoad: { cpu: 0.8 } });
  expect(await one("shown")).toEqual({
    name: "shown",
    state: "ONLINE",
    capacity: 3,
    labels: { zone: "eu" },
    load: { cpu: 0.9 },
    maxLoad: { cpu: 0.8 },
    overloaded: true,
    drainReason: null,
  });
});

test("an executor drains until that is lifted, also when its process comes back", async () => {
  await register("drained");
  await server.graphql(`mutation { drainExecutor(name: "drained", reason: "new disk") { state } }`);
  expect(await one("drained")).toMatchObject({ state: "DRAINING", drainReason: "new disk" });
  await server.call("DELETE", "/v1/executors/drained");
  expect(await one("drained")).toMatchObject({ state: "LEFT" });
  await register("drained");
  expect(await one("drained")).toMatchObject({ state: "DRAINING" });
  await server.graphql(`mutation { undrainExecutor(name: "drained") { state } }`);
  expect(await one("drained")).toMatchObject({ state: "ONLINE", drainReason: null });
});

test("an executor that nobody knows cannot be drained", async () => {
  const query = `mutation { drainExecutor(name: "nobody") { id } }`;
  expect(await faultOf(query)).toMatchObject({ code: "NOT_FOUND", field: "name" });
});

test("an executor that falls silent goes offline and comes back with its next call; both are told", async () => {
  await register("silent");
  const told: number[] = [];
  server.channel.on("changes", (changes) => {
    for (const change of changes) if (change.kind === "executor") told.push(change.id);
  });
  const [row] = await server.database.sql<{ id: number }[]>`
    update escapement.executor set last_heartbeat_at = escapement.clock() - interval '1 minute'
    where name = 'silent' returning id`;
  await expect.poll(() => told, { timeout: 10_000 }).toContain(row?.id);
  expect(await one("silent")).toMatchObject({ state: "OFFLINE" });
  told.length = 0;
  await server.call("POST", "/v1/heartbeat", { executor: "silent", leases: [] });
  expect(told).toContain(row?.id);
  expect(await one("silent")).toMatchObject({ state: "ONLINE" });
});

test("a job's required labels and a run's own are both asked of the executor", async () => {
  const { createJob } = await server.graphql<{ createJob: { requires: unknown } }>(
    `mutation { createJob(input: { name: "train", type: "train", requires: { gpu: "a100" } }) { requires } }`,
  );
  expect(createJob.requires).toEqual({ gpu: "a100" });
  const { startRun } = await server.graphql<{ startRun: unknown }>(`mutation {
    startRun(input: { job: "train", executor: "shown", requires: { zone: "eu" } }) { requiredExecutor requires } }`);
  expect(startRun).toEqual({ requiredExecutor: "shown", requires: { gpu: "a100", zone: "eu" } });
  const { plain } = await server.graphql<{ plain: unknown }>(
    `mutation { plain: startRun(input: { job: "train" }) { requiredExecutor requires } }`,
  );
  expect(plain).toEqual({ requiredExecutor: null, requires: { gpu: "a100" } });
});

test("a job's labels are patched, cleared with null, and the same labels make no new version", async () => {
  const patch = (input: string) =>
    server
      .graphql<{ updateJob: { version: number; requires: unknown } }>(
        `mutation { updateJob(name: "train", input: ${input}) { version requires } }`,
      )
      .then((answer) => answer.updateJob);
  expect(await patch(`{ requires: { b: "2", a: "1" } }`)).toEqual({
    version: 2,
    requires: { a: "1", b: "2" },
  });
  expect(await patch(`{ requires: { a: "1", b: "2" } }`)).toMatchObject({ version: 2 });
  expect(await patch(`{ priority: 7 }`)).toEqual({ version: 3, requires: { a: "1", b: "2" } });
  expect(await patch(`{ requires: null }`)).toEqual({ version: 4, requires: null });
});

test("labels that are no object of texts are refused by their field", async () => {
  const create = (requires: string) =>
    faultOf(`mutation { createJob(input: { name: "odd", type: "odd", requires: ${requires} }) { id } }`);
  expect(await create(`["gpu"]`)).toMatchObject({ code: "BAD_INPUT", field: "requires" });
  expect(await create(`{ gpu: 1 }`)).toMatchObject({ code: "BAD_INPUT", field: "requires.gpu" });
  const start = `mutation { startRun(input: { job: "train", executor: "no blanks" }) { id } }`;
  expect(await faultOf(start)).toMatchObject({ code: "BAD_INPUT", field: "executor" });
});
