/** Over HTTP: what a token's role, namespace and groups let it do, and that nothing is open without one. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TokenSpec } from "../../server/store/tokens.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, client } from "./raw.ts";

const ADMIN = "an-administrator's-token";
let server: TestServer;
let other: number;
const secrets: Record<string, string> = {};
/** A client with the token of that name. */
const as = (name: string, namespace?: string) =>
  client(server, { token: secrets[name] ?? name, ...(namespace === undefined ? {} : { namespace }) });

beforeAll(async () => {
  server = await startServer({ config: { adminToken: ADMIN }, token: ADMIN });
  const [row] = await server.database.sql<{ id: number }[]>`
    insert into escapement.namespace (name) values ('other') returning id`;
  other = row?.id ?? 0;
  await server.graphql(`mutation {
    a: createJob(input: { name: "hello", type: "sh.hello" }) { name }
    b: createJob(input: { name: "gpu", type: "sh.gpu", group: "gpu" }) { name }
    c: createJob(input: { namespace: "other", name: "hello", type: "sh.hello" }) { name }
  }`);
  const specs: TokenSpec[] = [
    { name: "viewer", role: "VIEWER", namespaceId: 1 },
    { name: "operator", role: "OPERATOR", namespaceId: 1 },
    { name: "admin", role: "ADMIN", namespaceId: 1 },
    { name: "worker", role: "WORKER", namespaceId: 1 },
    { name: "gpu-worker", role: "WORKER", namespaceId: 1, groups: ["gpu"] },
    { name: "foreign-worker", role: "WORKER", namespaceId: other },
    { name: "foreign-admin", role: "ADMIN", namespaceId: other },
    { name: "any-worker", role: "WORKER", namespaceId: null },
  ];
  for (const spec of specs) secrets[spec.name] = (await server.tokens.create(spec)).secret;
});
afterAll(() => server.close());

const NOWHERE = `1-${"0".repeat(32)}`;
type Call = [name: string, method: string, path: string, body?: unknown];
const WORK: Call[] = [
  ["claim", "POST", "/v1/leases", { executor: "tester", waitSeconds: 0, types: ["none"] }],
  ["heartbeat", "POST", `/v1/leases/${NOWHERE}/heartbeat`, {}],
  ["complete", "POST", `/v1/leases/${NOWHERE}/complete`, {}],
  ["fail", "POST", `/v1/leases/${NOWHERE}/fail`, { error: { message: "x" } }],
  ["release", "POST", `/v1/leases/${NOWHERE}/release`, {}],
  ["logs", "POST", `/v1/leases/${NOWHERE}/logs`, "x"],
  ["file", "PUT", `/v1/leases/${NOWHERE}/files/a`, "x"],
  ["children", "POST", `/v1/leases/${NOWHERE}/runs`, { runs: [] }],
  ["settle", "POST", "/v1/settle", { results: [] }],
  ["executor heartbeat", "POST", "/v1/heartbeat", { executor: "tester", leases: [] }],
  ["register", "PUT", "/v1/executors/tester", { groups: ["default"] }],
  ["leave", "DELETE", "/v1/executors/tester"],
];
const OPERATE: Call[] = [["start", "POST", "/v1/runs", { runs: [{ job: "hello" }] }]];
const FOLLOW: Call[] = [
  ["look", "GET", "/v1/runs/1"],
  ["log", "GET", "/v1/runs/1/log"],
  ["files", "GET", "/v1/runs/1/files"],
  ["file", "GET", "/v1/runs/1/files/a"],
];
const ALL = [...WORK, ...OPERATE, ...FOLLOW];

test.each(ALL)(
  "%s: without a token nothing is answered, not even that something is unknown",
  async (_name, method, path, body) => {
    const wrong = ["x".repeat(20), `esc_${"0".repeat(16)}_${"A".repeat(43)}`];
    const answers = [
      await ask(server.url, method, path, { body }),
      ...(await Promise.all(wrong.map((token) => ask(server.url, method, path, { body, token })))),
      await ask(server.url, method, `${path}?namespace=nowhere`, { body }),
    ];
    for (const answer of answers) {
      expect([answer.status, answer.json().code]).toEqual([401, "unauthenticated"]);
      expect(answer.headers["www-authenticate"]).toMatch(/^Bearer/);
    }
  },
);

test("unknown calls need a token, too; the document about the calls does not", async () => {
  expect((await ask(server.url, "GET", "/v1/anything")).status).toBe(401);
  expect((await ask(server.url, "GET", "/v1/leases/x/files/..%2F..%2Fopenapi.json")).status).toBe(401);
  expect((await as("admin").call("GET", "/v1/anything")).status).toBe(404);
  expect((await ask(server.url, "GET", "/v1/openapi.json")).status).toBe(200);
});

const ALLOWED: [token: string, work: boolean, operate: boolean, follow: boolean][] = [
  ["viewer", false, false, true],
  ["operator", false, true, true],
  ["admin", true, true, true],
  ["worker", true, false, true],
  [ADMIN, true, true, true],
];

test.each(ALLOWED)("%s may do what its role says", async (token, work, operate, follow) => {
  const seen = async (calls: Call[]) => {
    const answers = await Promise.all(
      calls.map(([, method, path, body]) => as(token).call(method, path, body)),
    );
    return [...new Set(answers.map((answer) => answer.status !== 403 && answer.status !== 401))];
  };
  expect([await seen(WORK), await seen(OPERATE), await seen(FOLLOW)]).toEqual([[work], [operate], [follow]]);
});

test("a token of a namespace works in that one, and is refused where it names another", async () => {
  expect(
    (await as("operator", "default").call("POST", "/v1/runs", { runs: [{ job: "hello" }] })).status,
  ).toBe(201);
  for (const [, method, path, body] of ALL) {
    const answer = await as("admin", "other").call(method, path, body);
    expect([method, path, answer.status, answer.json().code]).toEqual([method, path, 403, "forbidden"]);
  }
  const run = await as(ADMIN, "other").start("hello");
  expect(await as(ADMIN).state(run)).toBe("READY");
  expect((await as(ADMIN, "default").call("GET", `/v1/runs/${run}`)).status).toBe(404);
});

test("runs and leases of another namespace are like unknown ones", async () => {
  const lease = await as("admin").lease("hello");
  await as("admin").call("POST", `/v1/leases/${lease.id}/logs`, "text");
  await as("admin").call("PUT", `/v1/leases/${lease.id}/files/a`, "text");
  for (const stranger of ["foreign-worker", "foreign-admin"]) {
    const api = as(stranger);
    const statuses = [];
    for (const [, method, path, body] of WORK.filter(([, , path]) => path.includes(NOWHERE))) {
      statuses.push((await api.call(method, path.replace(NOWHERE, lease.id), body)).status);
    }
    for (const [, method, path] of FOLLOW) {
      statuses.push((await api.call(method, path.replace("/1", `/${lease.run}`))).status);
    }
    expect(new Set(statuses)).toEqual(new Set([404]));
    const settled = await api.call("POST", "/v1/settle", {
      results: [{ lease: lease.id, outcome: "succeeded" }],
    });
    expect(settled.json()).toEqual({ results: [{ lease: lease.id, status: "lost" }] });
    const beat = await api.call("POST", "/v1/heartbeat", { executor: "tester", leases: [lease.id] });
    expect(beat.json()).toMatchObject({ leases: [{ status: "lost" }] });
    expect((await api.claim({ requestId: "r", max: 9 })).map(({ run }) => run)).not.toContain(lease.run);
  }
  expect(await as("viewer").state(lease.run)).toBe("RUNNING");
});

test("it makes no difference whether this server lent the lease or another", async () => {
  const second = await startServer({ databaseUrl: server.databaseUrl, config: { adminToken: ADMIN } });
  try {
    const lease = await as("admin").lease("hello");
    const there = client(second, { token: secrets["foreign-worker"] ?? "" });
    expect((await there.call("POST", `/v1/leases/${lease.id}/complete`, {})).status).toBe(404);
    const own = client(second, { token: secrets.worker ?? "" });
    expect((await own.call("POST", `/v1/leases/${lease.id}/complete`, {})).json()).toEqual({
      state: "SUCCEEDED",
    });
  } finally {
    await second.close();
  }
});

test("a worker's token for certain groups claims, settles and follows only their runs", async () => {
  const gpu = as("gpu-worker");
  const refused = await gpu.call("POST", "/v1/leases", {
    executor: "g",
    groups: ["gpu", "default"],
    waitSeconds: 0,
  });
  expect([refused.status, refused.json().detail]).toEqual([403, 'your token does not reach group "default"']);
  const run = await as("operator").start("gpu");
  const [lease] = await gpu.claim({ executor: "g" });
  expect(lease?.run).toBe(run);
  expect(await gpu.state(run)).toBe("RUNNING");
  expect((await gpu.call("POST", `/v1/leases/${lease?.id}/complete`, {})).json()).toEqual({
    state: "SUCCEEDED",
  });
  const hello = await as("admin").lease("hello");
  expect((await gpu.call("POST", `/v1/leases/${hello.id}/complete`, {})).status).toBe(404);
  expect((await gpu.call("GET", `/v1/runs/${hello.run}`)).status).toBe(404);
});

test("it cannot take over the name of an executor of other groups, nor give back its leases", async () => {
  const lease = await as("admin").lease("hello");
  await as("worker").call("PUT", "/v1/executors/tester", { groups: ["default"] });
  const attempts: Call[] = [
    ["claim", "POST", "/v1/leases", { executor: "tester", waitSeconds: 0, requestId: "r" }],
    ["heartbeat", "POST", "/v1/heartbeat", { executor: "tester", leases: [] }],
    ["register", "PUT", "/v1/executors/tester", { groups: ["gpu"] }],
    ["register", "PUT", "/v1/executors/mine", { groups: ["gpu", "default"] }],
    ["leave", "DELETE", "/v1/executors/tester"],
  ];
  await server.database.sql`update escapement.lease set started_at = started_at - interval '1 minute'`;
  for (const [name, method, path, body] of attempts) {
    const answer = await as("gpu-worker").call(method, path, body);
    expect([name, answer.status]).toEqual([name, 403]);
  }
  expect(await as("viewer").state(lease.run)).toBe("RUNNING");
});

test("a worker of every namespace says which one it means", async () => {
  const run = await as(ADMIN, "other").start("hello", { priority: 9 });
  expect((await as("any-worker", "other").claim({ executor: "w" })).map((lease) => lease.run)).toEqual([run]);
});

test("metrics are for those who may see every namespace; probes are for everybody", async () => {
  const status = async (token?: string) =>
    (await ask(server.url, "GET", "/metrics", token === undefined ? {} : { token })).status;
  expect([await status(), await status(secrets.viewer), await status(ADMIN)]).toEqual([401, 403, 200]);
  expect((await ask(server.url, "GET", "/healthz")).text).toBe("ok\n");
  expect((await ask(server.url, "GET", "/readyz")).text).toBe("ready\n");
});
