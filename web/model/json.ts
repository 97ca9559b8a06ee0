/** JSON as people type and read it: parsing with the place of the fault, and one-line previews. */

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type ParsedJson = { ok: true; value: Json | undefined } | { ok: false; message: string };

const TOKEN =
  /\s*(?:([{}[\],:])|"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-]))/uy;

/** Where a text stops being JSON; its length when it only ends too early. Browsers do not say, or not all alike. */
function faultAt(text: string): number {
  const open: ("{" | "[")[] = [];
  let expected: "value" | "first" | "key" | "colon" | "comma" = "value";
  for (let from = 0; ; from = TOKEN.lastIndex) {
    TOKEN.lastIndex = from;
    const token = TOKEN.exec(text);
    const at = from + (/^\s*/.exec(text.slice(from))?.[0].length ?? 0);
    if (token === null) return at;
    const mark = token[1];
    const within = open.at(-1);
    const closes = (mark === "}" && within === "{") || (mark === "]" && within === "[");
    if (closes && (expected === "first" || expected === "comma")) {
      open.pop();
      expected = "comma";
    } else if (mark === "," && expected === "comma" && within !== undefined) {
      expected = within === "{" ? "key" : "value";
    } else if (mark === ":" && expected === "colon") {
      expected = "value";
    } else if ((mark === "{" || mark === "[") && expectsValue(expected, within)) {
      open.push(mark);
      expected = "first";
    } else if (mark === undefined && expectsValue(expected, within)) {
      expected = "comma";
    } else if (mark === undefined && text[at] === '"' && (expected === "key" || expected === "first")) {
      expected = "colon";
    } else return at;
  }
}

/** Right after its opening, an array takes a value and an object takes a key. */
const expectsValue = (expected: string, within: "{" | "[" | undefined): boolean =>
  expected === "value" || (expected === "first" && within === "[");

/** Parses what was typed. Blank text is no value. A fault names its line and column. */
export function parseJson(text: string): ParsedJson {
  if (text.trim() === "") return { ok: true, value: undefined };
  try {
    return { ok: true, value: JSON.parse(text) as Json };
  } catch {
    const at = faultAt(text);
    const before = text.slice(0, at).split("\n");
    const place = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
    const what = at >= text.length ? "the text ends too early" : "this is not JSON";
    return { ok: false, message: `${what} (${place})` };
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
