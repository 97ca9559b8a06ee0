/**
 * The one port: dashboard, `/graphql`, worker protocol, probes. Every request and every WebSocket passes the same
 * check of Host and Origin first. Closing takes no new work, answers what is parked, and lets open requests finish.
 */
import type { IncomingMessage } from "node:http";
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from "fastify";
import type { Logger } from "pino";
import { type Config, LIMITS } from "./config.ts";
import { notFound } from "./core/rejection.ts";
import type { Engine } from "./engine/engine.ts";
import { createEndings } from "./gateway/endings.ts";
import { gateway } from "./gateway/gateway.ts";
import { createLogMask } from "./gateway/log-mask.ts";
import { createPolls } from "./gateway/poll.ts";
import { answerError, problem, sendProblem } from "./gateway/problem.ts";
import { createScopes } from "./gateway/scopes.ts";
import { serveDashboard } from "./http/dashboard.ts";
import { type GraphqlEndpoint, graphqlRoute } from "./http/graphql.ts";
import { type OriginRules, refusal } from "./http/origin.ts";
import { probeRoutes } from "./http/probes.ts";
import type { Catalog } from "./store/catalog.ts";
import type { Channel } from "./store/channel.ts";
import type { Database } from "./store/connection.ts";
import type { Outputs } from "./store/outputs.ts";
import { createPresence } from "./store/presence.ts";
import type { Tokens } from "./store/tokens.ts";

export interface HttpDeps {
  config: Config;
  database: Database;
  catalog: Catalog;
  channel: Channel;
  engine: Engine;
  outputs: Outputs;
  tokens: Tokens;
  log: Logger;
  graphql?: GraphqlEndpoint;
  /** The built dashboard, where it is not in its usual place. */
  dashboardFolder?: string;
}

/** A client has so long to send its headers, and all of a request: a large output file takes its time. */
const HEADERS_MS = 15_000;
const REQUEST_MS = 3_600_000;
/** Longer than the idle time of usual proxies, so that it is never us who closes under a request. */
const KEEP_ALIVE_MS = 75_000;
/** Requests that are still open after this are cut when the server closes. */
const CLOSE_MS = 4_000;
/** A checked file name, percent-encoded. */
const PARAMETER_LENGTH = 1_000;

/** Puts the server together; `listen` starts it, `close` drains it. */
export async function createHttp(deps: HttpDeps): Promise<FastifyInstance> {
  const { config, database, catalog, channel, engine, outputs, tokens, log, graphql } = deps;
  const { sql } = database;
  const onError = (error: unknown): void => log.warn({ err: error }, "worker protocol: will try again");
  let draining = false;
  const isDraining = (): boolean => draining;

  const app: FastifyInstance = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: LIMITS.bodyBytes,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: { headersTimeout: HEADERS_MS },
    routerOptions: { maxParamLength: PARAMETER_LENGTH },
    return503OnClosing: false,
    forceCloseConnections: "idle",
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply),
  });

  const rules: OriginRules = {
    host: config.host,
    allowedHosts: config.allowedHosts,
    authentication: tokens.required,
  };
  const refused = ({ method = "", url = "", headers, socket }: IncomingMessage): string | null =>
    refusal({ method, url, headers, localAddress: socket.localAddress, localPort: socket.localPort }, rules);

  app.setErrorHandler(answerError);
  // Hooks that wait for nothing are not async: each promise is paid for by every request.
  app.addHook("onRequest", (request, reply, done) => {
    const reason = refused(request.raw);
    if (reason === null) done();
    else void sendProblem(reply, problem(403, "forbidden", reason));
  });
  app.addHook("onSend", (_request, reply, payload, done) => {
    if (draining) reply.header("connection", "close");
    done(null, payload);
  });

  const presence = createPresence(database, channel, onError);
  const polls = createPolls({ engine, catalog, channel, sql, touchAll: presence.touchAll, onError });
  const endings = createEndings(sql, channel, onError);
  const scopes = createScopes(sql);
  probeRoutes(app, { sql, tokens, isDraining, parkedPolls: () => polls.parked });
  const parts = {
    engine,
    catalog,
    channel,
    database,
    tokens,
    outputs,
    logMask: createLogMask(sql, config.secretKeys),
    presence,
    polls,
    endings,
    scopes,
    isDraining,
    onError,
  };
  await app.register((routes) => gateway(routes, parts), { prefix: "/v1" });
  if (graphql) await app.register(async (routes) => graphqlRoute(routes, graphql));
  const dashboard = await serveDashboard(app, deps.dashboardFolder);
  app.setNotFoundHandler((request, reply) => {
    if (dashboard.answerPage(request, reply)) return reply;
    throw notFound(`page ${request.url.split("?")[0]}`);
  });

  app.server.on("upgrade", (request, socket, head) => {
    const path = request.url?.split("?")[0];
    if (graphql && path === "/graphql" && !draining && refused(request) === null) {
      return graphql.upgrade(request, socket, head);
    }
    socket.end(
      `HTTP/1.1 ${path === "/graphql" ? "403 Forbidden" : "404 Not Found"}\r\nConnection: close\r\n\r\n`,
    );
  });

  let closing: NodeJS.Timeout | undefined;
  app.addHook("preClose", async () => {
    draining = true;
    polls.drain();
    endings.drain();
    const cutAt = performance.now() + CLOSE_MS;
    // A kept-alive connection that becomes idle now would hold us up for as long as it is kept.
    closing = setInterval(() => {
      if (performance.now() > cutAt) app.server.closeAllConnections();
      else app.server.closeIdleConnections();
    }, 50);
  });
  app.addHook("onClose", async () => {
    clearInterval(closing);
    polls.close();
    endings.close();
    presence.close();
  });
  return app;
}
