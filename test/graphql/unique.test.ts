/** Jobs whose runs are unique, over GraphQL: asked for, shown, changed, and what is refused. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { get, refused } from "./client.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

const SHOWN = `unique { __typename ... on UniqueSingleton { key } ... on UniqueThrottle { throttleKey: key every }
  ... on UniqueDebounce { debounceKey: key delay maxWait } } version`;
const CREATE = `mutation ($input: JobInput!) { createJob(input: $input) { ${SHOWN} } }`;
const UPDATE = `mutation ($name: String!, $input: JobPatch!) { updateJob(name: $name, input: $input) { ${SHOWN} } }`;
const START = "mutation ($input: StartRunInput!) { startRun(input: $input) { id state input } }";

test("a job says how its runs are unique, and its starts follow", async () => {
  const unique = { singleton: { key: "input.customer" } };
  const { createJob } = await get(server, CREATE, { input: { name: "sync", type: "t", unique } });
  expect(createJob.unique).toEqual({ __typename: "UniqueSingleton", key: "input.customer" });
  const start = async (customer: number) =>
    (await get(server, START, { input: { job: "sync", input: { customer } } })).startRun;
  const first = await start(1);
  expect(await start(1)).toEqual(first);
  expect((await start(2)).id).not.toBe(first.id);
  const { status, body } = await server.call("POST", "/v1/runs", {
    runs: [{ job: "sync", input: { customer: 1 } }],
  });
  expect({ status, body }).toEqual({ status: 201, body: { runs: [{ id: first.id, state: "READY" }] } });
  const without = await server.call("POST", "/v1/runs", { runs: [{ job: "sync", input: {} }] });
  expect(without).toMatchObject({ status: 400, body: { code: "bad_input", field: "runs[0].input" } });
});

test("it can be changed and taken away; the same again makes no version", async () => {
  const change = async (unique: object | null) =>
    (await get(server, UPDATE, { name: "sync", input: { unique } })).updateJob;
  const throttle = await change({ throttle: { every: "PT1M" } });
  expect(throttle).toMatchObject({ unique: { throttleKey: null, every: "PT1M" }, version: 2 });
  expect((await change({ throttle: { every: "PT60S" } })).version).toBe(2);
  const debounce = await change({ debounce: { delay: "PT5S", maxWait: "PT1M", key: "input.a" } });
  expect(debounce.unique).toMatchObject({ debounceKey: "input.a", delay: "PT5S", maxWait: "PT1M" });
  expect(await change(null)).toMatchObject({ unique: null, version: 4 });
  const start = () => get(server, START, { input: { job: "sync", input: {} } });
  expect((await start()).startRun.id).not.toBe((await start()).startRun.id);
});

test("what cannot be asked is refused with its field, and no job is made", async () => {
  const wrong: [object, string][] = [
    [{ singleton: { key: "customer" } }, "unique.singleton.key"],
    [{ throttle: { every: "PT0S" } }, "unique.throttle.every"],
    [{ debounce: { delay: "PT1M", maxWait: "PT1S" } }, "unique.debounce.maxWait"],
  ];
  for (const [unique, field] of wrong) {
    const problem = await refused(server, CREATE, { input: { name: "bad", type: "t", unique } });
    expect(problem.extensions).toMatchObject({ code: "BAD_INPUT", field });
  }
  const two = { singleton: {}, throttle: { every: "PT1M" } };
  expect(
    (await refused(server, CREATE, { input: { name: "bad", type: "t", unique: two } })).extensions.code,
  ).toBe("BAD_INPUT");
  expect((await get(server, `{ job(name: "bad") { id } }`)).job).toBeNull();
});
