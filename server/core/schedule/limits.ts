/** The limits that all kinds of schedules share. */
import { formatDuration } from "../duration.ts";
import { badInput } from "../rejection.ts";

/** Fires are looked for until the end of this year: past what anybody plans, and few steps away for any search. */
export const LAST_YEAR = 2199;
export const END_MS = Date.UTC(LAST_YEAR + 1, 0, 1);

/** Quicker than this, a trigger is a busy loop; let its task loop instead. */
export const MIN_EVERY_MS = 100;
const MAX_EVERY_MS = 100 * 366 * 86_400_000;
/** What the API's Int and the database's counters hold, and 30 years of one a second. */
const MAX_REPEAT = 1_000_000_000;

/** Throws BAD_INPUT for `every`. */
export function checkEvery(everyMs: number): void {
  if (everyMs >= MIN_EVERY_MS && everyMs <= MAX_EVERY_MS) return;
  const given = Number.isFinite(everyMs) ? `is ${formatDuration(everyMs)}, but ` : "";
  throw badInput("every", `${given}must be from PT0.1S to 100 years`);
}

/** Throws BAD_INPUT for `repeat`. */
export function checkRepeat(repeat: number | undefined): void {
  if (repeat === undefined || (Number.isInteger(repeat) && repeat >= 0 && repeat <= MAX_REPEAT)) return;
  throw badInput(
    "repeat",
    `is ${repeat}, but must be a whole number from 0 to ${MAX_REPEAT}; leave it out to repeat without end`,
  );
}
