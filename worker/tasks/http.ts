/** Task type `http`: one HTTP request to the outside, its answer as the run's output. */
import { Agent, type Dispatcher, request } from "undici";
import type { Context } from "../attempt.ts";
import { DoNotRetry, RetryAfter } from "../errors.ts";
import { defineTask, type Task } from "../task.ts";
import { type AddressPolicy, guardedConnector } from "./address.ts";
import { type Hop, nextHop } from "./redirect.ts";
import { type CheckedRequest, checkedRequest, HTTP_INPUT, HTTP_OUTPUT } from "./request.ts";

export interface HttpOptions extends AddressPolicy {
  /** Longer answers fail the run. Default: 10 MiB. */
  maxResponseBytes?: number | undefined;
}

export interface HttpOutput {
  status: number;
  headers: Record<string, string>;
  /** Parsed when it is JSON, text otherwise; absent when it was stored as the output file `file`. */
  body?: unknown;
  file?: string;
}

/** The answer had a status that the input does not call a success. */
class UnexpectedStatus extends Error {
  override readonly name = "UnexpectedStatus";
}

const REPORTED_HEADERS = [
  "cache-control",
  "content-type",
  "date",
  "etag",
  "last-modified",
  "link",
  "location",
  "retry-after",
  "x-request-id",
];
/** Answers above this become an output file: outputs are for small results. */
const INLINE_BYTES = 32 * 1024;
const DEFAULT_MAX_RESPONSE_BYTES = 10 * 1024 * 1024;
/** Statuses below 500 that may pass by themselves. */
const PASSING_STATUSES = [408, 425, 429];

/** The answer had the status of a success and not its body. */
class UnexpectedBody extends Error {
  override readonly name = "UnexpectedBody";
}

/** The task type `http`; the options are the operator's, the input is the job's author's. */
export function http(options: HttpOptions = {}): Task {
  return defineTask({
    type: "http",
    title: "HTTP request",
    description: "Sends one HTTP request; what comes back is the output.",
    inputSchema: HTTP_INPUT,
    outputSchema: HTTP_OUTPUT,
    async handler(input, context) {
      const checked = checkedRequest(input);
      const dispatcher = new Agent({
        connect: guardedConnector(options),
        // One request per connection: the next run may be another tenant's.
        pipelining: 0,
      });
      try {
        return await exchange(
          checked,
          context,
          dispatcher,
          options.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES,
        );
      } finally {
        await dispatcher.destroy();
      }
    },
  });
}

async function exchange(
  input: CheckedRequest,
  context: Context,
  dispatcher: Dispatcher,
  maxBytes: number,
): Promise<HttpOutput> {
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(input.timeoutMs)]);
  try {
    const { answer, hop } = await follow(input, context, dispatcher, signal);
    const bytes = await readAtMost(answer.body, maxBytes);
    context.log(`${hop.method} ${hop.url.href} answered ${answer.statusCode} with ${bytes.length} bytes`);
    const output = await outputOf(answer, bytes, context);
    if (!input.expected(answer.statusCode)) throw refusalOf(answer, hop, bytes);
    const fault = input.faultIn(bytes.toString("utf8"));
    if (fault !== undefined)
      throw new UnexpectedBody(`The answer of ${hop.method} ${hop.url.href} ${fault}.`);
    return output;
  } catch (error) {
    if (signal.aborted && !context.signal.aborted) {
      throw new Error(`No complete answer within ${input.timeoutMs / 1000} s.`, { cause: error });
    }
    throw error;
  }
}

async function follow(
  input: CheckedRequest,
  { lease }: Context,
  dispatcher: Dispatcher,
  signal: AbortSignal,
): Promise<{ answer: Dispatcher.ResponseData; hop: Hop }> {
  let hop = input.hop;
  // The receiver may use these to recognise a repeated run and to refuse one that has been overtaken.
  const identity = {
    "accept-encoding": "identity",
    "user-agent": "escapement",
    "idempotency-key": lease.run,
    "x-fence": String(lease.fence),
    ...(lease.traceparent === undefined ? {} : { traceparent: lease.traceparent }),
  };
  for (let redirects = 0; ; redirects++) {
    const answer = await request(hop.url, {
      method: hop.method,
      headers: { ...identity, ...hop.headers },
      body: hop.body ?? null,
      dispatcher,
      signal,
    });
    const next = input.followRedirects ? nextHop(hop, answer, redirects) : undefined;
    if (next === undefined) return { answer, hop };
    await answer.body.dump();
    hop = next;
  }
}

async function readAtMost(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes)
      throw new DoNotRetry(`The answer is longer than the ${maxBytes} bytes allowed here.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function outputOf(
  answer: Dispatcher.ResponseData,
  bytes: Buffer,
  context: Context,
): Promise<HttpOutput> {
  const headers: Record<string, string> = {};
  for (const name of REPORTED_HEADERS) {
    const value = answer.headers[name];
    if (value !== undefined) headers[name] = String(value);
  }
  const output: HttpOutput = { status: answer.statusCode, headers };
  if (bytes.length === 0) return output;
  const content = bytes.length > INLINE_BYTES ? undefined : contentOf(bytes, headers["content-type"] ?? "");
  if (content !== undefined) return { ...output, body: content };
  await context.putFile("response", bytes);
  return { ...output, file: "response" };
}

/** Nothing when the bytes are not text. */
function contentOf(bytes: Buffer, contentType: string): unknown {
  try {
    const content = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return /\bjson\b/i.test(contentType) ? (parsed(content) ?? content) : content;
  } catch {
    return undefined;
  }
}

function parsed(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

/** What another try could change: a server's trouble may pass, a refused request stays refused. */
function refusalOf(answer: Dispatcher.ResponseData, hop: Hop, bytes: Buffer): Error {
  const { statusCode, headers } = answer;
  const excerpt = bytes.subarray(0, 500).toString("utf8").trim();
  const message = `${hop.method} ${hop.url.href} answered ${statusCode}${excerpt === "" ? "." : `: ${excerpt}`}`;
  if (statusCode < 500 && !PASSING_STATUSES.includes(statusCode)) return new DoNotRetry(message);
  const seconds = statusCode === 429 || statusCode === 503 ? secondsOf(headers["retry-after"]) : undefined;
  return seconds === undefined ? new UnexpectedStatus(message) : new RetryAfter(seconds, message);
}

/** `Retry-After` in either of its forms, as seconds from now. */
function secondsOf(header: string | string[] | undefined): number | undefined {
  if (typeof header !== "string") return undefined;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
}
