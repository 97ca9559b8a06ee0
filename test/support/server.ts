/** A whole server on a port of its own, in this process, over a database of the test's own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino, { type Logger } from "pino";
import { type App, startApp } from "../../server/app.ts";
import type { Config } from "../../server/config.ts";
import { DEFAULT_RETRY } from "../../server/core/retry.ts";
import { createTestDatabase } from "./database.ts";

export interface TestServer extends App {
  config: Config;
  databaseUrl: string;
  /** POSTs to /graphql; throws with the errors when there are any. */
  graphql<T = Record<string, unknown>>(query: string, variables?: Record<string, unknown>): Promise<T>;
  /** Calls the worker protocol; the body may be any JSON value. */
  call(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: Record<string, never> }>;
}

export interface TestServerOptions {
  /** Another server on this database instead of one of its own. */
  databaseUrl?: string;
  /** Settings that differ, such as `adminToken`. */
  config?: Partial<Config>;
  /** Sent as a bearer token by `graphql` and `call`. */
  token?: string;
  /** Where it logs; otherwise by `config.logLevel`, which is silent. */
  log?: Logger;
}

/** Starts a server; `close` ends it and drops what belongs to it. */
export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const test = options.databaseUrl === undefined ? await createTestDatabase() : null;
  const databaseUrl = options.databaseUrl ?? test?.url ?? "";
  const dataDir = options.config?.dataDir ?? mkdtempSync(join(tmpdir(), "escapement-test-data-"));
  const config: Config = {
    host: "127.0.0.1",
    port: 0,
    databaseUrl,
    dataDir,
    demo: false,
    adminToken: undefined,
    allowedHosts: [],
    poolSize: 8,
    outputBucket: undefined,
    logLevel: "silent",
    retry: DEFAULT_RETRY,
    secretKeys: [],
    ...options.config,
  };
  const app = await startApp({ config, databaseUrl, log: options.log ?? pino({ level: config.logLevel }) });
  const headers = (): Record<string, string> => ({
    "content-type": "application/json",
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
  });
  return {
    ...app,
    config,
    databaseUrl,
    async graphql<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
      const response = await fetch(`${app.url}/graphql`, {
        method: "POST",
        headers: headers(),
        body: JSON.stringify({ query, variables }),
      });
      const answer = (await response.json()) as { data?: T; errors?: { message: string }[] };
      if (answer.errors) {
        throw Object.assign(new Error(answer.errors.map((error) => error.message).join("; ")), {
          errors: answer.errors,
        });
      }
      return answer.data as T;
    },
    async call(method, path, body) {
      const response = await fetch(`${app.url}${path}`, {
        method,
        headers: headers(),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === "" ? {} : JSON.parse(text) };
    },
    async close() {
      await app.close();
      await test?.drop();
      if (options.config?.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
