/** One VEVENT of iCalendar text: when it begins, how long it takes, when it repeats, and whether it counts. */
import ICAL from "ical.js";
import { DAY_MS } from "../duration.ts";
import { LeftOut, type Repeat, readRepeat } from "./ics-repeat.ts";
import { type IcsComponent, type IcsProperty, textOf } from "./ics-text.ts";
import { instantOf, localOf, UTC, type Zone } from "./ics-time.ts";
import type { Moment, MomentReader } from "./ics-zone.ts";

export interface IcsEvent {
  allDay: boolean;
  /** Whose wall clock its starts are of; of no meaning when it is all-day. */
  zone: Zone;
  /** Local time, as are all starts; a midnight when the event is all-day. */
  start: number;
  length: Length;
  repeats: Repeat[];
  /** Starts besides what the rules say. */
  extra: number[];
  /** Rules whose starts do not count. */
  exceptRepeats: Repeat[];
  /** Starts that do not count. */
  except: Moments;
  /** The occurrence of other events with the same UID that this one stands for. */
  replaces: Moments | null;
  /** It was written for all later occurrences as well. */
  replacesLater: boolean;
}

/** From a start to its end: days of the wall clock, then exact time. */
interface Length {
  days: number;
  ms: number;
}

/** Times to be found again however they were written. */
export interface Moments {
  instants: Set<number>;
  /** Whole days, by their local midnights. */
  days: Set<number>;
}

const MAX_DAYS = 366 * 100;
/** No wall clock is further from UTC. */
const SLACK_MS = 2 * DAY_MS;

/**
 * null for one that takes place once, and outside the window: no zone needs to be looked up for those, which in many
 * texts are most. Throws `LeftOut` for what makes no sense.
 */
export function readEvent(
  event: IcsComponent,
  read: MomentReader,
  window: { from: number; until: number },
): IcsEvent | null {
  if (event.fault !== null) throw new LeftOut(event.fault);
  const all = (name: string): IcsProperty[] => event.properties.filter((property) => property.name === name);
  if (all("rdate").some(({ type }) => type === "period")) {
    throw new LeftOut("has an RDATE of periods, which is not read");
  }
  const moments = (name: string): Moment[] =>
    all(name).flatMap((property) => property.values.map((value) => read(property, value)));
  const [start] = moments("dtstart");
  if (!start) throw new LeftOut("has no DTSTART");
  const allDay = start.allDay || isMarkedAllDay(event, start);
  const [end] = moments("dtend");
  const duration = end ? null : durationOf(all("duration")[0], allDay);
  if (!["rrule", "rdate", "recurrence-id"].some((name) => all(name).length > 0)) {
    const until = end?.local ?? start.local + (duration ? totalOf(duration) : 0);
    if (start.local > window.until + SLACK_MS || until < window.from - SLACK_MS) return null;
  }
  const zone = allDay ? UTC : start.zone();
  const [recurrence] = all("recurrence-id");
  return {
    allDay,
    zone,
    start: start.local,
    length: checkedLength(duration ?? lengthTo(start, end ?? start, allDay), allDay),
    repeats: recurrence ? [] : all("rrule").map(readRepeat),
    extra: (recurrence ? [] : moments("rdate")).map((moment) =>
      allDay ? midnightOf(moment.local) : localOf(zone, instantOf(moment.zone(), moment.local)),
    ),
    exceptRepeats: all("exrule").map(readRepeat),
    except: gathered(moments("exdate"), allDay),
    replaces: recurrence ? gathered(moments("recurrence-id"), allDay) : null,
    replacesLater: recurrence?.parameters.range !== undefined,
  };
}

/** Why an event does not count although it can be read; null when it does. */
export function whyFree(event: IcsComponent, allDay: boolean): string | null {
  if (textOf(event, "status").toUpperCase() === "CANCELLED") return "is cancelled (STATUS:CANCELLED)";
  // Public holiday calendars mark their days as transparent: nobody is busy on a holiday. So for days it says nothing.
  if (allDay || textOf(event, "transp").toUpperCase() !== "TRANSPARENT") return null;
  return "leaves its time free (TRANSP:TRANSPARENT)";
}

/** Outlook writes days as times from midnight to midnight, with a mark. */
const isMarkedAllDay = (event: IcsComponent, start: Moment): boolean =>
  textOf(event, "x-microsoft-cdo-alldayevent").toUpperCase() === "TRUE" &&
  start.local === midnightOf(start.local);

function gathered(moments: readonly Moment[], allDay: boolean): Moments {
  const [days, times] = [
    moments.filter((moment) => moment.allDay),
    moments.filter((moment) => !moment.allDay),
  ];
  return {
    instants: new Set(allDay ? [] : times.map(({ zone, local }) => instantOf(zone(), local))),
    days: new Set((allDay ? moments : days).map(({ local }) => midnightOf(local))),
  };
}

const midnightOf = (local: number): number => Math.floor(local / DAY_MS) * DAY_MS;

function checkedLength(length: Length, allDay: boolean): Length {
  const total = totalOf(length);
  if (total < 0) throw new LeftOut("ends before it begins");
  if (total > MAX_DAYS * DAY_MS) throw new LeftOut("takes more than a hundred years");
  // A day that ends on the day on which it begins is that day, which is what those who write it mean.
  if (allDay) return { days: Math.max(1, Math.ceil(total / DAY_MS)), ms: 0 };
  if (total === 0) throw new LeftOut("takes no time");
  return length;
}

const totalOf = ({ days, ms }: Length): number => days * DAY_MS + ms;

function lengthTo(start: Moment, end: Moment, allDay: boolean): Length {
  if (allDay) return { days: 0, ms: end.local - start.local };
  const zone = end.allDay ? start.zone() : end.zone();
  return { days: 0, ms: instantOf(zone, end.local) - instantOf(start.zone(), start.local) };
}

/** Without a DURATION, a day's is a day, and a time's is nothing. */
function durationOf(property: IcsProperty | undefined, allDay: boolean): Length {
  if (!property) return { days: allDay ? 1 : 0, ms: 0 };
  try {
    const { weeks, days, hours, minutes, seconds, isNegative } = ICAL.Duration.fromString(
      String(property.values[0]),
    );
    if (isNegative) throw new LeftOut("ends before it begins");
    return { days: weeks * 7 + days, ms: ((hours * 60 + minutes) * 60 + seconds) * 1000 };
  } catch (error) {
    if (error instanceof LeftOut) throw error;
    throw new LeftOut(`its DURATION of line ${property.line} is not one such as PT1H30M`);
  }
}
