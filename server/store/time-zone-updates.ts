/** Reports of updates of the time zone data, as they are read; engine/rezone.ts writes them. */
import type { Sql } from "./connection.ts";

export interface TimeZoneUpdate {
  before: string;
  after: string;
  at: Date;
  endedAt: Date | null;
  examined: number;
  moved: number;
  /** Times are epoch milliseconds. */
  moves: { triggerId: number; before: number; after: number }[];
}

/** Newest first, the last twenty. */
export function listTimeZoneUpdates(sql: Sql): Promise<TimeZoneUpdate[]> {
  return sql<TimeZoneUpdate[]>`
    select before, after, at, ended_at as "endedAt", examined, moved, moves
    from escapement.time_zone_update order by id desc limit 20`;
}
