/**
 * Strings with references: what is text, what is a reference, and how text that looks like one is escaped. Before `{`
 * and `[` two dollar signs are one, so `$${` is a literal `${`, and any text can be written.
 */
import { asRejection, Fault } from "./fault.ts";
import type { Member } from "./json-tree.ts";
import { parseReference, type ValueReference } from "./reference.ts";
import { parseTime, TIME_LENGTH, type TimeExpression } from "./time.ts";

/** `$[...]`: ready when it is written out, or its pieces when references stand in it, as in `$[yyyyMMdd-${days}]`. */
export interface TimeReference {
  time: TimeExpression | null;
  pieces: (string | ValueReference)[];
  text: string;
  index: number;
}

/** After a dollar sign. */
const SET_VALUE = "{setValue(";

export type Part = string | ValueReference | TimeReference;

export const isTime = (part: ValueReference | TimeReference): part is TimeReference => "time" in part;

/** The parts of a string in order; texts are unescaped and never empty. Throws a Fault. */
export function parseText(text: string): Part[] {
  const parts: Part[] = [];
  let literal = "";
  let from = 0;
  for (const { start, end, opener } of dollars(text)) {
    // Within what was read as a reference already.
    if (start < from) continue;
    literal += text.slice(from, start) + "$".repeat((end - start) >>> 1);
    from = end;
    if ((end - start) % 2 === 0) continue;
    // What a task says of its outputs (DolphinScheduler D8) is the task's to write.
    if (text.startsWith(SET_VALUE, end)) {
      literal += "$";
      continue;
    }
    if (literal !== "") parts.push(literal);
    literal = "";
    const read = readReference(text, end - 1, opener);
    parts.push(read.reference);
    from = read.end;
  }
  literal += text.slice(from);
  if (literal !== "") parts.push(literal);
  return parts;
}

/** The same; throws BAD_INPUT with the string's member as field. */
export function readText(text: string, member: Member): Part[] {
  try {
    return parseText(text);
  } catch (error) {
    throw asRejection(error, member());
  }
}

interface Dollars {
  start: number;
  end: number;
  opener: string;
}

/** The runs of dollar signs that an opening `{` or `[` follows, each looked at once. */
function* dollars(text: string): Generator<Dollars> {
  for (let start = text.indexOf("$"); start !== -1; ) {
    let end = start + 1;
    while (text.charAt(end) === "$") end++;
    const opener = text.charAt(end);
    if (opener === "{" || opener === "[") yield { start, end, opener };
    start = text.indexOf("$", end);
  }
}

function readReference(text: string, index: number, opener: string) {
  try {
    return opener === "{" ? parseReference(text, index) : parseTimeReference(text, index);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault(`${error.message}; for a literal $${opener} write $$${opener}`, error.index);
  }
}

function parseTimeReference(text: string, start: number): { reference: TimeReference; end: number } {
  const pieces: (string | ValueReference)[] = [];
  let from = start + 2;
  let quoted = false;
  for (let index = from; index - start <= 2 * TIME_LENGTH && index < text.length; ) {
    const char = text.charAt(index);
    if (char === "]" && !quoted) {
      if (from < index) pieces.push(text.slice(from, index));
      const reference = {
        time: ready(pieces, start + 2),
        pieces,
        text: text.slice(start, index + 1),
        index: start,
      };
      return { reference, end: index + 1 };
    }
    if (text.startsWith("${", index)) {
      const { reference, end } = parseReference(text, index);
      if (reference.target.kind === "secret") throw new Fault("a time cannot be made of a secret", index);
      if (from < index) pieces.push(text.slice(from, index));
      pieces.push(reference);
      from = end;
      index = end;
    } else {
      if (char === "'") quoted = !quoted;
      index++;
    }
  }
  throw new Fault("is not closed by ]", start);
}

function ready(pieces: readonly (string | ValueReference)[], index: number): TimeExpression | null {
  if (pieces.some((piece) => typeof piece !== "string")) return null;
  try {
    return parseTime(pieces.join(""));
  } catch (error) {
    throw error instanceof Fault ? new Fault(error.message, index + error.index) : error;
  }
}
