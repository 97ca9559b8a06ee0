/** Rates on real servers: asked for, shown, explained, and kept to by the clock on the wall. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, type Data, get } from "./client.ts";

let one: TestServer;
let two: TestServer;
beforeAll(async () => {
  one = await startServer();
  two = await startServer({ databaseUrl: one.databaseUrl });
});
afterAll(async () => {
  await two.close();
  await one.close();
});

const CREATE = "mutation ($input: JobInput!) { createJob(input: $input) { rate { max every key } version } }";
const create = async (name: string, rate: object): Promise<Data> =>
  (await get(one, CREATE, { input: { name, type: name, rate } })).createJob;
const START =
  "mutation ($input: [StartRunInput!]!) { startRuns(input: $input) { id state holds { kind runs { id } } } }";
const start = async (job: string, inputs: unknown[], on = one): Promise<Data[]> =>
  (await get(on, START, { input: inputs.map((input) => ({ job, input })) })).startRuns;
const EXPLAIN = `query ($id: ID!) { run(id: $id) { startedAt holds { kind until } explain {
  summary estimatedStartAt blocker { kind until } gates { kind verdict message } } } }`;
const explain = async (id: string): Promise<Data> => (await get(one, EXPLAIN, { id })).run;
const claim = async (type: string, on = one): Promise<Data[]> => {
  const body = { executor: "w", types: [type], max: 10, waitSeconds: 20 };
  return ((await on.call("POST", "/v1/leases", body)).body as Data).leases;
};

test("a job tells its rate, and a patch changes and clears it", async () => {
  const rate = { max: 2, every: "PT1M", key: "input.customer" };
  expect(await create("told", rate)).toEqual({ rate, version: 1 });
  const runs = await start("told", [{ customer: 1 }, { customer: 1 }, { customer: 1 }, { customer: 2 }]);
  expect(runs.map(({ state }) => state)).toEqual(["READY", "READY", "WAITING", "READY"]);
  // Nobody has to end for it to start, so nobody is named.
  expect(runs[2]?.holds).toEqual([{ kind: "RATE", runs: [] }]);
  const UPDATE = `mutation ($input: JobPatch!) { updateJob(name: "told", input: $input) { rate { max every key } version } }`;
  const update = async (input: object) => (await get(one, UPDATE, { input })).updateJob;
  expect(await update({ rate })).toEqual({ rate, version: 1 });
  expect(await update({ rate: { max: 1, every: "PT0.5S" } })).toEqual({
    rate: { max: 1, every: "PT0.5S", key: null },
    version: 2,
  });
  expect(await update({ rate: null })).toEqual({ rate: null, version: 3 });
  const STATE = "query ($id: ID!) { run(id: $id) { state } }";
  await expect.poll(async () => (await get(one, STATE, { id: runs[2]?.id })).run.state).toBe("READY");
});

test.each([
  ["rate.max", { max: 0, every: "PT1S" }],
  ["rate.max", { max: -1, every: "PT1S" }],
  ["rate.max", { max: 10_001, every: "PT1S" }],
  ["rate.every", { max: 1, every: "PT0S" }],
  ["rate.every", { max: 1, every: "P31D" }],
  ["rate.key", { max: 1, every: "PT1S", key: "customer" }],
])("a rate that cannot be is refused and names %s: %j", async (field, rate) => {
  const { errors } = await ask(one, CREATE, { input: { name: "bad", type: "bad", rate } });
  expect(errors).toMatchObject([{ extensions: { code: "BAD_INPUT", field } }]);
  expect((await get(one, '{ job(name: "bad") { id } }')).job).toBeNull();
});

test("the explanation says how many began and when the run is let in, and that comes true on either server", async () => {
  await create("timed", { max: 2, every: "PT2S" });
  const runs = await start("timed", [1, 2, 3, 4, 5]);
  const leases = await claim("timed");
  expect(leases).toHaveLength(2);
  const began = await Promise.all(leases.map(async ({ run }) => Date.parse((await explain(run)).startedAt)));
  const due = Math.min(...began) + 2_000;
  const at = new Date(due).toISOString();
  // The claim's note follows it.
  await expect
    .poll(async () => (await explain(runs[2]?.id)).explain)
    .toMatchObject({
      summary: `The run waits for the rate of timed, with 2 of 2 starts in the last PT2S; it is let in at ${at}.`,
      blocker: { kind: "RATE", until: at },
      estimatedStartAt: at,
    });
  expect((await explain(runs[2]?.id)).holds).toEqual([{ kind: "RATE", until: at }]);
  const fifth = await explain(runs[4]?.id);
  expect(fifth.holds).toEqual([{ kind: "RATE", until: null }]);
  expect(fifth.explain.estimatedStartAt).toBe(new Date(due + 2_000).toISOString());
  const next = await claim("timed", two);
  const started = await Promise.all(next.map(async ({ run }) => Date.parse((await explain(run)).startedAt)));
  expect(Math.min(...started)).toBeGreaterThanOrEqual(due);
  // On an idle machine it is some milliseconds; a missed wake-up would cost a second.
  expect(Math.min(...started) - due).toBeLessThan(500);
});

test("two servers with many workers at once keep to the rate", async () => {
  const [max, everyMs, count] = [5, 250, 60];
  await create("crowd", { max, every: "PT0.25S" });
  const lists = [one, two, one, two].map((on) => start("crowd", Array.from({ length: count / 4 }), on));
  const ids = (await Promise.all(lists)).flat().map(({ id }) => id);
  let left = count;
  const work = async (on: TestServer, executor: string): Promise<void> => {
    while (left > 0) {
      const body = { executor, types: ["crowd"], max: 3, waitSeconds: 1 };
      const { leases } = (await on.call("POST", "/v1/leases", body)).body as Data;
      left -= leases.length;
      for (const { id } of leases) await on.call("POST", `/v1/leases/${id}/complete`, {});
    }
  };
  await Promise.all([one, two].flatMap((on) => ["x", "y", "z"].map((name) => work(on, name))));
  const rows = await one.database.sql<{ at: Date }[]>`
    select started_at as at from escapement.ended where id = any(${ids}::bigint[]) order by 1`;
  const began = rows.map(({ at }) => at.getTime());
  expect(began).toHaveLength(count);
  for (const [at, time] of began.slice(max).entries()) {
    expect(time - (began[at] ?? 0), `starts ${at} and ${at + max}`).toBeGreaterThanOrEqual(everyMs);
  }
});

test("runs in line go on when the server that leads goes away", async () => {
  await create("left", { max: 1, every: "PT1S" });
  const leader = await startServer({ databaseUrl: one.databaseUrl });
  const runs = await start("left", [1, 2], leader);
  const [first] = await claim("left", leader);
  expect(first?.run).toBe(runs[0]?.id);
  await leader.close();
  const [second] = await claim("left", two);
  expect(second?.run).toBe(runs[1]?.id);
});
