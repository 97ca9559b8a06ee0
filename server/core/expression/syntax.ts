/** From text to CEL's syntax tree, and to a useful complaint: the library says what, this finds where. */
import { parse } from "@bufbuild/cel";
import { Fault, short } from "../params/fault.ts";

export type Parsed = ReturnType<typeof parse>;
export type Expr = Parsed["expr"];

/** A page: what is longer is a program, and belongs into a task. */
const LENGTH = 2_000;
/** The library's parser takes time that grows with the square of the depth. */
const NESTING = 32;

/** Parses an expression. Throws a Fault. */
export function parseSyntax(text: string): Parsed {
  if (text.length > LENGTH) throw new Fault(`is longer than ${LENGTH} characters`, LENGTH);
  bracketsOf(text);
  const fault = syntaxFault(text, 0);
  if (fault) throw fault;
  return parse(text);
}

/**
 * The library reports an error within parentheses at the start of what they belong to; so each piece within is tried on
 * its own, until the innermost one that is wrong is found.
 */
function syntaxFault(text: string, base: number): Fault | null {
  try {
    parse(text);
    return null;
  } catch (error) {
    const at = (error as { location?: { start: { offset: number } } }).location?.start.offset ?? 0;
    for (const { start, end } of piecesAfter(text, at)) {
      const inner = syntaxFault(text.slice(start, end), base + start);
      if (inner) return inner;
    }
    return new Fault(complaint(error, text, at), base + at);
  }
}

function complaint(error: unknown, text: string, at: number): string {
  if (error instanceof RangeError) return "is nested too deeply";
  const raw = (error as { rawMessage?: string }).rawMessage ?? (error as Error).message;
  if (!raw.startsWith("found ")) return raw;
  const rest = text.slice(at).trim();
  return rest === "" ? "a value is missing" : `"${short(rest, 20)}" cannot be read as CEL`;
}

interface Bracket {
  open: number;
  close: number;
  /** Where commas stand in it, and in braces the colons after keys. */
  separators: number[];
}

const CLOSER: ReadonlyMap<string, string> = new Map([
  ["(", ")"],
  ["[", "]"],
  ["{", "}"],
]);

/** What stands between the brackets that open at `from` or later, and their separators; not what is within these again. */
function piecesAfter(text: string, from: number): { start: number; end: number }[] {
  let covered = from;
  return bracketsOf(text)
    .filter(({ open, close }) => {
      const isNext = open >= covered;
      if (isNext) covered = close;
      return isNext;
    })
    .flatMap(({ open, close, separators }) =>
      [open, ...separators].map((start, index) => ({ start: start + 1, end: separators[index] ?? close })),
    )
    .filter(({ start, end }) => text.slice(start, end).trim() !== "");
}

/** All brackets outside of strings and comments. Throws a Fault for one without a partner. */
function bracketsOf(text: string): Bracket[] {
  const found: Bracket[] = [];
  const open: Bracket[] = [];
  for (let index = 0; index < text.length; index++) {
    const char = text.charAt(index);
    const around = open.at(-1);
    if (char === '"' || char === "'") index = stringEnd(text, index) - 1;
    else if (char === "/" && text.charAt(index + 1) === "/") index = lineEnd(text, index);
    else if (CLOSER.has(char)) {
      if (open.length === NESTING) throw new Fault(`is more than ${NESTING} brackets deep`, index);
      const bracket = { open: index, close: text.length, separators: [] };
      found.push(bracket);
      open.push(bracket);
    } else if (char === ")" || char === "]" || char === "}") {
      if (around === undefined || CLOSER.get(text.charAt(around.open)) !== char)
        throw new Fault(`"${char}" closes nothing`, index);
      around.close = index;
      open.pop();
    } else if (around && (char === "," || (char === ":" && isKeyEnd(text, around)))) {
      around.separators.push(index);
    }
  }
  const unclosed = open.at(-1);
  if (unclosed) throw new Fault(`"${text.charAt(unclosed.open)}" is not closed`, unclosed.open);
  return found;
}

/** In braces, every other separator is a colon; further ones belong to `? :`. */
const isKeyEnd = (text: string, { open, separators }: Bracket): boolean =>
  text.charAt(open) === "{" && separators.length % 2 === 0;

/** The index after a string that begins at `start`: `"…"`, `'…'`, three of each, escaped or raw. */
function stringEnd(text: string, start: number): number {
  const quote = text.charAt(start);
  const fence = text.startsWith(quote.repeat(3), start) ? quote.repeat(3) : quote;
  const raw = /(?:^|\W)[bB]?[rR][bB]?$/.test(text.slice(Math.max(0, start - 3), start));
  for (let index = start + fence.length; index < text.length; index++) {
    if (text.charAt(index) === "\\" && !raw) index++;
    else if (text.startsWith(fence, index)) return index + fence.length;
  }
  throw new Fault("the string is not closed", start);
}

function lineEnd(text: string, start: number): number {
  const end = text.indexOf("\n", start);
  return end === -1 ? text.length : end;
}
