/** Dates and times of iCalendar text, and the instants that they are in a zone. */
import { END_MS } from "../schedule/limits.ts";
import { type Segment, segmentAt } from "../schedule/zone.ts";

/** The stretch of constant offset that holds an instant. */
export type Zone = (at: number) => Segment;

/** A date or time as written: milliseconds of a calendar without zone. */
export interface WrittenTime {
  local: number;
  /** A date; `local` is its midnight. */
  allDay: boolean;
  /** In UTC, whatever else the property says. */
  utc: boolean;
}

/**
 * Reads what ical.js makes of a value; null for anything but a day that exists and, when there is one, a time of day.
 * "T::" is left of a date that was not marked as one, which is taken for what it is.
 */
export function readTime(value: unknown): WrittenTime | null {
  const [text, date, time, z] =
    /^(\d{4}-\d\d-\d\d)(?:T::Z?|T(\d\d:\d\d:\d\d)(Z)?)?$/.exec(typeof value === "string" ? value : "") ?? [];
  if (text === undefined) return null;
  const written = `${date}T${time ?? "00:00:00"}`;
  const local = Date.parse(`${written}Z`);
  if (Number.isNaN(local) || !new Date(local).toISOString().startsWith(written)) return null;
  return { local, allDay: time === undefined, utc: z !== undefined };
}

/**
 * `timeZone` must have passed `checkZone`. Before 1970 and after 2199 it is taken to be as it is then: what is looked up
 * is kept, and a text can name any year.
 */
export function zoneNamed(timeZone: string): Zone {
  return (at) => {
    if (at < 0) return { ...segmentAt(timeZone, 0), from: Number.NEGATIVE_INFINITY };
    if (at >= END_MS) return { ...segmentAt(timeZone, END_MS), until: Number.POSITIVE_INFINITY };
    return segmentAt(timeZone, at);
  };
}

export const UTC = zoneNamed("UTC");

/** No clock is further from UTC, nor does a change skip or repeat more. */
const REACH_MS = 26 * 3_600_000;

/**
 * The instant of a wall-clock time: the first of two, and for one that the clocks skip what it would have been without
 * the change (RFC 5545, 3.3.5). That holds for times that a rule generates too, which the RFC would rather leave out:
 * an excluded time that is missing lets something run.
 */
export function instantOf(zone: Zone, local: number): number {
  let segment = zone(local - REACH_MS);
  // Past the end of the stretch by both offsets: neither in it nor in a gap that follows.
  while (local >= segment.until + Math.max(segment.offsetMs, segment.offsetAfterMs)) {
    segment = zone(segment.until);
  }
  return local - segment.offsetMs;
}

/** What the zone's wall clock shows. */
export const localOf = (zone: Zone, at: number): number => at + zone(at).offsetMs;
