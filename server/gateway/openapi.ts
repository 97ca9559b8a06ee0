/** `/v1/openapi.json`: the routes' own schemas, with what schemas of requests cannot say. */
import swagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";
import { describe, type OperationId } from "./describe.ts";

const LEASE = "285312345678901248-5f0c6d1e9b7a4c32a1d8e7f6b5c4d3e2";

/** A body that works, per call. */
const EXAMPLES: Partial<Record<OperationId, unknown>> = {
  claim: { executor: "me-1", types: ["sh.hello"], max: 1, waitSeconds: 20, requestId: "b1f4" },
  heartbeat: { progress: 0.5, message: "half way" },
  complete: { output: { rows: 42 } },
  fail: { error: { message: "the disk is full" }, retryAfterSeconds: 60 },
  release: {},
  startChildren: {
    runs: [
      { job: "resize", input: 1 },
      { job: "resize", input: 2 },
    ],
    join: { job: "collect" },
  },
  settle: {
    results: [{ lease: LEASE, outcome: "succeeded", output: 42 }],
    claim: { executor: "me-1", types: ["sh.hello"], waitSeconds: 0 },
  },
  executorHeartbeat: { executor: "me-1", leases: [LEASE], load: { cpu: 0.2, memory: 0.5 } },
  register: {
    groups: ["default"],
    types: ["sh.hello"],
    capacity: 4,
    labels: { zone: "a" },
    tasks: [
      {
        type: "sh.hello",
        title: "Hello",
        description: "Says hello.",
        inputSchema: { type: "object", properties: { name: { type: "string" } } },
      },
    ],
  },
  startRuns: { runs: [{ job: "greet", input: { name: "Ada" } }] },
};

/** Bodies that are read as they arrive, and so have no schema that could check them. */
const STREAMED: Partial<Record<OperationId, object>> = {
  appendLog: {
    required: true,
    description:
      "Lines of text, or with `application/x-ndjson` one object per line: `message`, and optionally `level` (debug, info, warn, error) and `time`.",
    content: {
      "text/plain": { schema: { type: "string" }, example: "hello\n" },
      "application/x-ndjson": {
        schema: { type: "string" },
        example: '{"level":"warn","message":"disk nearly full","time":"2026-01-01T00:00:00Z"}\n',
      },
    },
  },
  putFile: {
    required: true,
    description: "The file's bytes, as they are.",
    content: { "application/octet-stream": { schema: { type: "string", format: "binary" } } },
  },
};

interface Document {
  paths?: Record<string, Record<string, { operationId?: string; requestBody?: unknown }>>;
}

function complete(document: Document): Document {
  for (const path of Object.values(document.paths ?? {})) {
    for (const operation of Object.values(path)) {
      const id = operation.operationId as OperationId;
      if (STREAMED[id]) operation.requestBody = STREAMED[id];
      const body = operation.requestBody as { content?: Record<string, { example?: unknown }> } | undefined;
      const json = body?.content?.["application/json"];
      if (json && EXAMPLES[id] !== undefined) json.example = EXAMPLES[id];
    }
  }
  return document;
}

/** Before the routes: it collects those that are defined after it. */
export async function collectRoutes(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Escapement worker protocol",
        version: "1",
        description:
          "How executors in any language take runs and give back what became of them. The normative text is worker/PROTOCOL.md.",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      components: {
        securitySchemes: {
          token: { type: "http", scheme: "bearer", description: "Not needed while authentication is off." },
        },
      },
      security: [{ token: [] }, {}],
    },
    transformObject: (documents) =>
      "openapiObject" in documents
        ? (complete(documents.openapiObject as Document) as typeof documents.openapiObject)
        : documents.swaggerObject,
  });
}

export function openapiRoute(app: FastifyInstance): void {
  let text: string | null = null;
  app.get(
    "/openapi.json",
    {
      config: { right: "public" },
      schema: describe("openapi", { answers: { 200: "OpenAPI 3.1." }, contentType: "application/json" }),
    },
    (_request, reply) => {
      text ??= JSON.stringify(app.swagger());
      return reply.type("application/json; charset=utf-8").send(text);
    },
  );
}
