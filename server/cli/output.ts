/** What commands print: tables and facts, in colours for a terminal and plain for a pipe or a file. */
import colors from "picocolors";
import stringWidth from "string-width";
import { fromNow, localTime } from "./time.ts";

export interface Output {
  /** As it is. */
  text(text: string): void;
  line(text: string): void;
  /** Columns as wide as they have to be; an empty list prints what `none` says. */
  table(head: string[], rows: string[][], none: string): void;
  /** Names and values, one a line; what is null is left out. */
  facts(facts: [name: string, value: string | null | undefined][]): void;
  json(value: unknown): void;
  /** When something is: the time, and how far that is from now. */
  time(at: string | null | undefined): string;
  /** A state, or what was done to something, in the colour that it has everywhere. */
  word(text: string): string;
  colors: Colors;
}

type Colors = ReturnType<typeof colors.createColors>;
type Colour = "green" | "red" | "yellow" | "cyan" | "dim";

const COLOUR_OF: Record<string, Colour> = {
  ...of("green", ["SUCCEEDED", "NORMAL", "ONLINE", "COMPLETE", "created", "would create"]),
  ...of("red", ["FAILED", "ERROR", "OFFLINE", "failed", "deleted", "would delete"]),
  ...of("yellow", ["CANCELLED", "PAUSED", "DRAINING", "STOPPED", "updated", "would update"]),
  ...of("cyan", ["RUNNING", "READY", "BLOCKED"]),
  ...of("dim", ["SKIPPED", "LEFT", "unchanged", "revoked", "expired"]),
};

function of(colour: Colour, words: string[]): Record<string, Colour> {
  return Object.fromEntries(words.map((word) => [word, colour]));
}

/** Colours are for terminals that can show them, whatever else the environment says of colours. */
export function outputTo(stream: NodeJS.WriteStream): Output {
  endWithItsReader(stream);
  const isTerminal = stream.isTTY === true;
  const paint = colors.createColors(isTerminal && colors.isColorSupported);
  const line = (text: string): void => void stream.write(`${text}\n`);
  return {
    text: (text) => void stream.write(text),
    line,
    table(head, rows, none) {
      if (rows.length === 0) return line(paint.dim(none));
      const widths = head.map((_, at) =>
        Math.max(...[head, ...rows].map((row) => stringWidth(row[at] ?? ""))),
      );
      const padded = (row: string[]) =>
        row.map((cell, at) => cell + " ".repeat((widths[at] ?? 0) - stringWidth(cell))).join("  ");
      line(paint.bold(padded(head).trimEnd()));
      for (const row of rows) line(padded(row).trimEnd());
    },
    facts(facts) {
      const shown = facts.filter((fact): fact is [string, string] => Boolean(fact[1]));
      const width = Math.max(0, ...shown.map(([name]) => name.length));
      for (const [name, value] of shown) {
        const [first = "", ...more] = value.split("\n");
        line(`${paint.dim(name.padEnd(width))}  ${first}`);
        for (const text of more) line(`${" ".repeat(width)}  ${text}`);
      }
    },
    json: (value) => line(JSON.stringify(value, null, 2)),
    time: (at) => (at == null ? "" : `${isTerminal ? localTime(at) : at} (${fromNow(at, Date.now())})`),
    word(text) {
      const colour = COLOUR_OF[text];
      return colour === undefined ? text : paint[colour](text);
    },
    colors: paint,
  };
}

const watched = new WeakSet<NodeJS.WriteStream>();

/** Whoever has seen enough of a long list closes the pipe; that is no failure. */
function endWithItsReader(stream: NodeJS.WriteStream): void {
  if (watched.has(stream)) return;
  watched.add(stream);
  stream.on("error", ({ code }: NodeJS.ErrnoException) =>
    process.exit(code === "EPIPE" || code === "ECONNRESET" ? 0 : 1),
  );
}
