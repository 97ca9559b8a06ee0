/** A Redis for BullMQ, on a free port, with nothing kept; it ends with the bench even if that is killed. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Ending } from "./ending.ts";
import { until } from "./load.ts";

export interface Redis {
  port: number;
  pid: number;
}

/** Null when there is no redis-server on the PATH. */
export function redisVersion(): string | null {
  try {
    return /v=(\S+)/.exec(execFileSync("redis-server", ["--version"], { encoding: "utf8" }))?.[1] ?? "?";
  } catch {
    return null;
  }
}

// When the bench is gone its end of the pipe closes, and the shell ends the server.
const SCRIPT = 'redis-server "$@" & server=$!; read -r word; kill "$server"; wait "$server"';

/** `durable`: every write is on disk before it is answered, as PostgreSQL does it; else nothing is ever written. */
export async function startRedis(durable: boolean, ending: Ending): Promise<Redis> {
  const dir = mkdtempSync(join(tmpdir(), "escapement-bench-redis-"));
  const port = await freePort();
  const persistence = durable
    ? ["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"]
    : ["--appendonly", "no"];
  const settings = [
    "--port",
    String(port),
    "--bind",
    "127.0.0.1",
    "--dir",
    dir,
    "--save",
    "",
    ...persistence,
  ];
  const shell: ChildProcess = spawn("sh", ["-c", SCRIPT, "redis", ...settings], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true, // a Ctrl-C for us must not take it away before we are done
  });
  ending.add(async () => {
    const ended = once(shell, "exit");
    shell.stdin?.end();
    await ended;
    rmSync(dir, { recursive: true, force: true });
  });
  if (!(await until(() => answers(port), 10_000, 20))) throw new Error("redis-server does not answer");
  return { port, pid: shell.pid ?? 0 };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
