/** Where our server's time went during one trial: its functions by their own time, its statements by theirs. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Ours } from "./contestants.ts";
import { until } from "./load.ts";

const FUNCTIONS_SHOWN = 25;
const STATEMENTS_SHOWN = 8;
const STATEMENT_LENGTH = 110;
/** Starting a profile keeps the server busy for a while. */
const SETTLE_MS = 1_000;
/** The engine's own entries; the last is the profiler at work. */
const NOT_WORK = ["(idle)", "dispatch"];

interface ProfileNode {
  id: number;
  callFrame: { functionName: string; url: string; lineNumber: number };
}

interface CpuProfile {
  nodes: ProfileNode[];
  samples: number[];
  timeDeltas: number[];
}

export class Profiler {
  readonly dir: string;
  readonly #ours: Ours;

  constructor(dir: string, ours: Ours) {
    this.dir = resolve(dir);
    this.#ours = ours;
    mkdirSync(this.dir, { recursive: true });
  }

  async start(): Promise<void> {
    process.kill(this.#ours.server.pid, "SIGUSR2");
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    await this.#ours.sql`select pg_stat_statements_reset()`;
  }

  /** Ends the profile, keeps it as `<name>.cpuprofile`, and returns lines for people. */
  async stop(name: string): Promise<string[]> {
    const statements = await this.#statements();
    const before = new Set(readdirSync(this.dir));
    process.kill(this.#ours.server.pid, "SIGUSR2");
    const written = (): string | undefined =>
      readdirSync(this.dir).find((file) => /^\d+\.cpuprofile$/.test(file) && !before.has(file));
    await until(() => written() !== undefined, 30_000, 50);
    const file = join(this.dir, written() ?? "");
    const kept = join(this.dir, `${name.replaceAll(/[^a-z0-9]+/gi, "-")}.cpuprofile`);
    if (!existsSync(file)) throw new Error("the server wrote no profile");
    renameSync(file, kept);
    return [`    ${kept}`, ...topFunctions(JSON.parse(readFileSync(kept, "utf8"))), ...statements];
  }

  async #statements(): Promise<string[]> {
    const rows = await this.#ours.sql<
      { total: number; mean: number; calls: number; rows: number; query: string }[]
    >`
      select total_exec_time as total, mean_exec_time as mean, calls::float8 as calls, rows::float8 as rows,
        regexp_replace(query, '\\s+', ' ', 'g') as query
      from pg_stat_statements s join pg_database d on d.oid = s.dbid
      where d.datname = current_database() order by total_exec_time desc limit ${STATEMENTS_SHOWN}`;
    return [
      "    total ms  mean ms    calls      rows  statement",
      ...rows.map(
        ({ total, mean, calls, rows, query }) =>
          `    ${total.toFixed(0).padStart(8)} ${mean.toFixed(3).padStart(8)} ${String(calls).padStart(8)} ${String(rows).padStart(9)}  ${gist(query)}`,
      ),
    ];
  }
}

/** Statements begin alike, so what they write or read says more than their first words. */
function gist(query: string): string {
  const moves = [...query.matchAll(/(?:insert into|delete from|update) escapement\.(\w+)/g)].map(([found]) =>
    found.replace("escapement.", ""),
  );
  const text = moves.length > 1 ? [...new Set(moves)].join(", ") : query;
  return text.slice(0, STATEMENT_LENGTH);
}

function topFunctions({ nodes, samples, timeDeltas }: CpuProfile): string[] {
  const own = new Map<number, number>();
  for (const [at, node] of samples.entries()) own.set(node, (own.get(node) ?? 0) + (timeDeltas[at] ?? 0));
  const byName = new Map<string, number>();
  let total = 0;
  for (const { id, callFrame } of nodes) {
    const time = own.get(id) ?? 0;
    total += time;
    const place = callFrame.url.replace(/^.*\/(node_modules|server|worker)\//, "$1/");
    const name = `${callFrame.functionName || "(anonymous)"}${place === "" ? "" : ` ${place}:${callFrame.lineNumber + 1}`}`;
    byName.set(name, (byName.get(name) ?? 0) + time);
  }
  const elsewhere = NOT_WORK.reduce((sum, name) => sum + (byName.get(name) ?? 0), 0);
  const busy = total - elsewhere;
  for (const name of NOT_WORK) byName.delete(name);
  const top = [...byName].sort(([, a], [, b]) => b - a).slice(0, FUNCTIONS_SHOWN);
  return [
    `    busy ${((busy / total) * 100).toFixed(0)} % of ${(total / 1e6).toFixed(1)} s; own time, of the busy time:`,
    ...top.map(([name, time]) => `    ${((time / busy) * 100).toFixed(1).padStart(5)} %  ${name}`),
  ];
}
