/** (f) Long polls that wait: what each costs the server in memory, all of them in processor time, and how fast one wakes. */
import { readFileSync } from "node:fs";
import type { Ours } from "../contestants.ts";
import type { Figures } from "../figures.ts";
import { type Spread, until } from "../load.ts";
import type { Effort, Goal, Measure, Row } from "../measure.ts";
import { cpuMs, residentBytes } from "../processes.ts";

const WAKES_PER_SECOND = 50;
const MEMORY_GOALS: Record<number, readonly Goal[]> = { 19000: [{ atMost: 25 }] };
/** Files that a process needs besides its connections. */
const SPARE_FILES = 500;
const REST_MS = 2_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const counts = ({ quick }: Effort): number[] => (quick ? [1_000] : [1_000, 10_000, 19_000]);

/** A server started for this alone: in one that worked before, old garbage would hide what new polls take. */
async function parkAndWake(ours: Ours, count: number, { quick }: Effort): Promise<Figures> {
  const fresh = await ours.another();
  const { worker, server } = fresh;
  const startedBytes = residentBytes(server.pid);
  await worker.call("park", { count });
  const parked = async (): Promise<boolean> => (await server.parkedPolls()) === count;
  if (!(await until(parked, 60_000, 200)))
    throw new Error(`only ${await server.parkedPolls()} polls are parked`);
  await pause(REST_MS);
  const cpuBefore = cpuMs(server.pid);
  await pause(REST_MS);
  const cpuPercent = ((cpuMs(server.pid) - cpuBefore) / REST_MS) * 100;
  const bytes = residentBytes(server.pid) - startedBytes;
  await fresh.producer.call("pace", { perSecond: WAKES_PER_SECOND, warmUpMs: 0, ms: quick ? 2_000 : 6_000 });
  await pause(300);
  const woken = await worker.call<Spread>("woken");
  await worker.call("release");
  await fresh.stop();
  await ours.clean();
  return { memory: bytes / count / 1024, cpuPercent, p50: woken.p50, p99: woken.p99 };
}

function filesAllowed(): number {
  const limits = readFileSync("/proc/self/limits", "utf8");
  const hard = /Max open files\s+\d+\s+(\d+)/.exec(limits)?.[1];
  return hard === undefined ? Number.POSITIVE_INFINITY : Number(hard);
}

export const parked: Measure = {
  key: "parked",
  title: "parked long polls",
  skip: () => (process.platform === "linux" ? null : "it reads /proc, which is Linux's"),

  trials: ({ ours, effort, say }) =>
    counts(effort)
      .filter((count) => {
        const fits = count + SPARE_FILES <= filesAllowed();
        if (!fits) say(`parked: ${count} connections are more than \`ulimit -Hn\` allows here; left out`);
        return fits;
      })
      .map((count) => ({
        who: "ours",
        what: `parked ${count}`,
        run: () => parkAndWake(ours, count, effort),
      })),

  rows: ({ effort }) =>
    counts(effort).flatMap((count): Row[] => {
      const row = (title: string, unit: string, figure: string, goals?: readonly Goal[]): Row => ({
        name: `${count.toLocaleString("en")} parked polls, ${title}`,
        unit,
        better: "less",
        ours: { who: "ours", what: `parked ${count}`, figure },
        peers: {},
        ...(goals && { goals }),
      });
      return [
        row("memory each", "kB", "memory", MEMORY_GOALS[count]),
        row("processor while they wait", "% of a core", "cpuPercent"),
        row("wake-up p50", "ms", "p50"),
        row("wake-up p99", "ms", "p99"),
      ];
    }),
};
