/** Joins as people see them: started by hand, their holds, their results. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { client } from "../protocol/raw.ts";
import { startServer, type TestServer } from "../support/server.ts";

let server: TestServer;
let api: ReturnType<typeof client>;

beforeAll(async () => {
  server = await startServer();
  api = client(server);
  await server.graphql(`mutation {
    a: createJob(input: { name: "part", type: "part", retry: { off: true } }) { name }
    b: createJob(input: { name: "end", type: "end" }) { name }
  }`);
});
afterAll(() => server.close());

const START = "mutation ($input: StartRunInput!) { startRun(input: $input) { id state } }";

test("a run that joins others shows what it waits for, and then their results", async () => {
  const parts = [await api.lease("part"), await api.lease("part")];
  const joins = parts.map(({ run }) => run);
  const { startRun } = await server.graphql<{ startRun: { id: string; state: string } }>(START, {
    input: { job: "end", joins },
  });
  expect(startRun.state).toBe("WAITING");
  const SHOW = `query ($id: ID!, $after: String) { run(id: $id) {
    state holds { kind runs { id } }
    results(first: 1, after: $after) { edges { cursor node { id state output } } pageInfo { hasNextPage } }
  } }`;
  const show = (after?: string) => server.graphql(SHOW, { id: startRun.id, after });
  expect(await show()).toMatchObject({
    run: { holds: [{ kind: "DEPENDENCY", runs: joins.map((id) => ({ id })) }], results: { edges: [] } },
  });
  for (const [at, lease] of parts.entries()) {
    await api.call("POST", `/v1/leases/${lease.id}/complete`, { output: at });
  }
  await expect.poll(() => api.state(startRun.id)).toBe("READY");
  const first = (await show()) as { run: { results: { edges: { cursor: string }[] } } };
  expect(first).toMatchObject({
    run: {
      holds: [],
      results: {
        edges: [{ node: { id: joins[0], state: "SUCCEEDED", output: 0 } }],
        pageInfo: { hasNextPage: true },
      },
    },
  });
  expect(await show(first.run.results.edges[0]?.cursor)).toMatchObject({
    run: { results: { edges: [{ node: { id: joins[1], output: 1 } }], pageInfo: { hasNextPage: false } } },
  });
});

test("a job says how it executes, and its runs which step they are", async () => {
  const { createJob } = await server.graphql<{ createJob: unknown }>(
    `mutation { createJob(input: { name: "tell", type: "tell", execution: BROADCAST }) { execution version } }`,
  );
  expect(createJob).toEqual({ execution: "BROADCAST", version: 1 });
  const root = await api.lease("tell");
  await api.call("POST", `/v1/leases/${root.id}/complete`, {});
  const { run } = await server.graphql<{ run: unknown }>(
    "query ($id: ID!) { run(id: $id) { step children { edges { node { step state } } } } }",
    { id: root.run },
  );
  expect(run).toEqual({
    step: "ROOT",
    children: {
      edges: [{ node: { step: "PART", state: "READY" } }, { node: { step: "REDUCE", state: "WAITING" } }],
    },
  });
  const { updateJob } = await server.graphql<{ updateJob: unknown }>(
    `mutation { updateJob(name: "tell", input: { execution: SINGLE }) { execution version } }`,
  );
  expect(updateJob).toEqual({ execution: "SINGLE", version: 2 });
  await expect(
    server.graphql(`mutation { createJob(input: { name: "x", type: "x", execution: TWICE }) { name } }`),
  ).rejects.toMatchObject({ errors: [{ extensions: { code: "BAD_INPUT", field: "execution" } }] });
});

test("a join on an unknown run is refused by its field, and nothing is started", async () => {
  const count = async () => {
    const { runs } = await server.graphql<{ runs: { edges: unknown[] } }>(
      "{ runs(first: 200) { edges { cursor } } }",
    );
    return runs.edges.length;
  };
  const before = await count();
  await expect(
    server.graphql("mutation ($input: [StartRunInput!]!) { startRuns(input: $input) { id } }", {
      input: [{ job: "end" }, { job: "end", joins: ["17"] }],
    }),
  ).rejects.toMatchObject({ errors: [{ extensions: { code: "BAD_INPUT", field: "input[1].joins" } }] });
  expect(await count()).toBe(before);
});

test("a root that has dealt out names the reduce, which says what became of the whole", async () => {
  await server.graphql(
    `mutation { createJob(input: { name: "walk", type: "walk", execution: MAP, retry: { off: true } }) { name } }`,
  );
  const root = await api.lease("walk");
  const show = () =>
    server.graphql(
      `query ($id: ID!) { run(id: $id) {
        state reduce { step state output error { type message } executor { name } explain { summary }
          attempts { number } results(first: 5) { edges { node { state step } } } reduce { id } }
      } }`,
      { id: root.run },
    );
  expect(await show()).toEqual({ run: { state: "RUNNING", reduce: null } });
  await api.call("POST", `/v1/leases/${root.id}/runs`, { runs: [{ job: "walk", input: 1 }] });
  await api.call("POST", `/v1/leases/${root.id}/complete`, {});
  expect(await show()).toMatchObject({
    run: { state: "SUCCEEDED", reduce: { step: "REDUCE", state: "WAITING", reduce: null } },
  });
  const [part] = await api.claim({ types: ["walk"] });
  await api.call("POST", `/v1/leases/${part?.id}/fail`, { error: { message: "no" } });
  await expect.poll(show).toMatchObject({
    run: {
      reduce: {
        state: "FAILED",
        output: null,
        error: { type: "PartsFailed", message: "1 of 1 parts did not succeed" },
        executor: null,
        attempts: [],
        results: { edges: [{ node: { state: "FAILED", step: "PART" } }] },
      },
    },
  });
});
