/** The time zones that iCalendar text means: those that it defines itself, else the world's by their names. */
import { checkZone } from "../schedule/zone.ts";
import { shown } from "./check-entries.ts";
import { type Budget, LeftOut } from "./ics-repeat.ts";
import { fault, type IcsComponent, type IcsProperty, textOf } from "./ics-text.ts";
import { readTime, UTC, type WrittenTime, type Zone, zoneNamed } from "./ics-time.ts";
import { defined, goesOn } from "./ics-vtimezone.ts";

/** More than a company has offices; each is looked up for each year that is named. */
const MAX_ZONES = 50;

/** A date or time as written. */
export interface Moment extends WrittenTime {
  /** Whose wall clock it is of; of no meaning for a date. Throws `LeftOut` for a zone that nobody knows. */
  zone(): Zone;
}

/** Throws `LeftOut` for a value that is no time. */
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
      .filter((component) => component.name === "vtimezone" && component.fault === null)
      .map((definition) => [textOf(definition, "tzid"), definition]),
  );
  const own = textOf(calendar, "x-wr-timezone");
  const known = new Map<string, Zone | LeftOut>();
  const zoneOf = (tzid: string, line: number): Zone => {
    let zone = known.get(tzid);
    if (zone === undefined) {
      if (known.size >= MAX_ZONES) throw fault(`names more than ${MAX_ZONES} time zones`);
      zone = zoneFor(tzid, line, definitions.get(tzid), until, budget);
      known.set(tzid, zone);
    }
    if (zone instanceof LeftOut) throw zone;
    return zone;
  };
  return ({ name, line, parameters: { tzid } }, value) => {
    const time = readTime(value);
    if (!time) {
      throw new LeftOut(`its ${name.toUpperCase()} of line ${line} is not a date or time that exists`);
    }
    if (time.allDay || time.utc) return { ...time, zone: () => UTC };
    if (typeof tzid === "string") return { ...time, zone: () => zoneOf(tzid, line) };
    const named = definitions.has(own) || isZone(own);
    return { ...time, zone: () => (named ? zoneOf(own, line) : zoneNamed(timeZone)) };
  };
}

/**
 * As the text defines it. A definition that ends was written for its own years, so that a name the world knows is the
 * better guide. What cannot be gone by is kept as well, for the events to come.
 */
function zoneFor(
  tzid: string,
  line: number,
  definition: IcsComponent | undefined,
  until: number,
  budget: Budget,
): Zone | LeftOut {
  const world = isZone(tzid) ? zoneNamed(tzid) : null;
  if (!definition || (world && !goesOn(definition))) return world ?? unknown(tzid, line);
  try {
    return defined(definition, until, budget) ?? world ?? unknown(tzid, line);
  } catch (error) {
    if (!(error instanceof LeftOut)) throw error;
    return world ?? error;
  }
}

const unknown = (tzid: string, line: number): LeftOut =>
  new LeftOut(
    `its time zone "${shown(tzid)}" (line ${line}) is neither defined in the text nor an IANA name`,
  );

/** True for an IANA name. */
export function isZone(name: string): boolean {
  try {
    checkZone(name);
    return true;
  } catch {
    return false;
  }
}
