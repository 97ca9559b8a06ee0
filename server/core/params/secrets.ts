/**
 * Secrets are never in a run: a resolved input keeps the references to them, and they are put in when a worker claims
 * (core/secret-reference). Other text that looks like one is escaped, so that nothing that was put in can name a secret.
 */
import { escapeSecrets, SECRET_OPENING } from "../secret-reference.ts";
import type { ValueReference } from "./reference.ts";
import { isTime, type TimeReference } from "./text.ts";

export type SecretReference = ValueReference & { target: { kind: "secret" } };

export const isSecret = (part: ValueReference | TimeReference): part is SecretReference =>
  !isTime(part) && part.target.kind === "secret";

/** A resolved string with references to secrets in it. */
export class SecretText {
  readonly #parts: readonly (string | SecretReference)[];

  constructor(parts: readonly (string | SecretReference)[]) {
    this.#parts = parts;
  }

  /** Texts that meet are escaped as one: the `$` of the first and the `{` of the second must not become a reference. */
  escaped(): string {
    let escaped = "";
    let text = "";
    for (const part of this.#parts) {
      if (typeof part === "string") text += part;
      else {
        escaped += `${escapeSecrets(text, true)}${SECRET_OPENING}${part.target.name}}`;
        text = "";
      }
    }
    return escaped + escapeSecrets(text);
  }
}

/** A resolved value as JSON in which only its own references to secrets are such; names of members never are. */
export function seal(value: unknown): unknown {
  if (typeof value === "string") return escapeSecrets(value);
  if (value instanceof SecretText) return value.escaped();
  if (Array.isArray(value)) return value.map(seal);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [escapeSecrets(key), seal(member)]));
}
