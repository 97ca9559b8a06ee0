/** The fires of the time to come, minute by minute: summed for what a chart has room for, and the fullest of them. */

const MINUTE_MS = 60_000;

/** `counts` has a number for each minute from `fromMs` on; those from `knownMs` on are 0 because nobody looked. */
export type MinuteCounts = { fromMs: number; knownMs: number; counts: readonly number[] };
/** What is looked at: `toMs` is exclusive. */
export type View = { fromMs: number; toMs: number };

export const endOf = ({ fromMs, counts }: MinuteCounts): number => fromMs + counts.length * MINUTE_MS;

/** Lengths of a bar in minutes. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440];

/** The shortest bars of which no more than `most` are needed. */
export function stepFor({ fromMs, toMs }: View, most: number): number {
  const minutes = (toMs - fromMs) / MINUTE_MS;
  return STEPS.find((step) => minutes / step <= most) ?? 1440;
}

/** Unix seconds at which each bar begins, and how many fires it stands for; null where nobody looked. */
export type ForecastColumns = [at: number[], fires: (number | null)[]];

/** Sums the minutes of a view into bars of `step` minutes, which begin at full ones of the reader's clock. */
export function columnsOf(
  { fromMs, knownMs, counts }: MinuteCounts,
  view: View,
  step: number,
  readerOffsetMinutes: number,
): ForecastColumns {
  const stepMs = step * MINUTE_MS;
  const shiftMs = readerOffsetMinutes * MINUTE_MS;
  const first = Math.floor((view.fromMs + shiftMs) / stepMs) * stepMs - shiftMs;
  const columns: ForecastColumns = [[], []];
  for (let at = first; at < view.toMs; at += stepMs) {
    const begin = Math.max(0, Math.round((at - fromMs) / MINUTE_MS));
    const end = Math.max(0, Math.round((at + stepMs - fromMs) / MINUTE_MS));
    columns[0].push(at / 1000);
    columns[1].push(at >= knownMs ? null : sum(counts.slice(begin, end)));
  }
  return columns;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

export type Minute = { atMs: number; fires: number };

/** The fullest minutes of a view, the earlier first among equals; none that is empty. */
export function fullestMinutes({ fromMs, counts }: MinuteCounts, view: View, most: number): Minute[] {
  const begin = Math.max(0, Math.round((view.fromMs - fromMs) / MINUTE_MS));
  const end = Math.max(begin, Math.round((view.toMs - fromMs) / MINUTE_MS));
  return counts
    .slice(begin, end)
    .map((fires, index) => ({ atMs: fromMs + (begin + index) * MINUTE_MS, fires }))
    .filter(({ fires }) => fires > 0)
    .sort((a, b) => b.fires - a.fires || a.atMs - b.atMs)
    .slice(0, most);
}

/** All fires of a view. */
export function totalOf({ fromMs, counts }: MinuteCounts, view: View): number {
  const begin = Math.max(0, Math.round((view.fromMs - fromMs) / MINUTE_MS));
  return sum(counts.slice(begin, Math.max(begin, Math.round((view.toMs - fromMs) / MINUTE_MS))));
}

/** The part of a range that the address names, within what there is; the whole when it names none. */
export function viewOf(minutes: MinuteCounts, from: string | undefined, until: string | undefined): View {
  const whole: View = { fromMs: minutes.fromMs, toMs: endOf(minutes) };
  const at = (text: string | undefined, or: number): number => {
    const ms = text === undefined ? Number.NaN : Date.parse(text);
    return Number.isNaN(ms) ? or : Math.min(Math.max(ms, whole.fromMs), whole.toMs);
  };
  const view = { fromMs: at(from, whole.fromMs), toMs: at(until, whole.toMs) };
  return view.toMs - view.fromMs < MINUTE_MS ? whole : view;
}

/** Whole minutes that contain what was dragged over, five at least. */
export function snapped({ fromMs, toMs }: View): View {
  const from = Math.floor(fromMs / MINUTE_MS) * MINUTE_MS;
  return { fromMs: from, toMs: Math.max(Math.ceil(toMs / MINUTE_MS) * MINUTE_MS, from + 5 * MINUTE_MS) };
}
