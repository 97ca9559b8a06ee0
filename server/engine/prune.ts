/**
 * History: partitions made ahead and dropped when all of it is old, counters and keys that nobody needs any more.
 * Dropping a partition costs nothing and leaves no holes; only the few rows outside any partition are deleted.
 */
import { RETENTION } from "../config.ts";
import type { EngineContext } from "./context.ts";

const DAY_MS = 86_400_000;
/** Created ahead, so that a leaderless weekend never writes into the default partition. */
const DAYS_AHEAD = 4;
/** Milliseconds of 1 January 2024: run ids count from there (see the migration). */
const RUN_EPOCH_MS = 1_704_067_200_000;

/** The first run id of a moment. */
export function firstRunIdAt(ms: number): bigint {
  return BigInt(Math.max(0, ms - RUN_EPOCH_MS)) << 22n;
}

const dayName = (ms: number): string => new Date(ms).toISOString().slice(0, 10).replaceAll("-", "");
const startOfDay = (ms: number): number => Math.floor(ms / DAY_MS) * DAY_MS;

const BY_RUN_ID = ["ended", "attempt", "payload", "output_bytes", "output"] as const;

/** Makes the partitions of today and the next days. Any server may, at its start; the leader does every minute. */
export async function ensurePartitions({ sql }: EngineContext): Promise<void> {
  const [clock] = await sql<
    { now: number }[]
  >`select extract(epoch from escapement.clock())::float8 * 1000 as now`;
  const today = startOfDay(clock?.now ?? 0);
  const rows = await sql<{ name: string }[]>`
    select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'escapement' and c.relispartition`;
  const known = new Set(rows.map((row) => row.name));
  for (let day = today - DAY_MS; day <= today + DAYS_AHEAD * DAY_MS; day += DAY_MS) {
    const bounds = [
      ...BY_RUN_ID.map((table) => ({
        table,
        from: `'${firstRunIdAt(day)}'`,
        to: `'${firstRunIdAt(day + DAY_MS)}'`,
      })),
      {
        table: "occurrence",
        from: `'${new Date(day).toISOString()}'`,
        to: `'${new Date(day + DAY_MS).toISOString()}'`,
      },
    ];
    for (const { table, from, to } of bounds) {
      const name = `${table}_${dayName(day)}`;
      if (known.has(name)) continue;
      // Rows that came before their partition stay in the default one, where everything finds them.
      await sql
        .unsafe(
          `create table if not exists escapement.${name} partition of escapement.${table} for values from (${from}) to (${to})`,
        )
        .catch((error: { code?: string }) => {
          if (error.code !== "23514" && error.code !== "42P07") throw error;
        });
    }
  }
}

/** Drops what is older than RETENTION. Returns the ids of runs whose output folders may go: those before this id. */
export async function prune(context: EngineContext): Promise<{ runsBefore: string }> {
  const { sql } = context;
  const [clock] = await sql<
    { now: number }[]
  >`select extract(epoch from escapement.clock())::float8 * 1000 as now`;
  const now = clock?.now ?? 0;
  const oldestRun = startOfDay(now - RETENTION.runDays * DAY_MS);
  const oldestOccurrence = startOfDay(now - RETENTION.occurrenceDays * DAY_MS);
  const partitions = await sql<{ name: string }[]>`
    select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'escapement' and c.relispartition and c.relname ~ '_[0-9]{8}$' order by 1`;
  for (const { name } of partitions) {
    const [, table, day] = /^(.*)_(\d{8})$/.exec(name) ?? [];
    if (table === "occurrence" && day !== undefined && day < dayName(oldestOccurrence)) {
      await sql`drop table escapement.${sql(name)}`;
    }
    if (table !== "ended" || day === undefined || day >= dayName(oldestRun)) continue;
    // Partitioned by creation, kept by end: a run that waited for weeks keeps its day alive.
    const [young] = await sql`
      select from escapement.${sql(name)} where ended_at >= ${new Date(oldestRun)} limit 1`;
    if (young) continue;
    for (const part of BY_RUN_ID) await sql`drop table if exists escapement.${sql(`${part}_${day}`)}`;
  }
  await sql`delete from escapement.ended_default where ended_at < ${new Date(oldestRun)}`;
  await sql`delete from escapement.occurrence_default where coalesce(until_at, scheduled_at) < ${new Date(oldestOccurrence)}`;
  await sql`delete from escapement.tally where at < escapement.clock() - ${RETENTION.tallyHours} * interval '1 hour'`;
  await sql`
    delete from escapement.idempotency
    where touched_at < escapement.clock() - ${RETENTION.idempotencyDays} * interval '1 day'`;
  await sql`delete from escapement.server where seen_at < escapement.clock() - interval '1 hour'`;
  return { runsBefore: String(firstRunIdAt(oldestRun)) };
}

/** Keeps the hot tables small whatever autovacuum's nap time is (PERFORMANCE 3.2: 77 k against 36 k runs/s). */
export async function vacuum({ sql }: EngineContext): Promise<void> {
  await sql`vacuum (index_cleanup on, truncate off, parallel 0, skip_locked)
    escapement.ready, escapement.lease, escapement.waiting, escapement.trigger, escapement.tally`;
}
