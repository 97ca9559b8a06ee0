/**
 * Searching a log: lines from a level on, or with a text in them. The log is read piece by piece, so that none is in
 * memory as a whole, and an answer ends where it is full; the reader goes on from there.
 */
import { LIMITS } from "../config.ts";
import { badInput } from "../core/rejection.ts";
import { LOG_LEVELS, type LogLevel, type LogPlace, type LogSlice } from "./output-log.ts";

/** Which lines are wanted. */
export interface LogFilter {
  /** In any letter case, in what was logged: not in the time and the level before it. */
  search?: string | undefined;
  /** This level and graver ones. */
  level?: LogLevel | undefined;
}

const PIECE_BYTES = 1024 * 1024;
const STAMP = /^\S+Z (debug|info|warn|error) /;

/** Null when every line is wanted. @throws BAD_INPUT */
export function lineFilter({ search = "", level }: LogFilter): ((line: string) => boolean) | null {
  if (search.length > LIMITS.logSearchLength) {
    throw badInput(
      "search",
      `has ${search.length} characters; at most ${LIMITS.logSearchLength} are allowed`,
    );
  }
  const wanted = search.toLowerCase();
  const gravest = LOG_LEVELS.indexOf(level ?? "debug");
  if (wanted === "" && gravest === 0) return null;
  return (line) => {
    // Without a stamp: what follows where a very long line was cut.
    const [stamp = "", said = "info"] = STAMP.exec(line) ?? [];
    if (LOG_LEVELS.indexOf(said as LogLevel) < gravest) return false;
    return wanted === "" || line.slice(stamp.length).toLowerCase().includes(wanted);
  };
}

/** The lines that fit, from a place on; `nextOffset` is where to look on, the log's end when all was looked at. */
export async function searchLog(
  read: (from: LogPlace) => Promise<LogSlice | null>,
  from: LogPlace,
  fits: (line: string) => boolean,
): Promise<LogSlice | null> {
  const most = Math.min(from.limit ?? LIMITS.logSearchBytes, LIMITS.logSearchBytes);
  let slice = await read({ ...from, limit: PIECE_BYTES });
  const begin = slice?.offset ?? 0;
  const found: string[] = [];
  let size = 0;
  while (slice !== null) {
    let offset = slice.offset;
    for (const line of linesOf(slice.text)) {
      const bytes = Buffer.byteLength(line);
      if (fits(line)) {
        if (found.length >= LIMITS.logSearchLines || (found.length > 0 && size + bytes > most)) {
          return { ...slice, text: found.join(""), offset: begin, nextOffset: offset };
        }
        found.push(line);
        size += bytes;
      }
      offset += bytes;
    }
    if (slice.nextOffset >= slice.size || slice.nextOffset === slice.offset) {
      return { ...slice, text: found.join(""), offset: begin };
    }
    slice = await read({ attempt: slice.attempt, offset: slice.nextOffset, limit: PIECE_BYTES });
  }
  return null;
}

/** With their line ends. */
function* linesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf("\n", at) + 1 || text.length;
    yield text.slice(at, end);
    at = end;
  }
}
