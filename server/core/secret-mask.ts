/** Hides values of secrets in what a worker writes about its work. */
import { inJson } from "./secret-reference.ts";

/** Shorter ones stand in too many texts by chance, and a mask would tell where. */
const MASKED_MIN = 6;
/** Texts looked for: each is looked for in a whole append, of up to a megabyte. */
const MASKED_TEXTS = 1_000;
const MASK = "***";

/**
 * A function that replaces what is exactly a value: as it is, as it stands in JSON, and line by line, for logs are
 * written so. Longer ones first, so that what is part of another leaves nothing of that.
 */
export function maskOf(values: readonly string[]): (text: string) => string {
  const forms = values.flatMap((value) => [value, inJson(value)]);
  const lines = values
    .flatMap((value) => value.split(/\r?\n/))
    .filter((line) => line.trim().length >= MASKED_MIN);
  const texts = [...new Set([...forms, ...lines])]
    .filter((text) => text.length >= MASKED_MIN)
    .slice(0, MASKED_TEXTS);
  texts.sort((a, b) => b.length - a.length);
  return (text) => texts.reduce((masked, hidden) => masked.replaceAll(hidden, MASK), text);
}
