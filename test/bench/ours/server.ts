/** Our server as users run it: a process of its own, real HTTP, authentication on, one job to run. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HttpConnection } from "./http.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const PRELOAD = fileURLToPath(new URL("./profiled.ts", import.meta.url));
const START_MS = 60_000;

export interface OurServer {
  url: string;
  pid: number;
  /** As the administrator; throws with the errors when there are any. */
  graphql<Data>(query: string, variables?: Record<string, unknown>): Promise<Data>;
  /** Long polls that wait on it, by its own count. */
  parkedPolls(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts `escapement server`; with `profileDir` it writes CPU profiles there when asked to. */
export async function startOurServer(
  databaseUrl: string,
  adminToken: string,
  profileDir?: string,
): Promise<OurServer> {
  const dataDir = mkdtempSync(join(tmpdir(), "escapement-bench-data-"));
  const preload = profileDir === undefined ? [] : ["--import", PRELOAD];
  const { PATH = "", HOME = "", TMPDIR = "/tmp" } = process.env;
  const child = spawn(process.execPath, ["--import", "tsx", ...preload, "server/main.ts", "server"], {
    cwd: ROOT,
    env: {
      PATH,
      HOME,
      TMPDIR,
      NODE_ENV: "production",
      PORT: "0",
      DATABASE_URL: databaseUrl,
      ESCAPEMENT_DATA_DIR: dataDir,
      ESCAPEMENT_TOKEN: adminToken,
      ESCAPEMENT_LOG: "warn",
      // Under npm the server ends with its parent, so it does even when the bench is killed.
      npm_lifecycle_event: "bench",
      ...(profileDir === undefined ? {} : { BENCH_PROFILE_DIR: profileDir }),
    },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // a Ctrl-C for us must not take it away before we are done
  });
  const url = await addressOf(child);
  const connection = new HttpConnection(url, adminToken);
  return {
    url,
    pid: child.pid ?? 0,

    async graphql<Data>(query: string, variables: Record<string, unknown> = {}): Promise<Data> {
      const answer = JSON.parse(await connection.post("/graphql", JSON.stringify({ query, variables })));
      if (answer.errors) throw new Error(`GraphQL: ${JSON.stringify(answer.errors)}`);
      return answer.data as Data;
    },

    async parkedPolls() {
      return Number(/^escapement_parked_polls (\d+)/m.exec(await connection.get("/metrics"))?.[1]);
    },

    async stop() {
      connection.close();
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, "exit");
        child.kill("SIGTERM");
        await ended;
      }
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = "";
    const fail = (reason: string): void => reject(new Error(`our server ${reason}:\n${printed}`));
    const timer = setTimeout(() => fail(`said no address within ${START_MS / 1000} s`), START_MS);
    child.stdout?.on("data", (chunk: Buffer) => {
      printed = (printed + chunk).slice(-8_000);
      const found = /Dashboard.*?(http:\/\/[\d.:]+)/.exec(printed)?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      printed = (printed + chunk).slice(-8_000);
      process.stderr.write(`  server: ${chunk}`);
    });
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      fail(`ended with ${signal ?? code}`);
    });
  });
}
