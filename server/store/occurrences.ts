/** The ledger: what became of each time of a trigger. */
import type { Passed } from "../core/trigger/misfire.ts";
import type { Sql } from "./connection.ts";
import {
  every,
  type Fragment,
  fromCursor,
  type Page,
  type PageRequest,
  pageOf,
  pageSize,
  toCursor,
} from "./page.ts";

export const OCCURRENCE_OUTCOMES = [
  "FIRED",
  "LATE",
  "DST_SHIFTED",
  "MISFIRED",
  "EXCLUDED",
  "PAUSED",
  "DISCARDED",
] as const;

export interface Occurrence {
  scheduledAt: Date;
  /** The last of them when the row stands for several. */
  until: Date | null;
  count: number;
  /** false: `count` is the least that it can be. */
  exact: boolean;
  outcome: (typeof OCCURRENCE_OUTCOMES)[number];
  reason: string | null;
  firedAt: Date | null;
  runId: string | null;
}

export interface OccurrenceFilter {
  outcomes?: readonly Occurrence["outcome"][] | null | undefined;
  /** Epoch milliseconds, inclusive. */
  from?: number | null | undefined;
  until?: number | null | undefined;
}

/** Newest first. */
export async function listOccurrences(
  sql: Sql,
  triggerId: number,
  { outcomes, from, until }: OccurrenceFilter,
  page: PageRequest,
): Promise<Page<Occurrence>> {
  const after = fromCursor(page.after, "time");
  const rows = await sql<Occurrence[]>`
    select ${columns(sql)} from escapement.occurrence
    where ${every(sql, [
      sql`trigger_id = ${triggerId}`,
      after !== null && sql`scheduled_at < ${new Date(after[0] as number)}`,
      outcomes != null && sql`outcome = any(${[...outcomes]}::text[])`,
      // A range belongs to every time in it.
      from != null && sql`coalesce(until_at, scheduled_at) >= ${new Date(from)}`,
      until != null && sql`scheduled_at <= ${new Date(until)}`,
    ])}
    order by scheduled_at desc
    limit ${pageSize(page.first) + 1}`;
  return pageOf(rows, page, (occurrence) => toCursor(occurrence.scheduledAt.getTime()));
}

/** The rows that have a time from `from` to `until`, both inclusive, oldest first; at most `limit`. */
export function readOccurrences(
  sql: Sql,
  triggerId: number,
  from: Date,
  until: Date,
  limit: number,
): Promise<Occurrence[]> {
  return sql<Occurrence[]>`
    select ${columns(sql)} from escapement.occurrence
    where trigger_id = ${triggerId} and scheduled_at <= ${until}
      and (scheduled_at >= ${from} or until_at >= ${from})
    order by scheduled_at limit ${limit}`;
}

const columns = (sql: Sql): Fragment => sql`
  scheduled_at as "scheduledAt", until_at as until, count, exact, outcome, reason, fired_at as "firedAt", run_id as "runId"`;

/** Times of triggers that are passed over. */
export interface PassedOf {
  triggerId: number;
  passed: readonly Passed[];
}

/**
 * Writes times that are passed over, of those triggers that the statement's `changed` names: a part of the statement
 * that changes them.
 */
export function notePassed(sql: Sql, entries: readonly PassedOf[], changed: Fragment): Fragment {
  const rows = entries.flatMap(({ triggerId, passed }) =>
    passed.flatMap((part) => rowsOf(part).map((row) => ({ ...row, triggerId }))),
  );
  const each = <T>(pick: (row: (typeof rows)[number]) => T): T[] => rows.map(pick);
  return sql`
    insert into escapement.occurrence (trigger_id, scheduled_at, until_at, count, exact, outcome, reason)
    select p.trigger_id, to_timestamp(p.from_at / 1000), to_timestamp(p.until_at / 1000), p.count, p.exact, p.outcome, p.reason
    from unnest(${each((row) => row.triggerId)}::int[], ${each((row) => row.from)}::float8[],
      ${each((row) => row.until)}::float8[], ${each((row) => row.count)}::int[],
      ${each((row) => (row.exact ? "t" : "f"))}::text[]::boolean[], ${each((row) => row.outcome)}::text[],
      ${each((row) => row.reason)}::text[]) as p(trigger_id, from_at, until_at, count, exact, outcome, reason)
    -- A list, not a join: a generic plan takes either side for ten rows and would compare each with each.
    where p.trigger_id = any(array(${changed}))
    on conflict (trigger_id, scheduled_at) do nothing`;
}

/** What the column holds; a count above it is no longer exact. */
const MAX_COUNT = 2_147_483_647;

function rowsOf({ times, outcome, reason }: Passed) {
  if (Array.isArray(times)) {
    return times.map((at) => ({ from: at, until: null, count: 1, exact: true, outcome, reason }));
  }
  const { from, to, count, exact } = times;
  return [
    {
      from,
      until: to,
      count: Math.min(count, MAX_COUNT),
      exact: exact && count <= MAX_COUNT,
      outcome,
      reason,
    },
  ];
}
