/** HTTP as it goes over the wire: any header, any body, and connections that can be cut. */
import { type ClientRequest, type IncomingHttpHeaders, request } from "node:http";
import type { TestServer } from "../support/server.ts";

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The text as JSON. */
  json: () => Record<string, unknown>;
}

export interface Sent {
  answer: Promise<Answer>;
  request: ClientRequest;
}

interface Options {
  headers?: Record<string, string>;
  /** A string or bytes go as they are, anything else as JSON. */
  body?: unknown;
  token?: string;
  /** The test goes on writing the body. */
  open?: boolean;
}

/** Sends a request and gives the means to cut it off. */
export function send(url: string, method: string, path: string, options: Options = {}): Sent {
  const { headers = {}, body, token, open = false } = options;
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const { hostname, port } = new URL(url);
  // The path goes out as it is given: no normalisation that would hide an attack.
  const sent = request({
    hostname,
    port,
    method,
    path,
    headers: { ...authorization, ...headers },
    agent: false,
  });
  const answer = new Promise<Answer>((resolve, reject) => {
    sent.on("error", reject);
    sent.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const { statusCode = 0 } = response;
        resolve({ status: statusCode, headers: response.headers, text, json: () => JSON.parse(text) });
      });
    });
  });
  const isRaw = typeof body === "string" || Buffer.isBuffer(body);
  if (!open) sent.end(body === undefined ? undefined : isRaw ? body : JSON.stringify(body));
  return { answer, request: sent };
}

/** Sends a request and waits for its answer. */
export function ask(url: string, method: string, path: string, options: Options = {}): Promise<Answer> {
  return send(url, method, path, options).answer;
}

/** A lease as tests look at it. */
export interface TestLease {
  id: string;
  run: string;
  attempt: number;
  job: string;
  type: string;
  group: string;
  fence: number;
  input?: unknown;
  inputBase64?: string;
  parent?: string;
}

/** What a producer and a worker do most, over HTTP. */
export function client(
  server: Pick<TestServer, "url">,
  options: { token?: string; namespace?: string } = {},
) {
  const query = options.namespace === undefined ? "" : `?namespace=${options.namespace}`;
  const call = (method: string, path: string, body?: unknown) =>
    ask(server.url, method, path + query, {
      ...(body === undefined ? {} : { body }),
      ...(options.token === undefined ? {} : { token: options.token }),
    });
  const calls = {
    call,
    /** Starts one run and answers with its id. */
    async start(job: string, run: Record<string, unknown> = {}): Promise<string> {
      const answer = await call("POST", "/v1/runs", { runs: [{ job, ...run }] });
      const { runs } = answer.json() as { runs?: { id: string }[] };
      if (!runs?.[0]) throw new Error(`no run was started: ${answer.text}`);
      return runs[0].id;
    },
    /** Claims without waiting, unless told to. */
    async claim(claim: Record<string, unknown> = {}): Promise<TestLease[]> {
      const answer = await call("POST", "/v1/leases", { executor: "tester", waitSeconds: 0, ...claim });
      if (answer.status !== 200) throw new Error(`the claim was refused: ${answer.text}`);
      return (answer.json() as { leases: TestLease[] }).leases;
    },
    /** Starts a run and claims it. */
    async lease(job: string, run: Record<string, unknown> = {}): Promise<TestLease> {
      const id = await calls.start(job, run);
      const lease = (await calls.claim({ max: 1000 })).find((one) => one.run === id);
      if (!lease) throw new Error(`run ${id} was not lent`);
      return lease;
    },
    async state(runId: string): Promise<string> {
      return String((await call("GET", `/v1/runs/${runId}`)).json().state);
    },
  };
  return calls;
}

/** Waits until `look` answers something true. */
export async function until<T>(look: () => Promise<T> | T, what: string): Promise<NonNullable<T>> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
