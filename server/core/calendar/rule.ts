/** What a calendar is: a named rule about times that are excluded, in one of seven kinds, as it is stored. */
import type { Dialect } from "../schedule/cron.ts";
import type { Weekday } from "../schedule/daily-time-interval.ts";

/** A day of a wall clock, such as 2027-12-24. */
export interface Holiday {
  date: string;
  label?: string;
}

/** Instants in epoch milliseconds, `until` exclusive. */
export interface Period {
  from: number;
  until: number;
  label?: string;
}

export type CalendarRule =
  /** Days of each year, such as 12-25; 02-29 is there in leap years only. */
  | { kind: "annual"; days: string[] }
  | { kind: "holidays"; dates: Holiday[] }
  | { kind: "weekly"; weekdays: Weekday[] }
  /** Days of each month: 1 to 31, and -1 to -31 counted from its end. A month without the day excludes nothing. */
  | { kind: "monthly"; days: number[] }
  /**
   * From one time of day up to another, which is free again: 08:00 to 17:00 lets a trigger fire at 17:00, and two such
   * calendars can follow one another without a gap. (Quartz counts both ends in.) When `until` is earlier than `from`,
   * it goes on past midnight; up to midnight itself is 00:00. `invert` excludes all that is outside instead.
   */
  | { kind: "daily"; from: string; until: string; invert: boolean }
  /**
   * Every second that the expression matches. One that has no field for seconds (five fields) speaks of minutes, and
   * so the whole of each minute is excluded.
   */
  | { kind: "cron"; expression: string; dialect: Dialect }
  | { kind: "periods"; periods: Period[] };

/** Excluded is what any calendar of a chain excludes: a base calendar is one more in the list. */
export interface Calendar {
  name: string;
  /** Whose wall clock the rule goes by; null: that of the trigger's schedule. `periods` are instants and need none. */
  timeZone: string | null;
  rule: CalendarRule;
}
