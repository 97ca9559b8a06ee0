/** What the input of an `http` run may say. */
import { DoNotRetry } from "../errors.ts";
import { members, number, text, texts } from "./input.ts";
import { checkedUrl, type Hop } from "./redirect.ts";

/** The input of an `http` run. */
export interface HttpInput {
  url: string;
  /** Default: GET, or POST when there is something to send. */
  method?: string;
  headers?: Record<string, string>;
  /** The request's body as it is; or `json`, which is sent as JSON. */
  body?: string;
  json?: unknown;
  /** For the whole exchange, redirects included. Default: 30; the job's timeout counts as well. */
  timeoutSeconds?: number;
  /** The statuses that mean success. Default: 200 to 299. */
  expectStatus?: number | number[];
  /** Default: true, up to 3 hops. */
  followRedirects?: boolean;
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/** Set by the connection itself, or a way to talk to somebody else than the address that was checked. */
const RESERVED_HEADERS = [
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];
/** The input, ready to be sent. */
export interface CheckedRequest {
  hop: Hop;
  timeoutMs: number;
  expected: (status: number) => boolean;
  followRedirects: boolean;
}

/** Throws a DoNotRetry that names the member at fault. */
export function checkedRequest(input: unknown): CheckedRequest {
  const given = members(input, "The input", [
    "url",
    "method",
    "headers",
    "body",
    "json",
    "timeoutSeconds",
    "expectStatus",
    "followRedirects",
  ]);
  if (given.body !== undefined && given.json !== undefined) {
    throw new DoNotRetry("Give either input.body or input.json, not both.");
  }
  const headers = checkedHeaders(given.headers);
  if (given.json !== undefined) headers["content-type"] ??= "application/json";
  const body = checkedBody(given.body, given.json);
  return {
    hop: {
      url: checkedUrl(given.url, "input.url"),
      method: checkedMethod(given.method ?? (body === undefined ? "GET" : "POST")),
      headers,
      body,
    },
    timeoutMs: number(given.timeoutSeconds ?? 30, "input.timeoutSeconds", 0.001, 86_400) * 1000,
    expected: checkedExpectation(given.expectStatus),
    followRedirects: given.followRedirects !== false,
  };
}

function checkedBody(body: unknown, json: unknown): string | undefined {
  if (json !== undefined) return JSON.stringify(json);
  return body === undefined ? undefined : text(body, "input.body");
}

function checkedHeaders(headers: unknown = {}): Record<string, string> {
  const lowerCase: Record<string, string> = {};
  for (const [name, value] of Object.entries(texts(headers, "input.headers"))) {
    const lower = name.toLowerCase();
    if (RESERVED_HEADERS.includes(lower) || lower.startsWith("proxy-")) {
      throw new DoNotRetry(`input.headers must not set ${name}.`);
    }
    lowerCase[lower] = value;
  }
  return lowerCase;
}

function checkedMethod(method: unknown): string {
  if (typeof method === "string" && METHODS.includes(method.toUpperCase())) return method.toUpperCase();
  throw new DoNotRetry(`input.method must be one of ${METHODS.join(", ")}.`);
}

function checkedExpectation(expected: unknown): CheckedRequest["expected"] {
  if (expected === undefined) return (status) => status >= 200 && status < 300;
  const list = Array.isArray(expected) ? expected : [expected];
  const statuses = list.map((status) => number(status, "input.expectStatus", 100, 599));
  return (status) => statuses.includes(status);
}
