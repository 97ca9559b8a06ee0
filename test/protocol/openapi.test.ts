/** `/v1/openapi.json` is a sound OpenAPI 3.1 document that lists every call, as CONTRACT and PROTOCOL.md do. */
import { readFileSync } from "node:fs";
import { Compile } from "typebox/compile";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { ask } from "./raw.ts";

interface Operation {
  operationId: string;
  summary: string;
  description: string;
  tags: string[];
  parameters?: { name: string; in: string; required?: boolean; schema: object }[];
  requestBody?: { content: Record<string, { schema: object; example?: unknown }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
}

let server: TestServer;
let document: {
  openapi: string;
  info: Record<string, string>;
  paths: Record<string, Record<string, Operation>>;
};
let operations: [call: string, operation: Operation][];

beforeAll(async () => {
  server = await startServer();
  document = (await ask(server.url, "GET", "/v1/openapi.json")).json() as typeof document;
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  );
});
afterAll(() => server.close());

const CALLS = [
  "DELETE /v1/executors/{name}",
  "GET /v1/leases/{id}/results",
  "GET /v1/openapi.json",
  "GET /v1/runs/{id}",
  "GET /v1/runs/{id}/files",
  "GET /v1/runs/{id}/files/{name}",
  "GET /v1/runs/{id}/log",
  "POST /v1/heartbeat",
  "POST /v1/leases",
  "POST /v1/leases/{id}/complete",
  "POST /v1/leases/{id}/fail",
  "POST /v1/leases/{id}/heartbeat",
  "POST /v1/leases/{id}/logs",
  "POST /v1/leases/{id}/release",
  "POST /v1/leases/{id}/runs",
  "POST /v1/runs",
  "POST /v1/settle",
  "PUT /v1/executors/{name}",
  "PUT /v1/leases/{id}/files/{name}",
];

test("it lists every call, and no other", () => {
  expect(document.openapi).toMatch(/^3\.1\./);
  expect(operations.map(([call]) => call).sort()).toEqual(CALLS);
});

test("every call of PROTOCOL.md is in it", () => {
  const text = readFileSync(new URL("../../worker/PROTOCOL.md", import.meta.url), "utf8");
  const written = [...text.matchAll(/^(GET|POST|PUT|DELETE) (\/v1\/[^\s[?]+)/gm)].map(
    ([, method, path]) => `${method} ${path}`,
  );
  expect(written.length).toBeGreaterThan(14);
  for (const call of written) expect(CALLS).toContain(call);
});

test("every operation says what it does, and how it says no", () => {
  const ids = operations.map(([, { operationId }]) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [call, { operationId, summary, description, tags, responses }] of operations) {
    for (const text of [operationId, summary, description, tags[0]])
      expect([call, text]).toEqual([call, expect.stringMatching(/\w/)]);
    const statuses = Object.keys(responses);
    expect([call, statuses.filter((status) => /^2/.test(status)).length]).toEqual([call, 1]);
    expect(statuses).toEqual(expect.arrayContaining(["4XX", "503"]));
    expect(responses["4XX"]?.content).toHaveProperty(["application/problem+json"]);
    for (const response of Object.values(responses)) expect(response.description).toMatch(/\w/);
  }
});

test("every parameter in an address is declared, and only those", () => {
  for (const [call, { parameters = [] }] of operations) {
    const inPath = [...call.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const declared = parameters.filter((parameter) => parameter.in === "path");
    expect([call, declared.map(({ name }) => name).sort()]).toEqual([call, inPath.sort()]);
    for (const { required } of declared) expect(required).toBe(true);
  }
});

test("every body has an example that its own schema accepts, and refuses unknown members", () => {
  for (const [call, { requestBody }] of operations) {
    for (const [type, { schema, example }] of Object.entries(requestBody?.content ?? {})) {
      if (type !== "application/json") continue;
      const validator = Compile(schema as Parameters<typeof Compile>[0]);
      expect([call, example, validator.Check(example)]).toEqual([call, expect.anything(), true]);
      expect([call, validator.Check({ ...(example as object), surprise: 1 })]).toEqual([call, false]);
    }
  }
  const written = operations.filter(([call]) => /^(POST|PUT)/.test(call));
  for (const [call, { requestBody }] of written)
    expect([call, requestBody]).toEqual([call, expect.anything()]);
});

test("what the server answers is what the document says", async () => {
  await server.graphql(`mutation { createJob(input: { name: "hello", type: "x" }) { name } }`);
  const schemaOf = (call: string, status: string) => {
    const schema = operations.find(([name]) => name === call)?.[1].responses[status]?.content;
    return Compile(
      (schema?.["application/json"] ?? schema?.["application/problem+json"])?.schema as Parameters<
        typeof Compile
      >[0],
    );
  };
  const started = await ask(server.url, "POST", "/v1/runs", {
    body: { runs: [{ job: "hello", input: [1] }] },
  });
  expect(schemaOf("POST /v1/runs", "201").Errors(started.json())).toEqual([]);
  const claimed = await ask(server.url, "POST", "/v1/leases", { body: { executor: "me" } });
  expect(schemaOf("POST /v1/leases", "200").Errors(claimed.json())).toEqual([]);
  const { leases } = claimed.json() as { leases: { id: string; run: string }[] };
  const settled = await ask(server.url, "POST", `/v1/leases/${leases[0]?.id}/complete`, {
    body: { output: 1 },
  });
  expect(schemaOf("POST /v1/leases/{id}/complete", "200").Errors(settled.json())).toEqual([]);
  const run = await ask(server.url, "GET", `/v1/runs/${leases[0]?.run}`);
  expect(schemaOf("GET /v1/runs/{id}", "200").Errors(run.json())).toEqual([]);
  const refused = await ask(server.url, "POST", "/v1/leases", { body: {} });
  expect(schemaOf("POST /v1/leases", "4XX").Errors(refused.json())).toEqual([]);
});
