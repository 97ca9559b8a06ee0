/**
 * History: partitions made ahead and dropped when all of it is old, counters and keys that nobody needs any more.
 * Dropping a partition costs nothing and leaves no holes; only the few rows outside any partition are deleted.
 */
import { RETENTION } from "../config.ts";
import { guarded, type Sql } from "../store/connection.ts";
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

const BY_RUN_ID = [
  "ended",
  "attempt",
  "payload",
  "output_bytes",
  "joined",
  "part",
  "workflow_run",
  "workflow_member",
  "workflow_signal",
] as const;

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

/** Drops what is older than RETENTION. Runs before the id it returns have gone, but for those that are still needed. */
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
    await dropDay(sql, day);
  }
  const before = new Date(oldestRun);
  await sql`
    delete from escapement.ended_default e where ended_at < ${before}
      and not exists (select from escapement.dead_letter d where d.run_id = e.id)`;
  const firstKept = String(firstRunIdAt(oldestRun));
  for (const part of [
    "attempt_default",
    "payload_default",
    "output_bytes_default",
    "workflow_run_default",
    "workflow_member_default",
    "workflow_signal_default",
  ]) {
    await sql`
      delete from escapement.${sql(part)} p where run_id < ${firstKept}
        and not exists (select from escapement.run r where r.id = p.run_id)`;
  }
  await sql`
    delete from escapement.redrive p where at < ${before} and not exists (select from escapement.run r where r.id = p.run_id)`;
  await sql`
    delete from escapement.rerun p where run_id < ${firstKept} and not exists (select from escapement.run r where r.id = p.run_id)`;
  await sql`delete from escapement.occurrence_default where coalesce(until_at, scheduled_at) < ${new Date(oldestOccurrence)}`;
  await sql`delete from escapement.tally where at < (select escapement.clock()) - ${RETENTION.tallyHours} * interval '1 hour'`;
  await sql`
    delete from escapement.idempotency
    where touched_at < (select escapement.clock()) - ${RETENTION.idempotencyDays} * interval '1 day'`;
  // Executors come and go under new names; queues for them go when no run that is still kept can name them.
  await sql`
    delete from escapement.queue q
    where requirement <> '{}' and used_at < escapement.clock() - ${RETENTION.runDays + 1} * interval '1 day'
      and not exists (select from escapement.job_version v where v.queue_id = q.id)
      and not exists (select from escapement.ready r where r.queue_id = q.id)
      and not exists (select from escapement.waiting w where w.queue_id = q.id)
      and not exists (select from escapement.lease l where l.queue_id = q.id)
      and not exists (select from escapement.staged s where s.queue_id = q.id)`;
  // A start that wants the key meanwhile has touched it: the delete then waits for it, and finds it young.
  await sql`
    delete from escapement.uniqueness u where touched_at < ${before} and until_at > escapement.clock() is not true
      and not exists (select from escapement.waiting w where w.id = u.run_id)
      and not exists (select from escapement.ready r where r.id = u.run_id)
      and not exists (select from escapement.lease l where l.id = u.run_id)`;
  await sql`delete from escapement.node_cache where used_at < ${before}`;
  await sql`delete from escapement.server where seen_at < escapement.clock() - interval '1 hour'`;
  return { runsBefore: String(firstRunIdAt(oldestRun)) };
}

/**
 * Drops a day, but for what is still needed of it: dead letters, and the inputs and attempts of runs that go on. That
 * moves into the default partitions, where everything finds it.
 */
async function dropDay(sql: Sql, day: string): Promise<void> {
  const start = Date.parse(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}T00:00:00Z`);
  const [first, end] = [String(firstRunIdAt(start)), String(firstRunIdAt(start + DAY_MS))];
  const of = (table: string, id: string) =>
    sql`select ${sql(id)} as id from escapement.${sql(table)} where ${sql(id)} >= ${first} and ${sql(id)} < ${end}`;
  const dead = of("dead_letter", "run_id");
  const live = sql`${of("waiting", "id")} union all ${of("ready", "id")} union all ${of("lease", "id")}`;
  await guarded(sql, async (transaction) => {
    for (const part of BY_RUN_ID) {
      const name = `${part}_${day}`;
      const [there] = await transaction`select where to_regclass(${`escapement.${name}`}) is not null`;
      if (!there) continue;
      const whole = transaction(part);
      await transaction`alter table escapement.${whole} detach partition escapement.${transaction(name)}`;
      await transaction`
        insert into escapement.${whole}
        select p.* from (${part === "ended" ? dead : sql`${dead} union ${live}`}) kept
        join escapement.${transaction(name)} p on p.${transaction(part === "ended" ? "id" : "run_id")} = kept.id`;
      await transaction`drop table escapement.${transaction(name)}`;
    }
  });
}

/** Keeps the hot tables small whatever autovacuum's nap time is (PERFORMANCE 3.2: 77 k against 36 k runs/s). */
export async function vacuum({ sql }: EngineContext): Promise<void> {
  await sql`vacuum (index_cleanup on, truncate off, parallel 0, skip_locked)
    escapement.ready, escapement.lease, escapement.waiting, escapement.dependency, escapement.staged, escapement.place,
      escapement.trigger, escapement.tally`;
}
