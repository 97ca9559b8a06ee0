/**
 * Uniqueness that a job can ask for: which starts make a run of their own, and which are answered with the run that
 * is there. The first run is the answer, not a refusal: whoever starts "sync customer 7" twice wants it synced, and
 * gets a run to follow either way.
 */
import { durationMs, formatDuration } from "./duration.ts";
import { checkInputKey, inputKey, requiredKey } from "./input-key.ts";
import { badInput } from "./rejection.ts";

/** `key` is an expression over the input (core/input-key); null: one for the whole job. */
export type Unique =
  /** At most one run that has not ended. */
  | { kind: "singleton"; key: string | null }
  /** At most one start per interval, counted from the start that made a run. */
  | { kind: "throttle"; key: string | null; everyMs: number }
  /** Each start puts the run off by `delayMs` and gives it its input, but not past `maxWaitMs` after the first. */
  | { kind: "debounce"; key: string | null; delayMs: number; maxWaitMs: number | null };

type Optional<T> = { [K in keyof T]?: T[K] | null | undefined };

/** One of them, in the API's words. */
export interface UniqueInput {
  singleton?: Optional<{ key: string }> | null | undefined;
  throttle?: ({ every: string } & Optional<{ key: string }>) | null | undefined;
  debounce?: ({ delay: string } & Optional<{ key: string; maxWait: string }>) | null | undefined;
}

/** As long as history is kept: the run that an answer names must be there. */
const INTERVAL_MAX_MS = 30 * 86_400_000;

/** Throws BAD_INPUT naming the field. */
export function checkUnique({ singleton, throttle, debounce }: UniqueInput): Unique {
  if (singleton) return { kind: "singleton", key: keyOf(singleton, "unique.singleton") };
  if (throttle) {
    const everyMs = intervalMs(throttle.every, "unique.throttle.every");
    return { kind: "throttle", key: keyOf(throttle, "unique.throttle"), everyMs };
  }
  if (debounce) {
    const delayMs = intervalMs(debounce.delay, "unique.debounce.delay");
    const maxWaitMs =
      debounce.maxWait == null ? null : intervalMs(debounce.maxWait, "unique.debounce.maxWait");
    if (maxWaitMs !== null && maxWaitMs < delayMs) {
      throw badInput("unique.debounce.maxWait", "must not be shorter than the delay");
    }
    return { kind: "debounce", key: keyOf(debounce, "unique.debounce"), delayMs, maxWaitMs };
  }
  throw badInput("unique", "must be one of singleton, throttle and debounce");
}

const keyOf = ({ key }: { key?: string | null | undefined }, field: string): string | null =>
  key == null ? null : checkInputKey(key, `${field}.key`);

/** A length that history lasts for. Throws BAD_INPUT. */
export function intervalMs(text: string, field: string): number {
  const ms = durationMs(text, field);
  if (ms > 0 && ms <= INTERVAL_MAX_MS) return ms;
  throw badInput(field, `must be longer than zero and at most ${formatDuration(INTERVAL_MAX_MS)}`);
}

/** The key of a run with this input (JSON text), or null when the input has none. */
export function findUniqueKey(unique: Unique, input: string | null, field: string): string | null {
  return unique.key === null ? "" : inputKey(unique.key, input, field);
}

/** The key of a run with this input (JSON text). Throws BAD_INPUT when the input has no such value. */
export function uniqueKey(unique: Unique, input: string | null, field: (name: string) => string): string {
  return unique.key === null ? "" : requiredKey(unique.key, input, field("input"), "unique");
}
