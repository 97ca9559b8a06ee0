/** Policies of single runs, checkpoints and timeouts, as workers and producers meet them over HTTP. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { LIMITS } from "../../server/config.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { client, type TestLease, until } from "./raw.ts";

let server: TestServer;
let api: ReturnType<typeof client>;

beforeAll(async () => {
  server = await startServer();
  api = client(server);
  await server.graphql(`mutation {
    a: createJob(input: { name: "once", type: "once", retry: { off: true } }) { name }
    b: createJob(input: { name: "brief", type: "brief", timeout: "PT1S", retry: { off: true } }) { name }
  }`);
});
afterAll(() => server.close());

const post = async (lease: TestLease, call: string, body: object) =>
  (await api.call("POST", `/v1/leases/${lease.id}/${call}`, body)).json();
const fail = (lease: TestLease, more: object = {}) =>
  post(lease, "fail", { error: { message: "x" }, ...more });
const next = async (run: string) =>
  until(
    async () => (await api.claim({ types: ["once"], max: 10 })).find((lease) => lease.run === run),
    "the run is lent again",
  );

test("a run's own policy is asked first, in seconds", async () => {
  const policies: [object, object][] = [
    [{ fixed: { delaySeconds: 0.5, max: 1 } }, { state: "WAITING", retryInSeconds: 0.5 }],
    [{ backoff: { initialDelaySeconds: 7, jitter: 0 } }, { state: "WAITING", retryInSeconds: 7 }],
    [
      { backoff: { initialDelaySeconds: 7, capSeconds: 3, jitter: 0 } },
      { state: "WAITING", retryInSeconds: 3 },
    ],
    [{ fixed: { delaySeconds: 60, maxElapsedSeconds: 59 } }, { state: "FAILED" }],
    [{ off: true }, { state: "FAILED" }],
    [{ inherit: true }, { state: "FAILED" }],
  ];
  for (const [retry, answer] of policies) {
    expect(await fail(await api.lease("once", { retry }))).toEqual(answer);
  }
});

test("a run that goes straight to a parked poll has its own policy, too", async () => {
  const polling = api.call("POST", "/v1/leases", { executor: "parked", types: ["once"], waitSeconds: 30 });
  await until(async () => {
    const rows = await server.database.sql`select from escapement.executor where name = 'parked'`;
    return rows.length;
  }, "the poll is there");
  const run = await api.start("once", { retry: { fixed: { delaySeconds: 3, max: 4 } } });
  const [lease] = ((await polling).json() as { leases: TestLease[] }).leases;
  expect(lease).toMatchObject({ run, attempts: { made: 0, max: 5 } });
  expect(lease && (await fail(lease))).toEqual({ state: "WAITING", retryInSeconds: 3 });
});

test("a checkpoint of a heartbeat, a failure, a release or a settle is in the next lease, before the input", async () => {
  const first = await api.lease("once", {
    retry: { fixed: { delaySeconds: 0, max: 9 } },
    input: { checkpoint: 0 },
  });
  expect(first).not.toHaveProperty("checkpoint");
  expect(await post(first, "heartbeat", { checkpoint: { row: 1 }, progress: 0.1 })).toMatchObject({
    cancel: false,
  });
  await post(first, "heartbeat", { progress: 0.2 });
  await post(first, "release", {});
  const answer = await api.call("POST", "/v1/leases", { executor: "tester", types: ["once"] });
  expect(answer.text).toMatch(/"fence":2,"checkpoint":\{"row":1\},"input":\{"checkpoint":0\}\}\]\}$/);
  const [second] = (answer.json() as { leases: TestLease[] }).leases;
  if (!second) throw new Error("nothing was lent");
  await post(second, "release", { checkpoint: [2] });
  const third = await next(first.run);
  expect(third).toMatchObject({ checkpoint: [2] });
  await fail(third, { checkpoint: "three" });
  const fourth = await next(first.run);
  expect(fourth).toMatchObject({ checkpoint: "three", attempt: 2 });
  await api.call("POST", "/v1/settle", {
    results: [{ lease: fourth.id, outcome: "failed", error: { message: "x" }, checkpoint: { four: "é" } }],
  });
  const fifth = await next(first.run);
  expect(fifth).toMatchObject({ checkpoint: { four: "é" } });
  await post(fifth, "heartbeat", { checkpoint: null });
  await post(fifth, "release", {});
  const sixth = await next(first.run);
  expect(sixth).not.toHaveProperty("checkpoint");
  await post(sixth, "complete", {});
});

test("a checkpoint has a limit, and one over it changes nothing", async () => {
  const lease = await api.lease("once");
  const fits = "x".repeat(LIMITS.checkpointBytes - 2);
  await post(lease, "heartbeat", { checkpoint: fits });
  const answer = await api.call("POST", `/v1/leases/${lease.id}/heartbeat`, { checkpoint: `${fits}x` });
  expect([answer.status, answer.json()]).toMatchObject([413, { code: "too_large", field: "checkpoint" }]);
  await post(lease, "release", {});
  expect(await next(lease.run)).toMatchObject({ checkpoint: fits });
});

test("an attempt is over when its time is up, however often its worker says that it lives", async () => {
  const lease = await api.lease("brief");
  expect(lease).toMatchObject({ timeoutSeconds: 1 });
  const refused = await until(async () => {
    const answer = await api.call("POST", `/v1/leases/${lease.id}/heartbeat`, {});
    return answer.status === 200 ? undefined : answer;
  }, "the heartbeat is refused");
  expect([refused.status, refused.json()]).toMatchObject([410, { code: "lease_lost" }]);
  expect((await api.call("POST", `/v1/leases/${lease.id}/complete`, {})).status).toBe(410);
  expect((await api.call("GET", `/v1/runs/${lease.run}`)).json()).toEqual({
    id: lease.run,
    state: "FAILED",
    error: { message: "the attempt ran longer than its timeout of PT1S", type: "TimedOut" },
  });
  const { run } = await server.graphql<{ run: object }>(
    `{ run(id: "${lease.run}") { attempts { number outcome } } }`,
  );
  expect(run).toEqual({ attempts: [{ number: 1, outcome: "TIMED_OUT" }] });
});

test("a run can be told to wait for years, and a date that is none is refused", async () => {
  const delayed = await api.start("once", { delaySeconds: 3_153_600_000 });
  expect(await api.state(delayed)).toBe("WAITING");
  expect(await api.state(await api.start("once", { runAt: "2099-12-31T23:59:59Z" }))).toBe("WAITING");
  const answer = await api.call("POST", "/v1/runs", {
    runs: [{ job: "once", runAt: "0001-01-01T00:00:00Z" }],
  });
  expect([answer.status, answer.json()]).toMatchObject([400, { field: "runs[0].runAt" }]);
});
