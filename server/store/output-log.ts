/** An attempt's log: text lines with time and level, appended in order, cut at a limit, read by byte offsets. */
import { LIMITS } from "../config.ts";
import type { LogBytes, OutputOwner } from "./output-store.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogLine {
  /** Epoch milliseconds. */
  time: number;
  level: LogLevel;
  /** Line breaks in it make lines of their own. */
  message: string;
}

/** Where to read a log. Without `attempt`: the last one that has a log. */
export interface LogPlace {
  attempt?: number | undefined;
  /** Bytes from the beginning; negative: from the end. */
  offset?: number | undefined;
  /** Bytes at most. */
  limit?: number | undefined;
}

/** A piece of a log. `text` holds whole lines, except where one line is longer than the piece. */
export interface LogSlice {
  attempt: number;
  text: string;
  /** Bytes; where `text` begins. */
  offset: number;
  /** Bytes; where to read on. */
  nextOffset: number;
  /** Bytes in the log now. */
  size: number;
}

const READ_BYTES = 64 * 1024;
const READ_BYTES_MAX = 1024 * 1024;
/** Room for any character, so that every reading makes progress. */
const READ_BYTES_MIN = 64;
const NEWLINE = 10;

const ESCAPE = String.fromCharCode(27);
/** Colours mean nothing in a file. */
const COLOURS = new RegExp(`${ESCAPE}\\[[0-9;]*m`, "g");
// A terminal that shows a log must not obey it, so what is left of control characters is spelled out.
const CONTROLS = /[^\P{Cc}\t]/gu;

function spellOut(message: string): string {
  return message
    .replace(COLOURS, "")
    .replace(CONTROLS, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

function format(lines: LogLine[]): Buffer {
  const text = lines.flatMap(({ time, level, message }) => {
    const prefix = `${new Date(time).toISOString()} ${level} `;
    const parts = message.replace(/\r?\n$/, "").split(/\r?\n/);
    return parts.map((part) => `${prefix}${spellOut(part)}\n`);
  });
  return Buffer.from(text.join(""));
}

/** What a log of `size` bytes gets for these lines; null when it is full. */
function composed(lines: LogLine[], size: number): Buffer | null {
  const room = LIMITS.logBytes - size;
  // A cut log ends in its notice, which is beyond the limit.
  if (room <= 0) return null;
  const bytes = format(lines);
  return bytes.length <= room
    ? bytes
    : Buffer.concat([bytes.subarray(0, wholeCharacters(bytes, room)), notice()]);
}

export function createLogs(store: LogBytes) {
  /** Who appends to a log now; the next one waits. Empty when nobody does. */
  const tails = new Map<string, Promise<unknown>>();

  return {
    /** `first` is done before anything is written, in its turn, too. */
    append({ runId, attempt }: OutputOwner, lines: LogLine[], first: () => Promise<void>): Promise<void> {
      const log = `${runId}/${attempt}`;
      const turn = (tails.get(log) ?? Promise.resolve()).then(async () => {
        await first();
        await store.append(runId, attempt, (size) => composed(lines, size));
      });
      const tail = turn
        .catch(() => {})
        .then(() => {
          if (tails.get(log) === tail) tails.delete(log);
        });
      tails.set(log, tail);
      return turn;
    },

    async read(runId: string, from: LogPlace): Promise<LogSlice | null> {
      const attempt = from.attempt ?? (await store.attempts(runId)).at(-1);
      if (attempt === undefined) return null;
      const asked = from.offset ?? 0;
      const read = await store.read(runId, attempt, (size) => {
        const start = Math.min(asked < 0 ? Math.max(0, size + asked) : asked, size);
        const wanted = Math.max(from.limit ?? READ_BYTES, READ_BYTES_MIN);
        return { start, length: Math.min(wanted, READ_BYTES_MAX, size - start) };
      });
      if (read === null) return null;
      const { start, size, bytes } = read;
      // Counting from the end lands inside a line; the reader wants to begin with a whole one.
      const skip = asked < 0 && start > 0 ? bytes.indexOf(NEWLINE) + 1 : 0;
      const end = Math.max(skip, wholeLines(bytes, start + bytes.length < size));
      const text = bytes.subarray(skip, end).toString();
      return { attempt, text, offset: start + skip, nextOffset: start + end, size };
    },
  };
}

function notice(): Buffer {
  const limit = `${LIMITS.logBytes / 1024 / 1024} MiB`;
  return Buffer.from(
    `\n${new Date().toISOString()} warn the log is cut here: it reached its limit of ${limit}\n`,
  );
}

/** Where the last whole line ends. A line longer than the piece is given in parts, if there is `more` to come. */
function wholeLines(bytes: Buffer, more: boolean): number {
  const end = bytes.lastIndexOf(NEWLINE) + 1;
  return end > 0 || !more ? end : wholeCharacters(bytes, bytes.length);
}

/** The largest length up to `length` that does not cut a UTF-8 character. */
function wholeCharacters(bytes: Buffer, length: number): number {
  let end = length;
  // A byte 10xxxxxx continues a character. When the piece ends the buffer, its last character may be incomplete.
  while (end > 0 && ((bytes[end] ?? 0x80) & 0xc0) === 0x80) end -= 1;
  return end;
}
