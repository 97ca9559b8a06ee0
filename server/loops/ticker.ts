/**
 * Promotes what is due and sleeps until the next due time. Triggers are the leader's; delayed runs and retries are
 * released by every server, because deleting their row is guard enough; so are those that wait at a rate.
 */
import { RHYTHM } from "../config.ts";
import type { EngineContext } from "../engine/context.ts";
import { createFire } from "../engine/fire.ts";
import { releaseDue } from "../engine/release.ts";
import type { Leader } from "./leader.ts";
import { createLoop, type Loop } from "./loop.ts";

/** The longest sleep: what a lost hint can cost. */
const MAX_SLEEP_MS = 1_000;

export function createTicker(
  context: EngineContext,
  leader: Leader,
  onError: (error: unknown) => void,
): Loop {
  const fire = createFire(context);
  return createLoop({
    maxSleepMs: MAX_SLEEP_MS,
    errorSleepMs: RHYTHM.sweepMs,
    onError,
    step: async () => {
      const [released, rated] = await Promise.all([releaseDue(context), context.gates.releaseRated()]);
      const guard = leader.guard();
      const fired = guard && (await fire(guard));
      const next = [released, rated, fired].map((step) => step?.nextInMs ?? MAX_SLEEP_MS);
      return Math.min(...next);
    },
  });
}
