/** Data folders, owning processes and leftovers for the tests of the embedded PostgreSQL. */
import { type ChildProcess, execFileSync, type ForkOptions, fork } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { expect, onTestFinished, vi } from "vitest";
import type { EmbeddedPostgres } from "../../server/embedded/postgres.ts";
import { startPostgres } from "../../server/embedded/postgres.ts";
import { isRunning } from "../../server/embedded/process.ts";
import type { HolderMessage } from "./holder.ts";

const HOLDER = fileURLToPath(new URL("./holder.ts", import.meta.url));

export const isRoot = process.getuid?.() === 0;

/** An empty folder that is deleted, with all that runs on it, when the test is over. */
export function newFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), "escapement-embedded-"));
  chmodSync(dir, 0o755);
  onTestFinished(() => {
    for (const pid of processesNaming(dir)) process.kill(pid, "SIGKILL");
    rmSync(dir, { recursive: true, force: true, maxRetries: 20 });
  });
  return dir;
}

/** Nobody here cuts the power, and a killed process loses nothing that the operating system has. */
export const FAST = { fsync: "off" };

/** Starts a server in this process; it is stopped when the test is over. */
export async function start(
  dataDir: string,
  options: Partial<Parameters<typeof startPostgres>[0]> = {},
): Promise<EmbeddedPostgres> {
  const server = await startPostgres({ dataDir, settings: FAST, ...options });
  onTestFinished(() => server.stop());
  return server;
}

export interface Holder {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly message: HolderMessage;
}

interface HoldOptions extends ForkOptions {
  /** The script, when it is not the one here. */
  readonly holder?: string;
  readonly args?: readonly string[];
}

/** Starts a process of its own that owns the folder, or fails to, and says which. */
export async function hold(dataDir: string, options: HoldOptions = {}): Promise<Holder> {
  const { holder = HOLDER, args = [], ...forkOptions } = options;
  const child = fork(holder, [dataDir, ...args], { execArgv: ["--import", "tsx"], ...forkOptions });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const [message] = (await Promise.race([
    once(child, "message"),
    once(child, "exit").then(() => [{ type: "failed", message: "it ended without a word" }]),
  ])) as [HolderMessage];
  return { process: child, pid: child.pid ?? 0, message };
}

/** The same, for a holder that must come up. */
export async function holdReady(dataDir: string, options?: HoldOptions) {
  const holder = await hold(dataDir, options);
  if (holder.message.type === "failed") throw new Error(holder.message.message);
  return { ...holder, url: holder.message.url, postmaster: holder.message.pid };
}

/** Kills outright, and waits until the process has been reaped. */
export async function killOutright(holder: Holder): Promise<void> {
  const exit = once(holder.process, "exit");
  holder.process.kill("SIGKILL");
  await exit;
}

/** The process that ends this postmaster when its owner is gone. */
export function watchdogOf(postmaster: number): number {
  const [pid] = processesNaming(`escapement-watchdog ${postmaster} `);
  if (pid === undefined) throw new Error(`Nobody watches PostgreSQL ${postmaster}.`);
  return pid;
}

/** Connects and stops the server process of that connection, which then cannot notice anything. */
export async function stuckBackend(url: string): Promise<number> {
  const sql = postgres(url, { max: 1 });
  onTestFinished(() => sql.end({ timeout: 0 }));
  const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  if (!row) throw new Error("PostgreSQL did not tell its process id.");
  process.kill(row.pid, "SIGSTOP");
  onTestFinished(() => {
    if (isRunning(row.pid)) process.kill(row.pid, "SIGKILL");
  });
  return row.pid;
}

/** Waits until no process has the text in its command line. */
export async function expectNoProcessNaming(text: string): Promise<void> {
  await vi.waitFor(() => expect(processesNaming(text)).toEqual([]), { timeout: 10_000, interval: 50 });
}

/** The ids of the processes with this text in their command line, arguments between spaces, this one excluded. */
export function processesNaming(text: string): number[] {
  return commandLines().flatMap(([pid, line]) => (pid !== process.pid && line.includes(text) ? [pid] : []));
}

function commandLines(): [number, string][] {
  if (process.platform === "linux") {
    return readdirSync("/proc").flatMap((name): [number, string][] => {
      if (!/^\d+$/.test(name)) return [];
      try {
        return [[Number(name), readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ")]];
      } catch {
        return []; // ended meanwhile
      }
    });
  }
  const lines = execFileSync("ps", ["-axo", "pid=,args="], { encoding: "utf8" }).trim().split("\n");
  return lines.map((line) => {
    const [, pid = "", args = ""] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
    return [Number(pid), args];
  });
}

/** Runs statements on one connection and closes it. */
export async function query<T>(url: string, run: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await run(sql);
  } finally {
    await sql.end();
  }
}

/** Leaves a row that a later start must find. */
export function leaveRow(url: string): Promise<unknown> {
  return query(url, (sql) => sql`create table kept as select 42 as answer`);
}

export async function expectRow(url: string): Promise<void> {
  expect(await query(url, (sql) => sql`select answer from kept`)).toEqual([{ answer: 42 }]);
}
