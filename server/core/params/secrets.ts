/**
 * Secrets are never in a run: a resolved input keeps the references to them, and they are put in when a worker claims.
 * Until then all other text that looks like a reference is escaped, so that nothing that was put in can name a secret.
 */
import { badInput } from "../rejection.ts";
import { Allowance, mapStrings, RESULT_BYTES } from "./json-tree.ts";
import type { ValueReference } from "./reference.ts";
import { escapeText, isTime, type Part, readText, type TimeReference } from "./text.ts";

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
        escaped += escapeText(text, true) + part.text;
        text = "";
      }
    }
    return escaped + escapeText(text);
  }
}

/** A value in which there is a `SecretText` somewhere, as JSON that `fillSecrets` reads. */
export const seal = (value: unknown, field: string): unknown =>
  mapStrings(
    value,
    field,
    (text) => escapeText(text),
    (part) => (part instanceof SecretText ? part.escaped() : null),
  );

/**
 * Puts secrets into what `resolveTemplate` gave with references to them. They are not looked at for references again.
 * Throws BAD_INPUT that names a secret that is missing; call it for nothing else.
 */
export function fillSecrets(
  value: unknown,
  secrets: Readonly<Record<string, string>>,
  field = "input",
): unknown {
  const allowance = new Allowance(field, 2 * RESULT_BYTES);
  return mapStrings(value, field, (text, member) => {
    const filled = readText(text, member).map((part) => textOf(part, secrets, member));
    for (const part of filled) allowance.spend(part.length);
    return filled.join("");
  });
}

function textOf(part: Part, secrets: Readonly<Record<string, string>>, member: () => string): string {
  if (typeof part === "string") return part;
  const name = isSecret(part) ? part.target.name : null;
  const secret = name !== null && Object.hasOwn(secrets, name) ? secrets[name] : undefined;
  if (secret === undefined) throw badInput(member(), `${part.text} has no value: there is no such secret`);
  return secret;
}
