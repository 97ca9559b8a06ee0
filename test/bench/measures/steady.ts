/**
 * (g) The whole path for minutes, at 100 million runs a day and at full speed, the latter also while somebody holds a
 * snapshot: is the last part of it as good as the first?
 */
import postgres from "postgres";
import type { Ours } from "../contestants.ts";
import type { Figures } from "../figures.ts";
import type { Spread } from "../load.ts";
import type { Effort, Goal, Measure, Row } from "../measure.ts";
import { residentBytes } from "../processes.ts";

const PER_SECOND = 1_157;
const WINDOWS = 6;
const BACKLOG = 10_000;
const WARM_UP_MS = 2_000;
const MB = 1024 * 1024;

const windowMs = ({ minutes }: Effort): number => (minutes * 60_000) / WINDOWS;

async function hotTablesMb(ours: Ours): Promise<number> {
  const [row] = await ours.sql<{ bytes: number }[]>`
    select (pg_total_relation_size('escapement.ready') + pg_total_relation_size('escapement.lease'))::float8 as bytes`;
  return (row?.bytes ?? 0) / MB;
}

/** Starts at a rate, the TypeScript worker handles; each window's latency, memory and tables. */
async function hundredMillionADay(ours: Ours, effort: Effort, say: (line: string) => void): Promise<Figures> {
  const [worker] = ours.workers;
  await worker.call("listen", { with: "worker", batch: 100, pollers: 1 });
  await ours.producer.call("pace", { perSecond: PER_SECOND, warmUpMs: 0, ms: WARM_UP_MS });
  const windows: { p50: number; p99: number; memory: number; tables: number; achieved: number }[] = [];
  for (let number = 1; number <= WINDOWS; number++) {
    await worker.call("reset", {});
    const order = { perSecond: PER_SECOND, warmUpMs: 0, ms: windowMs(effort) };
    const achieved = await ours.producer.call<number>("pace", order);
    const { p50, p99 } = await worker.call<Spread>("noted");
    const memory = residentBytes(ours.server.pid) / MB;
    const tables = await hotTablesMb(ours);
    windows.push({ p50, p99, memory, tables, achieved });
    say(
      `    window ${number}: ${achieved.toFixed(0)}/s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ` +
        `${memory.toFixed(0)} MB, ready and lease ${tables.toFixed(1)} MB`,
    );
  }
  await worker.call("hush");
  await ours.clean();
  const first = windows[0];
  const last = windows.at(-1);
  if (!first || !last) throw new Error("no window");
  return {
    p99: last.p99,
    latency: first.p50 / last.p50,
    memory: last.memory / first.memory,
    tables: last.tables,
    achieved: last.achieved,
  };
}

async function fullSpeed(ours: Ours, effort: Effort, say: (line: string) => void): Promise<Figures> {
  const [worker] = ours.workers;
  const cycle = (ms: number, window: number): Promise<number[]> =>
    worker.call("cycle", { ms, windowMs: window, backlog: BACKLOG });
  await cycle(WARM_UP_MS, WARM_UP_MS);
  const memoryBefore = residentBytes(ours.server.pid);
  const rates = await cycle(effort.minutes * 60_000, windowMs(effort));
  const memory = residentBytes(ours.server.pid) / memoryBefore;
  const tables = await hotTablesMb(ours);
  say(`    windows: ${rates.map((rate) => `${(rate / 1000).toFixed(1)}k`).join(" ")} runs/s`);
  await ours.sql`truncate escapement.ready, escapement.lease`;
  await ours.clean();
  const [first = Number.NaN] = rates;
  return {
    mean: rates.reduce((sum, rate) => sum + rate, 0) / rates.length,
    kept: (rates.at(-1) ?? 0) / first,
    memory,
    tables,
  };
}

/** With a snapshot as pg_dump, an idle transaction or a replica's feedback holds it. */
async function withSnapshot(ours: Ours, effort: Effort, say: (line: string) => void): Promise<Figures> {
  const holder = postgres(ours.databaseUrl, { max: 1, onnotice: () => {} });
  let letGo = (): void => {};
  const over = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let held = (): void => {};
  const holding = new Promise<void>((resolve) => {
    held = resolve;
  });
  const transaction = holder.begin("isolation level repeatable read", async (sql) => {
    // A snapshot alone: a lock on a table would keep the bench from emptying it.
    await sql`select 1`;
    held();
    await over;
  });
  try {
    await holding;
    return await fullSpeed(ours, effort, say);
  } finally {
    letGo();
    await transaction;
    await holder.end();
  }
}

export const steady: Measure = {
  key: "steady",
  title: "steady state",
  rounds: () => 1,

  trials: ({ ours, effort, say }) => {
    const full = { who: "ours", what: "full speed", run: () => fullSpeed(ours, effort, say) };
    if (effort.quick) return [full];
    return [
      { who: "ours", what: "100 M a day", run: () => hundredMillionADay(ours, effort, say) },
      full,
      { who: "ours", what: "snapshot held", run: () => withSnapshot(ours, effort, say) },
    ];
  },

  rows: ({ effort }) => {
    const time = `${effort.minutes} min`;
    const row = (
      what: string,
      name: string,
      figure: string,
      unit: string,
      better: Row["better"],
      goals?: readonly Goal[],
    ): Row => ({
      name: `${name}`,
      unit,
      better,
      ours: { who: "ours", what, figure },
      peers: {},
      ...(goals && { goals }),
    });
    const day = `${PER_SECOND.toLocaleString("en")}/s for ${time}`;
    const full = `full speed for ${time}`;
    const held = `full speed for ${time}, snapshot held`;
    return [
      row("100 M a day", `${day}, latency p99 in the last window`, "p99", "ms", "less"),
      row("100 M a day", `${day}, latency p50, first ÷ last window`, "latency", "×", "more", [
        { atLeast: 0.8 },
      ]),
      row("100 M a day", `${day}, server memory, last ÷ first window`, "memory", "×", "less", [
        { atMost: 1.25 },
      ]),
      row("100 M a day", `${day}, ready and lease at the end`, "tables", "MB", "less"),
      row("full speed", `${full}, mean`, "mean", "runs/s", "more"),
      row("full speed", `${full}, last ÷ first window`, "kept", "×", "more", [{ atLeast: 0.9 }]),
      row("full speed", `${full}, server memory, end ÷ start`, "memory", "×", "less"),
      row("full speed", `${full}, ready and lease at the end`, "tables", "MB", "less"),
      row("snapshot held", `${held}, mean`, "mean", "runs/s", "more"),
      row("snapshot held", `${held}, last ÷ first window`, "kept", "×", "more", [{ atLeast: 0.7 }]),
    ];
  },
};
