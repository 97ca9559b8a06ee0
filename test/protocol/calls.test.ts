/** Every call of the worker protocol does what CONTRACT section 5 says. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, client, until } from "./raw.ts";

let server: TestServer;
let api: ReturnType<typeof client>;
const NOWHERE = `1-${"0".repeat(32)}`;

beforeAll(async () => {
  server = await startServer();
  api = client(server);
  await server.graphql(`mutation {
    a: createJob(input: { name: "hello", type: "sh.hello", input: { from: "job" } }) { name }
    b: createJob(input: { name: "once", type: "sh.once", retry: { off: true } }) { name }
    c: createJob(input: { name: "apart", type: "sh.apart", group: "gpu" }) { name }
  }`);
});
afterAll(() => server.close());

test("a claim answers with a lease whose members stand in the order that shells rely on, the input last", async () => {
  const run = await api.start("hello", { input: { b: [1, 2], a: "é" }, tags: ["x"] });
  const answer = await api.call("POST", "/v1/leases", { executor: "tester", types: ["sh.hello"] });
  expect(answer.status).toBe(200);
  expect(answer.text).toMatch(
    new RegExp(
      `^\\{"leases":\\[\\{"id":"${run}-[0-9a-f]{32}","run":"${run}","attempt":1,"job":"hello","type":"sh.hello",` +
        `"group":"default","scheduledAt":"[^"]+Z","leaseSeconds":30,"timeoutSeconds":300,"attempts":\\{"made":0,"max":4\\},` +
        `"fence":1,"input":\\{"b":\\[1,2\\],"a":"é"\\}\\}\\]\\}$`,
    ),
  );
});

test("without types a claim takes any, with types only those, and only of its groups", async () => {
  const apart = await api.start("apart");
  const hello = await api.start("hello");
  expect(await api.claim({ types: ["sh.apart"] })).toEqual([]);
  expect(await api.claim({ groups: ["gpu"], types: ["sh.hello"] })).toEqual([]);
  expect((await api.claim({ max: 5 })).map((lease) => lease.run)).toEqual([hello]);
  expect((await api.claim({ groups: ["default", "gpu"] })).map((lease) => lease.run)).toEqual([apart]);
});

test("a run without an input gets its job's, and bytes travel as Base64", async () => {
  expect((await api.lease("hello")).input).toEqual({ from: "job" });
  const bytes = Buffer.from([0, 255, 10]).toString("base64");
  const lease = await api.lease("hello", { inputBase64: bytes });
  expect(lease).toMatchObject({ inputBase64: bytes });
  expect(lease).not.toHaveProperty("input");
});

test("higher priority is lent first, then what was ready longer", async () => {
  const [low, high, low2] = [
    await api.start("once", { priority: 1 }),
    await api.start("once", { priority: 9 }),
    await api.start("once", { priority: 1 }),
  ];
  const leases = await api.claim({ types: ["sh.once"], max: 3 });
  expect(leases.map((lease) => lease.run)).toEqual([high, low, low2]);
});

test("the same requestId brings the same leases again, another one does not", async () => {
  await api.start("hello");
  const [first] = await api.claim({ requestId: "r1" });
  expect(await api.claim({ requestId: "r1" })).toEqual([first]);
  expect(await api.claim({ requestId: "r2" })).toEqual([]);
  expect(await api.claim({ requestId: "r1", executor: "somebody-else" })).toEqual([]);
});

test("a heartbeat prolongs the lease, notes progress and carries the wish to cancel", async () => {
  const lease = await api.lease("hello");
  const path = `/v1/leases/${lease.id}/heartbeat`;
  expect((await api.call("POST", path, { progress: 0.25, message: "a quarter" })).json()).toEqual({
    leaseSeconds: 30,
    cancel: false,
  });
  const { run } = await server.graphql<{ run: { progress: number } }>(
    `{ run(id: "${lease.run}") { progress } }`,
  );
  expect(run.progress).toBe(0.25);
  await server.graphql(`mutation { cancelRun(id: "${lease.run}", reason: "enough") { id } }`);
  expect((await api.call("POST", path)).json()).toEqual({ leaseSeconds: 30, cancel: true });
  expect((await api.call("POST", `/v1/leases/${lease.id}/complete`, {})).json()).toEqual({
    state: "CANCELLED",
  });
});

test("complete ends the run with its output, which producers read", async () => {
  const lease = await api.lease("hello");
  const answer = await api.call("POST", `/v1/leases/${lease.id}/complete`, { output: { n: 1 } });
  expect([answer.status, answer.json()]).toEqual([200, { state: "SUCCEEDED" }]);
  expect((await api.call("GET", `/v1/runs/${lease.run}`)).json()).toEqual({
    id: lease.run,
    state: "SUCCEEDED",
    output: { n: 1 },
  });
});

test("an output may be bytes, which go and come as Base64, one by one and in batches", async () => {
  const read = async (run: string) => [
    (await api.call("GET", `/v1/runs/${run}`)).json(),
    (
      await server.graphql<{ run: object }>("query ($id: ID!) { run(id: $id) { output outputBytes } }", {
        id: run,
      })
    ).run,
  ];
  const bytes = Buffer.from([0, 255, 34, 92, 10]).toString("base64");
  const [one, two, none] = [await api.lease("hello"), await api.lease("hello"), await api.lease("hello")];
  for (let time = 0; time < 2; time++) {
    const answer = await api.call("POST", `/v1/leases/${one.id}/complete`, { outputBase64: bytes });
    expect([answer.status, answer.json()]).toEqual([200, { state: "SUCCEEDED" }]);
  }
  await api.call("POST", "/v1/settle", {
    results: [
      { lease: none.id, outcome: "succeeded", output: "text" },
      { lease: two.id, outcome: "succeeded", outputBase64: "" },
    ],
  });
  expect(await read(one.run)).toEqual([
    { id: one.run, state: "SUCCEEDED", outputBase64: bytes },
    { output: null, outputBytes: bytes },
  ]);
  expect(await read(two.run)).toEqual([
    { id: two.run, state: "SUCCEEDED", outputBase64: "" },
    { output: null, outputBytes: "" },
  ]);
  expect(await read(none.run)).toEqual([
    { id: none.run, state: "SUCCEEDED", output: "text" },
    { output: "text", outputBytes: null },
  ]);
});

test("a run that was cancelled keeps no output, in bytes neither", async () => {
  const lease = await api.lease("hello");
  await server.graphql("mutation ($id: ID!) { cancelRun(id: $id) { id } }", { id: lease.run });
  const answer = await api.call("POST", `/v1/leases/${lease.id}/complete`, { outputBase64: "AAAA" });
  expect(answer.json()).toEqual({ state: "CANCELLED" });
  expect((await api.call("GET", `/v1/runs/${lease.run}`)).json()).not.toHaveProperty("outputBase64");
});

test("complete without a body is enough, and leaves no output; null is one", async () => {
  const bare = await api.lease("hello");
  expect((await api.call("POST", `/v1/leases/${bare.id}/complete`)).json()).toEqual({ state: "SUCCEEDED" });
  expect((await api.call("GET", `/v1/runs/${bare.run}`)).json()).not.toHaveProperty("output");
  const empty = await api.lease("hello");
  await api.call("POST", `/v1/leases/${empty.id}/complete`, { output: null });
  expect((await api.call("GET", `/v1/runs/${empty.run}`)).json()).toHaveProperty("output", null);
});

test("fail says when the retry comes, and `retry: false` ends retries", async () => {
  const error = { message: "no disk", type: "IoError", stack: "at x" };
  const again = await api.lease("hello");
  const retried = await api.call("POST", `/v1/leases/${again.id}/fail`, { error, retryAfterSeconds: 120 });
  expect(retried.json()).toEqual({ state: "WAITING", retryInSeconds: 120 });
  const never = await api.lease("hello");
  const failed = await api.call("POST", `/v1/leases/${never.id}/fail`, { error, retry: false });
  expect(failed.json()).toEqual({ state: "FAILED" });
  expect((await api.call("GET", `/v1/runs/${never.run}`)).json()).toEqual({
    id: never.run,
    state: "FAILED",
    error,
  });
});

test("release gives the run back at no cost of an attempt", async () => {
  const lease = await api.lease("hello");
  expect((await api.call("POST", `/v1/leases/${lease.id}/release`, {})).json()).toEqual({ state: "READY" });
  const [again] = await api.claim();
  expect(again).toMatchObject({ run: lease.run, attempt: 1, fence: 2 });
  expect(again?.id).not.toBe(lease.id);
});

test("children are created when their lease completes, and the join waits for all of them", async () => {
  const lease = await api.lease("hello");
  const body = { runs: [{ job: "once", input: 1 }, { job: "once" }], join: { job: "apart" } };
  const answer = await api.call("POST", `/v1/leases/${lease.id}/runs`, body);
  expect(answer.status).toBe(200);
  const { runs, join } = answer.json() as { runs: string[]; join: string };
  expect(runs).toHaveLength(2);
  expect((await api.call("GET", `/v1/runs/${runs[0]}`)).status).toBe(404);
  await api.call("POST", `/v1/leases/${lease.id}/complete`, {});
  const children = await api.claim({ types: ["sh.once"], max: 5 });
  expect(children.map(({ run, parent }) => [run, parent])).toEqual(runs.map((run) => [run, lease.run]));
  expect(await api.state(join)).toBe("WAITING");
  for (const child of children) await api.call("POST", `/v1/leases/${child.id}/complete`, {});
  await until(async () => (await api.state(join)) === "READY", "the join is ready");
});

test("children with `now` start at once", async () => {
  const lease = await api.lease("hello");
  const answer = await api.call("POST", `/v1/leases/${lease.id}/runs`, {
    runs: [{ job: "once" }],
    now: true,
  });
  const { runs } = answer.json() as { runs: string[] };
  expect((await api.claim({ types: ["sh.once"] })).map(({ run }) => run)).toEqual(runs);
});

test("settle settles each result by itself and claims in the same round trip", async () => {
  const [done, failed, given] = [await api.lease("hello"), await api.lease("once"), await api.lease("hello")];
  const next = await api.start("apart", { priority: 9 });
  const answer = await api.call("POST", "/v1/settle", {
    results: [
      { lease: done.id, outcome: "succeeded", output: [1] },
      { lease: NOWHERE, outcome: "succeeded" },
      { lease: failed.id, outcome: "failed", error: { message: "x" } },
      { lease: "no lease's id at all", outcome: "released" },
      { lease: given.id, outcome: "released" },
    ],
    claim: { executor: "tester", groups: ["gpu"], waitSeconds: 0 },
  });
  const { results, leases } = answer.json() as { results: unknown[]; leases: { run: string }[] };
  expect(results).toEqual([
    { lease: done.id, status: "ok", state: "SUCCEEDED" },
    { lease: NOWHERE, status: "lost" },
    { lease: failed.id, status: "ok", state: "FAILED" },
    { lease: "no lease's id at all", status: "lost" },
    { lease: given.id, status: "ok", state: "READY" },
  ]);
  expect(leases.map(({ run }) => run)).toEqual([next]);
  expect((await api.call("POST", "/v1/settle", { results: [] })).json()).toEqual({ results: [] });
});

test("an executor's heartbeat renews what it names and gives back what it does not", async () => {
  const named = await api.lease("hello");
  const [forgotten] = [await api.lease("hello")];
  await server.database.sql`
    update escapement.lease set started_at = started_at - interval '6 seconds' where id = ${forgotten?.run ?? ""}`;
  const young = await api.lease("hello");
  const answer = await api.call("POST", "/v1/heartbeat", {
    executor: "tester",
    leases: [named.id, NOWHERE],
    load: { cpu: 0.5, memory: 0.25 },
  });
  expect(answer.json()).toEqual({
    leases: [
      { lease: named.id, status: "ok", cancel: false, leaseSeconds: 30 },
      { lease: NOWHERE, status: "lost", cancel: false, leaseSeconds: 0 },
    ],
  });
  expect(await api.state(forgotten?.run ?? "")).toBe("READY");
  expect(await api.state(young.run)).toBe("RUNNING");
});

test("starting is all or none, and answers in the order of the request", async () => {
  const before = await server.database.sql`select count(*)::int as n from escapement.run`;
  const answer = await api.call("POST", "/v1/runs", { runs: [{ job: "hello" }, { job: "absent" }] });
  expect([answer.status, answer.json().code, answer.json().field]).toEqual([404, "not_found", "runs[1].job"]);
  expect(await server.database.sql`select count(*)::int as n from escapement.run`).toEqual(before);
  const started = await api.call("POST", "/v1/runs", {
    runs: [{ job: "hello" }, { job: "hello", delaySeconds: 60 }],
  });
  expect(started.status).toBe(201);
  expect((started.json().runs as { state: string }[]).map(({ state }) => state)).toEqual([
    "READY",
    "WAITING",
  ]);
});

test("an Idempotency-Key makes the whole request repeatable, and other runs under it a conflict", async () => {
  const headers = { "idempotency-key": "order-4711" };
  const body = {
    runs: [
      { job: "hello", input: 1 },
      { job: "hello", input: 2 },
    ],
  };
  const first = await ask(server.url, "POST", "/v1/runs", { headers, body });
  const again = await ask(server.url, "POST", "/v1/runs", { headers, body });
  expect(again.status).toBe(201);
  expect(again.json()).toEqual(first.json());
  const other = await ask(server.url, "POST", "/v1/runs", {
    headers,
    body: { runs: [{ job: "hello", input: 3 }] },
  });
  expect([other.status, other.json().code]).toEqual([409, "conflict"]);
  const both = await ask(server.url, "POST", "/v1/runs", {
    headers,
    body: { runs: [{ job: "hello", idempotencyKey: "k" }] },
  });
  expect([both.status, both.json().field]).toEqual([400, "runs[0].idempotencyKey"]);
});

test("a key of a single run starts it once", async () => {
  const ids = [
    await api.start("hello", { idempotencyKey: "one" }),
    await api.start("hello", { idempotencyKey: "one" }),
  ];
  expect(ids[0]).toBe(ids[1]);
});

test("looking at a run with waitSeconds answers when it ends", async () => {
  const lease = await api.lease("hello");
  const waiting = ask(server.url, "GET", `/v1/runs/${lease.run}?waitSeconds=30`);
  await api.call("POST", `/v1/leases/${lease.id}/complete`, { output: "done" });
  expect((await waiting).json()).toEqual({ id: lease.run, state: "SUCCEEDED", output: "done" });
  const ready = await api.start("hello");
  const early = await ask(server.url, "GET", `/v1/runs/${ready}?waitSeconds=0.05`);
  expect(early.json()).toEqual({ id: ready, state: "READY" });
});

test("an executor registers, is updated, and leaves with its leases given back", async () => {
  const path = "/v1/executors/worker-7";
  const registration = {
    groups: ["default", "gpu"],
    types: ["sh.hello"],
    capacity: 4,
    labels: { zone: "a" },
  };
  expect((await api.call("PUT", path, registration)).status).toBe(200);
  expect((await api.call("PUT", path, { ...registration, capacity: 8, load: { cpu: 1 } })).status).toBe(200);
  const [row] = await server.database.sql`
    select groups, types, capacity, labels, load from escapement.executor where name = 'worker-7'`;
  expect(row).toEqual({ ...registration, capacity: 8, load: { cpu: 1 } });
  await api.start("hello");
  const [lease] = await api.claim({ executor: "worker-7" });
  expect((await api.call("DELETE", path)).status).toBe(200);
  expect((await api.call("DELETE", path)).status).toBe(200);
  expect(await api.state(lease?.run ?? "")).toBe("READY");
  const [left] = await server.database.sql`select left_at from escapement.executor where name = 'worker-7'`;
  expect(left?.left_at).toBeInstanceOf(Date);
  await api.claim({ executor: "worker-7", types: ["none"] });
  const [back] = await server.database.sql`select left_at from escapement.executor where name = 'worker-7'`;
  expect(back?.left_at).toBeNull();
  expect((await api.call("DELETE", "/v1/executors/nobody")).status).toBe(404);
});

test("plain `curl -d` works: a form's content type is JSON here", async () => {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const body = '{"executor":"curl","waitSeconds":0,"types":["none"]}';
  expect((await ask(server.url, "POST", "/v1/leases", { headers, body })).json()).toEqual({ leases: [] });
  expect(
    (await ask(server.url, "POST", "/v1/leases", { headers: { "content-type": "text/xml" }, body })).status,
  ).toBe(200);
});

test("every call about a lease answers 404 for one that never was and 410 for one that is lost", async () => {
  const lease = await api.lease("hello");
  // Replaced by another lease of the same run, as after an expiry.
  const other = `${lease.run}-${"f".repeat(32)}`;
  const failure = { error: { message: "x" } };
  const calls: [method: string, call: string, body?: unknown][] = [
    ["POST", "heartbeat", {}],
    ["POST", "complete", {}],
    ["POST", "fail", failure],
    ["POST", "release", {}],
    ["POST", "logs", "text"],
    ["PUT", "files/a.txt", "text"],
    ["POST", "runs", { runs: [{ job: "hello" }] }],
  ];
  for (const [method, call, body] of calls) {
    for (const id of [NOWHERE, "nonsense", `${lease.run}-zz`, "99999999999999999999-0", "%20"]) {
      const answer = await api.call(method, `/v1/leases/${id}/${call}`, body);
      expect([call, id, answer.status, answer.json().code]).toEqual([call, id, 404, "not_found"]);
    }
    const answer = await api.call(method, `/v1/leases/${other}/${call}`, body);
    expect([call, answer.status, answer.json().code]).toEqual([call, 410, "lease_lost"]);
    expect(answer.headers["content-type"]).toBe("application/problem+json");
  }
  expect(await api.state(lease.run)).toBe("RUNNING");
});

test("settling again gives the same answer again, and settling otherwise changes nothing", async () => {
  const failure = { error: { message: "x" }, retryAfterSeconds: 100 };
  const settlings: [call: string, body: unknown, state: string][] = [
    ["complete", { output: 1 }, "SUCCEEDED"],
    ["fail", { ...failure, retry: false }, "FAILED"],
    ["fail", failure, "WAITING"],
    ["release", {}, "READY"],
  ];
  for (const [call, body, state] of settlings) {
    const lease = await api.lease("hello");
    const first = await api.call("POST", `/v1/leases/${lease.id}/${call}`, body);
    const again = await api.call("POST", `/v1/leases/${lease.id}/${call}`, body);
    expect(first.json().state).toBe(state);
    expect([again.status, again.text]).toEqual([first.status, first.text]);
    const many = await api.call("POST", "/v1/settle", {
      results: [{ lease: lease.id, outcome: "released" }],
    });
    // The same said in a batch is a repetition too; anything else comes too late.
    expect((many.json().results as { status: string }[])[0]?.status).toBe(call === "release" ? "ok" : "lost");
    expect((await api.call("POST", `/v1/leases/${lease.id}/heartbeat`, {})).status).toBe(410);
    expect(await api.state(lease.run)).toBe(state);
    // Not to be lent to the next round.
    if (state === "READY")
      for (const next of await api.claim()) await api.call("POST", `/v1/leases/${next.id}/complete`, {});
  }
});

test("unknown runs are 404, whatever stands in their place", async () => {
  for (const id of ["1", "0", "-1", "abc", "99999999999999999999", "1%2F..%2F2", "1;select"]) {
    for (const rest of ["", "/log", "/files", "/files/a"]) {
      const answer = await api.call("GET", `/v1/runs/${id}${rest}`);
      expect([id, rest, answer.status, answer.json().code]).toEqual([id, rest, 404, "not_found"]);
    }
  }
});
