/** Which names and tags the product accepts. */
import { badInput } from "./rejection.ts";

/** Long enough for a path of words, short enough for a log line, a metric label and an index entry. */
const MAX_NAME = 128;
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.:@/-]*$/;

const MAX_TAGS = 50;
const MAX_TAG = 128;
/** Control characters, line breaks and half characters: nobody could type them in a filter, nor PostgreSQL store all. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

/**
 * Checks a namespace, job, trigger, group, type or executor name and returns it. Names stand in addresses, command
 * lines and metric labels, so they are ASCII without blanks or quotes. Throws BAD_INPUT saying what is wrong.
 */
export function checkName(name: string, field: string): string {
  if (name === "") throw badInput(field, "must not be empty");
  if (name.length > MAX_NAME)
    throw badInput(field, `has ${name.length} characters; at most ${MAX_NAME} are allowed`);
  if (!NAME.test(name)) {
    throw badInput(
      field,
      `"${name}" may hold only letters, digits and . _ - : @ / and must start with a letter, digit or _`,
    );
  }
  return name;
}

/** Checks tags, which are for people and so may be in any language, and returns each once, in the order given. */
export function checkTags(tags: readonly string[], field = "tags"): string[] {
  const distinct = [...new Set(tags)];
  if (distinct.length > MAX_TAGS)
    throw badInput(field, `${distinct.length} tags are too many; at most ${MAX_TAGS} are allowed`);
  for (const tag of distinct) {
    if (tag.trim() !== tag || tag === "") throw badInput(field, `"${tag}" is empty or has blanks around it`);
    if (tag.length > MAX_TAG)
      throw badInput(field, `a tag has ${tag.length} characters; at most ${MAX_TAG} are allowed`);
    if (UNPRINTABLE.test(tag))
      throw badInput(field, `${JSON.stringify(tag)} holds a character that cannot be printed`);
  }
  return distinct;
}
