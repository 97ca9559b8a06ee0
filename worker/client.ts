/**
 * The thin typed client of the worker protocol: one method per call, one HTTP request per method call.
 * It repeats nothing by itself; persist.ts does, for those who want an answer whatever happens.
 */
import type { Readable } from "node:stream";
import { Pool } from "undici";
import type {
  ChildRunsAnswer,
  ChildRunsRequest,
  ClaimAnswer,
  ClaimRequest,
  CompleteRequest,
  ExecutorHeartbeatAnswer,
  ExecutorHeartbeatRequest,
  ExecutorRequest,
  FailRequest,
  HeartbeatAnswer,
  HeartbeatRequest,
  Problem,
  ResultsAnswer,
  RunAnswer,
  SettleAnswer,
  SettleManyAnswer,
  SettleRequest,
  StartRunsAnswer,
  StartRunsRequest,
} from "./protocol.ts";

/** How long an ordinary call may go unanswered before it counts as lost. */
const ANSWER_MS = 15_000;
/** What a long poll gets on top of the time that it asked to wait. */
const POLL_SLACK_MS = 10_000;
/** A large file has to reach the disk before the server may answer. */
const FILE_MS = 120_000;

/** The server answered, and the answer was no. `code` is stable (PROTOCOL.md "Errors"). */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly status: number;
  readonly code: string;
  /** The member of the request at fault, where one is. */
  readonly field: string | undefined;
  /** What the server's `Retry-After` asked for. */
  readonly retryAfterSeconds: number | undefined;

  constructor(problem: Partial<Problem> & { status: number }, retryAfterSeconds?: number) {
    super(problem.detail ?? problem.title ?? `The server answered with status ${problem.status}.`);
    this.status = problem.status;
    this.code = problem.code ?? "unknown";
    this.field = problem.field;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** No answer came: nobody can tell whether the call took effect. */
export class Unanswered extends Error {
  override readonly name = "Unanswered";

  constructor(call: string, cause: unknown) {
    super(`${call} got no answer: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

export interface ClientOptions {
  /** Where the control plane listens, such as http://127.0.0.1:4400. A path in front of /v1 is kept. */
  url: string;
  token?: string | undefined;
  /** For servers without authentication and for tokens of no one namespace. */
  namespace?: string | undefined;
  /** Sockets at most; one is taken by a parked poll. */
  connections?: number | undefined;
}

export interface CallOptions {
  /** Aborting it abandons the call and throws the signal's reason. */
  signal?: AbortSignal | undefined;
}

type Method = "GET" | "POST" | "PUT" | "DELETE";
type Body = string | Uint8Array | Readable;

/** A client of one server and one namespace. Every method throws {@link ProtocolError} or {@link Unanswered}. */
export class Client {
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #query: string;
  readonly #headers: Record<string, string>;

  constructor(options: ClientOptions) {
    const url = new URL(options.url);
    this.#pool = new Pool(url.origin, {
      connections: options.connections ?? 32,
      connect: { timeout: 5_000 },
    });
    this.#prefix = `${url.pathname.replace(/\/$/, "")}/v1`;
    this.#query = options.namespace === undefined ? "" : `namespace=${encodeURIComponent(options.namespace)}`;
    this.#headers = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` };
  }

  claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimAnswer> {
    const answerMs = (request.waitSeconds ?? 30) * 1000 + POLL_SLACK_MS;
    return this.#json("POST", "/leases", request, options, answerMs);
  }

  settle(request: SettleRequest, options?: CallOptions): Promise<SettleManyAnswer> {
    const answerMs = (request.claim?.waitSeconds ?? 0) * 1000 + ANSWER_MS;
    return this.#json("POST", "/settle", request, options, answerMs);
  }

  heartbeat(request: ExecutorHeartbeatRequest, options?: CallOptions): Promise<ExecutorHeartbeatAnswer> {
    return this.#json("POST", "/heartbeat", request, options);
  }

  heartbeatLease(lease: string, request: HeartbeatRequest, options?: CallOptions): Promise<HeartbeatAnswer> {
    return this.#json("POST", leasePath(lease, "heartbeat"), request, options);
  }

  complete(lease: string, request: CompleteRequest, options?: CallOptions): Promise<SettleAnswer> {
    return this.#json("POST", leasePath(lease, "complete"), request, options);
  }

  fail(lease: string, request: FailRequest, options?: CallOptions): Promise<SettleAnswer> {
    return this.#json("POST", leasePath(lease, "fail"), request, options);
  }

  release(lease: string, options?: CallOptions): Promise<SettleAnswer> {
    return this.#json("POST", leasePath(lease, "release"), {}, options);
  }

  /** Appends lines of `{"level", "message", "time"}`, each ending in a newline. */
  appendLog(lease: string, ndjson: string, options?: CallOptions): Promise<void> {
    return this.#call("POST", leasePath(lease, "logs"), ndjson, "application/x-ndjson", options);
  }

  putFile(lease: string, name: string, data: Body, options?: CallOptions): Promise<void> {
    const path = `${leasePath(lease, "files")}/${encodeURIComponent(name)}`;
    return this.#call("PUT", path, data, "application/octet-stream", options, FILE_MS);
  }

  startChildRuns(lease: string, request: ChildRunsRequest, options?: CallOptions): Promise<ChildRunsAnswer> {
    return this.#json("POST", leasePath(lease, "runs"), request, options);
  }

  /** A page of what the runs that this one joined have led to. */
  results(
    lease: string,
    options?: CallOptions & { after?: string | undefined; limit?: number | undefined },
  ): Promise<ResultsAnswer> {
    const query = new URLSearchParams();
    if (options?.after !== undefined) query.set("after", options.after);
    if (options?.limit !== undefined) query.set("limit", String(options.limit));
    const path = `${leasePath(lease, "results")}${query.size > 0 ? `?${query}` : ""}`;
    return this.#call("GET", path, undefined, undefined, options);
  }

  /** All or none. `idempotencyKey` covers the whole request. */
  startRuns(
    request: StartRunsRequest,
    options?: CallOptions & { idempotencyKey?: string },
  ): Promise<StartRunsAnswer> {
    const key = options?.idempotencyKey;
    const headers = key === undefined ? {} : { "idempotency-key": key };
    return this.#json("POST", "/runs", request, options, ANSWER_MS, headers);
  }

  /** The run as it is now, or as it ended when that takes at most `waitSeconds`. */
  run(id: string, options?: CallOptions & { waitSeconds?: number }): Promise<RunAnswer> {
    const wait = options?.waitSeconds ?? 0;
    const path = `/runs/${encodeURIComponent(id)}${wait > 0 ? `?waitSeconds=${wait}` : ""}`;
    return this.#call("GET", path, undefined, undefined, options, wait * 1000 + POLL_SLACK_MS);
  }

  register(executor: string, request: ExecutorRequest, options?: CallOptions): Promise<void> {
    return this.#json("PUT", `/executors/${encodeURIComponent(executor)}`, request, options);
  }

  /** The graceful leave: whatever the executor still holds is given back. */
  leave(executor: string, options?: CallOptions): Promise<void> {
    return this.#call("DELETE", `/executors/${encodeURIComponent(executor)}`, undefined, undefined, options);
  }

  /** Cuts every connection; calls still open throw. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #json<T>(
    method: Method,
    path: string,
    body: unknown,
    options?: CallOptions,
    answerMs = ANSWER_MS,
    headers: Record<string, string> = {},
  ): Promise<T> {
    return this.#call(method, path, JSON.stringify(body), "application/json", options, answerMs, headers);
  }

  async #call<T>(
    method: Method,
    path: string,
    body: Body | undefined,
    contentType: string | undefined,
    options: CallOptions = {},
    answerMs = ANSWER_MS,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const { signal } = options;
    const call = `${method} /v1${path.split("?")[0]}`;
    try {
      const answer = await this.#pool.request({
        method,
        path: this.#path(path),
        headers: {
          ...this.#headers,
          ...headers,
          ...(contentType === undefined ? {} : { "content-type": contentType }),
        },
        body: body ?? null,
        signal: signal ?? null,
        headersTimeout: answerMs,
        bodyTimeout: ANSWER_MS,
      });
      const text = await answer.body.text();
      if (answer.statusCode >= 200 && answer.statusCode < 300) {
        return (text === "" ? undefined : JSON.parse(text)) as T;
      }
      throw new ProtocolError(
        { ...problemOf(text), status: answer.statusCode },
        secondsOf(answer.headers["retry-after"]),
      );
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      if (signal?.aborted) throw signal.reason;
      throw new Unanswered(call, error);
    }
  }

  #path(path: string): string {
    if (this.#query === "") return this.#prefix + path;
    return `${this.#prefix}${path}${path.includes("?") ? "&" : "?"}${this.#query}`;
  }
}

function leasePath(lease: string, call: string): string {
  return `/leases/${encodeURIComponent(lease)}/${call}`;
}

/** A proxy in between may answer anything, so what is not a problem document is taken as none. */
function problemOf(text: string): Partial<Problem> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** Only the form in seconds: the other one would compare our clock with the server's. */
function secondsOf(header: string | string[] | undefined): number | undefined {
  const seconds = Number(header);
  return header !== undefined && Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}
