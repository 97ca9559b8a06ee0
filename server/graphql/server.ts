/** GraphQL for clients: over HTTP, with subscriptions as server-sent events or on a WebSocket. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { GraphQLError, GraphQLSchema } from "graphql";
import { createYoga } from "graphql-yoga";
import { LIMITS } from "../config.ts";
import { mayRead } from "../core/principal.ts";
import { badInput, forbidden, limitExceeded } from "../core/rejection.ts";
import { createOverviews } from "../store/overview.ts";
import type { Caller, Context, GraphqlDependencies, Shared } from "./context.ts";
import { publicError, statusOf } from "./errors.ts";
import { documentCache, limitPlugins } from "./limits.ts";
import { createLive } from "./live.ts";
import { createLoaders } from "./loaders.ts";
import { answerPlain, isPlain, plainParams, readBody } from "./plain.ts";
import { schema } from "./schema.ts";
import { createSockets, type Identify } from "./sockets.ts";

export interface Graphql {
  schema: GraphQLSchema;
  /** Answers POST and GET at /graphql, GraphiQL for browsers included. Host and Origin are checked, the body is unread. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Takes a WebSocket over, once Host and Origin are checked; who it is, the connection itself says. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends all subscriptions and closes the WebSockets. */
  close(): Promise<void>;
}

export function createGraphql(dependencies: GraphqlDependencies): Graphql {
  const { database, catalog, channel, outputs, tokens, log } = dependencies;
  const { sql } = database;
  const load = createLoaders(sql);
  const overviews = createOverviews(sql);
  const live = createLive({ sql, channel, tokens, load, overviews, outputs });
  const shared: Shared = { ...dependencies, definitions: { sql, catalog, channel }, load, live, overviews };

  const identify: Identify = async (authorization) => {
    const principal = await tokens.authenticate(authorization);
    if (mayRead(principal, principal.namespaceId)) return { principal, authorization };
    throw forbidden("a worker's token is for the worker protocol at /v1 only");
  };

  const yoga = createYoga<Caller, Context>({
    schema,
    graphqlEndpoint: "/graphql",
    context: ({ principal, authorization }): Context => ({ ...shared, principal, authorization }),
    maskedErrors: { maskError: (error) => publicError(error, log) },
    plugins: [
      ...limitPlugins(),
      {
        // Errors of validation come past the masking.
        onExecutionResult({ result, setResult }) {
          if (result && "errors" in result && result.errors) {
            setResult({ ...result, errors: result.errors.map((error) => publicError(error, log)) });
          }
        },
      },
    ],
    parserAndValidationCache: documentCache(),
    maxRequestBodySize: LIMITS.graphqlBodyBytes,
    // It brings its scripts along, 9 MB of them: read when the first browser asks.
    renderGraphiQL: async (options) =>
      (await import("@graphql-yoga/render-graphiql")).renderGraphiQL(options),
    graphiql: { title: "Escapement GraphQL" },
    batching: false,
    multipart: false,
    cors: false,
    landingPage: false,
    logging: false,
  });
  const sockets = createSockets(yoga, identify, log);

  return {
    schema,
    async handle(request, response) {
      try {
        if (request.method === "POST") requireJson(request.headers);
        const { authorization } = request.headers;
        const caller = asksForPage(request) ? NOBODY : await identify(authorization);
        if (!isPlain(request)) return void (await yoga(request, response, caller));
        const body = await readBody(request, LIMITS.graphqlBodyBytes);
        if (body === null)
          throw limitExceeded(`the request is larger than ${LIMITS.graphqlBodyBytes} bytes; split it`);
        const params = plainParams(body);
        if (params) await answerPlain(yoga, params, caller, response);
        else await yoga(Object.assign(request, { body }), response, caller);
      } catch (error) {
        refuse(response, publicError(error, log));
      }
    },
    upgrade: sockets.upgrade,
    async close() {
      live.close();
      await sockets.close();
    },
  };
}

/** Who asks for the GraphiQL page: may nothing. */
const NOBODY: Caller = {
  principal: { role: "WORKER", namespaceId: null, groups: [], tokenId: null, authentication: true },
  authorization: undefined,
};

/** GraphiQL holds no data; what it asks then carries a token. */
function asksForPage({ method, headers }: IncomingMessage): boolean {
  return method === "GET" && (headers.accept?.includes("text/html") ?? false);
}

/** What `curl -d` calls a form is taken as JSON; a form is no way to ask GraphQL. Throws BAD_INPUT for other types. */
function requireJson(headers: IncomingHttpHeaders): void {
  const type = headers["content-type"] ?? "";
  if (/^application\/(graphql\+)?json\b/.test(type)) return;
  if (!/^(application\/x-www-form-urlencoded\b|$)/.test(type)) {
    throw badInput("content-type", `the body must be application/json, not ${type}`);
  }
  headers["content-type"] = "application/json";
}

/** Answers a request that GraphQL never saw. */
function refuse(response: ServerResponse, error: GraphQLError): void {
  if (response.headersSent) return void response.destroy();
  const status = statusOf(error);
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
    ...(status === 503 ? { "retry-after": "1" } : {}),
  });
  response.end(JSON.stringify({ errors: [error] }));
}
