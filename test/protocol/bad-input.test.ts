/** Whatever is wrong with a request is answered with 400 or 413 that names the member, and changes nothing. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { LIMITS } from "../../server/config.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { client, send } from "./raw.ts";

let server: TestServer;
let api: ReturnType<typeof client>;
let lease: string;

beforeAll(async () => {
  server = await startServer();
  api = client(server);
  await server.graphql(`mutation { createJob(input: { name: "hello", type: "sh.hello" }) { name } }`);
  lease = (await api.lease("hello")).id;
});
afterAll(() => server.close());

const run = (member: Record<string, unknown>) => ({ runs: [{ job: "hello" }, { job: "hello", ...member }] });
const claim = (member: Record<string, unknown>) => ({ executor: "tester", waitSeconds: 0, ...member });
const result = (member: Record<string, unknown>) => ({
  results: [{ lease: "x", outcome: "succeeded", ...member }],
});
const deep = `{"output":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;

/** `L` in a path stands for a lease that is held. */
const REFUSED: [method: string, path: string, body: unknown, status: number, field: string | undefined][] = [
  ["POST", "/v1/leases", "{", 400, "body"],
  ["POST", "/v1/leases", "executor=me", 400, "body"],
  ["POST", "/v1/leases", '{"executor":"a"}{}', 400, "body"],
  ["POST", "/v1/leases", "", 400, "executor"],
  ["POST", "/v1/leases", [], 400, "body"],
  ["POST", "/v1/leases", "null", 400, "body"],
  ["POST", "/v1/leases", '"text"', 400, "body"],
  ["POST", "/v1/leases", {}, 400, "executor"],
  ["POST", "/v1/leases", claim({ executor: 7 }), 400, "executor"],
  ["POST", "/v1/leases", claim({ executor: "" }), 400, "executor"],
  ["POST", "/v1/leases", claim({ executor: "has blanks" }), 400, "executor"],
  ["POST", "/v1/leases", claim({ executor: "nul\u0000" }), 400, "executor"],
  ["POST", "/v1/leases", claim({ executor: "x".repeat(129) }), 400, "executor"],
  ["POST", "/v1/leases", claim({ execut0r: "x" }), 400, "execut0r"],
  ["POST", "/v1/leases", claim({ groups: "default" }), 400, "groups"],
  ["POST", "/v1/leases", claim({ groups: [] }), 400, "groups"],
  ["POST", "/v1/leases", claim({ groups: ["a", 1] }), 400, "groups[1]"],
  ["POST", "/v1/leases", claim({ groups: ["a", "b c"] }), 400, "groups[1]"],
  ["POST", "/v1/leases", claim({ types: ["ok", "<no>"] }), 400, "types[1]"],
  ["POST", "/v1/leases", claim({ max: 0 }), 400, "max"],
  ["POST", "/v1/leases", claim({ max: "1" }), 400, "max"],
  ["POST", "/v1/leases", claim({ max: 1.5 }), 400, "max"],
  ["POST", "/v1/leases", claim({ max: 1001 }), 400, "max"],
  ["POST", "/v1/leases", claim({ waitSeconds: -1 }), 400, "waitSeconds"],
  ["POST", "/v1/leases", claim({ waitSeconds: 61 }), 400, "waitSeconds"],
  ["POST", "/v1/leases", claim({ waitSeconds: null }), 400, "waitSeconds"],
  ["POST", "/v1/leases", claim({ requestId: "a\u0000b" }), 400, "requestId"],
  ["POST", "/v1/leases", claim({ requestId: "x".repeat(101) }), 400, "requestId"],
  ["POST", "/v1/leases", '{"executor":"a","__proto__":{"max":5}}', 400, "__proto__"],
  ["POST", "/v1/leases?namespaces=x", claim({}), 400, "namespaces"],
  ["POST", "/v1/runs", run({ retry: {} }), 400, "runs[1].retry"],
  ["POST", "/v1/runs", run({ retry: { off: true, fixed: {} } }), 400, "runs[1].retry"],
  ["POST", "/v1/runs", run({ retry: { off: false } }), 400, "runs[1].retry.off"],
  ["POST", "/v1/runs", run({ retry: { fixed: { delay: "PT1S" } } }), 400, "runs[1].retry.fixed.delay"],
  ["POST", "/v1/runs", run({ retry: { fixed: { max: 1.5 } } }), 400, "runs[1].retry.fixed.max"],
  ["POST", "/v1/runs", run({ retry: { backoff: { factor: 0 } } }), 400, "runs[1].retry.backoff.factor"],
  ["POST", "/v1/leases/L/heartbeat", { checkpoint: "\u0000" }, 400, "checkpoint"],
  ["POST", "/v1/leases/L/complete", { checkpoint: 1 }, 400, "checkpoint"],
  ["POST", "/v1/settle", result({ checkpoint: 1 }), 400, "results[0].checkpoint"],
  ["POST", "/v1/leases/L/heartbeat", { progress: 1.1 }, 400, "progress"],
  ["POST", "/v1/leases/L/heartbeat", { progress: "half" }, 400, "progress"],
  ["POST", "/v1/leases/L/heartbeat", { message: "x".repeat(1001) }, 400, "message"],
  ["POST", "/v1/leases/L/heartbeat", { message: "\u0000" }, 400, "message"],
  ["POST", "/v1/leases/L/complete", { result: 1 }, 400, "result"],
  ["POST", "/v1/leases/L/complete", { output: "x".repeat(LIMITS.outputBytes) }, 413, "output"],
  ["POST", "/v1/leases/L/complete", { output: "é".repeat(LIMITS.outputBytes / 2) }, 413, "output"],
  ["POST", "/v1/leases/L/complete", deep, 400, "output"],
  ["POST", "/v1/leases/L/complete", { outputBase64: "no" }, 400, "outputBase64"],
  ["POST", "/v1/leases/L/complete", { output: 1, outputBase64: "AAAA" }, 400, "outputBase64"],
  [
    "POST",
    "/v1/leases/L/complete",
    { outputBase64: "AAAA".repeat(LIMITS.outputBytes / 3 + 1) },
    413,
    "outputBase64",
  ],
  ["POST", "/v1/settle", result({ outcome: "released", outputBase64: "" }), 400, "results[0].outputBase64"],
  ["POST", "/v1/leases/L/fail", {}, 400, "error"],
  ["POST", "/v1/leases/L/fail", { error: "no" }, 400, "error"],
  ["POST", "/v1/leases/L/fail", { error: {} }, 400, "error.message"],
  ["POST", "/v1/leases/L/fail", { error: { message: "x", code: 1 } }, 400, "error.code"],
  ["POST", "/v1/leases/L/fail", { error: { message: "x" }, retry: "no" }, 400, "retry"],
  ["POST", "/v1/leases/L/fail", { error: { message: "x" }, retryAfterSeconds: -1 }, 400, "retryAfterSeconds"],
  ["POST", "/v1/leases/L/release", { really: true }, 400, "really"],
  ["POST", "/v1/leases/L/runs", {}, 400, "runs"],
  ["POST", "/v1/leases/L/runs", { runs: [{ job: "hello", nope: 1 }] }, 400, "runs[0].nope"],
  ["POST", "/v1/leases/L/runs", { runs: [], join: {} }, 400, "join.job"],
  ["POST", "/v1/leases/L/runs", { runs: [{ job: "absent" }] }, 404, "runs[0].job"],
  ["POST", "/v1/settle", {}, 400, "results"],
  ["POST", "/v1/settle", result({ outcome: "done" }), 400, "results[0].outcome"],
  ["POST", "/v1/settle", result({ outcome: "failed" }), 400, "results[0].error"],
  ["POST", "/v1/settle", result({ error: { message: "x" } }), 400, "results[0].error"],
  ["POST", "/v1/settle", result({ outcome: "released", output: 1 }), 400, "results[0].output"],
  ["POST", "/v1/settle", result({ output: "x".repeat(LIMITS.outputBytes) }), 413, "results[0].output"],
  ["POST", "/v1/settle", { results: [], claim: {} }, 400, "claim.executor"],
  ["POST", "/v1/settle", { results: [], claim: claim({ executor: "a b" }) }, 400, "claim.executor"],
  ["POST", "/v1/settle", { results: [], claim: claim({ groups: ["a b"] }) }, 400, "claim.groups[0]"],
  ["POST", "/v1/heartbeat", { executor: "tester" }, 400, "leases"],
  ["POST", "/v1/heartbeat", { executor: "tester", leases: [1] }, 400, "leases[0]"],
  ["POST", "/v1/heartbeat", { executor: "tester", leases: [], load: { cpu: "high" } }, 400, "load.cpu"],
  ["POST", "/v1/runs", {}, 400, "runs"],
  ["POST", "/v1/runs", { runs: [] }, 400, "runs"],
  ["POST", "/v1/runs", { runs: {} }, 400, "runs"],
  ["POST", "/v1/runs", { runs: [{}] }, 400, "runs[0].job"],
  ["POST", "/v1/runs", { runs: [null] }, 400, "runs[0]"],
  ["POST", "/v1/runs", { runs: Array(10_001).fill({ job: "hello" }) }, 400, "runs"],
  ["POST", "/v1/runs", run({ job: "absent" }), 404, "runs[1].job"],
  ["POST", "/v1/runs", run({ job: "a\u0000b" }), 400, "runs[1].job"],
  ["POST", "/v1/runs", run({ tags: ["a\u0000"] }), 400, "runs[1].tags"],
  ["POST", "/v1/runs", run({ input: { "a\u0000": 1 } }), 400, "runs[1].input"],
  ["POST", "/v1/leases/L/complete", { output: "a\u0000" }, 400, "output"],
  ["POST", "/v1/runs", run({ priority: "5" }), 400, "runs[1].priority"],
  ["POST", "/v1/runs", run({ priority: 1e9 }), 400, "runs[1].priority"],
  ["POST", "/v1/runs", run({ runAt: "tomorrow" }), 400, "runs[1].runAt"],
  ["POST", "/v1/runs", run({ runAt: "2026-02-30T00:00:00Z" }), 400, "runs[1].runAt"],
  ["POST", "/v1/runs", run({ runAt: 5 }), 400, "runs[1].runAt"],
  ["POST", "/v1/runs", run({ delaySeconds: -1 }), 400, "runs[1].delaySeconds"],
  ["POST", "/v1/runs", run({ delaySeconds: 1, runAt: "2030-01-01T00:00:00Z" }), 400, "runs[1].delaySeconds"],
  ["POST", "/v1/runs", run({ tags: ["ok", 1] }), 400, "runs[1].tags[1]"],
  ["POST", "/v1/runs", run({ inputBase64: "%%%" }), 400, "runs[1].inputBase64"],
  ["POST", "/v1/runs", run({ inputBase64: "AA==", input: 1 }), 400, "runs[1].inputBase64"],
  ["POST", "/v1/runs", run({ input: "x".repeat(LIMITS.inputBytes) }), 413, "runs[1].input"],
  [
    "POST",
    "/v1/runs",
    run({ inputBase64: "AAAA".repeat(LIMITS.inputBytes / 3 + 1) }),
    413,
    "runs[1].inputBase64",
  ],
  ["POST", "/v1/runs", run({ idempotencyKey: "a\u0000" }), 400, "runs[1].idempotencyKey"],
  ["POST", "/v1/runs", run({ namespace: "other" }), 400, "runs[1].namespace"],
  ["POST", "/v1/runs", run({ after: "1" }), 400, "runs[1].after"],
  ["POST", "/v1/runs", run({ after: ["1"] }), 400, "runs[1].after"],
  ["POST", "/v1/runs?namespace=nowhere", run({}), 404, "namespace"],
  ["POST", "/v1/runs?namespace=a%00b", run({}), 400, "namespace"],
  ["POST", "/v1/runs?namespace=%ff", run({}), 400, "namespace"],
  ["POST", "/v1/runs", " ".repeat(LIMITS.bodyBytes + 1), 413, undefined],
  ["GET", "/v1/runs/1?waitSeconds=soon", undefined, 400, "waitSeconds"],
  ["GET", "/v1/runs/1?waitSeconds=61", undefined, 400, "waitSeconds"],
  ["GET", "/v1/runs/1?waitSeconds=1&waitSeconds=2", undefined, 400, "waitSeconds"],
  ["GET", "/v1/runs/1/log?attempt=0", undefined, 400, "attempt"],
  ["GET", "/v1/runs/1/log?offset=x", undefined, 400, "offset"],
  ["GET", "/v1/runs/1/log?limit=0", undefined, 400, "limit"],
  ["PUT", "/v1/executors/a%20b", { groups: ["default"] }, 400, "name"],
  ["PUT", "/v1/executors/a", {}, 400, "groups"],
  ["PUT", "/v1/executors/a", { groups: ["default"], capacity: 0 }, 400, "capacity"],
  ["PUT", "/v1/executors/a", { groups: ["default"], labels: { zone: 1 } }, 400, "labels.zone"],
  ["PUT", "/v1/executors/a", { groups: ["default"], labels: { zone: "\u0000" } }, 400, "labels.zone"],
  ["POST", "/v1/leases/%zz/complete", {}, 400, undefined],
];

test.each(REFUSED)("%s %s refuses %j", async (method, path, body, status, field) => {
  const answer = await api.call(method, path.replace("/L/", `/${lease}/`), body);
  expect(answer.headers["content-type"]).toBe("application/problem+json");
  const { code, detail, ...said } = answer.json();
  const codes: Record<number, string> = { 400: "bad_input", 404: "not_found", 413: "too_large" };
  expect([answer.status, said.status, code, said.field]).toEqual([status, status, codes[status], field]);
  expect(detail).toMatch(/\w/);
});

test("none of that started a run or touched the lease", async () => {
  const [left] = await server.database.sql`select count(*)::int as runs from escapement.run`;
  expect(left).toEqual({ runs: 1 });
  expect((await api.call("POST", `/v1/leases/${lease}/heartbeat`, {})).json()).toMatchObject({
    cancel: false,
  });
});

test("unknown calls under /v1 are a problem document, and so are wrong methods", async () => {
  for (const [method, path] of [
    ["GET", "/v1"],
    ["GET", "/v1/"],
    ["GET", "/v1/leases"],
    ["DELETE", "/v1/runs"],
    ["POST", "/v1/nope"],
  ] as const) {
    const answer = await api.call(method, path);
    expect([path, answer.status, answer.json().code]).toEqual([path, 404, "not_found"]);
  }
});

test("a body that breaks off starts nothing, though what came of it is complete JSON", async () => {
  const cut = send(server.url, "POST", "/v1/runs", {
    headers: { "content-length": "1000" },
    body: '{"runs":[{"job":"hello"}]}',
  });
  cut.answer.catch(() => {});
  await new Promise((sent) => cut.request.once("finish", sent));
  cut.request.destroy();
  await api.start("hello");
  const [left] = await server.database.sql`select count(*)::int as runs from escapement.run`;
  expect(left).toEqual({ runs: 2 });
});
