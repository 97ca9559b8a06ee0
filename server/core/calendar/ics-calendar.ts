/** The events of one VCALENDAR, as the days and times that they exclude. */
import { DAY_MS } from "../duration.ts";
import { END_MS } from "../schedule/limits.ts";
import { cutLabel, MAX_ENTRIES } from "./check-entries.ts";
import { type IcsEvent, type Moments, readEvent, whyFree } from "./ics-event.ts";
import { occurrencesOf } from "./ics-occurrences.ts";
import { type Budget, LeftOut } from "./ics-repeat.ts";
import { fault, type IcsComponent, textOf } from "./ics-text.ts";
import { momentReader } from "./ics-zone.ts";
import type { Holiday, Period } from "./rule.ts";

/** What has been read so far. */
export interface Read {
  dates: Holiday[];
  periods: Period[];
  skipped: string[];
}

/** Throws BAD_INPUT for `ics` when there are too many, or they repeat too often. */
export function readCalendar(
  calendar: IcsComponent,
  window: { from: number; until: number; timeZone: string },
  budget: Budget,
  read: Read,
): void {
  const reader = momentReader(calendar, window, budget);
  const events: { component: IcsComponent; event: IcsEvent; uid: string }[] = [];
  for (const component of calendar.components.filter(({ name }) => name === "vevent")) {
    orSkip(component, read, () => {
      const event = readEvent(component, reader, window);
      if (event) events.push({ component, event, uid: textOf(component, "uid") });
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
  window: { from: number; until: number },
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
