/** Walks over JSON values: every string of a value replaced by something, within a depth; and how large a value is. */
import { badInput, limitExceeded } from "../rejection.ts";
import { short } from "./fault.ts";
import { type Path, pathText, type Step } from "./scope.ts";

/** What a template makes may be no larger than the input of any other run: LIMITS.inputBytes of the configuration. */
export const RESULT_BYTES = 256 * 1024;
/** Deeper than what anybody reads, and far from where recursion ends. */
export const DEPTH = 100;

/** Where a string stands within the value; asked for only when there is something to say about it. */
export type Member = () => string;

/**
 * The value with each of its strings replaced; keys stay. Throws BAD_INPUT when it is too deep.
 */
export function mapStrings(
  value: unknown,
  field: string,
  replace: (text: string, member: Member, depth: number) => unknown,
): unknown {
  const path: Step[] = [];
  const member = () => memberText(field, path);
  const walk = (part: unknown): unknown => {
    if (typeof part === "string") return replace(part, member, path.length);
    if (typeof part !== "object" || part === null) return part;
    if (path.length === DEPTH) throw badInput(member(), `is more than ${DEPTH} levels deep`);
    if (Array.isArray(part)) return part.map((item, place) => at(place, item));
    // An own key "__proto__" is a key like any other: assigning it would not make it one.
    return Object.fromEntries(Object.entries(part).map(([key, item]) => [key, at(key, item)]));
  };
  const at = (step: Step, part: unknown): unknown => {
    path.push(step);
    const replaced = walk(part);
    path.pop();
    return replaced;
  };
  return walk(value);
}

/** `input.body[2]`, cut in the middle when it is long. */
function memberText(field: string, path: Path): string {
  const text = field + pathText(path.map((step) => (typeof step === "string" ? short(step) : step)));
  return text.length <= 300 ? text : `${text.slice(0, 200)}…${text.slice(-99)}`;
}

/** True when a value has at most so many levels of lists and objects. */
export function fitsDepth(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (levels === 0) return false;
  return Object.values(value).every((item) => fitsDepth(item, levels - 1));
}

export const jsonBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? "");

/** What a result may still grow by: a few references to a large value would make it larger than memory. */
export class Allowance {
  readonly #field: string;
  #left: number;

  constructor(field: string, bytes = RESULT_BYTES) {
    this.#field = field;
    this.#left = bytes;
  }

  /** Throws LIMIT_EXCEEDED when there is not so much left. */
  spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0)
      throw limitExceeded(
        `would be larger than ${RESULT_BYTES / 1024} KiB with all that it refers to`,
        this.#field,
      );
  }
}
