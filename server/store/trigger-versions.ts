/** What a trigger's times depended on, and since when: the history that its ledger is compared with. */
import { TIME_ZONE_DATA } from "../config.ts";
import type { Sql } from "./connection.ts";
import type { Fragment } from "./page.ts";
import type { timesOf } from "./trigger-content.ts";

export interface TriggerVersion {
  /** Null: the one that the statement makes. */
  triggerId: number | null;
  /** Epoch milliseconds; its times from here on, inclusive. */
  since: number;
  times: ReturnType<typeof timesOf>;
  calendarVersions: number[] | null;
}

/** Writes versions of those triggers that the statement's `changed` names: a part of the statement that changes them. */
export function versioned(sql: Sql, versions: readonly TriggerVersion[]): Fragment {
  return sql`
    insert into escapement.trigger_version (trigger_id, since, definition, calendar_versions, time_zone_data)
    select changed.id, to_timestamp(v.since / 1000), v.times, v."calendarVersions", ${TIME_ZONE_DATA}
    from changed join jsonb_to_recordset(${sql.json(versions as never)}::jsonb)
      as v("triggerId" int, since float8, times jsonb, "calendarVersions" int[])
      on coalesce(v."triggerId", changed.id) = changed.id
    on conflict (trigger_id, since) do update
      set definition = excluded.definition, calendar_versions = excluded.calendar_versions`;
}

/** One that was in force, until the next one's `since`. */
export interface Epoch extends Omit<TriggerVersion, "triggerId"> {
  timeZoneData: string | null;
}

/** Oldest first, those that were in force at `from` or later. */
export async function readEpochs(sql: Sql, triggerId: number, from: Date): Promise<Epoch[]> {
  return sql<Epoch[]>`
    select extract(epoch from since)::float8 * 1000 as since, definition as times,
      calendar_versions as "calendarVersions", time_zone_data as "timeZoneData"
    from escapement.trigger_version
    where trigger_id = ${triggerId} and since >= coalesce(
      (select max(since) from escapement.trigger_version where trigger_id = ${triggerId} and since <= ${from}),
      '-infinity')
    order by since`;
}
