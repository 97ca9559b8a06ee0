/** VTIMEZONE: a time zone as iCalendar text defines it, by when its clocks are set and how far from UTC they are then. */
import { DAY_MS } from "../duration.ts";
import { type Budget, LeftOut, readRepeat, startsOf } from "./ics-repeat.ts";
import { type IcsComponent, textOf } from "./ics-text.ts";
import { readTime, type Zone } from "./ics-time.ts";

/** True when a rule says how the clocks change for ever. */
export const goesOn = ({ components }: IcsComponent): boolean =>
  components.some(({ properties }) =>
    properties.some(
      ({ name, values }) => name === "rrule" && !/"(until|count)":/.test(JSON.stringify(values)),
    ),
  );

/** When the clocks are set, and by how much they then differ from UTC. */
interface Onset {
  at: number;
  beforeMs: number;
  afterMs: number;
}

/**
 * The zone that a VTIMEZONE defines, right until `until`; null when it does not say when its clocks are set. Throws
 * `LeftOut` for one that makes no sense, and BAD_INPUT for `ics` when the budget is used up.
 */
export function defined(definition: IcsComponent, until: number, budget: Budget): Zone | null {
  const found = definition.components.flatMap((observance) => onsetsOf(observance, until, budget));
  const onsets = [...new Map(found.map((onset) => [onset.at, onset])).values()].sort((a, b) => a.at - b.at);
  const [first] = onsets;
  if (!first) return null;
  // Every look at a wall clock goes through the changes of a day.
  if (onsets.some(({ at }, index) => at - (onsets[index - 1]?.at ?? Number.NEGATIVE_INFINITY) < HOUR_MS)) {
    throw new LeftOut(`its time zone (line ${definition.line}) changes its clocks twice within an hour`);
  }
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

const HOUR_MS = 3_600_000;

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
