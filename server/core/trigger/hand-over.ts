/** From the times that a trigger had to those that it gets, by a change of its schedule or of a calendar. */
import { firstFire } from "../trigger.ts";
import type { TriggerDef } from "./definition.ts";
import { type Passed, passOver } from "./misfire.ts";

export interface HandOver {
  /** From here on, inclusive, the times are the new ones. */
  since: number;
  /** What it is due at next; null: never again. May be an old time that is still to be fired. */
  nextAt: number | null;
  notedUntil: number;
  /** Old times that nobody will fire any more. */
  passed: Passed[];
}

export interface Before {
  def: TriggerDef;
  /** The first time that has not been fired; null: there is none. */
  dueAt: number | null;
  notedUntil: number;
  paused: boolean;
}

/**
 * A time that has just come due, by up to `graceMs`, is still fired, and the new times begin after it: nobody who
 * changes a trigger at nine loses the fire of nine o'clock. Older ones are recorded as passed over.
 */
export function handOver(before: Before, after: TriggerDef, now: number, graceMs: number): HandOver {
  const { def, dueAt, notedUntil, paused } = before;
  if (!paused && dueAt !== null && dueAt < now && now - dueAt <= graceMs) {
    const passed = passOver(def, { dueAt: null, notedUntil }, dueAt, "MISFIRED", null);
    return { since: dueAt + 1, nextAt: dueAt, notedUntil: Math.max(notedUntil, dueAt - 1), passed };
  }
  const since = Math.max(now, notedUntil + 1);
  const [outcome, reason] = paused ? (["PAUSED", null] as const) : (["MISFIRED", "CHANGED"] as const);
  return {
    since,
    nextAt: firstFire(after, since),
    notedUntil: since - 1,
    passed: passOver(def, { dueAt, notedUntil }, since, outcome, reason),
  };
}
