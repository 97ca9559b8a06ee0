/**
 * Templates: JSON whose strings hold references. A string that is one reference becomes its value, of whatever type;
 * within a longer text scalars become text, objects and lists JSON. What is put in is never looked at again.
 */
import { badInput, Rejection } from "../rejection.ts";
import { mayHoldSecrets } from "../secret-reference.ts";
import { asRejection, short } from "./fault.ts";
import { Allowance, DEPTH, fitsDepth, jsonBytes, type Member, mapStrings } from "./json-tree.ts";
import { lookUp } from "./lookup.ts";
import type { ValueReference } from "./reference.ts";
import { ReferenceList, type References } from "./references.ts";
import type { TemplateScope } from "./scope.ts";
import { isSecret, type SecretReference, SecretText, seal } from "./secrets.ts";
import { isTime, type Part, readText, type TimeReference } from "./text.ts";
import { parseTime } from "./time.ts";

/**
 * With `secrets`, `value` holds references to them, and everything that only looks like one is escaped. Without, it is as
 * it is; if it becomes the input of a run, `sealed` escapes that then.
 */
export interface Resolved {
  value: unknown;
  secrets: string[];
}

/**
 * Reads a template without resolving it. Throws BAD_INPUT, with the member's path as field and the character at fault in
 * the message, for anything that begins like a reference and is none.
 */
export function checkTemplate(value: unknown, field: string): References {
  const references = new ReferenceList(field);
  mapStrings(value, field, (text, member) => {
    for (const part of readText(text, member)) references.add(part);
    return text;
  });
  return references.list();
}

/**
 * The template with its references replaced. Parts of the scope may be in the result as they are, not as copies. Throws
 * BAD_INPUT that names the reference without a value, and LIMIT_EXCEEDED when it would be larger than an input may be.
 */
export function resolveTemplate(value: unknown, scope: TemplateScope, field = "input"): Resolved {
  const references = new ReferenceList(field);
  const allowance = new Allowance(field);
  const replaced = mapStrings(value, field, (text, member, depth) => {
    const parts = readText(text, member);
    for (const part of parts) references.add(part);
    return replaceParts(parts, new Site(scope, member, depth, allowance));
  });
  const { secrets } = references.list();
  const result = secrets.length === 0 ? replaced : seal(replaced);
  new Allowance(field).spend(jsonBytes(result));
  return { value: result, secrets };
}

/** The JSON text of an input that a worker will claim: what was put into it names no secret. */
export function sealed({ value, secrets }: Resolved): string {
  const json = JSON.stringify(value);
  return secrets.length === 0 && mayHoldSecrets(json) ? JSON.stringify(seal(value)) : json;
}

/** Where references are replaced, and out of what. */
class Site {
  readonly scope: TemplateScope;
  readonly member: Member;
  readonly depth: number;
  readonly allowance: Allowance;

  constructor(scope: TemplateScope, member: Member, depth: number, allowance: Allowance) {
    this.scope = scope;
    this.member = member;
    this.depth = depth;
    this.allowance = allowance;
  }

  valueFor(part: ValueReference | TimeReference): unknown {
    return isTime(part) ? this.timeFor(part) : lookUp(part, this.scope, this.member);
  }

  textFor(part: ValueReference | TimeReference): string {
    const value = this.valueFor(part);
    if (typeof value === "string") return value;
    // The fallback as it was written, by identity: it may be a list.
    if (!isTime(part) && part.fallback && part.fallback.value === value) return part.fallback.text;
    this.checkDepth(value, part, 0);
    return JSON.stringify(value);
  }

  timeFor({ time, pieces, text }: TimeReference): string {
    const { scheduledAt, timeZone } = this.scope.run;
    const expression = pieces
      .map((piece) => (typeof piece === "string" ? piece : this.textFor(piece)))
      .join("");
    try {
      return (time ?? parseTime(expression))(scheduledAt, timeZone);
    } catch (error) {
      const fault = asRejection(error, this.member());
      if (!(fault instanceof Rejection)) throw error;
      throw badInput(this.member(), `${text} is $[${short(expression)}]: ${fault.message}`);
    }
  }

  checkDepth(value: unknown, { text }: { text: string }, depth: number): void {
    if (!fitsDepth(value, DEPTH - depth))
      throw badInput(this.member(), `${short(text)} makes it more than ${DEPTH} levels deep`);
  }
}

function replaceParts(parts: readonly Part[], site: Site): unknown {
  const [only = ""] = parts;
  if (parts.length <= 1 && typeof only !== "string" && !isSecret(only)) {
    const value = site.valueFor(only);
    site.checkDepth(value, only, site.depth);
    site.allowance.spend(typeof value === "string" ? value.length : jsonBytes(value));
    return value;
  }
  const texts: (string | SecretReference)[] = [];
  for (const part of parts) {
    const text = typeof part === "string" || isSecret(part) ? part : site.textFor(part);
    site.allowance.spend(typeof text === "string" ? text.length : text.text.length);
    texts.push(text);
  }
  return texts.some((text) => typeof text !== "string") ? new SecretText(texts) : texts.join("");
}
