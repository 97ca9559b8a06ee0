/** What processes use, read from /proc; nothing is known where there is none. */
import { readdirSync, readFileSync } from "node:fs";

/** Linux counts processor time in hundredths of a second wherever Node.js runs. */
const TICK_MS = 10;

interface Stat {
  pid: number;
  parent: number;
  /** Own processor time and that of children that have ended. */
  cpuMs: number;
}

function statOf(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold blanks; after it stand state, parent, and from the 12th on the times.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0);
    return { pid, parent: Number(fields[1]), cpuMs: ticks * TICK_MS };
  } catch {
    return null;
  }
}

/** Processor time that a process has used so far. */
export function cpuMs(pid: number): number {
  return statOf(pid)?.cpuMs ?? Number.NaN;
}

/** Memory of a process that is in use. */
export function residentBytes(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) * 1024;
}

/** Share of the whole machine's processor time that went to others than these processes and those below them. */
export class Foreign {
  readonly #roots: () => number[];
  #before = { busyMs: 0, totalMs: 0, oursMs: 0 };

  constructor(roots: () => number[]) {
    this.#roots = roots;
  }

  start(): void {
    this.#before = this.#look();
  }

  /** From 0 to 1 since `start`; NaN where there is no /proc. */
  share(): number {
    const now = this.#look();
    const foreignMs = now.busyMs - this.#before.busyMs - (now.oursMs - this.#before.oursMs);
    return Math.max(0, foreignMs) / (now.totalMs - this.#before.totalMs);
  }

  #look(): { busyMs: number; totalMs: number; oursMs: number } {
    try {
      const line = readFileSync("/proc/stat", "utf8").split("\n", 1)[0] ?? "";
      const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0] = line
        .split(/\s+/)
        .slice(1)
        .map(Number);
      const busy = user + nice + system + irq + softirq;
      return {
        busyMs: busy * TICK_MS,
        totalMs: (busy + idle + wait) * TICK_MS,
        oursMs: treeCpuMs(this.#roots()),
      };
    } catch {
      return { busyMs: Number.NaN, totalMs: Number.NaN, oursMs: Number.NaN };
    }
  }
}

/** Processor time of these processes and of all below them. */
export function treeCpuMs(roots: readonly number[]): number {
  const stats = readdirSync("/proc").flatMap((name) => {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : null;
    return stat ? [stat] : [];
  });
  const ours = new Set(roots);
  for (let grown = true; grown; ) {
    grown = false;
    for (const { pid, parent } of stats) {
      if (!ours.has(parent) || ours.has(pid)) continue;
      ours.add(pid);
      grown = true;
    }
  }
  return stats.filter(({ pid }) => ours.has(pid)).reduce((sum, stat) => sum + stat.cpuMs, 0);
}
