/** How far a trigger's times are put off so that triggers of the same schedule do not all fire at once. */
import { createHash } from "node:crypto";
import { DAY_MS, formatDuration } from "../duration.ts";
import { badInput } from "../rejection.ts";
import type { Schedule } from "./schedule.ts";

/** Throws BAD_INPUT for `jitter`. */
export function checkJitter(jitterMs: number, { kind }: Schedule): void {
  if (!(jitterMs > 0 && jitterMs <= DAY_MS))
    throw badInput("jitter", `is ${formatDuration(jitterMs)}, but must be more than zero and at most P1D`);
  if (kind === "once" || kind === "fixedDelay") {
    throw badInput(
      "jitter",
      `spreads times that repeat by the clock; a ${kind} schedule has none, so leave it out`,
    );
  }
}

/** From 0 to `jitterMs`, exclusive: the same for the same seed for ever, and spread evenly over the seeds. */
export function jitterOffset(seed: string, jitterMs: number | null): number {
  if (jitterMs === null) return 0;
  const fraction = createHash("sha256").update(seed).digest().readUIntBE(0, 6) / 2 ** 48;
  return Math.floor(fraction * jitterMs);
}
