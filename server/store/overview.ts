/** What happens now, counted over the small tables; shared by everybody who looks within the same second. */
import type { Sql } from "./connection.ts";
import { executorState } from "./executors.ts";
import { createTally, type Minute } from "./tally.ts";

export interface Overview {
  /** The database's time of this reading. */
  at: Date;
  waiting: number;
  ready: number;
  running: number;
  /** These three: over the last 24 hours. */
  succeeded: number;
  failed: number;
  cancelled: number;
  /** Runs per second over the last minute. */
  startRate: number;
  endRate: number;
  /** Null when no run is ready. */
  oldestReadySeconds: number | null;
  /** Null when no trigger is due. */
  triggerLatenessSeconds: number | null;
  executorsOnline: number;
  /** The last `count` minutes, oldest first. */
  minutes: (count: number) => Minute[];
}

interface Counts {
  namespaceId: number;
  waiting: number;
  ready: number;
  running: number;
  oldestReadySeconds: number | null;
  triggerLatenessSeconds: number | null;
  executorsOnline: number;
}

interface Snapshot {
  at: Date;
  counts: Counts[];
}

const FRESH_MS = 1_000;
/** Counting a large backlog takes a while; at most this share of one connection goes into it. */
const BUSY_SHARE = 0.1;

export interface Overviews {
  /** Of one namespace or, with null, of all. */
  read(namespaceId: number | null): Promise<Overview>;
}

export function createOverviews(sql: Sql): Overviews {
  const tally = createTally(sql);
  let latest: Promise<Snapshot> | null = null;
  let freshUntil = 0;

  const snapshot = (): Promise<Snapshot> => {
    const startedAt = performance.now();
    if (latest !== null && startedAt < freshUntil) return latest;
    freshUntil = Number.POSITIVE_INFINITY;
    const reading = readCounts(sql)
      .then(async (counts) => {
        await tally.refresh(counts.at.getTime());
        freshUntil = startedAt + Math.max(FRESH_MS, (performance.now() - startedAt) / BUSY_SHARE);
        return counts;
      })
      .catch((error: unknown) => {
        latest = null;
        throw error;
      });
    latest = reading;
    return reading;
  };

  return {
    async read(namespaceId) {
      const { at, counts } = await snapshot();
      const shown = namespaceId === null ? counts : counts.filter((row) => row.namespaceId === namespaceId);
      const total = (pick: (row: Counts) => number): number => shown.reduce((sum, row) => sum + pick(row), 0);
      const longest = (pick: (row: Counts) => number | null): number | null =>
        shown
          .map(pick)
          .reduce((most, one) => (most === null || (one !== null && one > most) ? one : most), null);
      const { day, startRate, endRate, minutes } = tally.view(namespaceId, at.getTime());
      return {
        at,
        waiting: total((row) => row.waiting),
        ready: total((row) => row.ready),
        running: total((row) => row.running),
        succeeded: day.SUCCEEDED,
        failed: day.FAILED,
        cancelled: day.CANCELLED,
        startRate,
        endRate,
        oldestReadySeconds: longest((row) => row.oldestReadySeconds),
        triggerLatenessSeconds: longest((row) => row.triggerLatenessSeconds),
        executorsOnline: total((row) => row.executorsOnline),
        minutes,
      };
    },
  };
}

async function readCounts(sql: Sql): Promise<Snapshot> {
  const rows = await sql<(Counts & { at: Date })[]>`
    with now as materialized (select escapement.clock() as at),
    waiting as (select namespace_id, count(*)::int as count from escapement.waiting group by 1),
    ready as (
      select namespace_id, count(*)::int as count, min(ready_at) as oldest_at from escapement.ready group by 1
    ),
    running as (select namespace_id, count(*)::int as count from escapement.lease group by 1),
    due as (
      select namespace_id, min(next_at) as oldest_at from escapement.trigger
      where state = 'NORMAL' and next_at <= (select at from now) group by 1
    ),
    online as (
      select namespace_id, count(*)::int as count from escapement.executor e
      where ${executorState(sql)} = 'ONLINE' group by 1
    )
    select n.id as "namespaceId", now.at, coalesce(waiting.count, 0) as waiting, coalesce(ready.count, 0) as ready,
      coalesce(running.count, 0) as running, coalesce(online.count, 0) as "executorsOnline",
      extract(epoch from now.at - ready.oldest_at)::float8 as "oldestReadySeconds",
      extract(epoch from now.at - due.oldest_at)::float8 as "triggerLatenessSeconds"
    from escapement.namespace n cross join now
    left join waiting on waiting.namespace_id = n.id
    left join ready on ready.namespace_id = n.id
    left join running on running.namespace_id = n.id
    left join due on due.namespace_id = n.id
    left join online on online.namespace_id = n.id`;
  return { at: rows[0]?.at ?? new Date(0), counts: rows };
}
