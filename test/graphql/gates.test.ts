/** Affinity, overlap policies and limits as they are asked for and shown. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, type Data, get } from "./client.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  await get(
    server,
    `mutation {
      plain: createJob(input: { name: "plain", type: "plain" }) { overlap maxParallel }
      serial: createJob(input: { name: "serial", type: "serial", overlap: SERIAL_WAIT }) { id }
    }`,
  );
});
afterAll(() => server.close());

const START = `mutation ($input: StartRunInput!) { startRun(input: $input) { id state holds { kind until runs { id state } } } }`;
const start = async (input: object): Promise<Data> => (await get(server, START, { input })).startRun;
const stateOf = async (id: string): Promise<string> =>
  (await get(server, "query ($id: ID!) { run(id: $id) { state } }", { id })).run.state;

test("a run in line says what holds it and who has the place, until that one ends", async () => {
  const affinity = { group: "customer", key: "42" };
  const holder = await start({ job: "plain", affinity });
  expect(holder).toMatchObject({ state: "READY", holds: [] });
  const next = await start({ job: "plain", affinity });
  expect(next).toMatchObject({
    state: "WAITING",
    holds: [{ kind: "AFFINITY", until: null, runs: [{ id: holder.id, state: "READY" }] }],
  });
  await get(server, "mutation ($id: ID!) { cancelRun(id: $id) { id } }", { id: holder.id });
  await expect.poll(() => stateOf(next.id)).toBe("READY");
});

test("a job tells its overlap policy and its limit, and a patch changes and clears them", async () => {
  const UPDATE = `mutation ($name: String!, $input: JobPatch!) { updateJob(name: $name, input: $input) { overlap maxParallel } }`;
  const update = async (input: object) => (await get(server, UPDATE, { name: "serial", input })).updateJob;
  expect(await update({ maxParallel: 4 })).toEqual({ overlap: "SERIAL_WAIT", maxParallel: 4 });
  const first = await start({ job: "serial" });
  const second = await start({ job: "serial" });
  expect(second.holds).toMatchObject([{ kind: "OVERLAP", runs: [{ id: first.id }] }]);
  expect(await update({ overlap: "PARALLEL", maxParallel: null })).toEqual({
    overlap: "PARALLEL",
    maxParallel: null,
  });
  // Those in line go in with the next repair.
  await expect.poll(() => stateOf(second.id)).toBe("READY");
});

test("a run over the worker protocol takes affinity, too", async () => {
  const run = { job: "plain", affinity: { group: "rest", key: "k" } };
  const { body } = await server.call("POST", "/v1/runs", { runs: [run, run] });
  expect((body as Data).runs.map(({ state }: { state: string }) => state)).toEqual(["READY", "WAITING"]);
  const { status, body: problem } = await server.call("POST", "/v1/runs", {
    runs: [{ job: "plain", affinity: { group: "rest" } }],
  });
  expect([status, JSON.stringify(problem)]).toEqual([400, expect.stringContaining("affinity")]);
});

test.each([
  ["maxParallel", 'mutation { createJob(input: { name: "bad", type: "bad", maxParallel: -1 }) { id } }'],
  [
    "affinity.key",
    'mutation { startRun(input: { job: "plain", affinity: { group: "g", key: "" } }) { id } }',
  ],
  [
    "input[1].affinity.group",
    'mutation { startRuns(input: [{ job: "plain" }, { job: "plain", affinity: { group: "", key: "k" } }]) { id } }',
  ],
])("bad input is refused, naming %s, and nothing is created", async (field, mutation) => {
  const count = async () =>
    (await get(server, "{ runs(first: 100) { nodes { id } } jobs { nodes { id } } }")) as Data;
  const before = await count();
  const { errors } = await ask(server, mutation);
  expect(errors?.[0]?.extensions).toMatchObject({ code: "BAD_INPUT", field });
  expect(await count()).toEqual(before);
});
