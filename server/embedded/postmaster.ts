/** One running PostgreSQL server: its pid file, its start, its end. */
import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Home, withFreePort, writeUrl } from "./home.ts";
import { commandLine, isRunning, isZombie, waitUntilGone } from "./process.ts";
import { type Runtime, signal, spawnIn } from "./runtime.ts";
import { settingArguments } from "./settings.ts";
import { StartError } from "./start-error.ts";
import { watch } from "./watchdog.ts";

/** A server that is ready for connections. */
export interface Postmaster {
  readonly pid: number;
  readonly url: URL;
  /** Settles when the process has ended, for whatever reason. */
  readonly ended: Promise<{ readonly reason: string }>;
  /** Fast shutdown; returns when the process is gone. */
  stop(): Promise<void>;
}

/** What a start needs. */
export interface Launch {
  readonly home: Home;
  readonly runtime: Runtime;
  readonly settings: Readonly<Record<string, string>>;
  /** The port is the remembered one if that is free, unless `keepPort` insists on it. */
  readonly url: URL;
  readonly keepPort: boolean;
  /** Whether nothing of the folder shall remain, however this process ends. */
  readonly temporary: boolean;
  onProgress(line: string): void;
}

const READY_CHECK_MS = 10;
const PROGRESS_EVERY_MS = 3_000;
/** A shutdown writes out at most shared_buffers; what takes longer is left to recovery, to keep our own 10 s. */
const FAST_STOP_MS = 5_000;
/** An immediate shutdown is a matter of milliseconds, unless a process is stuck. */
const IMMEDIATE_STOP_MS = 2_000;
/** How long a port or the memory of a dead server may stay taken by its last processes. */
const LEFTOVER_WAIT_MS = 60_000;
const LEFTOVER_CHECK_MS = 200;
const LOG_TAIL_LINES = 15;

/** Starts the server and waits until it accepts connections; StartError shows the end of its log. */
export async function launch(options: Launch): Promise<Postmaster> {
  const deadline = performance.now() + LEFTOVER_WAIT_MS;
  let waiting = false;
  for (;;) {
    const url = options.keepPort ? options.url : await withFreePort(options.url);
    const result = await attempt(options, url);
    if (!(result instanceof FailedStart)) {
      writeUrl(options.home, url);
      return result;
    }
    if (!(result.portTaken || result.memoryInUse) || performance.now() > deadline)
      throw result.toError(options.home);
    if (result.memoryInUse && !waiting) {
      waiting = true;
      options.onProgress("Waiting for the last processes of a PostgreSQL that was killed to end");
    }
    await sleep(LEFTOVER_CHECK_MS);
  }
}

/**
 * Ends a server that outlived the process that owned this folder. It is not taken over as it is: its settings,
 * log and watchdog are those of the dead process, and the watchdog may be ending it at this moment. Also clears
 * away a pid file whose id another process has now, at which PostgreSQL itself would refuse to start.
 */
export async function endOrphan(
  home: Home,
  runtime: Runtime,
  onProgress: (line: string) => void,
): Promise<void> {
  const pid = readPidFile(home)?.pid;
  if (pid === undefined) return;
  if (isPostmaster(pid, home)) {
    onProgress(`Ending the PostgreSQL (process ${pid}) that a killed Escapement left behind`);
    await end(runtime, pid);
  }
  const taken = isRunning(pid) && commandLine(pid) !== "" && !isPostmaster(pid, home);
  if (taken || isZombie(pid)) rmSync(pidFile(home), { force: true });
}

/** Keeps the log of the last start for a post-mortem, and no more than that. */
export function turnLog(home: Home): void {
  try {
    renameSync(home.log, home.previousLog);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

async function attempt(options: Launch, url: URL): Promise<Postmaster | FailedStart> {
  const { home, runtime, settings, temporary } = options;
  const log = openSync(home.log, "a", 0o600);
  const logStart = statSync(home.log).size;
  // In a container a restarted server often has the process id of the one that crashed: its file is not ours.
  const leftBehind = readPidFile(home);
  const child = spawnIn(runtime, "postgres", ["-D", home.data, ...settingArguments(url.port, settings)], {
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  const { pid } = child;
  const ended = new Promise<{ reason: string }>((resolve) => {
    child.once("error", (error) => resolve({ reason: error.message }));
    child.once("exit", (code, name) => resolve({ reason: name ?? `exit code ${code}` }));
  });
  if (pid === undefined) return new FailedStart((await ended).reason);
  child.unref();
  const dismiss = watch(pid, temporary ? home.dir : undefined);
  let over = false;
  void ended.then(() => {
    over = true;
    dismiss();
  });
  const stop = async () => {
    if (over) return;
    child.ref();
    await end(runtime, pid);
    await ended;
  };

  let progressAt = performance.now() + PROGRESS_EVERY_MS;
  while (!over) {
    const file = readPidFile(home);
    const isOld = file?.pid === leftBehind?.pid && file?.startedAt === leftBehind?.startedAt;
    if (file?.pid === pid && file.ready && !isOld) return { pid, url, ended, stop };
    if (performance.now() > progressAt) {
      options.onProgress(`PostgreSQL is still starting: ${lastLines(home, logStart, 1)}`);
      progressAt += PROGRESS_EVERY_MS;
    }
    await sleep(READY_CHECK_MS);
  }
  return new FailedStart(lastLines(home, logStart, LOG_TAIL_LINES));
}

/** Stops a server in the mildest way that works in time. Killed outright, it recovers at the next start. */
async function end(runtime: Runtime, pid: number): Promise<void> {
  signal(runtime.binaries, pid, "INT");
  if (await waitUntilGone(pid, FAST_STOP_MS)) return;
  signal(runtime.binaries, pid, "QUIT");
  if (await waitUntilGone(pid, IMMEDIATE_STOP_MS)) return;
  signal(runtime.binaries, pid, "KILL");
  await waitUntilGone(pid, IMMEDIATE_STOP_MS);
}

/** A start that ended early, and the two causes that pass by themselves. */
class FailedStart {
  readonly log: string;
  readonly portTaken: boolean;
  readonly memoryInUse: boolean;

  constructor(log: string) {
    this.log = log;
    this.portTaken = /Address already in use/.test(log);
    this.memoryInUse = /pre-existing shared memory block|lock file "postmaster.pid" already exists/.test(log);
  }

  toError(home: Home): StartError {
    return new StartError(`PostgreSQL did not start. The end of ${home.log}:\n${this.log}`);
  }
}

function lastLines(home: Home, from: number, count: number): string {
  const written = readFileSync(home.log).subarray(from).toString().trimEnd();
  return written.split("\n").slice(-count).join("\n");
}

function pidFile(home: Home): string {
  return join(home.data, "postmaster.pid");
}

/** postmaster.pid: line 1 is the process id, line 3 when it began, line 8 whether it is ready. */
function readPidFile(home: Home): { pid: number; startedAt: string | undefined; ready: boolean } | undefined {
  try {
    const lines = readFileSync(pidFile(home), "utf8").split("\n");
    const pid = Number.parseInt(lines[0] ?? "", 10);
    return pid > 0 ? { pid, startedAt: lines[2], ready: lines[7]?.trim() === "ready" } : undefined;
  } catch {
    return undefined;
  }
}

/** Process ids are used again: only a process that was started on this very folder is its server. */
function isPostmaster(pid: number, home: Home): boolean {
  return isRunning(pid) && commandLine(pid).includes(` -D ${home.data} `);
}
