/** What a change does to the fires of a trigger, in sentences and as a list. */
import { countOf, formatCount } from "./time.ts";
import { dayInWords, wallClock } from "./wall-clock.ts";

export type FireChanges = {
  from: string;
  until: string;
  unchanged: number;
  added: readonly string[];
  removed: readonly string[];
  moved: readonly { from: string; to: string }[];
};

const FIRES = ["fire", "fires"] as const;
const DAY_MS = 86_400_000;
/** The server compares so much, unless a thousand fires come first. */
const COMPARED_MS = 30 * DAY_MS;
/** Patterns told apart; the others are counted together. */
const PATTERNS = 3;

/** Whether the fires are the same before and after. */
export const changesNothing = ({ added, removed, moved }: FireChanges): boolean =>
  added.length + removed.length + moved.length === 0;

/** One sentence per kind of change: `30 fires move from 09:00 to 10:00.` Times of day are those of `timeZone`. */
export function changesInWords(changes: FireChanges, timeZone?: string): string[] {
  const { added, removed, moved, unchanged } = changes;
  if (changesNothing(changes))
    return [
      unchanged === 0
        ? "It has no fires in that time."
        : `All ${countOf(unchanged, FIRES)} stay as they are.`,
    ];
  const sentences = movesInWords(moved, timeZone);
  if (removed.length > 0)
    sentences.push(
      `${countOf(removed.length, FIRES)} no longer happen${removed.length === 1 ? "s" : ""}${alwaysAt(removed, timeZone)}.`,
    );
  if (added.length > 0)
    sentences.push(
      `${countOf(added.length, FIRES)} ${added.length === 1 ? "is" : "are"} new${alwaysAt(added, timeZone)}.`,
    );
  sentences.push(
    unchanged === 0
      ? "None stays as it is."
      : `${countOf(unchanged, FIRES)} stay${unchanged === 1 ? "s" : ""} as ${unchanged === 1 ? "it is" : "they are"}.`,
  );
  return sentences;
}

/** How far was compared: `the next 30 days`, or `1.2 days` when there were too many fires to go on. */
export function comparedInWords({ from, until }: FireChanges): string {
  const ms = Date.parse(until) - Date.parse(from);
  if (ms >= COMPARED_MS - 1) return "the next 30 days";
  const days = ms / DAY_MS;
  if (days >= 1)
    return `the next ${formatCount(Math.round(days * 10) / 10)} days, which is as far as a thousand fires go`;
  return `the next ${formatCount(Math.round(days * 240) / 10)} hours, which is as far as a thousand fires go`;
}

function movesInWords(moved: FireChanges["moved"], timeZone: string | undefined): string[] {
  const patterns = new Map<string, number>();
  for (const move of moved) {
    const pattern = patternOf(move, timeZone);
    patterns.set(pattern, (patterns.get(pattern) ?? 0) + 1);
  }
  const sorted = [...patterns].sort(([, a], [, b]) => b - a);
  // Ways that one fire each goes are no pattern, unless there are few of them.
  const told = sorted.filter(([, count], at) => at < PATTERNS && (count > 1 || sorted.length <= PATTERNS));
  const others = moved.length - told.reduce((sum, [, count]) => sum + count, 0);
  const sentences = told.map(([pattern, count]) => `${moves(count)} ${pattern}.`);
  return others === 0 ? sentences : [...sentences, `${moves(others)} to other times.`];
}

const moves = (count: number): string => `${countOf(count, FIRES)} move${count === 1 ? "s" : ""}`;

function patternOf({ from, to }: FireChanges["moved"][number], timeZone: string | undefined): string {
  const [before, after] = [wallClock(from, timeZone), wallClock(to, timeZone)];
  const days = after.day - before.day;
  const times = before.time === after.time ? `at ${before.time}` : `from ${before.time} to ${after.time}`;
  if (days === 0) return times;
  const by = `${countOf(Math.abs(days), ["day", "days"])} ${days > 0 ? "later" : "earlier"}`;
  return `${by}, ${times}`;
}

/** `, each at 21:00`; nothing when the times of day differ. */
function alwaysAt(fires: readonly string[], timeZone: string | undefined): string {
  const times = new Set(fires.map((at) => wallClock(at, timeZone).time));
  const [only] = times;
  if (times.size !== 1 || only === undefined) return "";
  return fires.length === 1 ? `, at ${only}` : `, each at ${only}`;
}

/** One line of the list: what there was, what there will be. */
export type ChangeRow = {
  kind: "moved" | "added" | "removed";
  at: string;
  before: string | null;
  after: string | null;
};

/** Everything that changes, in order of time. */
export function changeRows({ added, removed, moved }: FireChanges, timeZone?: string): ChangeRow[] {
  const said = (at: string): string => {
    const { day, time } = wallClock(at, timeZone);
    return `${dayInWords(day)}, ${time}`;
  };
  const rows: ChangeRow[] = [
    ...moved.map(({ from, to }) => ({
      kind: "moved" as const,
      at: from,
      before: said(from),
      after: said(to),
    })),
    ...removed.map((at) => ({ kind: "removed" as const, at, before: said(at), after: null })),
    ...added.map((at) => ({ kind: "added" as const, at, before: null, after: said(at) })),
  ];
  return rows.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}
