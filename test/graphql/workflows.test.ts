/** Workflows from outside: over GraphQL and the worker protocol, on a whole server. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, get, listen, refused } from "./client.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

const CREATE = `mutation ($input: JobInput!) { createJob(input: $input) { name version type workflow { nodes { key } } } }`;
const create = (name: string, nodes: object[], workflow: object = {}, job: object = {}) =>
  get(server, CREATE, { input: { name, workflow: { nodes, ...workflow }, ...job } });
const off = { retry: { off: true } };
const task = (key: string, after: string[] = [], more: object = {}) => ({
  key,
  after,
  type: "t",
  ...off,
  ...more,
});

const start = async (job: string, more: object = {}): Promise<string> =>
  (
    await get(server, `mutation ($input: StartRunInput!) { startRun(input: $input) { id } }`, {
      input: { job, ...more },
    })
  ).startRun.id;

/** Works runs off over HTTP until `runId` has ended; returns how it ended. */
async function workUntilEnd(
  runId: string,
  answer: (lease: { job: string; input: unknown }) => object = () => ({}),
) {
  for (;;) {
    const { body } = await server.call("POST", "/v1/leases", {
      executor: "w",
      types: ["t"],
      max: 5,
      waitSeconds: 1,
    });
    const { leases } = body as unknown as { leases: { id: string; job: string; input: unknown }[] };
    for (const lease of leases) {
      const done = answer(lease);
      const what = "error" in done ? "fail" : "complete";
      await server.call("POST", `/v1/leases/${lease.id}/${what}`, done);
    }
    const { run } = await get(
      server,
      `query ($id: ID!) { run(id: $id) { state output error { message } endedAt } }`,
      { id: runId },
    );
    if (run.endedAt !== null) return run;
  }
}

test("a workflow is created, started, worked off over HTTP, and shows each node", async () => {
  await create(
    "etl",
    [
      task("extract"),
      task("clean", ["extract"], { input: { rows: "${nodes.extract.output.rows}", day: "${params.day}" } }),
      task("load", ["clean"]),
    ],
    { params: { day: "monday" } },
  );
  const { job } = await get(
    server,
    `{ job(name: "etl") { type version running workflow { failureStrategy params nodes { key after type input retry { __typename } } } } }`,
  );
  expect(job).toMatchObject({
    type: null,
    version: 1,
    workflow: { failureStrategy: "CONTINUE", params: { day: "monday" } },
  });
  expect(job.workflow.nodes[1]).toEqual({
    key: "clean",
    after: ["extract"],
    type: "t",
    input: { rows: "${nodes.extract.output.rows}", day: "${params.day}" },
    retry: { __typename: "RetryOff" },
  });
  const id = await start("etl", { input: { day: "tuesday" } });
  const inputs: unknown[] = [];
  expect(
    await workUntilEnd(id, ({ input }) => {
      inputs.push(input);
      return { output: { rows: 3 } };
    }),
  ).toMatchObject({ state: "SUCCEEDED", output: { load: { rows: 3 } } });
  expect(inputs).toEqual([undefined, { rows: 3, day: "tuesday" }, undefined]);
  const { run } = await get(
    server,
    `query ($id: ID!) { run(id: $id) { nodeKey job { name } children { nodes { nodeKey state job { name } parent { id } } }
      workflow { dryRun failureStrategy nodes { key state run { state } } } } }`,
    { id },
  );
  expect(run.nodeKey).toBeNull();
  expect(
    run.children.nodes.map((child: { nodeKey: string; job: { name: string } }) => [
      child.nodeKey,
      child.job.name,
    ]),
  ).toEqual([
    ["load", "etl#load"],
    ["clean", "etl#clean"],
    ["extract", "etl#extract"],
  ]);
  expect(run.workflow.nodes[0]).toEqual({ key: "extract", state: "SUCCEEDED", run: { state: "SUCCEEDED" } });
});

test("lists of jobs have workflows and not their nodes; a workflow's runs are not its nodes' runs", async () => {
  await create("listed", [task("a"), task("b", ["a"])]);
  const id = await start("listed");
  await workUntilEnd(id);
  const { jobs, runs, job } = await get(
    server,
    `{ jobs(filter: { search: "listed" }) { nodes { name } } runs(filter: { job: "listed" }) { nodes { id } }
       job(name: "listed") { lastRun { id } } }`,
  );
  expect([jobs.nodes, runs.nodes, job.lastRun]).toEqual([[{ name: "listed" }], [{ id }], { id }]);
  const { tasks, flows } = await get(
    server,
    `{ tasks: jobs(filter: { workflow: false }) { nodes { name } } flows: jobs(filter: { workflow: true }) { nodes { name } } }`,
  );
  expect(tasks.nodes).toEqual([]);
  expect(flows.nodes).toContainEqual({ name: "listed" });
  expect(
    (await refused(server, `mutation { updateJob(name: "listed#a", input: { priority: 1 }) { id } }`))
      .extensions.code,
  ).toBe("BAD_INPUT");
  expect(
    (await refused(server, `mutation { startRun(input: { job: "listed#a" }) { id } }`)).extensions.code,
  ).toBe("NOT_FOUND");
});

test("all that is wrong with a workflow is said at once, a cycle as a path", async () => {
  const errorOf = async (nodes: object[], workflow: object = {}) => {
    const { errors } = await ask(server, CREATE, {
      input: { name: "wrong", workflow: { nodes, ...workflow } },
    });
    return errors?.[0] as unknown as {
      message: string;
      extensions: { code: string; field: string; faults: unknown[] };
    };
  };
  const several = await errorOf(
    [
      { key: "a b", type: "t" },
      { key: "c" },
      { key: "d", type: "t", timeout: "PT0S", priority: 12, params: [1] },
      { key: "e", type: "switch", input: { cases: [] }, group: "g" },
      { key: "f", type: "workflow" },
    ],
    { timeZone: "Nowhere" },
  );
  expect(several.extensions).toMatchObject({ code: "BAD_INPUT", field: "workflow.nodes[0].key" });
  expect(several.extensions.faults).toEqual([
    { field: "workflow.nodes[0].key", message: expect.stringContaining('"a b"') },
    { field: "workflow.nodes[1].type", message: expect.any(String) },
    { field: "workflow.nodes[2].params", message: "must be an object" },
    { field: "workflow.nodes[2].priority", message: expect.any(String) },
    { field: "workflow.nodes[2].timeout", message: "must be longer than zero" },
    { field: "workflow.nodes[3].input.cases", message: expect.any(String) },
    { field: "workflow.nodes[3].group", message: expect.any(String) },
    { field: "workflow.nodes[4].job", message: expect.any(String) },
    { field: "workflow.timeZone", message: expect.any(String) },
  ]);
  expect(several.message).toMatch(/^9 faults:\n- workflow\.nodes\[0\]\.key: /);
  const cycle = await errorOf([task("a", ["c"]), task("b", ["a"]), task("c", ["b"]), task("d", ["c", "x"])]);
  expect(cycle.extensions.faults).toEqual([
    { field: "workflow.nodes[3].after[1]", message: 'there is no node "x"' },
  ]);
  expect(
    (await errorOf([task("a", ["c"]), task("b", ["a"]), task("c", ["b"]), task("d", ["c"])])).message,
  ).toBe("these wait for each other: a → b → c → a");
  const references = await errorOf([
    task("a", [], { input: "${nodes.b.output}" }),
    task("b", ["a"], { input: "${nodes.x.output} ${params.}" }),
    { key: "s", after: ["a"], type: "switch", input: { cases: [{ when: "params.n >", to: ["b"] }] } },
  ]);
  expect(references.extensions.faults).toEqual([
    {
      field: "workflow.nodes[2].input.cases[0].to",
      message: expect.stringContaining('"b" is not right after "s"'),
    },
  ]);
  expect((await get(server, `{ job(name: "wrong") { id } }`)).job).toBeNull();
});

test("a run keeps the version that it was started with", async () => {
  await create("versioned", [task("a"), task("old", ["a"])]);
  const id = await start("versioned");
  const { updateJob } = await get(
    server,
    `mutation ($input: JobPatch!) { updateJob(name: "versioned", input: $input) { version } }`,
    { input: { workflow: { nodes: [task("a"), task("new", ["a"])] } } },
  );
  expect(updateJob.version).toBe(2);
  await workUntilEnd(id);
  const second = await start("versioned");
  await workUntilEnd(second);
  const keysOf = async (runId: string) =>
    (
      await get(server, `query ($id: ID!) { run(id: $id) { jobVersion workflow { nodes { key state } } } }`, {
        id: runId,
      })
    ).run;
  expect(await keysOf(id)).toEqual({
    jobVersion: 1,
    workflow: {
      nodes: [
        { key: "a", state: "SUCCEEDED" },
        { key: "old", state: "SUCCEEDED" },
      ],
    },
  });
  expect((await keysOf(second)).workflow.nodes).toContainEqual({ key: "new", state: "SUCCEEDED" });
});

test("a draft is kept however wrong it is, says its faults, and goes online when it is published", async () => {
  const save = (nodes: object[], revision: number | null = null) =>
    get(
      server,
      `mutation ($input: JobInput!, $revision: Int) { saveDraft(input: $input, revision: $revision) { revision faults { field message } job { version } } }`,
      { input: { name: "drawn", priority: 7, workflow: { nodes } }, revision },
    ).then(({ saveDraft }) => saveDraft);
  expect(await save([{ key: "a" }], 0)).toEqual({
    revision: 1,
    faults: [{ field: "workflow.nodes[0].type", message: expect.any(String) }],
    job: null,
  });
  expect((await refused(server, `mutation { publishDraft(name: "drawn") { id } }`)).extensions).toMatchObject(
    {
      code: "BAD_INPUT",
      field: "workflow.nodes[0].type",
    },
  );
  expect(
    (await refused(server, `mutation { startRun(input: { job: "drawn" }) { id } }`)).extensions.code,
  ).toBe("NOT_FOUND");
  expect(await save([task("a")], 1)).toEqual({ revision: 2, faults: [], job: null });
  expect(
    (
      await refused(
        server,
        `mutation { saveDraft(input: { name: "drawn", workflow: { nodes: [] } }, revision: 1) { revision } }`,
      )
    ).extensions,
  ).toMatchObject({ code: "CONFLICT", field: "revision" });
  const { publishDraft } = await get(
    server,
    `mutation { publishDraft(name: "drawn") { version priority draft { name } } }`,
  );
  expect(publishDraft).toEqual({ version: 1, priority: 7, draft: null });
  await workUntilEnd(await start("drawn"));
  await save([task("a"), task("b", ["a"])]);
  expect(
    await get(server, `{ job(name: "drawn") { version draft { content } } drafts { name } }`),
  ).toMatchObject({
    job: { version: 1, draft: { content: { workflow: { nodes: [{ key: "a" }, { key: "b" }] } } } },
    drafts: [{ name: "drawn" }],
  });
  expect(await get(server, `mutation { discardDraft(name: "drawn") }`)).toEqual({ discardDraft: true });
});

test("the commands of people are mutations, and the scheduler's own are refused", async () => {
  await create("commanded", [task("a"), task("b", ["a"])]);
  const id = await start("commanded");
  expect(
    await workUntilEnd(id, ({ job }) => (job.endsWith("#b") ? { error: { message: "no" } } : {})),
  ).toMatchObject({
    state: "FAILED",
    error: { message: 'node "b" failed; b: no' },
  });
  const { recoverRun } = await get(
    server,
    `mutation ($id: ID!) { recoverRun(id: $id, mode: FAILED) { id state } }`,
    { id },
  );
  expect(recoverRun.id).toBe(id);
  expect(await workUntilEnd(id)).toMatchObject({ state: "SUCCEEDED" });
  const { commandRun } = await get(
    server,
    `mutation ($id: ID!) { commandRun(id: $id, command: EXECUTE_NODE, node: "b") { id } }`,
    { id },
  );
  expect(commandRun.id).toBe(id);
  expect(await workUntilEnd(id)).toMatchObject({ state: "SUCCEEDED" });
  for (const command of [
    "RECOVER_TOLERANCE_FAULT",
    "RECOVER_WAITING_THREAD",
    "RECOVER_SERIAL_WAIT",
    "SCHEDULER",
    "DYNAMIC_GENERATION",
  ]) {
    const error = await refused(
      server,
      `mutation ($id: ID!) { commandRun(id: $id, command: ${command}) { id } }`,
      { id },
    );
    expect(error.extensions.code).toBe("FORBIDDEN");
  }
  const node = (await get(server, `query ($id: ID!) { run(id: $id) { children { nodes { id } } } }`, { id }))
    .run.children.nodes[0].id;
  expect(
    (await refused(server, `mutation ($id: ID!) { retryRun(id: $id) { id } }`, { id: node })).extensions.code,
  ).toBe("ILLEGAL_STATE");
});

test("each node's run is heard of as it goes", async () => {
  await create("heard", [task("a")]);
  const listener = await listen(server, `subscription { runChanged(job: "heard") { state } }`);
  await workUntilEnd(await start("heard"));
  const states: string[] = [];
  while (states.at(-1) !== "SUCCEEDED") states.push((await listener.next()).runChanged.state);
  expect(states).toEqual(["READY", "RUNNING", "SUCCEEDED"]);
  await listener.stop();
});
