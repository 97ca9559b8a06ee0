/** An attempt's log: text lines with time and level, appended in order, cut at a limit, read by byte offsets. */
import { mkdir, open, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { LIMITS } from "../config.ts";
import { attemptsIn, type RunFolder, unlessMissing } from "./output-folder.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogLine {
  /** Epoch milliseconds. */
  time: number;
  level: LogLevel;
  /** Line breaks in it make lines of their own. */
  message: string;
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

export function createLogs(folder: RunFolder) {
  /** Who appends to a log now; the next one waits. Empty when nobody does. */
  const tails = new Map<string, Promise<unknown>>();
  const pathOf = (runId: string, attempt: number): string => join(folder(runId), String(attempt), "log");

  const write = async (path: string, lines: LogLine[]): Promise<void> => {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, "a");
    try {
      const { size } = await file.stat();
      const room = LIMITS.logBytes - size;
      // A cut log ends in its notice, which is beyond the limit.
      if (room <= 0) return;
      const bytes = format(lines);
      if (bytes.length <= room) await file.appendFile(bytes);
      else await file.appendFile(Buffer.concat([bytes.subarray(0, wholeCharacters(bytes, room)), notice()]));
    } finally {
      await file.close();
    }
  };

  return {
    append({ runId, attempt }: { runId: string; attempt: number }, lines: LogLine[]): Promise<void> {
      const path = pathOf(runId, attempt);
      const turn = (tails.get(path) ?? Promise.resolve()).then(() => write(path, lines));
      const tail = turn
        .catch(() => {})
        .then(() => {
          if (tails.get(path) === tail) tails.delete(path);
        });
      tails.set(path, tail);
      return turn;
    },

    async attempts(runId: string): Promise<number[]> {
      const attempts = await attemptsIn(folder(runId));
      const found = await Promise.all(attempts.map((attempt) => unlessMissing(stat(pathOf(runId, attempt)))));
      return attempts.filter((_, at) => found[at] !== null);
    },

    async read(
      runId: string,
      from: { attempt?: number | undefined; offset?: number | undefined; limit?: number | undefined },
    ): Promise<LogSlice | null> {
      const attempt = from.attempt ?? (await this.attempts(runId)).at(-1);
      if (attempt === undefined) return null;
      const file = await unlessMissing(open(pathOf(runId, attempt), "r"));
      if (file === null) return null;
      try {
        const { size } = await file.stat();
        const asked = from.offset ?? 0;
        const start = Math.min(asked < 0 ? Math.max(0, size + asked) : asked, size);
        const length = Math.min(
          Math.max(from.limit ?? READ_BYTES, READ_BYTES_MIN),
          READ_BYTES_MAX,
          size - start,
        );
        const buffer = Buffer.alloc(length);
        const { bytesRead } = await file.read(buffer, 0, length, start);
        const bytes = buffer.subarray(0, bytesRead);
        // Counting from the end lands inside a line; the reader wants to begin with a whole one.
        const skip = asked < 0 && start > 0 ? bytes.indexOf(NEWLINE) + 1 : 0;
        const end = wholeLines(bytes, start + bytesRead < size);
        const text = bytes.subarray(skip, Math.max(skip, end)).toString();
        return { attempt, text, offset: start + skip, nextOffset: start + Math.max(skip, end), size };
      } finally {
        await file.close();
      }
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
