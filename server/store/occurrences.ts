/** What became of a trigger's due times. */
import type { Sql } from "./connection.ts";
import { fromCursor, type Page, type PageRequest, pageOf, pageSize, toCursor } from "./page.ts";

export const OCCURRENCE_OUTCOMES = ["FIRED", "LATE", "MISFIRED", "SKIPPED", "PAUSED", "DISCARDED"] as const;

export interface Occurrence {
  scheduledAt: Date;
  /** The last of them when the row stands for a range. */
  until: Date | null;
  count: number;
  outcome: (typeof OCCURRENCE_OUTCOMES)[number];
  firedAt: Date | null;
  runId: string | null;
}

/** Newest first. */
export async function listOccurrences(
  sql: Sql,
  triggerId: number,
  page: PageRequest,
): Promise<Page<Occurrence>> {
  const after = fromCursor(page.after, "time");
  const before = after === null ? null : new Date(after[0] as number);
  const rows = await sql<Occurrence[]>`
    select scheduled_at as "scheduledAt", until_at as until, count, outcome, fired_at as "firedAt", run_id as "runId"
    from escapement.occurrence
    where trigger_id = ${triggerId} ${before === null ? sql`` : sql`and scheduled_at < ${before}`}
    order by scheduled_at desc
    limit ${pageSize(page.first) + 1}`;
  return pageOf(rows, page, (occurrence) => toCursor(occurrence.scheduledAt.getTime()));
}
