/**
 * Time zones as stretches of constant offset, so that wall clock and instant convert by adding a number. A wall-clock
 * ("local") time is milliseconds of a calendar without zone.
 */
import { Temporal } from "temporal-polyfill";
import { badInput } from "../rejection.ts";
import { zoneAdvice } from "./zone-name.ts";

/** A stretch of time during which a zone's offset does not change. Local time = instant + `offsetMs`. */
export interface Segment {
  /** First instant of the stretch; -Infinity when the zone has always been so. */
  from: number;
  /** First instant after it; Infinity when the zone is never known to change again. */
  until: number;
  offsetMs: number;
  /** Offset just before `from`; this one's own when there is no before. */
  offsetBeforeMs: number;
  /** Offset from `until` on; this one's own when there is no after. */
  offsetAfterMs: number;
}

/**
 * Stretches met so far, sorted, per zone. A stretch costs some 400 µs to find and never changes within a process;
 * there are about 600 names and two stretches a year, so the table is bounded by the years that cron looks at.
 */
const known = new Map<string, Segment[]>();

/** Throws BAD_INPUT unless `timeZone` is an IANA name such as `Europe/Berlin`; any letter case will do. Says which name is near. */
export function checkZone(timeZone: string, field = "timeZone"): void {
  // Temporal would take bare offsets and whole date texts too, and then guess.
  if (/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(timeZone) && isKnown(timeZone)) return;
  throw badInput(field, `"${timeZone.slice(0, 64)}" is not an IANA time zone; ${zoneAdvice(timeZone)}`);
}

function isKnown(timeZone: string): boolean {
  try {
    zoned(timeZone, 0);
    return true;
  } catch {
    return false;
  }
}

/** The stretch that holds the instant `at`. `timeZone` must have passed `checkZone`. */
export function segmentAt(timeZone: string, at: number): Segment {
  const name = timeZone.toLowerCase();
  const segments = known.get(name) ?? [];
  if (segments.length === 0) known.set(name, segments);
  let low = 0;
  for (let high = segments.length; low < high; ) {
    const middle = (low + high) >>> 1;
    const segment = segments[middle];
    if (segment && segment.from <= at && at < segment.until) return segment;
    if (segment && segment.from <= at) low = middle + 1;
    else high = middle;
  }
  const segment = findSegment(name, at);
  segments.splice(low, 0, segment);
  return segment;
}

/** What a wall clock shows at an instant. */
export const localAt = (timeZone: string, at: number): number => at + segmentAt(timeZone, at).offsetMs;

/** No offset is further from UTC than this, nor does a clock change skip or repeat more. */
const REACH_MS = 26 * 3_600_000;

/** The first instant at which the wall clock shows `local` or, when the clocks skip that, something later. */
export function firstInstantShowing(timeZone: string, local: number): number {
  let segment = segmentAt(timeZone, local - REACH_MS);
  while (local >= segment.until + segment.offsetMs) segment = segmentAt(timeZone, segment.until);
  return Math.max(segment.from, local - segment.offsetMs);
}

/** Every instant at which the wall clock shows `local`, ascending: none in a gap, two in an overlap. */
export function instantsShowing(timeZone: string, local: number): number[] {
  const instants: number[] = [];
  for (let from = local - REACH_MS; from <= local + REACH_MS; ) {
    const segment = segmentAt(timeZone, from);
    const at = local - segment.offsetMs;
    if (at >= segment.from && at < segment.until) instants.push(at);
    from = segment.until;
  }
  return instants;
}

function findSegment(timeZone: string, at: number): Segment {
  // "previous" looks strictly before, and a stretch may begin at `at` itself.
  const from = zoned(timeZone, at + 1).getTimeZoneTransition("previous")?.epochMilliseconds;
  const until = zoned(timeZone, at).getTimeZoneTransition("next")?.epochMilliseconds;
  const offsetMs = offsetAt(timeZone, at);
  return {
    from: from ?? Number.NEGATIVE_INFINITY,
    until: until ?? Number.POSITIVE_INFINITY,
    offsetMs,
    offsetBeforeMs: from === undefined ? offsetMs : offsetAt(timeZone, from - 1),
    offsetAfterMs: until === undefined ? offsetMs : offsetAt(timeZone, until),
  };
}

const zoned = (timeZone: string, at: number): Temporal.ZonedDateTime =>
  Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timeZone);

const offsetAt = (timeZone: string, at: number): number => zoned(timeZone, at).offsetNanoseconds / 1e6;
