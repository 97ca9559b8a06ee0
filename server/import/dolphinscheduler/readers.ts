/** How fields are read by their kind; what is not of the kind is reported as a loss. */
import { numberOf, referenceOf, unfolded } from "./json.ts";
import { type Fields, isMembers, type Members } from "./report.ts";

type Names = string | string[];

/** Numbers and truth values are text too. */
export function text(fields: Fields, names: Names, to: string, note?: string): string | undefined {
  const reader = (value: unknown) => (typeof value === "object" ? null : String(value));
  return fields.read(names, to, reader, "text", note);
}

/** Numbers may be written as text. */
export const count = (fields: Fields, names: Names, to: string, note?: string): number | undefined =>
  fields.read(names, to, numberOf, "a number", note);

/** What the word stands for. DolphinScheduler keeps some as numbers, and exports either. */
export function word<T>(
  fields: Fields,
  names: Names,
  to: string,
  words: ReadonlyMap<string, T>,
): T | undefined {
  const reader = (value: unknown) => words.get(String(value)) ?? null;
  return fields.read(names, to, reader, `one of ${[...words.keys()].join(", ")}`);
}

/** A code, an id or a name; undefined for none. */
export function reference(fields: Fields, names: Names, to: string): string | undefined {
  const reader = (value: unknown) => (typeof value === "object" ? null : (referenceOf(value) ?? ""));
  return fields.read(names, to, reader, "a code or an id") || undefined;
}

/** Several of them, or one alone. */
export function references(fields: Fields, names: Names, to: string): string[] {
  const given = fields.read(names, to, (value) => [unfolded(value)].flat(), "codes") ?? [];
  const odd = given.filter((each) => typeof each === "object" && each !== null);
  if (odd.length > 0)
    fields.add(names, "[]", { outcome: "unmapped", value: odd, note: "must be codes or names" });
  return given.map(referenceOf).filter((each) => each !== null);
}

/**
 * The objects of a list, or of the JSON of one. Members of theirs that are not `known`, and items that are no objects, are
 * reported, each once with all its values. Null: whoever reads the objects reports on them.
 */
export function items(fields: Fields, names: Names, to: string, known: readonly string[] | null): Members[] {
  const reader = (value: unknown) => {
    const list = unfolded(value);
    return Array.isArray(list) ? list : null;
  };
  const list: unknown[] = fields.read(names, to, reader, "a list") ?? [];
  const members = list.filter(isMembers);
  const others = list.filter((item) => !isMembers(item));
  if (others.length > 0)
    fields.add(names, "[]", { outcome: "unmapped", value: others, note: "must be objects" });
  if (known !== null) sayOthers(fields, names, "[]", members, known);
  return members;
}

/** Reports members of objects that nobody knows. */
export function sayOthers(
  fields: Fields,
  names: Names,
  below: string,
  objects: Members[],
  known: readonly string[],
): void {
  const others = new Set(
    objects.flatMap((object) => Object.keys(object)).filter((name) => !known.includes(name)),
  );
  for (const name of others) {
    const value = objects.map((object) => object[name]).filter((each) => each !== undefined);
    fields.add(names, `${below}.${name}`, {
      outcome: "unmapped",
      value,
      note: "the importer knows no such field",
    });
  }
}
