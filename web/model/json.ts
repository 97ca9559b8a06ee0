/** JSON as people type and read it: parsing with the place of the fault, and one-line previews. */

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type ParsedJson = { ok: true; value: Json | undefined } | { ok: false; message: string };

const place = (text: string, position: number): string => {
  const before = text.slice(0, position).split("\n");
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
};

/** Parses what was typed. Blank text is no value. A fault names its line and column in every browser's wording. */
export function parseJson(text: string): ParsedJson {
  if (text.trim() === "") return { ok: true, value: undefined };
  try {
    return { ok: true, value: JSON.parse(text) as Json };
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    const position = /position (\d+)/.exec(said)?.[1];
    const lineColumn = /line (\d+) column (\d+)/.exec(said);
    const where = lineColumn
      ? `line ${lineColumn[1]}, column ${lineColumn[2]}`
      : position
        ? place(text, Number(position))
        : place(text, text.length);
    const what = /end of|unterminated/i.test(said) ? "the text ends too early" : "this is not JSON";
    return { ok: false, message: `${what} (${where})` };
  }
}

/** A value on one line, cut to `limit` characters. */
export function previewJson(value: Json, limit = 80): string {
  const text = JSON.stringify(value);
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
}

/** The entries of an object or array, in order; null for a scalar. */
export function entriesOf(value: Json): [key: string, value: Json][] | null {
  if (value === null || typeof value !== "object") return null;
  return Array.isArray(value) ? value.map((item, index) => [String(index), item]) : Object.entries(value);
}
