/** How the worker protocol says no: problem documents (RFC 9457) with a stable code and the field at fault. */
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import type { Problem } from "../../worker/protocol.ts";
import { Rejection, type RejectionCode } from "../core/rejection.ts";
import { LeaseLost } from "../engine/engine.ts";
import { asRejection } from "../store/connection.ts";
import { TooLarge } from "../store/output-files.ts";

const STATUS: Record<RejectionCode, number> = {
  BAD_INPUT: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  ILLEGAL_STATE: 409,
  LIMIT_EXCEEDED: 429,
  UNAVAILABLE: 503,
};

/** What Fastify itself refuses; everything else it says with a 4xx is bad input. */
const FROM_FASTIFY: Record<string, [status: number, code: string, detail: string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [
    413,
    "too_large",
    "the body is larger than this call allows; send less at once",
  ],
  FST_ERR_BAD_URL: [400, "bad_input", "the path is not a valid URL: check its percent encoding"],
  FST_ERR_MAX_PARAM_LENGTH: [400, "bad_input", "a part of the path is too long"],
};

const TITLES: Record<number, string> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  410: "Gone",
  413: "Content Too Large",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** Seconds after which a refused caller may come again: long enough for a fail-over to have moved on a little. */
const RETRY_AFTER_SECONDS = 1;

export function problem(status: number, code: string, detail: string, field?: string): Problem {
  return {
    type: `urn:escapement:problem:${code}`,
    title: TITLES[status] ?? "Error",
    status,
    code,
    detail,
    ...(field === undefined ? {} : { field }),
  };
}

/** The problem that an error is to its caller; null for a surprise, which is logged and masked. */
export function problemOf(error: unknown): Problem | null {
  const known = asRejection(error);
  if (known instanceof LeaseLost) {
    return problem(410, "lease_lost", "the lease is over: stop working on the run; nothing was changed");
  }
  if (known instanceof TooLarge) return problem(413, "too_large", known.message, known.field);
  if (known instanceof Rejection) {
    return problem(STATUS[known.code], known.code.toLowerCase(), known.message, known.field);
  }
  const { code, statusCode, message } = known as Partial<FastifyError>;
  const [status, name, detail] = FROM_FASTIFY[code ?? ""] ?? [];
  if (status !== undefined && name !== undefined && detail !== undefined)
    return problem(status, name, detail);
  if (code?.startsWith("FST_") && statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return problem(statusCode, "bad_input", message ?? "the request is not valid");
  }
  return null;
}

export function sendProblem(reply: FastifyReply, said: Problem): FastifyReply {
  if (said.status === 503 || said.status === 429) reply.header("retry-after", RETRY_AFTER_SECONDS);
  if (said.status === 401) reply.header("www-authenticate", 'Bearer realm="escapement"');
  // As bytes: to text Fastify would add a charset, which this type does not have.
  return reply
    .code(said.status)
    .type("application/problem+json")
    .send(Buffer.from(JSON.stringify(said)));
}

/** Fastify's error handler for `/v1`. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const said = problemOf(error);
  if (said) return sendProblem(reply, said);
  request.log.error({ err: error }, "a request failed unexpectedly");
  return sendProblem(
    reply,
    problem(500, "internal", "something went wrong in the server; its log says what"),
  );
}
