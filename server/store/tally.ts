/**
 * How many runs started and ended, per namespace, over the last day. The counters are in ten-second buckets; a server
 * adds them up by minutes once and from then on reads only the last few, so that looking costs the same all day.
 */
import type { Sql } from "./connection.ts";

const COUNTED = ["STARTED", "SUCCEEDED", "FAILED", "CANCELLED"] as const;
type Counted = (typeof COUNTED)[number];
type Counts = Record<Counted, number>;

export interface Minute extends Counts {
  /** Epoch milliseconds of its beginning. */
  at: number;
}

export interface TallyView {
  /** Over the last 24 hours. */
  day: Counts;
  /** Per second over the last minute. */
  startRate: number;
  endRate: number;
  /** The last `count` minutes, oldest first, the current one included. */
  minutes(count: number): Minute[];
}

const MINUTE_MS = 60_000;
const BUCKET_MS = 10_000;
export const DAY_MINUTES = 1_440;
/** A batch counts where it began, and no statement takes longer than this. */
const SETTLED_MS = 2 * MINUTE_MS;

interface Bucket extends Counts {
  at: number;
}

export interface Tally {
  /** Reads what may have changed until `now`, the database's, in epoch milliseconds. */
  refresh(now: number): Promise<void>;
  /** Of one namespace or, with null, of all. */
  view(namespaceId: number | null, now: number): TallyView;
}

export function createTally(sql: Sql): Tally {
  /** Minutes by namespace and beginning. */
  const minutes = new Map<number, Map<number, Counts>>();
  let recent = new Map<number, Bucket[]>();
  let readUntil = 0;

  const add = (namespaceId: number, { at, ...counts }: Bucket): void => {
    const byMinute = minutes.get(namespaceId) ?? new Map<number, Counts>();
    minutes.set(namespaceId, byMinute);
    const minute = Math.floor(at / MINUTE_MS) * MINUTE_MS;
    byMinute.set(minute, sum([byMinute.get(minute) ?? blank(), counts]));
  };

  return {
    async refresh(now) {
      const dayAgo = now - DAY_MINUTES * MINUTE_MS;
      const from = Math.floor(Math.max(readUntil - SETTLED_MS, dayAgo) / MINUTE_MS) * MINUTE_MS;
      const rows = await sql<(Counts & { namespaceId: number; at: Date })[]>`
        select namespace_id as "namespaceId",
          case when at < ${new Date(now - SETTLED_MS)} then date_trunc('minute', at) else at end as at,
          coalesce(sum(count) filter (where what = 'STARTED'), 0)::float8 as "STARTED",
          coalesce(sum(count) filter (where what = 'SUCCEEDED'), 0)::float8 as "SUCCEEDED",
          coalesce(sum(count) filter (where what = 'FAILED'), 0)::float8 as "FAILED",
          coalesce(sum(count) filter (where what = 'CANCELLED'), 0)::float8 as "CANCELLED"
        from escapement.tally where at >= ${new Date(from)} group by 1, 2`;
      for (const byMinute of minutes.values()) {
        for (const minute of byMinute.keys()) if (minute >= from || minute < dayAgo) byMinute.delete(minute);
      }
      recent = new Map();
      for (const { namespaceId, ...row } of rows) {
        const bucket = { ...row, at: row.at.getTime() };
        add(namespaceId, bucket);
        const buckets = recent.get(namespaceId) ?? [];
        recent.set(namespaceId, buckets);
        buckets.push(bucket);
      }
      readUntil = now;
    },

    view(namespaceId, now) {
      const shown = namespaceId === null ? [...minutes.keys()] : [namespaceId];
      const dayAgo = now - DAY_MINUTES * MINUTE_MS;
      const past = shown.flatMap((id) =>
        [...(minutes.get(id) ?? [])].map(([at, counts]) => ({ at, ...counts })),
      );
      // The current bucket and the five before it: 50 to 60 seconds.
      const rateFrom = Math.floor(now / BUCKET_MS) * BUCKET_MS - 5 * BUCKET_MS;
      const last = sum(shown.flatMap((id) => recent.get(id) ?? []).filter(({ at }) => at >= rateFrom));
      const seconds = (now - rateFrom) / 1_000;
      return {
        day: sum(past.filter(({ at }) => at >= dayAgo)),
        startRate: last.STARTED / seconds,
        endRate: (last.SUCCEEDED + last.FAILED + last.CANCELLED) / seconds,
        minutes: (count) => {
          const current = Math.floor(now / MINUTE_MS) * MINUTE_MS;
          return Array.from({ length: count }, (_, index) => {
            const at = current - (count - 1 - index) * MINUTE_MS;
            return { ...sum(shown.flatMap((id) => minutes.get(id)?.get(at) ?? [])), at };
          });
        },
      };
    },
  };
}

function sum(all: Counts[]): Counts {
  const total = blank();
  for (const counts of all) for (const what of COUNTED) total[what] += counts[what];
  return total;
}

const blank = (): Counts => ({ STARTED: 0, SUCCEEDED: 0, FAILED: 0, CANCELLED: 0 });
