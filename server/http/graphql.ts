/** `/graphql`: handed on as it arrived; who asks and what is answered is the GraphQL server's. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { FastifyInstance } from "fastify";
import { LIMITS } from "../config.ts";
import { streamBodies } from "../gateway/body.ts";
import { problemOf } from "../gateway/problem.ts";

export interface GraphqlEndpoint {
  /** Authenticates, reads the body and answers. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Takes a WebSocket over. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

export function graphqlRoute(app: FastifyInstance, graphql: GraphqlEndpoint): void {
  streamBodies(app);
  // What is refused before GraphQL sees it, such as a body that says it is too large, still looks like GraphQL.
  app.setErrorHandler((error, request, reply) => {
    const said = problemOf(error);
    if (!said) request.log.error({ err: error }, "a request failed unexpectedly");
    const message = said?.detail ?? "something went wrong in the server; its log says what";
    const code = said?.status === 413 ? "LIMIT_EXCEEDED" : said ? "BAD_INPUT" : "INTERNAL";
    return reply.code(said?.status ?? 500).send({ errors: [{ message, extensions: { code } }] });
  });
  app.route({
    method: ["GET", "POST"],
    url: "/graphql",
    bodyLimit: LIMITS.graphqlBodyBytes,
    handler: async (request, reply) => {
      reply.hijack();
      reply.raw.setHeader("x-content-type-options", "nosniff");
      try {
        await graphql.handle(request.raw, reply.raw);
      } catch (error) {
        request.log.error({ err: error }, "a GraphQL request failed unexpectedly");
        reply.raw.destroy();
      }
    },
  });
}
