/** GraphQL on WebSockets (graphql-transport-ws): who a connection is, how many subscriptions it may have, its errors. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { ExecutionArgs, ExecutionResult, GraphQLError } from "graphql";
import type { Context as SocketContext, SubscribePayload } from "graphql-ws";
import { type Extra, useServer as serveSockets } from "graphql-ws/use/ws";
import type { YogaServerInstance } from "graphql-yoga";
import type { Logger } from "pino";
import { WebSocketServer } from "ws";
import { LIMITS } from "../config.ts";
import { limitExceeded, Rejection } from "../core/rejection.ts";
import type { Caller, Context } from "./context.ts";
import { publicError } from "./errors.ts";
import { checkQuery } from "./limits.ts";

/** A client that says nothing for so long after connecting is not one of ours. */
const INIT_MS = 5_000;

interface Sockets {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): Promise<void>;
}

type Yoga = YogaServerInstance<Caller, Context>;
type Enveloped = ReturnType<Yoga["getEnveloped"]>;
type Connection = SocketContext<Record<string, unknown> | undefined, Extra>;

/** Who a connection is. Throws UNAUTHENTICATED and FORBIDDEN. */
export type Identify = (authorization: string | undefined) => Promise<Caller>;

export function createSockets(yoga: Yoga, identify: Identify, log: Logger): Sockets {
  const server = new WebSocketServer({ noServer: true, maxPayload: LIMITS.graphqlBodyBytes });
  /** The functions that belong to an operation, by its context. */
  const operations = new WeakMap<object, Enveloped>();
  const operationOf = ({ contextValue }: ExecutionArgs): Enveloped =>
    operations.get(contextValue as object) as Enveloped;

  /** Checks an operation, its caller first: the token may have ended since the connection began. */
  const prepare = async (
    connection: Connection,
    payload: SubscribePayload,
  ): Promise<ExecutionArgs | readonly GraphQLError[]> => {
    const max = LIMITS.subscriptionsPerSocket;
    if (Object.keys(connection.subscriptions).length > max) {
      throw limitExceeded(`one connection has at most ${max} subscriptions; end some or open another`);
    }
    const caller = await identify(authorizationOf(connection));
    checkQuery(payload.query);
    const enveloped = yoga.getEnveloped(caller as Parameters<Yoga["getEnveloped"]>[0]);
    const document = enveloped.parse(payload.query);
    const errors = enveloped.validate(enveloped.schema, document);
    if (errors.length > 0) return errors;
    const contextValue = await enveloped.contextFactory();
    operations.set(contextValue, enveloped);
    return {
      schema: enveloped.schema,
      document,
      contextValue,
      operationName: payload.operationName ?? null,
      variableValues: payload.variables ?? null,
    };
  };

  const handle = serveSockets<Record<string, unknown> | undefined>(
    {
      connectionInitWaitTimeout: INIT_MS,
      onConnect: async (connection) => {
        try {
          await identify(authorizationOf(connection as Connection));
          return true;
        } catch (error) {
          if (error instanceof Rejection && error.code !== "UNAVAILABLE") return false;
          throw error;
        }
      },
      onSubscribe: async (connection, _id, payload) => {
        try {
          const prepared = await prepare(connection as Connection, payload);
          return "document" in prepared ? prepared : prepared.map((error) => publicError(error, log));
        } catch (error) {
          return [publicError(error, log)];
        }
      },
      execute: (args) => operationOf(args).execute(args),
      subscribe: async (args) => withLastWords(await operationOf(args).subscribe(args), log),
    },
    server,
  );

  return {
    upgrade: (request, socket, head) =>
      server.handleUpgrade(request, socket, head, (accepted) => server.emit("connection", accepted, request)),
    close: async () => handle.dispose(),
  };
}

/** Browsers cannot set headers on a WebSocket, so the token may also stand in the first message. */
function authorizationOf({ connectionParams, extra }: Connection): string | undefined {
  const { authorization, Authorization } = connectionParams ?? {};
  const given = authorization ?? Authorization;
  return typeof given === "string" ? given : extra.request.headers.authorization;
}

/** A stream that fails tells why and ends; graphql-ws would close the whole connection. */
function withLastWords<Result>(result: Result, log: Logger): Result | AsyncIterableIterator<ExecutionResult> {
  if (typeof result !== "object" || result === null || !(Symbol.asyncIterator in result)) return result;
  const source = (result as unknown as AsyncIterable<ExecutionResult>)[Symbol.asyncIterator]();
  let failed = false;
  const stream: AsyncIterableIterator<ExecutionResult> = {
    next: async () => {
      if (failed) return { done: true, value: undefined };
      try {
        return await source.next();
      } catch (error) {
        failed = true;
        return { done: false, value: { errors: [publicError(error, log)] } };
      }
    },
    return: async () => (await source.return?.()) ?? { done: true, value: undefined },
    [Symbol.asyncIterator]: () => stream,
  };
  return stream;
}
