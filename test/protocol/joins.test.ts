/** Fan-out and join over HTTP: POST /v1/leases/{id}/runs, GET /v1/leases/{id}/results. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, client, type TestLease } from "./raw.ts";

const ADMIN = "the-administrators-password";
let server: TestServer;
let api: ReturnType<typeof client>;

beforeAll(async () => {
  server = await startServer({ config: { adminToken: ADMIN }, token: ADMIN });
  api = client(server, { token: ADMIN });
  await server.graphql(`mutation {
    a: createJob(input: { name: "root", type: "root" }) { name }
    b: createJob(input: { name: "part", type: "part", retry: { off: true } }) { name }
    c: createJob(input: { name: "end", type: "end" }) { name }
    d: createJob(input: { name: "secret", type: "secret", group: "vault" }) { name }
  }`);
});
afterAll(() => server.close());

const take = async (type: string, groups = ["default"]): Promise<TestLease> => {
  const [lease] = await api.claim({ types: [type], groups });
  if (!lease) throw new Error(`no run of type ${type} is ready`);
  return lease;
};
const complete = (lease: TestLease, output?: unknown) =>
  api.call("POST", `/v1/leases/${lease.id}/complete`, { output });

test("a join reads its results page by page: outputs, errors and bytes", async () => {
  const root = await api.lease("root");
  const part = { job: "part" };
  const answer = await api.call("POST", `/v1/leases/${root.id}/runs`, {
    runs: [part, part, part],
    join: { job: "end" },
  });
  const { runs, join } = answer.json() as { runs: string[]; join: string };
  await complete(root);
  const [one, two, three] = await api.claim({ types: ["part"], max: 3 });
  if (!one || !two || !three) throw new Error("three parts are ready");
  await complete(one, { rows: 1 });
  await api.call("POST", `/v1/leases/${two.id}/fail`, { error: { message: "no disk" } });
  await api.call("POST", `/v1/leases/${three.id}/complete`, { outputBase64: "AP8=" });
  const end = await take("end");
  expect(end.run).toBe(join);
  const path = `/v1/leases/${end.id}/results`;
  const common = { job: "part", parent: root.run };
  expect((await api.call("GET", path)).json()).toEqual({
    results: [
      { run: runs[0], ...common, state: "SUCCEEDED", output: { rows: 1 } },
      { run: runs[1], ...common, state: "FAILED", error: { message: "no disk" } },
      { run: runs[2], ...common, state: "SUCCEEDED", outputBase64: "AP8=" },
    ],
  });
  const first = (await api.call("GET", `${path}?limit=2`)).json() as { results: unknown[]; next: string };
  expect([first.results.length, first.next]).toEqual([2, runs[1]]);
  const rest = (await api.call("GET", `${path}?limit=2&after=${first.next}`)).json();
  expect(rest).toMatchObject({ results: [{ run: runs[2] }] });
  expect(rest).not.toHaveProperty("next");
  await complete(end);
  expect((await api.call("GET", path)).status).toBe(410);
});

test("a request id, or the header Idempotency-Key, makes child runs safe to ask for again", async () => {
  const root = await api.lease("root");
  const path = `/v1/leases/${root.id}/runs`;
  const body = { runs: [{ job: "part" }], requestId: "once" };
  const [one, two] = [await api.call("POST", path, body), await api.call("POST", path, body)];
  expect(two.json()).toEqual(one.json());
  const headers = { "idempotency-key": "once" };
  const { requestId: _, ...plain } = body;
  const three = await ask(server.url, "POST", path, { headers, body: plain, token: ADMIN });
  expect(three.json()).toEqual(one.json());
  const other = await api.call("POST", path, { runs: [{ job: "end" }], requestId: "once" });
  expect([other.status, other.json().code, other.json().field]).toEqual([409, "conflict", "requestId"]);
  const both = await ask(server.url, "POST", path, {
    headers: { "idempotency-key": "twice" },
    body,
    token: ADMIN,
  });
  expect([both.status, both.json().field]).toEqual([400, "requestId"]);
  await complete(root);
  expect(await api.claim({ types: ["part"], max: 10 })).toHaveLength(1);
});

test.each([
  [{ runs: [{ job: "part", joins: ["1"] }] }, "runs[0].joins"],
  [{ runs: [{ job: "part", after: ["x"] }] }, "runs[0].after"],
  [{ runs: [], join: { job: "absent" } }, "join.job"],
  [{ runs: [], requestId: "" }, "requestId"],
  [{ runs: [], requestId: "a\u0000b" }, "requestId"],
  [{ runs: [{ job: "part", joins: "1" }] }, "runs[0].joins"],
])("%j names its fault", async (body, field) => {
  const root = await api.lease("root");
  const answer = await api.call("POST", `/v1/leases/${root.id}/runs`, body);
  expect(answer.status).toBeGreaterThanOrEqual(400);
  expect(answer.json().field).toBe(field);
  await complete(root);
});

test.each([
  ["after=x", "after"],
  ["limit=0", "limit"],
  ["limit=1001", "limit"],
  ["page=2", "page"],
])("results refuse ?%s", async (query, field) => {
  const root = await api.lease("root");
  const answer = await api.call("GET", `/v1/leases/${root.id}/results?${query}`);
  expect([answer.status, answer.json().field]).toEqual([400, field]);
  await complete(root);
});

test("a map-reduce over HTTP: each lease says which step it is, and a SINGLE job's says nothing", async () => {
  await server.graphql(
    `mutation { createJob(input: { name: "sum", type: "sum", execution: MAP_REDUCE }) { execution } }`,
  );
  const root = await api.lease("sum");
  expect(root).toMatchObject({ step: "ROOT" });
  await api.call("POST", `/v1/leases/${root.id}/runs`, {
    runs: [
      { job: "sum", input: 1 },
      { job: "sum", input: 2 },
    ],
  });
  await complete(root);
  for (const part of await api.claim({ types: ["sum"], max: 5 })) {
    expect(part).toMatchObject({ step: "PART", parent: root.run });
    await complete(part, part.input);
  }
  const reduce = await take("sum");
  expect(reduce).toMatchObject({ step: "REDUCE", parent: root.run });
  const { results } = (await api.call("GET", `/v1/leases/${reduce.id}/results`)).json();
  expect(results).toMatchObject([{ output: 1 }, { output: 2 }]);
  await complete(reduce);
  expect(await api.lease("root")).not.toHaveProperty("step");
});

test("a worker of one group cannot read another group's outputs through a join", async () => {
  const hidden = await api.start("secret");
  const root = await api.start("root");
  const made = await server.graphql<{ createToken: { secret: string } }>(
    `mutation { createToken(input: { name: "w", role: WORKER, namespace: "default", groups: ["default"] }) { secret } }`,
  );
  const worker = client(server, { token: made.createToken.secret });
  const lease = (await worker.claim({ types: ["root"] })).find(({ run }) => run === root);
  const answer = await worker.call("POST", `/v1/leases/${lease?.id}/runs`, {
    runs: [],
    join: { job: "end", joins: [hidden] },
  });
  expect([answer.status, answer.json().field]).toEqual([400, "join.joins"]);
});
