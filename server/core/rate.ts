/** The rate that a job can ask for: at most so many starts in any interval of a length. */
import { checkInputKey } from "./input-key.ts";
import { badInput } from "./rejection.ts";
import { intervalMs } from "./unique.ts";

export interface Rate {
  max: number;
  everyMs: number;
  /** For each value at this path of the input (core/input-key); null: for the whole job. */
  key: string | null;
}

/** In the API's words. */
export interface RateInput {
  max: number;
  every: string;
  key?: string | null | undefined;
}

/** The starts of an interval are remembered and counted one by one; faster rates have shorter intervals. */
const STARTS_MAX = 10_000;

/** Throws BAD_INPUT naming the field. */
export function checkRate({ max, every, key }: RateInput, field: string): Rate {
  if (!(Number.isInteger(max) && max >= 1 && max <= STARTS_MAX)) {
    throw badInput(
      `${field}.max`,
      `must be a whole number from 1 to ${STARTS_MAX}; say a faster rate with a shorter interval`,
    );
  }
  const everyMs = intervalMs(every, `${field}.every`);
  return { max, everyMs, key: key == null ? null : checkInputKey(key, `${field}.key`) };
}
