/** The time zones that iCalendar text means: those that it defines itself, else the world's by their names. */
import { DAY_MS } from "../duration.ts";
import { checkZone } from "../schedule/zone.ts";
import { shown } from "./check-entries.ts";
import { type Budget, LeftOut, readRepeat, startsOf } from "./ics-repeat.ts";
import { type IcsComponent, type IcsProperty, textOf } from "./ics-text.ts";
import { readTime, UTC, type WrittenTime, type Zone, zoneNamed } from "./ics-time.ts";

/** A date or time as written, and whose wall clock it is of; a date's zone is of no meaning. */
export interface Moment extends WrittenTime {
  zone: Zone;
}

/** Throws `LeftOut` for a value that is no time, and for a zone that nobody knows. */
export type MomentReader = (property: IcsProperty, value: unknown) => Moment;

/**
 * Reads the times of a VCALENDAR, right until `until`. Times without a zone are of the one that the text names as its
 * own (X-WR-TIMEZONE), else of `timeZone`.
 */
export function momentReader(
  calendar: IcsComponent,
  { timeZone, until }: { timeZone: string; until: number },
  budget: Budget,
): MomentReader {
  const definitions = new Map(
    calendar.components
      .filter(({ name, fault }) => name === "vtimezone" && fault === null)
      .map((definition) => [textOf(definition, "tzid"), definition]),
  );
  const known = new Map<string, Zone | null>();
  const zoneOf = (tzid: string): Zone | null => {
    let zone = known.get(tzid);
    if (zone === undefined) {
      const definition = definitions.get(tzid);
      const own = definition ? defined(definition, until, budget) : null;
      zone = own ?? (isZone(tzid) ? zoneNamed(tzid) : null);
      known.set(tzid, zone);
    }
    return zone;
  };
  return ({ name, line, parameters: { tzid } }, value) => {
    const time = readTime(value);
    if (!time)
      throw new LeftOut(`its ${name.toUpperCase()} of line ${line} is not a date or time that exists`);
    if (time.allDay || time.utc) return { ...time, zone: UTC };
    if (typeof tzid !== "string") {
      return { ...time, zone: zoneOf(textOf(calendar, "x-wr-timezone")) ?? zoneNamed(timeZone) };
    }
    const zone = zoneOf(tzid);
    if (zone) return { ...time, zone };
    throw new LeftOut(
      `its time zone "${shown(tzid)}" (line ${line}) is neither defined in the text nor an IANA name`,
    );
  };
}

/** True for an IANA name. */
export function isZone(name: string): boolean {
  try {
    checkZone(name);
    return true;
  } catch {
    return false;
  }
}

/** When the clocks are set, and by how much they then differ from UTC. */
interface Onset {
  at: number;
  beforeMs: number;
  afterMs: number;
}

function defined(definition: IcsComponent, until: number, budget: Budget): Zone | null {
  const onsets = definition.components
    .flatMap((observance) => onsetsOf(observance, until, budget))
    .sort((a, b) => a.at - b.at);
  const first = onsets[0];
  if (!first) return null;
  const offsets = [first.beforeMs, ...onsets.map(({ afterMs }) => afterMs)];
  const from = [Number.NEGATIVE_INFINITY, ...onsets.map(({ at }) => at)];
  return (at) => {
    let low = 0;
    for (let high = from.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((from[middle] ?? Number.POSITIVE_INFINITY) <= at) low = middle + 1;
      else high = middle;
    }
    const index = low - 1;
    const offsetMs = offsets[index] ?? 0;
    return {
      from: from[index] ?? Number.NEGATIVE_INFINITY,
      until: from[index + 1] ?? Number.POSITIVE_INFINITY,
      offsetMs,
      offsetBeforeMs: offsets[index - 1] ?? offsetMs,
      offsetAfterMs: offsets[index + 1] ?? offsetMs,
    };
  };
}

/** Changes before this one are left out but for the first, which Outlook puts into the year 1601. */
const FIRST_ONSET = 0;

/** Of a STANDARD or DAYLIGHT; none when it is incomplete. */
function onsetsOf(observance: IcsComponent, until: number, budget: Budget): Onset[] {
  const start = readTime(textOf(observance, "dtstart"));
  const beforeMs = offsetOf(textOf(observance, "tzoffsetfrom"));
  const afterMs = offsetOf(textOf(observance, "tzoffsetto"));
  if (!start || observance.fault !== null || beforeMs === null || afterMs === null) return [];
  const locals = [start.local];
  for (const property of observance.properties) {
    if (property.name === "rdate") {
      for (const value of property.values) {
        const time = readTime(value);
        if (time) locals.push(time.utc ? time.local + beforeMs : time.local);
      }
    }
    if (property.name !== "rrule") continue;
    const repeat = readRepeat(property);
    const last = repeat.until && repeat.until.local + (repeat.until.utc ? beforeMs : 0);
    const range = { from: FIRST_ONSET, until: until + DAY_MS };
    locals.push(...startsOf(repeat, start.local, last, range, budget));
  }
  return [...new Set(locals)].map((local) => ({ at: local - beforeMs, beforeMs, afterMs }));
}

/** Milliseconds of an offset such as +01:00 or -00:02:15; null when it is none. */
function offsetOf(text: string): number | null {
  const [match, sign, hours, minutes, seconds = "0"] =
    /^([+-])(\d\d):([0-5]\d)(?::([0-5]\d))?$/.exec(text) ?? [];
  if (match === undefined || Number(hours) > 23) return null;
  return (sign === "-" ? -1000 : 1000) * (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds));
}
