/**
 * References to secrets in a JSON text. They are found and replaced in the text as it is, which is never parsed: what
 * they are made of stands nowhere in JSON but inside strings, and numbers keep all their digits.
 */
import { named, type SecretPlace } from "./secret.ts";

/** What every reference begins with. */
export const SECRET_OPENING = "$" + "{secrets.";
/**
 * Dollar signs before an opening: two of them are one, and one that is left makes it a reference, with its name and, when
 * it is one, its end.
 */
const REFERENCE = /(\$+)\{secrets\.([^}$"\\]*)(\}?)/g;
const isLiteral = (dollars: string): boolean => dollars.length % 2 === 0;
/** What error messages show of a text that should have been a name. */
const SHOWN = 50;

/** True for texts that hold a reference, or the escape of one: all others go their way untouched. */
export function mayHoldSecrets(json: string): boolean {
  return json.includes(SECRET_OPENING);
}

/** The names that a text refers to, each once. Malformed references are left to `fill`. */
export function secretNames(json: string): string[] {
  const names = new Set<string>();
  for (const [, dollars = "", name = "", end] of json.matchAll(REFERENCE)) {
    if (!isLiteral(dollars) && end === "}") names.add(name);
  }
  return [...names];
}

/** A value as it stands inside a JSON string (`inJson`), or why there is none. */
export type Found = { value: string } | { fault: string };
/** A text with the values in it, or why there is none. */
export type Filled = { json: string } | { fault: string };

/** Puts values in the places of their references. More than `maxLength` characters are a fault, too. */
export function fillSecrets(json: string, find: (name: string) => Found, maxLength: number): Filled {
  const pieces: string[] = [];
  let length = 0;
  let from = 0;
  const add = (piece: string): void => {
    pieces.push(piece);
    length += piece.length;
  };
  for (const match of json.matchAll(REFERENCE)) {
    const [text, dollars = "", name = "", end] = match;
    add(json.slice(from, match.index) + "$".repeat(dollars.length >>> 1));
    from = match.index + dollars.length;
    if (isLiteral(dollars)) continue;
    from = match.index + text.length;
    const found = name !== "" && end === "}" ? find(name) : { fault: notOne(text) };
    if ("fault" in found) return found;
    add(found.value);
    if (length > maxLength) break;
  }
  add(json.slice(from));
  if (length > maxLength) {
    return {
      fault: `the input has more than ${maxLength} characters with its secrets in it; put less into it`,
    };
  }
  return { json: pieces.join("") };
}

function notOne(text: string): string {
  const shown = text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
  return `"${shown}" in the input refers to no secret; write ${SECRET_OPENING}NAME}, or $${SECRET_OPENING} where that text itself is meant`;
}

/** The text that `fillSecrets` reads as this one and nothing else, also when a reference follows it. */
export function escapeSecrets(text: string, beforeReference = false): string {
  const escaped = text.replace(/\$+(?=\{secrets\.)/g, (dollars) => dollars + dollars);
  return beforeReference ? escaped.replace(/\$+$/, (dollars) => dollars + dollars) : escaped;
}

/** A value as it stands between the quotes of a JSON string. */
export const inJson = (value: string): string => JSON.stringify(value).slice(1, -1);

/** What an input whose secret is not there says. */
export const missing = (place: SecretPlace): string =>
  `there is no ${named(place)}, which the input refers to; set it with setSecret and run this again`;
