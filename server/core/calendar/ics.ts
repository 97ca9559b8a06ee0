/**
 * Calendars from iCalendar text (RFC 5545, .ics): public holidays as Google, Apple and Outlook publish them, and times
 * that somebody keeps free. All-day events become holidays, events with times become periods, each once for every
 * occurrence in a window of time.
 */
import { END_MS } from "../schedule/limits.ts";
import { checkZone } from "../schedule/zone.ts";
import { checkCalendar } from "./check.ts";
import { type Read, readCalendar } from "./ics-calendar.ts";
import { newBudget } from "./ics-repeat.ts";
import { fault, type IcsComponent, readComponents, textOf } from "./ics-text.ts";
import { isZone } from "./ics-zone.ts";
import type { CalendarRule } from "./rule.ts";

/** What is read from the text: events that touch the time between two instants, the second exclusive. */
export interface IcsWindow {
  from: number;
  until: number;
  /** Of times that the text gives without a zone, unless it names its own. */
  timeZone: string;
}

export interface IcsCalendar {
  /** One for days and one for times, in this order; one of them when the text has only such. */
  rules: CalendarRule[];
  /** Events that were left out, and why, in words: at most 100 of them, then how many more. */
  skipped: string[];
  /** The zone that the text names as its own, whose days its holidays are; null when it names none that is known. */
  timeZone: string | null;
}

/** More would be a company's history; `MAX_TEXT` lets somewhat more through. */
const MAX_EVENTS = 10_000;
const MAX_SKIPPED = 100;

/**
 * What events exclude: the days of all-day events as holidays, with their SUMMARY as label, and other events as periods.
 * Rules (RRULE, RDATE) are worked out within the window, less what they except (EXDATE) or is changed (RECURRENCE-ID).
 * Cancelled events, and ones with times that take none up (TRANSP:TRANSPARENT), are left out, and so is what makes no
 * sense.
 *
 * Throws BAD_INPUT for `ics`: for what is no iCalendar text, saying from which line on; for too much of it or too many
 * occurrences; and when no event is left. And for `timeZone`.
 */
export function readIcs(text: string, window: IcsWindow): IcsCalendar {
  checkZone(window.timeZone);
  const within = { ...window, from: Math.max(window.from, 0), until: Math.min(window.until, END_MS) };
  const calendars = readComponents(text);
  const events = calendars.flatMap(({ components }) => components).filter(({ name }) => name === "vevent");
  if (events.length === 0) throw fault("has no events (VEVENT)");
  if (events.length > MAX_EVENTS) {
    throw fault(`has ${events.length} events; at most ${MAX_EVENTS} are read, so take old ones out of it`);
  }
  const read: Read = { dates: [], periods: [], skipped: [] };
  const budget = newBudget();
  for (const calendar of calendars) readCalendar(calendar, within, budget, read);
  const skipped = read.skipped.slice(0, MAX_SKIPPED);
  if (read.skipped.length > MAX_SKIPPED) skipped.push(`and ${read.skipped.length - MAX_SKIPPED} more`);
  if (read.dates.length + read.periods.length === 0) {
    const why =
      read.skipped[0] === undefined ? "" : `; left out is ${read.skipped.slice(0, 3).join(", and ")}`;
    throw fault(
      `no event of ${events.length} counts from ${dayText(within.from)} to ${dayText(within.until)}${why}`,
    );
  }
  const rules: CalendarRule[] = [];
  if (read.dates.length > 0) rules.push(checkCalendar({ kind: "holidays", dates: read.dates }, null));
  if (read.periods.length > 0) rules.push(checkCalendar({ kind: "periods", periods: read.periods }, null));
  return { rules, skipped, timeZone: ownZone(calendars) };
}

const dayText = (at: number): string => new Date(at).toISOString().slice(0, 10);

function ownZone(calendars: readonly IcsComponent[]): string | null {
  for (const calendar of calendars) {
    const name = textOf(calendar, "x-wr-timezone");
    if (isZone(name)) return name;
  }
  return null;
}
