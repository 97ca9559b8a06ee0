/** Columns for the rate chart from the overview's history. */

export type HistoryPoint = { at: string; started: number; succeeded: number; failed: number };

/** One column each, oldest first: unix seconds, succeeded plus failed (the top of the stack), succeeded, started. */
export type ChartColumns = [at: number[], ended: number[], succeeded: number[], started: number[]];

const MINUTE_SECONDS = 60;

/** Places the points on an unbroken row of minutes that ends with the present one; a minute without a point is zero. */
export function chartColumns(points: readonly HistoryPoint[], minutes: number, nowMs: number): ChartColumns {
  const minuteOf = (ms: number): number => Math.floor(ms / 1000 / MINUTE_SECONDS) * MINUTE_SECONDS;
  const byMinute = new Map(points.map((point) => [minuteOf(Date.parse(point.at)), point]));
  const last = minuteOf(nowMs);
  const columns: ChartColumns = [[], [], [], []];
  for (let back = minutes - 1; back >= 0; back--) {
    const minute = last - back * MINUTE_SECONDS;
    const point = byMinute.get(minute);
    columns[0].push(minute);
    columns[1].push((point?.succeeded ?? 0) + (point?.failed ?? 0));
    columns[2].push(point?.succeeded ?? 0);
    columns[3].push(point?.started ?? 0);
  }
  return columns;
}
