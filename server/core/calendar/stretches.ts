/** What calendars exclude next, as people see it: stretches of time, merged where they touch, with the names of why. */
import { END_MS } from "../schedule/limits.ts";
import { exclusionOf } from "./exclusion.ts";
import type { Calendar } from "./rule.ts";
import type { Exclusion } from "./wall.ts";

export interface ExcludedStretch {
  from: number;
  /** The first instant after it that all calendars include; the end of 2199 when there is none. */
  until: number;
  /** Every calendar that excludes a part of it, with the labels of that part, in the order of the calendars. */
  by: { name: string; label: string | null }[];
}

/** A calendar with the zone that it goes by here. */
interface Link {
  name: string;
  exclusion: Exclusion;
  zone: string;
}

/** A row of exclusions without a break is cut here, at worst after some tens of milliseconds; the next stretch goes on. */
const MAX_STEPS = 10_000;
/** Names of one stretch: more than a line of a list shows. */
const MAX_NAMES = 50;

/**
 * The next `count` excluded stretches, ascending, fewer when there are no more until the end of 2199. One that has begun
 * by `from` begins there. `timeZone` is for calendars without one and must have passed `checkZone`.
 */
export function excludedStretches(
  calendars: readonly Calendar[],
  timeZone: string,
  from: number,
  count: number,
): ExcludedStretch[] {
  const chain = calendars.map(
    ({ name, rule, timeZone: own }): Link => ({
      name,
      exclusion: exclusionOf(rule),
      zone: own ?? timeZone,
    }),
  );
  const stretches: ExcludedStretch[] = [];
  for (let at = from; stretches.length < count; ) {
    const begins = chain.map(({ exclusion, zone }) => exclusion.nextExcluded(zone, at) ?? END_MS);
    const first = Math.min(END_MS, ...begins);
    if (first >= END_MS) break;
    const until = endOf(chain, first);
    stretches.push({ from: first, until, by: namesOf(chain, first, until) });
    at = until;
  }
  return stretches;
}

function endOf(chain: readonly Link[], from: number): number {
  let instant = from;
  for (let step = 0; step < MAX_STEPS && instant < END_MS; step++) {
    const ends = chain.map(({ exclusion, zone }) => exclusion.excludedUntil(zone, instant) ?? instant);
    const until = Math.max(...ends);
    if (until === instant) break;
    instant = until;
  }
  return Math.min(instant, END_MS);
}

function namesOf(chain: readonly Link[], from: number, until: number): ExcludedStretch["by"] {
  const named = new Map<string, ExcludedStretch["by"][number]>();
  for (const { name, exclusion, zone } of chain) {
    for (const label of exclusion.labelsBetween(zone, from, until)) {
      named.set(JSON.stringify([name, label]), { name, label });
    }
  }
  return [...named.values()].slice(0, MAX_NAMES);
}
