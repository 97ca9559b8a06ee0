/**
 * Calendars from iCalendar text (RFC 5545, .ics): public holidays as Google, Apple and Outlook publish them, and times
 * that somebody keeps free. All-day events become holidays, events with times become periods, each once for every
 * occurrence in a window of time.
 */
import { DAY_MS } from "../duration.ts";
import { END_MS } from "../schedule/limits.ts";
import { checkZone } from "../schedule/zone.ts";
import { checkCalendar } from "./check.ts";
import { cutLabel, MAX_ENTRIES } from "./check-entries.ts";
import { type IcsEvent, type Moments, readEvent, whyFree } from "./ics-event.ts";
import { occurrencesOf } from "./ics-occurrences.ts";
import { type Budget, LeftOut, newBudget } from "./ics-repeat.ts";
import { fault, type IcsComponent, readComponents, textOf } from "./ics-text.ts";
import { isZone, momentReader } from "./ics-zone.ts";
import type { CalendarRule, Holiday, Period } from "./rule.ts";

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
      `none of its ${events.length} events is from ${dayText(within.from)} to ${dayText(within.until)}${why}`,
    );
  }
  const rules: CalendarRule[] = [];
  if (read.dates.length > 0) rules.push(checkCalendar({ kind: "holidays", dates: read.dates }, null));
  if (read.periods.length > 0) rules.push(checkCalendar({ kind: "periods", periods: read.periods }, null));
  return { rules, skipped, timeZone: ownZone(calendars) };
}

/** What has been read so far. */
interface Read {
  dates: Holiday[];
  periods: Period[];
  skipped: string[];
}

function readCalendar(calendar: IcsComponent, window: IcsWindow, budget: Budget, read: Read): void {
  const reader = momentReader(calendar, window, budget);
  const events: { component: IcsComponent; event: IcsEvent; uid: string }[] = [];
  for (const component of calendar.components.filter(({ name }) => name === "vevent")) {
    orSkip(component, read, () => {
      events.push({ component, event: readEvent(component, reader), uid: textOf(component, "uid") });
    });
  }
  const replaced = new Map<string, Moments>();
  for (const { uid, event } of events) {
    if (uid === "" || !event.replaces) continue;
    const moments = replaced.get(uid) ?? { instants: new Set(), days: new Set() };
    for (const at of event.replaces.instants) moments.instants.add(at);
    for (const day of event.replaces.days) moments.days.add(day);
    replaced.set(uid, moments);
  }
  for (const { component, event, uid } of events) {
    orSkip(component, read, () => {
      const others = event.replaces ? undefined : replaced.get(uid);
      const occurrences = occurrencesOf(event, others, window, budget);
      if (occurrences.length === 0) return;
      const cancelled = textOf(calendar, "method").toUpperCase() === "CANCEL";
      const free = cancelled ? "is cancelled (METHOD:CANCEL)" : whyFree(component, event.allDay);
      if (free !== null) throw new LeftOut(free);
      const label = labelOf(component);
      for (const { from, until } of occurrences) {
        const named = label === "" ? {} : { label };
        if (event.allDay) addDays(read, from, until, named, window);
        else read.periods.push({ from, until, ...named });
        checkNumber(read);
      }
      if (event.replacesLater) {
        throw new LeftOut("was to change all later occurrences (RANGE); only that one was changed");
      }
    });
  }
}

/** Reports an event that makes no sense, instead of refusing all of them. */
function orSkip(component: IcsComponent, { skipped }: Read, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof LeftOut)) throw error;
    const label = labelOf(component);
    const name = label === "" ? "the event" : `"${label}"`;
    skipped.push(`${name} (line ${component.line}): ${error.message}`);
  }
}

/** The days from one local midnight up to another, as far as they can be in the window in some zone. */
function addDays(
  read: Read,
  from: number,
  until: number,
  named: { label?: string },
  window: IcsWindow,
): void {
  const first = Math.max(from, Math.floor(window.from / DAY_MS - 1) * DAY_MS, 0);
  for (let day = first; day < Math.min(until, window.until + DAY_MS, END_MS); day += DAY_MS) {
    read.dates.push({ date: dayText(day), ...named });
    checkNumber(read);
  }
}

function checkNumber({ dates, periods }: Read): void {
  const many = dates.length > MAX_ENTRIES ? "days" : periods.length > MAX_ENTRIES ? "times" : null;
  if (many !== null) throw fault(`has more than ${MAX_ENTRIES} ${many} in that time; choose a shorter one`);
}

const dayText = (at: number): string => new Date(at).toISOString().slice(0, 10);

/** What lists call an event; empty when it has no name. */
const labelOf = (event: IcsComponent): string =>
  cutLabel(
    textOf(event, "summary")
      .replace(/[\s\p{Cc}\p{Cs}]+/gu, " ")
      .trim(),
  );

function ownZone(calendars: readonly IcsComponent[]): string | null {
  for (const calendar of calendars) {
    const name = textOf(calendar, "x-wr-timezone");
    if (isZone(name)) return name;
  }
  return null;
}
