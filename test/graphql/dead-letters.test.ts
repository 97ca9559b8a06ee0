/** Dead letters over GraphQL: found, counted, put back into the queue with another input, taken off the list. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, type Data, get, refused } from "./client.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  await get(
    server,
    `mutation {
      createNamespace(input: { name: "other" }) { id }
      a: createJob(input: { name: "a", type: "t", retry: { off: true } }) { id }
      b: createJob(input: { name: "b", type: "t", retry: { off: true } }) { id }
      off: createJob(input: { name: "off", type: "t", retry: { off: true }, deadLetter: false }) { id }
    }`,
  );
});
afterAll(() => server.close());

/** Starts a run of each job and lets it fail. */
async function fail(type: string, ...jobs: string[]): Promise<string[]> {
  for (const job of jobs) {
    await get(server, `mutation ($job: String!) { startRun(input: { job: $job, input: { n: 1 } }) { id } }`, {
      job,
    });
  }
  const { body } = await server.call("POST", "/v1/leases", { executor: "w", max: jobs.length });
  const leases: Data[] = (body as Data).leases;
  for (const lease of leases) {
    await server.call("POST", `/v1/leases/${lease.id}/fail`, { error: { message: "no", type } });
  }
  return leases.map((lease) => lease.run);
}

const LIST = `query ($filter: DeadLetterFilter, $namespace: String) {
  deadLetterCount(filter: $filter, namespace: $namespace)
  deadLetters(filter: $filter, namespace: $namespace) {
    nodes { id state deadLetter error { type } job { name deadLetter } redrives { number state edited input error { type } } }
  }
  deadLetterGroups(filter: $filter, namespace: $namespace) { job { name } errorType count firstAt lastAt }
}`;

test("dead letters are listed, counted and grouped, and a job may ask for none", async () => {
  const [first, second] = await fail("TypeError", "a", "b");
  await fail("TypeError", "off");
  const data = await get(server, LIST, { filter: { errorType: "TypeError" } });
  expect(data.deadLetterCount).toBe(2);
  expect(data.deadLetters.nodes).toMatchObject([
    {
      id: second,
      state: "FAILED",
      deadLetter: true,
      error: { type: "TypeError" },
      job: { name: "b", deadLetter: true },
    },
    { id: first },
  ]);
  expect(data.deadLetterGroups).toMatchObject([
    { job: { name: "a" }, errorType: "TypeError", count: 1 },
    { job: { name: "b" }, errorType: "TypeError", count: 1 },
  ]);
  expect((await get(server, LIST, { namespace: "other" })).deadLetters.nodes).toEqual([]);
  expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(/^escapement_dead_letters 2$/m);
  const { job } = await get(server, `{ job(name: "off") { deadLetter } }`);
  expect(job.deadLetter).toBe(false);
});

test("one is redriven with another input and says so", async () => {
  const [id] = await fail("ValueError", "a");
  const { redriveDeadLetter } = await get(
    server,
    `mutation ($id: ID!) { redriveDeadLetter(id: $id, input: { n: 2 }) {
      id state input deadLetter redrives { number state edited input error { type } } } }`,
    { id },
  );
  expect(redriveDeadLetter).toEqual({
    id,
    state: "READY",
    input: { n: 2 },
    deadLetter: false,
    redrives: [{ number: 1, state: "FAILED", edited: true, input: { n: 1 }, error: { type: "ValueError" } }],
  });
  const again = await refused(server, `mutation ($id: ID!) { redriveDeadLetter(id: $id) { id } }`, { id });
  expect(again.extensions.code).toBe("ILLEGAL_STATE");
  await get(server, `mutation ($id: ID!) { cancelRun(id: $id) { id } }`, { id });
});

test("many are redriven after a count, and others discarded", async () => {
  const ids = await fail("Many", "a", "a", "a");
  const redrive = `mutation ($filter: DeadLetterFilter!, $dryRun: Boolean, $perSecond: Float) {
    redriveDeadLetters(filter: $filter, dryRun: $dryRun, perSecond: $perSecond) { matched changed cursor nextAt } }`;
  const filter = { errorType: "Many", ids: ids.slice(0, 2) };
  expect((await get(server, redrive, { filter, dryRun: true })).redriveDeadLetters).toMatchObject({
    matched: 2,
    changed: 0,
  });
  const done = (await get(server, redrive, { filter, perSecond: 0.01 })).redriveDeadLetters;
  expect(done).toMatchObject({ matched: 2, changed: 2, cursor: null, nextAt: expect.any(String) });
  const { discardDeadLetters } = await get(
    server,
    `mutation ($filter: DeadLetterFilter!) { discardDeadLetters(filter: $filter) { matched changed cursor } }`,
    { filter: { errorType: "Many" } },
  );
  expect(discardDeadLetters).toEqual({ matched: 1, changed: 1, cursor: null });
  const { runs } = await get(
    server,
    `query ($ids: [ID!]!) { runs(filter: { job: "a" }) { nodes { id state } } deadLetters(filter: { ids: $ids }) { nodes { id } } }`,
    { ids },
  );
  const states = new Map(runs.nodes.map((run: Data) => [run.id, run.state]));
  expect(ids.map((id) => states.get(id))).toEqual(["READY", "WAITING", "FAILED"]);
  for (const id of ids.slice(0, 2))
    await get(server, `mutation ($id: ID!) { cancelRun(id: $id) { id } }`, { id });
});

test("a cancelled run is tried again with another input by retryRun", async () => {
  const { startRun } = await get(server, `mutation { startRun(input: { job: "b", input: 1 }) { id } }`);
  await get(server, `mutation ($id: ID!) { cancelRun(id: $id) { id } }`, { id: startRun.id });
  const { retryRun } = await get(
    server,
    `mutation ($id: ID!) { retryRun(id: $id, inputBytes: "AAEC") { state input inputBytes redrives { state } } }`,
    { id: startRun.id },
  );
  expect(retryRun).toEqual({
    state: "READY",
    input: null,
    inputBytes: "AAEC",
    redrives: [{ state: "CANCELLED" }],
  });
});

test("bad input is refused with its field and changes nothing", async () => {
  const [id] = await fail("Kept", "a");
  const mutation = (args: string) =>
    `mutation { redriveDeadLetters(filter: { ids: ["${id}"] }, ${args}) { changed } }`;
  for (const [args, field] of [
    ["perSecond: -1", "perSecond"],
    ["limit: 0", "limit"],
    [`after: "nonsense"`, "after"],
  ]) {
    const problem = await refused(server, mutation(args as string));
    expect(problem.extensions).toMatchObject({ code: "BAD_INPUT", field });
  }
  const both = await refused(
    server,
    `mutation ($id: ID!) { redriveDeadLetter(id: $id, input: 1, inputBytes: "AA==") { id } }`,
    { id },
  );
  expect(both.extensions).toMatchObject({ code: "BAD_INPUT", field: "inputBytes" });
  const { errors } = await ask(server, `{ deadLetters(after: "nonsense") { nodes { id } } }`);
  expect(errors?.[0]?.extensions).toMatchObject({ code: "BAD_INPUT", field: "after" });
  expect((await get(server, LIST, { filter: { ids: [id] } })).deadLetterCount).toBe(1);
});
