/** A rule about stretches between instants, which may overlap. */
import type { Period } from "./rule.ts";
import type { Exclusion } from "./wall.ts";

/** `periods` by their beginning, ascending. */
export function periodsExclusion(periods: readonly Period[]): Exclusion {
  const starts = periods.map(({ from }) => from);
  /** For each period the one that ends last of it and all before. */
  const longest: Period[] = [];
  /** For each period where the row of periods that touch each other, to which it belongs, ends. */
  const rowEnds: number[] = new Array(periods.length).fill(0);
  periods.forEach((period, index) => {
    const before = longest[index - 1];
    longest.push(before && before.until >= period.until ? before : period);
  });
  for (let index = periods.length - 1; index >= 0; index--) {
    const until = longest[index]?.until ?? 0;
    const goesOn = (starts[index + 1] ?? Number.POSITIVE_INFINITY) <= until;
    rowEnds[index] = goesOn ? (rowEnds[index + 1] ?? until) : until;
  }
  /** The last period that has begun at `at`, or -1. */
  const begunAt = (at: number): number => {
    let low = 0;
    for (let high = starts.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((starts[middle] ?? Number.POSITIVE_INFINITY) <= at) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  };
  const excludedUntil = (_timeZone: string, at: number): number | null => {
    const until = rowEnds[begunAt(at)];
    return until !== undefined && until > at ? until : null;
  };
  return {
    excludedUntil,
    nextExcluded: (timeZone, at) =>
      excludedUntil(timeZone, at) !== null ? at : (starts[begunAt(at) + 1] ?? null),
    labelAt: (_timeZone, at) => longest[begunAt(at)]?.label ?? null,
    labelsBetween: (_timeZone, from, until) =>
      periods
        .filter((period) => period.from < until && period.until > from)
        .map(({ label }) => label ?? null),
  };
}
