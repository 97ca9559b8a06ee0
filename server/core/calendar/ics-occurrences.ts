/** When an event takes place within a time: its start, its rules and further dates, less what is excepted. */
import { DAY_MS } from "../duration.ts";
import type { IcsEvent, Moments } from "./ics-event.ts";
import { type Budget, type Repeat, startsOf } from "./ics-repeat.ts";
import { instantOf, localOf } from "./ics-time.ts";

/** Local midnights for an all-day event, instants for another. */
export interface Occurrence {
  from: number;
  until: number;
}

/**
 * The occurrences that touch the time from `window.from` to `window.until`, ascending. `replaced` are those that other
 * events stand for. An all-day event's days may be a day outside, for their instants are not known here. Throws as
 * `startsOf` does.
 */
export function occurrencesOf(
  event: IcsEvent,
  replaced: Moments | undefined,
  window: { from: number; until: number },
  budget: Budget,
): Occurrence[] {
  const { length, zone, allDay } = event;
  const range = {
    from: window.from - length.days * DAY_MS - length.ms - DAY_MS,
    until: window.until + DAY_MS,
  };
  const repeated = (repeats: readonly Repeat[]): number[] =>
    repeats.flatMap((repeat) => startsOf(repeat, event.start, lastOf(event, repeat), range, budget));
  const starts = new Set([event.start, ...event.extra, ...repeated(event.repeats)]);
  for (const start of repeated(event.exceptRepeats)) starts.delete(start);
  const occurrences: Occurrence[] = [];
  for (const start of [...starts].sort((a, b) => a - b)) {
    const from = allDay ? start : instantOf(zone, start);
    if (isAmong(event.except, start, from) || (replaced && isAmong(replaced, start, from))) continue;
    const end = start + length.days * DAY_MS;
    const until = (allDay ? end : instantOf(zone, end)) + length.ms;
    const slackMs = allDay ? DAY_MS : 0;
    if (from < window.until + slackMs && until > window.from - slackMs) occurrences.push({ from, until });
  }
  return occurrences;
}

/** The last local time at which a rule may repeat; null when it goes on. */
function lastOf({ allDay, zone }: IcsEvent, { until }: Repeat): number | null {
  if (until === null) return null;
  // A day includes all its times, and as the end of days the day counts.
  if (until.allDay) return until.local + DAY_MS - 1000;
  return until.utc && !allDay ? localOf(zone, until.local) : until.local;
}

const isAmong = ({ instants, days }: Moments, start: number, at: number): boolean =>
  instants.has(at) || days.has(Math.floor(start / DAY_MS) * DAY_MS);
