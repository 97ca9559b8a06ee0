/** Cancelling many, running now and running again, over GraphQL. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { type Data, get, refused } from "./client.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  await get(
    server,
    `mutation {
      a: createJob(input: { name: "a", type: "t" }) { id }
      b: createJob(input: { name: "b", type: "t" }) { id }
    }`,
  );
});
afterAll(() => server.close());

const start = async (input: object): Promise<string> => {
  const query = "mutation ($input: StartRunInput!) { startRun(input: $input) { id } }";
  return (await get(server, query, { input })).startRun.id;
};

test("runs are counted and then cancelled by a filter", async () => {
  for (const job of ["a", "a", "b"]) await start({ job });
  const cancel = `mutation ($filter: RunFilter!, $dryRun: Boolean) {
    cancelRuns(filter: $filter, dryRun: $dryRun, reason: "wrong") { matched changed cursor nextAt } }`;
  const filter = { job: "a", states: ["READY", "WAITING"] };
  expect((await get(server, cancel, { filter, dryRun: true })).cancelRuns).toMatchObject({
    matched: 2,
    changed: 0,
  });
  expect((await get(server, cancel, { filter })).cancelRuns).toEqual({
    matched: 2,
    changed: 2,
    cursor: null,
    nextAt: null,
  });
  const { runs } = await get(server, "{ runs { nodes { job { name } state error { message } } } }");
  expect(runs.nodes.map((run: Data) => [run.job.name, run.state, run.error?.message ?? null])).toEqual([
    ["b", "READY", null],
    ["a", "CANCELLED", "wrong"],
    ["a", "CANCELLED", "wrong"],
  ]);
  const bad = await refused(server, cancel, { filter: { states: ["SUCCEEDED"] } });
  expect(bad.extensions).toMatchObject({ code: "BAD_INPUT", field: "filter.states" });
  await get(server, cancel, { filter: {} });
});

test("a waiting run is started now with another input", async () => {
  const id = await start({ job: "a", delay: "PT1H", input: 1 });
  const { runNow } = await get(
    server,
    "mutation ($id: ID!) { runNow(id: $id, input: 2) { state input holds { kind } } }",
    { id },
  );
  expect(runNow).toEqual({ state: "READY", input: 2, holds: [] });
  const problem = await refused(server, "mutation ($id: ID!) { runNow(id: $id) { id } }", { id });
  expect(problem.extensions.code).toBe("ILLEGAL_STATE");
});

test("a run that has ended is run again, and both name each other", async () => {
  const id = await start({ job: "b", input: { n: 1 }, tags: ["x"] });
  await get(server, "mutation ($id: ID!) { cancelRun(id: $id) { id } }", { id });
  const { rerunRun } = await get(
    server,
    "mutation ($id: ID!) { rerunRun(id: $id) { id state input tags rerunOf { id reruns { id } } reruns { id } } }",
    { id },
  );
  expect(rerunRun).toEqual({
    id: rerunRun.id,
    state: "READY",
    input: { n: 1 },
    tags: ["x"],
    rerunOf: { id, reruns: [{ id: rerunRun.id }] },
    reruns: [],
  });
});
