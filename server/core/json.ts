/** What a JSON text may not hold, because PostgreSQL could not read it as JSON later. */
import { badInput } from "./rejection.ts";

/** The escape of U+0000, unless the backslash before it is itself escaped. */
const NUL = /(?:^|[^\\])(?:\\\\)*\\u0000/;

/** Throws BAD_INPUT when `json` escapes the character U+0000. */
export function refuseNul(json: string | null | undefined, field: string): void {
  if (json != null && NUL.test(json)) {
    throw badInput(field, "the character U+0000 cannot be stored; use bytes for binary data");
  }
}
