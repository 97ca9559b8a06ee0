/**
 * From rules that go by a wall clock to instants of a zone: one stretch of constant offset after the other, so that
 * days are as long as the zone makes them, an hour that comes twice is excluded twice, and what the clocks skip is not
 * there at all.
 */
import { DAY_MS } from "../duration.ts";
import { END_MS } from "../schedule/limits.ts";
import { type Segment, segmentAt } from "../schedule/zone.ts";

/** A rule that is ready to be asked, about times of a wall clock (milliseconds of a calendar without zone). */
export interface WallRule {
  /** null when `local` is included; else a later time with nothing but excluded ones before it. */
  excludedUntil(local: number): number | null;
  /** The first excluded time from `local` on; null when there is none until the end of 2199. */
  nextExcluded(local: number): number | null;
  /** What the rule calls the day of an excluded time; only for rules whose days have names. */
  labelAt?(local: number): string | null;
}

/** A rule that is ready to be asked, about instants. Zones must have passed `checkZone`. */
export interface Exclusion {
  /** null when `at` is included; else a later instant with nothing but excluded ones before it. */
  excludedUntil(timeZone: string, at: number): number | null;
  /** The first excluded instant from `at` on; null when there is none until the end of 2199. */
  nextExcluded(timeZone: string, at: number): number | null;
  /** Of an excluded instant. */
  labelAt(timeZone: string, at: number): string | null;
  /** Of all that is excluded from one instant up to the other; empty when nothing is. */
  labelsBetween(timeZone: string, from: number, until: number): (string | null)[];
}

/** A run that goes on through more clock changes than this is reported in parts. */
const MAX_CHANGES = 8;

export function onWall(rule: WallRule): Exclusion {
  // To look a stretch up takes longer than the rest of a test, and the next test is about the same stretch.
  let lastZone = "";
  let last: Segment = { from: 0, until: 0, offsetMs: 0, offsetBeforeMs: 0, offsetAfterMs: 0 };
  const segmentOf = (timeZone: string, at: number): Segment => {
    if (timeZone === lastZone && at >= last.from && at < last.until) return last;
    last = segmentAt(timeZone, at);
    lastZone = timeZone;
    return last;
  };

  const excludedUntil = (timeZone: string, at: number): number | null => {
    let instant = at;
    for (let changes = 0; changes <= MAX_CHANGES; changes++) {
      const segment = segmentOf(timeZone, instant);
      const until = rule.excludedUntil(instant + segment.offsetMs);
      if (until === null) break;
      if (until < segment.until + segment.offsetMs) return until - segment.offsetMs;
      instant = segment.until;
    }
    return instant > at ? instant : null;
  };

  const nextExcluded = (timeZone: string, at: number): number | null => {
    let instant = at;
    for (let whole = false; instant < END_MS; whole = true) {
      const segment = segmentOf(timeZone, instant);
      const local = rule.nextExcluded(instant + segment.offsetMs);
      if (local !== null && local < segment.until + segment.offsetMs) return local - segment.offsetMs;
      // What `at` cut off from the first stretch may come again in an overlap at its end; later on nothing is cut off.
      if (whole && local === null) return null;
      instant = whole && local !== null ? Math.max(segment.until, local - DAY_MS) : segment.until;
    }
    return null;
  };

  return {
    excludedUntil,
    nextExcluded,
    labelAt: (timeZone, at) => rule.labelAt?.(at + segmentOf(timeZone, at).offsetMs) ?? null,
    labelsBetween(timeZone, from, until) {
      const labels: (string | null)[] = [];
      for (let at = nextExcluded(timeZone, from); at !== null && at < until; ) {
        const { offsetMs, until: closes } = segmentOf(timeZone, at);
        const local = at + offsetMs;
        labels.push(rule.labelAt?.(local) ?? null);
        if (!rule.labelAt) break;
        const midnight = (Math.floor(local / DAY_MS) + 1) * DAY_MS;
        at = nextExcluded(timeZone, Math.min(closes, midnight - offsetMs));
      }
      return labels;
    },
  };
}
