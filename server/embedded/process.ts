/** What the system tells about other processes: whether one runs, since when, and as what. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const CHECK_EVERY_MS = 20;

/** Whether a process with this id runs; one that has ended and waits to be reaped does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" && !isZombie(pid);
  }
  return !isZombie(pid);
}

/**
 * A number that tells two processes with the same id apart, as ids are used again: the kernel's start time
 * where it can be read (clock ticks on Linux, milliseconds on macOS), otherwise 0.
 */
export function startedAt(pid: number): number {
  if (process.platform === "linux") return Number(linuxStat(pid)?.[19] ?? 0);
  if (process.platform === "darwin") return Date.parse(ps(pid, "lstart=")) || 0;
  return 0;
}

/** The command line of a process, its arguments between spaces; empty when it is gone or cannot be read. */
export function commandLine(pid: number): string {
  if (process.platform !== "linux") return ps(pid, "args=");
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

/** Waits until the process is gone, at most `waitMs`; false when it is still there. */
export async function waitUntilGone(pid: number, waitMs: number): Promise<boolean> {
  const deadline = performance.now() + waitMs;
  while (isRunning(pid)) {
    if (performance.now() > deadline) return false;
    await sleep(CHECK_EVERY_MS);
  }
  return true;
}

/** Whether the process has ended but still holds its id, because nobody has asked how it went. */
export function isZombie(pid: number): boolean {
  return process.platform === "linux" && /^[ZX]$/.test(linuxStat(pid)?.[0] ?? "");
}

/** The fields of /proc/<pid>/stat from the third (state) on; the second may itself hold spaces and brackets. */
function linuxStat(pid: number): string[] | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "utf8");
    return line.slice(line.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

function ps(pid: number, column: string): string {
  if (process.platform === "win32") return "";
  try {
    return execFileSync("ps", ["-o", column, "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return "";
  }
}
