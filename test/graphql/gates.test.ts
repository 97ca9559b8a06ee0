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

test("a job tells its limit per key, a patch changes and clears it, and runs of one key wait", async () => {
  const FIELDS = "maxParallelPerKey { key max } version";
  const limit = { key: "input.customer", max: 1 };
  const { createJob } = await get(
    server,
    `mutation ($input: JobInput!) { createJob(input: $input) { ${FIELDS} } }`,
    { input: { name: "keyed", type: "keyed", maxParallelPerKey: limit } },
  );
  expect(createJob).toEqual({ maxParallelPerKey: limit, version: 1 });
  const first = await start({ job: "keyed", input: { customer: 1 } });
  const second = await start({ job: "keyed", input: { customer: 1 } });
  expect(second.holds).toMatchObject([{ kind: "CONCURRENCY", runs: [{ id: first.id }] }]);
  expect((await start({ job: "keyed", input: { customer: 2 } })).state).toBe("READY");
  const { status, body } = await server.call("POST", "/v1/runs", {
    runs: [{ job: "keyed", input: { customer: 1 } }, { job: "keyed" }],
  });
  expect({ status, body }).toMatchObject({
    status: 400,
    body: { code: "bad_input", field: "runs[1].input" },
  });
  const UPDATE = `mutation ($input: JobPatch!) { updateJob(name: "keyed", input: $input) { ${FIELDS} } }`;
  const update = async (input: object) => (await get(server, UPDATE, { input })).updateJob;
  expect(await update({ description: "other" })).toEqual({ maxParallelPerKey: limit, version: 2 });
  expect(await update({ maxParallelPerKey: null })).toEqual({ maxParallelPerKey: null, version: 3 });
  // Those in line go in with the next repair.
  await expect.poll(() => stateOf(second.id)).toBe("READY");
});

test("a group tells its limit; one that is set, raised and cleared holds at once for runs of all its jobs", async () => {
  const group = "shared";
  for (const name of ["shared-a", "shared-b"]) {
    await get(
      server,
      `mutation { createJob(input: { name: "${name}", type: "t", group: "${group}" }) { id } }`,
    );
  }
  const UPDATE = `mutation ($name: String!, $input: GroupPatch!) {
    updateGroup(name: $name, input: $input) { namespace name maxParallel }
  }`;
  const update = async (input: object, name = group) =>
    (await get(server, UPDATE, { name, input })).updateGroup;
  const [first, second] = [await start({ job: "shared-a" }), await start({ job: "shared-b" })];
  const limited = { namespace: "default", name: group, maxParallel: 1 };
  expect(await update({ maxParallel: 1 })).toEqual(limited);
  expect(await update({})).toEqual(limited);
  expect((await get(server, "{ groups { name maxParallel } }")).groups).toEqual([
    { name: "default", maxParallel: null },
    { name: group, maxParallel: 1 },
  ]);
  expect([await stateOf(first.id), await stateOf(second.id)]).toEqual(["READY", "WAITING"]);
  const third = await start({ job: "shared-a" });
  expect(third.holds).toMatchObject([{ kind: "CONCURRENCY", runs: [{ id: first.id }] }]);
  await update({ maxParallel: 2 });
  expect([await stateOf(second.id), await stateOf(third.id)]).toEqual(["READY", "WAITING"]);
  expect(await update({ maxParallel: null })).toEqual({ ...limited, maxParallel: null });
  expect(await stateOf(third.id)).toBe("READY");
  expect(await update({ maxParallel: 3 }, "not-yet")).toMatchObject({ name: "not-yet", maxParallel: 3 });
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

test("what is paused says by whom and why, on the run, the job and in the list, until it is resumed", async () => {
  const id = (await start({ job: "plain" })).id;
  const RUN = "query ($id: ID!) { run(id: $id) { state holds { kind pause { kind target by reason } } } }";
  const read = async () => (await get(server, RUN, { id })).run;
  const reason = "the printer is on fire";
  const { pauseJob } = await get(
    server,
    'mutation ($reason: String) { pauseJob(name: "plain", reason: $reason) { pause { kind by reason } } }',
    { reason },
  );
  expect(pauseJob.pause).toEqual({ kind: "JOB", by: "anybody", reason });
  expect(await read()).toMatchObject({
    state: "WAITING",
    holds: [{ kind: "PAUSED", pause: { kind: "JOB", reason } }],
  });
  await get(server, "mutation ($id: ID!) { suspendRun(id: $id) { id } }", { id });
  await get(server, 'mutation { resumeJob(name: "plain") { pause { kind } } }');
  expect(await read()).toMatchObject({
    holds: [{ kind: "PAUSED", pause: { kind: "RUN", target: id, reason: null } }],
  });
  const { resumeRun } = await get(
    server,
    "mutation ($id: ID!) { resumeRun(id: $id) { state holds { kind } } }",
    { id },
  );
  expect(resumeRun).toEqual({ state: "READY", holds: [] });
  const PAUSES = "{ pauses { kind target } }";
  await get(server, 'mutation { pauseGroup(group: "default") pauseNamespace(name: "default") }');
  expect((await get(server, PAUSES)).pauses).toEqual([
    { kind: "GROUP", target: "default" },
    { kind: "NAMESPACE", target: "" },
  ]);
  await get(server, 'mutation { resumeGroup(group: "default") resumeNamespace(name: "default") }');
  expect((await get(server, PAUSES)).pauses).toEqual([]);
  expect(await stateOf(id)).toBe("READY");
});

test.each([
  ["maxParallel", 'mutation { createJob(input: { name: "bad", type: "bad", maxParallel: -1 }) { id } }'],
  ["maxParallel", 'mutation { updateGroup(name: "bad", input: { maxParallel: 0 }) { name } }'],
  ["maxParallel", 'mutation { updateGroup(name: "bad", input: { maxParallel: -1 }) { name } }'],
  ["name", 'mutation { updateGroup(name: "no name", input: { maxParallel: 1 }) { name } }'],
  [
    "maxParallelPerKey.max",
    'mutation { createJob(input: { name: "bad", type: "bad", maxParallelPerKey: { key: "input.a", max: 0 } }) { id } }',
  ],
  [
    "maxParallelPerKey.key",
    'mutation { createJob(input: { name: "bad", type: "bad", maxParallelPerKey: { key: "$.a", max: 1 } }) { id } }',
  ],
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
    (await get(
      server,
      "{ runs(first: 100) { nodes { id } } jobs { nodes { id } } groups { name } }",
    )) as Data;
  const before = await count();
  const { errors } = await ask(server, mutation);
  expect(errors?.[0]?.extensions).toMatchObject({ code: "BAD_INPUT", field });
  expect(await count()).toEqual(before);
});
