/** Retry policies at every level, late runs and other times, over GraphQL. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { type Data, get, refused } from "./client.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ config: { retry: { kind: "fixed", delayMs: 1_000, max: 7 } } });
});
afterAll(() => server.close());

const RETRY = `retry { __typename ... on FixedRetry { delay max } ... on BackoffRetry { max } ... on RetryOff { off } }`;
const CREATE = `mutation ($input: JobInput!) { createJob(input: $input) { ${RETRY} retryInherited late version } }`;
const UPDATE = `mutation ($name: String!, $input: JobPatch!) {
  updateJob(name: $name, input: $input) { ${RETRY} retryInherited late version } }`;
const NAMESPACE = `mutation ($input: NamespacePatch!) {
  updateNamespace(name: "default", input: $input) { name ${RETRY} retryInherited } }`;
const START = `mutation ($input: StartRunInput!) { startRun(input: $input) { id state ${RETRY} checkpoint } }`;
const fixed = (delay: string, max: number) => ({ __typename: "FixedRetry", delay, max });
const runOf = async (id: string, fields: string): Promise<Data> =>
  (await get(server, `query ($id: ID!) { run(id: $id) { ${fields} } }`, { id })).run;
const startRun = async (input: object): Promise<Data> => (await get(server, START, { input })).startRun;

test("a run asks its own policy, then its job, its namespace and the server, as they are now", async () => {
  const job = (await get(server, CREATE, { input: { name: "heir", type: "heir" } })).createJob;
  expect(job).toMatchObject({ retry: fixed("PT1S", 7), retryInherited: true, version: 1 });
  const run = await startRun({ job: "heir" });
  expect(run.retry).toEqual(fixed("PT1S", 7));

  const input = { retry: { fixed: { delay: "PT2S", max: 2 } } };
  expect((await get(server, NAMESPACE, { input })).updateNamespace).toEqual({
    name: "default",
    retry: fixed("PT2S", 2),
    retryInherited: false,
  });
  expect((await runOf(run.id, RETRY)).retry).toEqual(fixed("PT2S", 2));
  expect((await get(server, NAMESPACE, { input: {} })).updateNamespace.retry).toEqual(fixed("PT2S", 2));

  const own = await get(server, UPDATE, {
    name: "heir",
    input: { retry: { fixed: { delay: "PT3S", max: 3 } } },
  });
  expect(own.updateJob).toMatchObject({ retry: fixed("PT3S", 3), retryInherited: false, version: 2 });
  // The run keeps the version that it started with, which says nothing itself.
  expect((await runOf(run.id, RETRY)).retry).toEqual(fixed("PT2S", 2));
  const third = await startRun({ job: "heir" });
  expect(third.retry).toEqual(fixed("PT3S", 3));
  const fourth = await startRun({ job: "heir", retry: { off: true } });
  expect(fourth.retry).toEqual({ __typename: "RetryOff", off: true });

  const back = await get(server, UPDATE, { name: "heir", input: { retry: { inherit: true } } });
  expect(back.updateJob).toMatchObject({ retry: fixed("PT2S", 2), retryInherited: true, version: 3 });
  const nothing = await get(server, NAMESPACE, { input: { retry: { inherit: true } } });
  expect(nothing.updateNamespace).toMatchObject({ retry: fixed("PT1S", 7), retryInherited: true });
  const { namespaces } = await get(server, `{ namespaces { name retryInherited ${RETRY} } }`);
  expect(namespaces).toEqual([{ name: "default", retryInherited: true, retry: fixed("PT1S", 7) }]);
});

test("another server heeds a changed namespace at once", async () => {
  const other = await startServer({ databaseUrl: server.databaseUrl });
  try {
    await get(server, CREATE, { input: { name: "shared", type: "shared" } });
    const { id } = await startRun({ job: "shared" });
    const asked = async () =>
      (await get(other, `query ($id: ID!) { run(id: $id) { ${RETRY} } }`, { id })).run.retry;
    // That server's own default.
    expect(await asked()).toEqual({ __typename: "BackoffRetry", max: 3 });
    await get(server, NAMESPACE, { input: { retry: { off: true } } });
    await expect.poll(asked, { timeout: 10_000 }).toEqual({ __typename: "RetryOff", off: true });
    await get(server, NAMESPACE, { input: { retry: { inherit: true } } });
    await expect.poll(asked, { timeout: 10_000 }).toEqual({ __typename: "BackoffRetry", max: 3 });
  } finally {
    await other.close();
  }
});

test("a checkpoint is seen while the run needs it", async () => {
  await get(server, CREATE, { input: { name: "steps", type: "steps", retry: { off: true } } });
  const { id, checkpoint } = await startRun({ job: "steps" });
  expect(checkpoint).toBeNull();
  const claim = async () => {
    const { body } = await server.call("POST", "/v1/leases", {
      executor: "w",
      types: ["steps"],
      waitSeconds: 10,
    });
    return (body as { leases?: { id: string }[] }).leases?.[0]?.id;
  };
  const first = await claim();
  await server.call("POST", `/v1/leases/${first}/heartbeat`, { checkpoint: { page: 3 } });
  expect(await runOf(id, "checkpoint")).toEqual({ checkpoint: { page: 3 } });
  await server.call("POST", `/v1/leases/${first}/fail`, { error: { message: "x" } });
  expect(await runOf(id, "state checkpoint")).toEqual({ state: "FAILED", checkpoint: { page: 3 } });
  await get(server, "mutation ($id: ID!) { retryRun(id: $id) { id } }", { id });
  await server.call("POST", `/v1/leases/${await claim()}/complete`, {});
  expect(await runOf(id, "state checkpoint")).toEqual({ state: "SUCCEEDED", checkpoint: null });
});

test("a late run starts and is marked, or ends skipped, as its job says", async () => {
  for (const late of ["RUN", "SKIP"]) {
    const input = { name: late, type: late, startDeadline: "PT1S", late };
    expect((await get(server, CREATE, { input })).createJob.late).toBe(late);
  }
  const long = new Date(Date.now() - 60_000).toISOString();
  const lenient = await startRun({ job: "RUN", runAt: long });
  const strict = await startRun({ job: "SKIP", runAt: long });
  expect(await runOf(lenient.id, "late state")).toEqual({ late: true, state: "READY" });
  await expect
    .poll(() => runOf(strict.id, "late state attempts { number } error { type }"), { timeout: 10_000 })
    .toEqual({ late: false, state: "SKIPPED", attempts: [], error: { type: "StartDeadline" } });
  const { body } = await server.call("POST", "/v1/leases", { executor: "w", types: ["RUN"], waitSeconds: 0 });
  expect(body).toMatchObject({ leases: [{ run: lenient.id }] });
  expect(await runOf(lenient.id, "late")).toEqual({ late: true });
  const update = await get(server, UPDATE, { name: "SKIP", input: { late: "RUN" } });
  expect(update.updateJob).toMatchObject({ late: "RUN", version: 2 });
});

test("runs get other times, one by one or by a filter", async () => {
  await get(server, CREATE, { input: { name: "later", type: "later" } });
  const { id } = await startRun({ job: "later" });
  await startRun({ job: "later", tags: ["x"] });
  const one = await get(
    server,
    `mutation ($id: ID!) { rescheduleRun(id: $id, runAt: "2099-01-01T00:00:00Z") { state scheduledAt holds { kind until } } }`,
    { id },
  );
  const until = "2099-01-01T00:00:00.000Z";
  expect(one.rescheduleRun).toEqual({
    state: "WAITING",
    scheduledAt: until,
    holds: [{ kind: "TIME", until }],
  });
  const many = `mutation ($dryRun: Boolean, $filter: RunFilter!) {
    rescheduleRuns(filter: $filter, delay: "PT1H", dryRun: $dryRun) { matched changed cursor } }`;
  const filter = { job: "later" };
  expect((await get(server, many, { filter, dryRun: true })).rescheduleRuns).toEqual({
    matched: 2,
    changed: 0,
    cursor: null,
  });
  expect((await get(server, many, { filter: { ...filter, tags: ["x"] } })).rescheduleRuns).toMatchObject({
    changed: 1,
  });
  expect((await get(server, many, { filter })).rescheduleRuns).toMatchObject({ matched: 2, changed: 2 });
  const { runs } = await get(server, `{ runs(filter: { job: "later" }) { nodes { state } } }`);
  expect(runs.nodes).toEqual([{ state: "WAITING" }, { state: "WAITING" }]);
});

test.each([
  [`updateNamespace(name: "default", input: { retry: { fixed: { max: -1 } } }) { id }`, "retry.fixed.max"],
  [`updateNamespace(name: "nowhere", input: {}) { id }`, "name"],
  [`updateJob(name: "heir", input: { retry: { inherit: false } }) { id }`, "retry.inherit"],
  [`startRun(input: { job: "heir", retry: { backoff: { jitter: 2 } } }) { id }`, "retry.backoff.jitter"],
  [
    `startRuns(input: [{ job: "heir" }, { job: "heir", retry: { off: false } }]) { id }`,
    "input[1].retry.off",
  ],
  [`startRun(input: { job: "heir", runAt: "1969-12-31T23:59:59Z" }) { id }`, "runAt"],
  [`rescheduleRun(id: "17", delay: "PT1S") { id }`, "id"],
  [`rescheduleRuns(filter: {}) { changed }`, "delay"],
  [`rescheduleRuns(filter: {}, delay: "PT1S", runAt: "2030-01-01T00:00:00Z") { changed }`, "delay"],
  [`rescheduleRuns(filter: {}, delay: "PT1S", spread: "P2D") { changed }`, "spread"],
  [`rescheduleRuns(filter: {}, delay: "PT1S", spread: "P1M") { changed }`, "spread"],
  [`rescheduleRuns(filter: {}, delay: "P1M") { changed }`, "delay"],
  [`rescheduleRuns(filter: { states: [FAILED] }, delay: "PT1S") { changed }`, "filter.states"],
  [`rescheduleRuns(filter: {}, delay: "PT1S", limit: 10001) { changed }`, "limit"],
])("%s is refused, naming %s", async (mutation, field) => {
  const { runs } = await get(server, "{ runs(first: 1) { nodes { id } } }");
  const { extensions } = await refused(server, `mutation { ${mutation} }`);
  expect(extensions.field).toBe(field);
  expect((await get(server, "{ runs(first: 1) { nodes { id } } }")).runs).toEqual(runs);
});
