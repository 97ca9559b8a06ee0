/** A newest-first list that events flow into: rows change in place, new ones queue up until the reader wants them. */
import { progressRank, type RunState } from "./state.ts";

export type Row = { id: string; createdAt: string; state: RunState; attempt: number };

/** `rows` are shown, those in `arrived` since the last look; `fresh` are new and not shown yet; `missed` counts new ones that `fresh` had no room for; `trimmed`: rows had to make room. */
export type LiveList<R extends Row> = {
  rows: R[];
  arrived: ReadonlySet<string>;
  fresh: R[];
  missed: number;
  trimmed: boolean;
};

export type MergeOptions<R extends Row> = {
  /** Whether a row belongs to the list under the present filter. */
  belongs: (row: R) => boolean;
  /** Rows kept at most, shown and fresh alike. */
  limit: number;
  /** False on an older page: nothing new can belong there. */
  head: boolean;
};

const newestFirst = (a: Row, b: Row): number =>
  a.createdAt === b.createdAt ? compareIds(b.id, a.id) : a.createdAt < b.createdAt ? 1 : -1;
const compareIds = (a: string, b: string): number => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);

/**
 * The list of a page just read. An event that came while the page was on its way may be newer than the page, so
 * `recent` events go in where they are further along than what was read.
 */
export function seedList<R extends Row>(
  rows: readonly R[],
  recent: readonly R[],
  options: MergeOptions<R>,
): LiveList<R> {
  const read = new Map(rows.map((row) => [row.id, row]));
  const newer = recent.filter((event) => {
    const row = read.get(event.id);
    return row === undefined || progressRank(event) > progressRank(row);
  });
  const list: LiveList<R> = { rows: [...rows], arrived: new Set(), fresh: [], missed: 0, trimmed: false };
  return showFresh(mergeEvents(list, newer, options), options);
}

/** Takes in a batch of events, the last one of a row winning. Shown rows keep their place even when they leave the filter. */
export function mergeEvents<R extends Row>(
  list: LiveList<R>,
  events: readonly R[],
  options: MergeOptions<R>,
): LiveList<R> {
  const latest = new Map(events.map((event) => [event.id, event]));
  const rows = list.rows.map((row) => latest.get(row.id) ?? row);
  const shown = new Set(rows.map((row) => row.id));
  const oldest = rows.at(-1);
  const isNew = (row: R): boolean =>
    options.head &&
    !shown.has(row.id) &&
    options.belongs(row) &&
    // A full page has older rows behind it: a change to one of those is not news.
    (oldest === undefined || rows.length < options.limit || newestFirst(row, oldest) < 0);
  const fresh = new Map(list.fresh.filter((row) => !latest.has(row.id)).map((row) => [row.id, row]));
  for (const row of latest.values()) if (isNew(row)) fresh.set(row.id, row);
  const sorted = [...fresh.values()].sort(newestFirst);
  return {
    rows,
    arrived: list.arrived,
    fresh: sorted.slice(0, options.limit),
    missed: list.missed + Math.max(0, sorted.length - options.limit),
    trimmed: list.trimmed,
  };
}

/** Shows what is fresh, and drops what no longer belongs or has no room. */
export function showFresh<R extends Row>(list: LiveList<R>, options: MergeOptions<R>): LiveList<R> {
  const rows = [...list.fresh, ...list.rows.filter(options.belongs)].sort(newestFirst);
  return {
    rows: rows.slice(0, options.limit),
    arrived: new Set(list.fresh.map((row) => row.id)),
    fresh: [],
    missed: 0,
    trimmed: list.trimmed || list.missed > 0 || rows.length > options.limit,
  };
}
