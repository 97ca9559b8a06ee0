/**
 * What clients are told when something fails: expected failures with their code and field, mistakes in the request as
 * BAD_INPUT, and everything else only by a number under which the log has the rest.
 */
import { randomBytes } from "node:crypto";
import { GraphQLError } from "graphql";
import type { Logger } from "pino";
import { LIMITS } from "../config.ts";
import { Rejection, type RejectionCode } from "../core/rejection.ts";
import { asRejection } from "../store/connection.ts";
import { faultyField } from "./fault.ts";

/** Errors that are already as clients may see them. */
const told = new WeakSet<object>();

/** The error as the client may see it; logs what it must not. */
export function publicError(error: unknown, log: Logger): GraphQLError {
  if (error instanceof GraphQLError && told.has(error)) return error;
  const known = describe(error) ?? hidden(error, log);
  told.add(known);
  return known;
}

function describe(error: unknown): GraphQLError | null {
  const cause = causeOf(error);
  const outer = error instanceof GraphQLError ? error : null;
  if (outer && isAboutRequest(outer, cause)) return badRequest(outer);
  const rejection = asRejection(cause);
  if (rejection instanceof Rejection)
    return build(rejection.message, outer, {
      ...coded(rejection.code, rejection.field),
      ...(rejection.faults ? { faults: rejection.faults } : {}),
    });
  if (isUnstorable(cause))
    return build("a text or number in the request cannot be stored", outer, coded("BAD_INPUT"));
  return null;
}

/**
 * Syntax, validation and values: GraphQL's own words, which hold a scalar's refusal if there was one and say where the
 * value is. An error of a resolver has a path; there, only a value in the request has a place in the document.
 */
function isAboutRequest(error: GraphQLError, cause: unknown): boolean {
  if (cause instanceof GraphQLError) return error.path === undefined || Boolean(cause.nodes?.length);
  return error.path === undefined && cause instanceof Rejection && cause.code === "BAD_INPUT";
}

/** What was thrown first. */
function causeOf(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError) cause = cause.originalError;
  return cause;
}

/** PostgreSQL's class "data exception": U+0000 in a text, a number out of range. */
function isUnstorable(cause: unknown): boolean {
  const code = (cause as { code?: unknown } | null)?.code;
  return typeof code === "string" && /^22\w{3}$/.test(code);
}

/** Wrong before anything ran: 400 where GraphQL over HTTP wants it, and always for a body that is no request. */
function badRequest(error: GraphQLError): GraphQLError {
  const { http, code } = error.extensions as { http?: { status?: number; headers?: object }; code?: string };
  if (http?.status === 413) {
    const message = `the request is larger than ${LIMITS.graphqlBodyBytes} bytes; split it`;
    return build(message, error, { ...coded("LIMIT_EXCEEDED"), http });
  }
  const answer = code === "BAD_REQUEST" ? { ...http, spec: false } : { status: 400, spec: true };
  return build(error.message, error, { ...coded("BAD_INPUT", faultyField(error)), http: answer });
}

const STATUS: Partial<Record<RejectionCode, number>> = {
  BAD_INPUT: 415,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  LIMIT_EXCEEDED: 413,
  UNAVAILABLE: 503,
};

/** The HTTP status of a request that was refused before its body was read. */
export function statusOf({ extensions }: GraphQLError): number {
  return STATUS[extensions.code as RejectionCode] ?? 500;
}

function hidden(error: unknown, log: Logger): GraphQLError {
  const outer = error instanceof GraphQLError ? error : null;
  const id = randomBytes(6).toString("hex");
  log.error({ err: causeOf(error), id, path: outer?.path }, "GraphQL: unexpected error");
  return build(`something went wrong in the server; its log says what, under ${id}`, outer, {
    code: "INTERNAL",
    id,
  });
}

function coded(code: RejectionCode, field?: string): { code: RejectionCode; field?: string } {
  return field === undefined ? { code } : { code, field };
}

function build(
  message: string,
  outer: GraphQLError | null,
  extensions: Record<string, unknown>,
): GraphQLError {
  const { nodes, source, positions, path } = outer ?? {};
  return new GraphQLError(message, {
    nodes: nodes ?? null,
    source: source ?? null,
    positions: positions ?? null,
    path: path ?? null,
    extensions,
  });
}
