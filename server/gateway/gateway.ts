/** The worker protocol on Fastify: everything under `/v1` (CONTRACT section 5, worker/PROTOCOL.md). */
import type { FastifyInstance } from "fastify";
import { notFound } from "../core/rejection.ts";
import { guardRoutes } from "./access.ts";
import { batchRoutes } from "./batch-calls.ts";
import { readBodiesAsJson } from "./body.ts";
import { claimRoutes } from "./claim.ts";
import { executorRoutes } from "./executor-calls.ts";
import { leaseRoutes } from "./lease-calls.ts";
import { collectRoutes, openapiRoute } from "./openapi.ts";
import { outputReadRoutes, outputWriteRoutes } from "./output-calls.ts";
import type { GatewayParts, Routes } from "./parts.ts";
import { answerError } from "./problem.ts";
import { runRoutes } from "./run-calls.ts";
import { validatorCompiler } from "./validate.ts";

/** Defines the routes; `app` has the prefix `/v1` and nothing else on it. */
export async function gateway(app: FastifyInstance, parts: GatewayParts): Promise<void> {
  app.setErrorHandler(answerError);
  app.setValidatorCompiler(validatorCompiler);
  // Answers are made here, not by anybody else: their schemas are for the document.
  app.setSerializerCompiler(() => JSON.stringify);
  app.addHook("onSend", (_request, reply, payload, done) => {
    reply.header("x-content-type-options", "nosniff");
    if (!reply.hasHeader("cache-control")) reply.header("cache-control", "no-store");
    done(null, payload);
  });
  guardRoutes(app, parts);
  app.setNotFoundHandler((request) => {
    throw notFound(
      `call ${request.method} ${request.url.split("?")[0]}; /v1/openapi.json lists those there are`,
    );
  });

  await collectRoutes(app);
  openapiRoute(app);
  await app.register(async (json) => {
    readBodiesAsJson(json);
    const routes: Routes = json.withTypeProvider();
    claimRoutes(routes, parts);
    leaseRoutes(routes, parts);
    batchRoutes(routes, parts);
    runRoutes(routes, parts);
    executorRoutes(routes, parts);
    outputReadRoutes(routes, parts);
  });
  await app.register(async (streams) => outputWriteRoutes(streams.withTypeProvider(), parts));
}
