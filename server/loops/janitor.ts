/** Keeps the hot tables small and the history within its bounds, on the leader. */
import { RHYTHM } from "../config.ts";
import type { EngineContext } from "../engine/context.ts";
import { ensurePartitions, prune, vacuum } from "../engine/prune.ts";
import type { Leader } from "./leader.ts";
import { createLoop, type Loop } from "./loop.ts";

export interface JanitorDeps {
  /** Removes the output folders of runs with ids below this one. */
  removeOutputsBefore: (runId: string) => Promise<void>;
}

export function createJanitor(
  context: EngineContext,
  leader: Leader,
  deps: JanitorDeps,
  onError: (error: unknown) => void,
): Loop {
  const rounds = Math.round(RHYTHM.janitorMs / RHYTHM.vacuumMs);
  let round = 0;
  return createLoop({
    maxSleepMs: RHYTHM.vacuumMs,
    errorSleepMs: RHYTHM.vacuumMs,
    onError,
    step: async () => {
      if (leader.guard() === null) return RHYTHM.vacuumMs;
      await vacuum(context);
      if (round++ % rounds === 0) {
        await ensurePartitions(context);
        const { runsBefore } = await prune(context);
        await deps.removeOutputsBefore(runsBefore);
      }
      return RHYTHM.vacuumMs;
    },
  });
}
