/** What calendars excluded at one time, kept in memory: a version never changes, so it is never stale. */
import type { TriggerCalendar } from "../core/trigger/definition.ts";
import type { Sql } from "./connection.ts";

/** The least recently added goes first; one with ten thousand dates takes some megabytes. */
const KEPT = 200;

export function createCalendarVersions(sql: Sql) {
  const known = new Map<number, TriggerCalendar>();

  /** In the order of the ids. */
  const calendars = async (versionIds: readonly number[]): Promise<TriggerCalendar[]> => {
    const missing = versionIds.filter((id) => !known.has(id));
    const read = missing.length === 0 ? [] : await readVersions(sql, missing);
    const found = new Map(read.map((calendar) => [calendar.versionId, calendar]));
    const list = versionIds.map((id) => {
      const calendar = known.get(id) ?? found.get(id);
      if (!calendar) throw new Error(`there is no version ${id} of a calendar`);
      return calendar;
    });
    for (const calendar of read) known.set(calendar.versionId, calendar);
    for (const id of known.keys()) {
      if (known.size <= KEPT) break;
      known.delete(id);
    }
    return list;
  };
  return { calendars };
}

/** In the order of their ids. */
export function readVersions(sql: Sql, ids: number[]): Promise<TriggerCalendar[]> {
  return sql<TriggerCalendar[]>`
    select id as "versionId", name, time_zone as "timeZone", rule
    from escapement.calendar_version where id = any(${ids}::int[]) order by id`;
}
