/** What the input of an `http` run may say. */
import { DoNotRetry } from "../errors.ts";
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
  /** What else a success has in its body, or has not. */
  expectBody?: { contains?: string; notContains?: string };
  /** Default: true, up to 3 hops. */
  followRedirects?: boolean;
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const STATUS = { type: "number", minimum: 100, maximum: 599 } as const;

/** The JSON Schema of {@link HttpInput}. */
export const HTTP_INPUT = {
  type: "object",
  properties: {
    url: { type: "string", title: "URL", examples: ["https://example.com/path"] },
    method: {
      type: "string",
      title: "Method",
      description: "GET, or POST when there is something to send.",
      examples: METHODS,
    },
    headers: { type: "object", title: "Headers", additionalProperties: { type: "string" } },
    body: { type: "string", title: "Body", description: "As it is sent.", format: "multiline" },
    json: { title: "JSON body", description: "Instead of a body: sent as JSON." },
    timeoutSeconds: {
      type: "number",
      title: "Timeout in seconds",
      description: "For the whole exchange; the job's timeout counts as well.",
      minimum: 0.001,
      maximum: 86_400,
      default: 30,
    },
    expectStatus: {
      title: "Statuses that mean success",
      description: "200 to 299 unless given.",
      anyOf: [STATUS, { type: "array", items: STATUS, minItems: 1 }],
    },
    expectBody: {
      type: "object",
      title: "What a success has in its body",
      properties: {
        contains: { type: "string", title: "Contains" },
        notContains: { type: "string", title: "Does not contain" },
      },
      additionalProperties: false,
    },
    followRedirects: {
      type: "boolean",
      title: "Follow redirects",
      description: "Up to 3.",
      default: true,
    },
  },
  required: ["url"],
  additionalProperties: false,
} as const;

/** The JSON Schema of what an `http` run gives. */
export const HTTP_OUTPUT = {
  type: "object",
  properties: {
    status: { type: "integer" },
    headers: { type: "object", additionalProperties: { type: "string" } },
    body: { description: "Parsed when it is JSON, text otherwise." },
    file: {
      type: "string",
      description: "The output file that has the body, where that is large or no text.",
    },
  },
  required: ["status", "headers"],
} as const;

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
  /** What is wrong with the body of an answer that has an expected status; undefined when nothing is. */
  faultIn: (body: string) => string | undefined;
  followRedirects: boolean;
}

/** Reads an input that fits {@link HTTP_INPUT}. Throws a DoNotRetry that names the member at fault. */
export function checkedRequest(input: HttpInput): CheckedRequest {
  if (input.body !== undefined && input.json !== undefined) {
    throw new DoNotRetry("Give either input.body or input.json, not both.");
  }
  const headers = checkedHeaders(input.headers);
  if (input.json !== undefined) headers["content-type"] ??= "application/json";
  const body = input.json === undefined ? input.body : JSON.stringify(input.json);
  return {
    hop: {
      url: checkedUrl(input.url, "input.url"),
      method: checkedMethod(input.method ?? (body === undefined ? "GET" : "POST")),
      headers,
      body,
    },
    timeoutMs: (input.timeoutSeconds ?? 30) * 1000,
    expected: expectation(input.expectStatus),
    faultIn: bodyExpectation(input.expectBody),
    followRedirects: input.followRedirects !== false,
  };
}

function checkedHeaders(headers: Record<string, string> = {}): Record<string, string> {
  const lowerCase: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (RESERVED_HEADERS.includes(lower) || lower.startsWith("proxy-")) {
      throw new DoNotRetry(`input.headers must not set ${name}.`);
    }
    lowerCase[lower] = value;
  }
  return lowerCase;
}

function checkedMethod(method: string): string {
  if (METHODS.includes(method.toUpperCase())) return method.toUpperCase();
  throw new DoNotRetry(`input.method must be one of ${METHODS.join(", ")}.`);
}

function expectation(expected: HttpInput["expectStatus"]): CheckedRequest["expected"] {
  if (expected === undefined) return (status) => status >= 200 && status < 300;
  const statuses = [expected].flat();
  return (status) => statuses.includes(status);
}

function bodyExpectation({ contains, notContains }: NonNullable<HttpInput["expectBody"]> = {}) {
  return (body: string): string | undefined => {
    if (contains !== undefined && !body.includes(contains)) return `does not contain "${contains}"`;
    if (notContains !== undefined && body.includes(notContains)) return `contains "${notContains}"`;
    return undefined;
  };
}
