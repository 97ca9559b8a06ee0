/** How long the logs and files of runs that have ended are kept: for a time, for so many runs of a job, or both. */
import { durationMs } from "./duration.ts";
import { badInput } from "./rejection.ts";

/** What is beyond either may go. In the order in which the database keeps the keys. */
export interface Retention {
  /** Since the run's end; null: for as long as the run itself is kept. */
  ageMs: number | null;
  /** The newest runs of the job that left any; null: all of them. */
  count: number | null;
}

export interface RetentionInput {
  /** ISO 8601. */
  age?: string | null | undefined;
  count?: number | null | undefined;
}

/** Past these, the server keeps no history or looks at too much. */
export interface RetentionBounds {
  days: number;
  count: number;
}

const DAY_MS = 86_400_000;

/** Throws BAD_INPUT naming the field. */
export function checkRetention(
  { age, count }: RetentionInput,
  { days, count: most }: RetentionBounds,
): Retention {
  if (age == null && count == null)
    throw badInput("retention", "give an age, a count, or both; null takes the default");
  const ageMs = age == null ? null : durationMs(age, "retention.age");
  if (ageMs !== null && ageMs > days * DAY_MS) {
    throw badInput("retention.age", `is at most P${days}D: runs and all they left are kept for so long`);
  }
  if (count != null && !(Number.isInteger(count) && count >= 0 && count <= most)) {
    throw badInput("retention.count", `must be a whole number from 0 to ${most}`);
  }
  return { ageMs, count: count ?? null };
}
