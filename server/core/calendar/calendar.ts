/**
 * Which times calendars exclude, and until when. A time counts when all calendars of a chain include it.
 *
 * What is read from a rule is kept with the rule object, so hold on to the objects: a test then takes about a
 * microsecond.
 */
import { END_MS } from "../schedule/limits.ts";
import { exclusionOf } from "./exclusion.ts";
import type { Calendar } from "./rule.ts";

export { checkCalendar } from "./check.ts";
export type { Calendar, CalendarRule } from "./rule.ts";
export { excludedStretches } from "./stretches.ts";

/** Why an instant does not count. */
export interface ExcludedBy {
  /** The calendar's name. */
  name: string;
  /** That of the holiday or period. */
  label: string | null;
  /** Everything from the instant up to this one is excluded by that calendar: whole days, and days that follow them. */
  until: number;
}

/**
 * Why `at` is excluded, or null when all calendars include it. Of several that exclude it, the one that does so for
 * longest, and the first of those. `timeZone` is for calendars without one and must have passed `checkZone`.
 */
export function exclusionAt(calendars: readonly Calendar[], timeZone: string, at: number): ExcludedBy | null {
  let until = at;
  let by: Calendar | null = null;
  for (const calendar of calendars) {
    const end = exclusionOf(calendar.rule).excludedUntil(calendar.timeZone ?? timeZone, at);
    if (end === null || end <= until) continue;
    until = end;
    by = calendar;
  }
  if (by === null) return null;
  return { name: by.name, label: exclusionOf(by.rule).labelAt(by.timeZone ?? timeZone, at), until };
}

/** Far more than any chain needs whose calendars leave something over, and at worst some tens of milliseconds. */
const MAX_STEPS = 10_000;

/**
 * The first instant from `at` on that all calendars include. null when there is none until the end of 2199, or when
 * 10,000 stretches, each excluded by one of them, follow one another without a break.
 */
export function firstIncluded(calendars: readonly Calendar[], timeZone: string, at: number): number | null {
  let instant = at;
  for (let step = 0; step < MAX_STEPS && instant < END_MS; step++) {
    let until = instant;
    for (const { rule, timeZone: own } of calendars) {
      until = Math.max(until, exclusionOf(rule).excludedUntil(own ?? timeZone, instant) ?? instant);
    }
    if (until === instant) return instant;
    instant = until;
  }
  return null;
}
