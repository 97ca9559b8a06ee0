/** A log as a bounded list of clean lines, fed with chunks that may end anywhere. */

export type LogLevel = "error" | "warning" | "plain";
/** `number` counts from 1 at the start of what was read; `at` is the line's instant where the server put one before it. */
export type LogLine = { number: number; at: string | null; text: string; level: LogLevel };

/** `partial` is the raw text after the last line end; `dropped` counts lines that made room for newer ones. */
export type Log = { lines: readonly LogLine[]; partial: string; dropped: number };

export const EMPTY_LOG: Log = { lines: [], partial: "", dropped: 0 };

/** A line is cut here, so that one endless line cannot freeze the page. */
const LINE_LIMIT = 4_000;

// Spelled by code: a control character in a source file is invisible.
const code = (hex: string): string => `\\u${hex}`;
const ANSI = new RegExp(
  [
    `${code("001b")}\\[[0-?]*[ -/]*[@-~]`, // CSI: colours, cursor moves
    `${code("001b")}\\][^${code("0007")}${code("001b")}]*(?:${code("0007")}|${code("001b")}\\\\)?`, // OSC: titles, links
    `${code("001b")}[@-Z\\\\-_]`, // two-character escapes
  ].join("|"),
  "g",
);
const CONTROL = new RegExp(
  `[${code("0000")}-${code("0008")}${code("000b")}-${code("001f")}${code("007f")}-${code("009f")}]`,
  "g",
);

/** One raw line as it would stand on a terminal: escapes gone, and what a carriage return overwrote gone too. */
export function cleanLine(raw: string): string {
  const plain = raw.replace(ANSI, "");
  const lastWrite = plain.replace(/\r+$/, "").split("\r").at(-1) ?? "";
  const text = lastWrite.replace(CONTROL, "");
  return text.length > LINE_LIMIT
    ? `${text.slice(0, LINE_LIMIT)}… (${text.length - LINE_LIMIT} more characters)`
    : text;
}

const ERROR = /\b(error|fatal|panic|critical|traceback|exception)\b/i;
const WARNING = /\bwarn(ing)?\b/i;

/** What a line seems to be about, judged by its first words. */
export function levelOf(text: string): LogLevel {
  const start = text.slice(0, 120);
  return ERROR.test(start) ? "error" : WARNING.test(start) ? "warning" : "plain";
}

/** What the server writes before each line: an instant and a level. */
const STAMP = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (debug|info|warn|error) /;

const line = (raw: string, number: number): LogLine => {
  const clean = cleanLine(raw);
  const [stamp = "", at = null, said = ""] = STAMP.exec(clean) ?? [];
  const text = clean.slice(stamp.length);
  // A worker that only forwards what a program printed calls all of it info.
  const level = said === "error" ? "error" : said === "warn" ? "warning" : levelOf(text);
  return { number, at, text, level };
};

/** Adds a chunk and keeps the last `limit` lines. */
export function appendLog(log: Log, chunk: string, limit = 10_000): Log {
  const raw = (log.partial + chunk).split("\n");
  const partial = raw.pop() ?? "";
  const first = log.dropped + log.lines.length + 1;
  const lines = [...log.lines, ...raw.map((text, index) => line(text, first + index))];
  const over = Math.max(0, lines.length - limit);
  return { lines: over === 0 ? lines : lines.slice(over), partial, dropped: log.dropped + over };
}

/** What the reader wants to see; the server finds it. Lines of the level and graver ones, with `search` in any case. */
export type LogFilter = { search: string; level: (typeof FILTER_LEVELS)[number] };
export const FILTER_LEVELS = ["DEBUG", "INFO", "WARN", "ERROR"] as const;
export const EVERY_LINE: LogFilter = { search: "", level: "DEBUG" };

export function isFiltered({ search, level }: LogFilter): boolean {
  return search !== "" || level !== "DEBUG";
}

/** The lines to show, the unfinished one included. */
export function visibleLines(log: Log): readonly LogLine[] {
  const unfinished = line(log.partial, log.dropped + log.lines.length + 1);
  return unfinished.text === "" ? log.lines : [...log.lines, unfinished];
}

/** A piece of a line; `at` is its place in it. */
export type Piece = { at: number; text: string; match: boolean };

/** A line cut where `search` matches, for highlighting. */
export function splitMatches(text: string, search: string): Piece[] {
  const pieces: Piece[] = [];
  const lower = text.toLowerCase();
  const wanted = search.toLowerCase();
  let from = 0;
  for (let at = wanted === "" ? -1 : lower.indexOf(wanted); at !== -1; at = lower.indexOf(wanted, from)) {
    if (at > from) pieces.push({ at: from, text: text.slice(from, at), match: false });
    from = at + wanted.length;
    pieces.push({ at, text: text.slice(at, from), match: true });
  }
  if (from < text.length) pieces.push({ at: from, text: text.slice(from), match: false });
  return pieces;
}
