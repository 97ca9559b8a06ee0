/** What is wrong with a text that is no ISO 8601 duration: in words, with the character at which it goes wrong. */

/** Units in the order in which they must come; M is months before the T and minutes after it. */
const DATE_UNITS = "YMWD";
const TIME_UNITS = "HMS";

const COUNT = /\d+(?:[.,](\d*))?/y;

/** `text` is known to be none. Its longest form has some 60 characters; a longer one is not looked through. */
export function durationFault(text: string): string {
  if (text === "") return "it is empty";
  if (text.length > 64) return "it is longer than 64 characters";
  if (!text.startsWith("P")) return withoutP(text);
  let units = DATE_UNITS;
  let next = 0;
  let fraction = false;
  for (let index = 1; index < text.length; ) {
    if (text[index] === "T") {
      if (units === TIME_UNITS) return `its second T, ${at(index)}, is too many`;
      [units, next] = [TIME_UNITS, 0];
      index++;
      continue;
    }
    COUNT.lastIndex = index;
    const [count = "", digits] = COUNT.exec(text) ?? [];
    if (count === "") return `"${text[index]}", ${at(index)}, is where a number must be`;
    const letter = text[index + count.length];
    const unitAt = index + count.length;
    if (letter === undefined) return `its last number, ${at(index)}, has no unit after it`;
    const place = units.indexOf(letter);
    if (place < 0) return wrongUnit(letter, unitAt, units);
    if (place < next)
      return `${letter}, ${at(unitAt)}, comes too late: the order is ${units.split("").join(", ")}`;
    if (fraction)
      return `only the last number may have a fraction, and "${count}", ${at(index)}, follows one`;
    if (digits === "" || (digits?.length ?? 0) > 9) {
      return `"${count}", ${at(index)}, must have 1 to 9 digits in its fraction`;
    }
    fraction = digits !== undefined;
    if (fraction && units === DATE_UNITS)
      return `"${count}", ${at(index)}, must be whole: days have no fractions here`;
    next = place + 1;
    index = unitAt + 1;
  }
  return `nothing follows its ${text.endsWith("T") ? "T" : "P"}`;
}

const at = (index: number): string => `at character ${index + 1}`;

function wrongUnit(letter: string, index: number, units: string): string {
  if (units === DATE_UNITS && TIME_UNITS.includes(letter)) {
    return `${letter}, ${at(index)}, must stand after a T, as in PT1${letter}`;
  }
  if (units === TIME_UNITS && DATE_UNITS.includes(letter)) {
    return `${letter}, ${at(index)}, must stand before the T`;
  }
  if (units.includes(letter.toUpperCase())) return `"${letter}", ${at(index)}, must be a capital`;
  return `"${letter}", ${at(index)}, is not one of the units ${units.split("").join(", ")}`;
}

const UNIT_WORDS: readonly [RegExp, (count: string) => string][] = [
  [/^(?:s|secs?|seconds?)?$/i, (count) => `PT${count}S`],
  [/^(?:m|mins?|minutes?)$/i, (count) => `PT${count}M`],
  [/^(?:h|hrs?|hours?)$/i, (count) => `PT${count}H`],
  [/^(?:d|days?)$/i, (count) => `P${count}D`],
  [/^(?:w|weeks?)$/i, (count) => `P${count}W`],
];

/** As people write one: `5m`, `90 seconds`, a bare number, or all in small letters. */
function withoutP(text: string): string {
  if (text.startsWith("p")) return "its letters must be capitals";
  const [, count, word = ""] = /^(\d+)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  const meant = UNIT_WORDS.find(([words]) => words.test(word));
  return `it must begin with P${count !== undefined && meant ? `; did you mean ${meant[1](count)}?` : ""}`;
}
