/** Keeps the hot tables small and the history within its bounds, on the leader. */
import { RHYTHM } from "../config.ts";
import type { EngineContext } from "../engine/context.ts";
import { forgetStarts } from "../engine/gates/rate.ts";
import { ensurePartitions, prune, vacuum } from "../engine/prune.ts";
import { rezone } from "../engine/rezone.ts";
import { pruneTaskTypes } from "../store/task-types.ts";
import { repairCalendars } from "../store/trigger-moves.ts";
import { repairTriggerPauses } from "../store/trigger-pauses.ts";
import type { Leader } from "./leader.ts";
import { createLoop, type Loop } from "./loop.ts";

export interface JanitorDeps {
  /** Deletes a batch of outputs that need not be kept, those of pruned runs before this id among them. */
  removeOutputs: (runsBefore: string) => Promise<{ more: boolean }>;
}

export function createJanitor(
  context: EngineContext,
  leader: Leader,
  deps: JanitorDeps,
  onError: (error: unknown) => void,
): Loop {
  const rounds = Math.round(RHYTHM.janitorMs / RHYTHM.vacuumMs);
  let round = 0;
  let runsBefore = "0";
  let moreOutputs = false;
  /** Asked once for each term: the rules of a process do not change. */
  let rezonedFor = -1;
  return createLoop({
    maxSleepMs: RHYTHM.vacuumMs,
    errorSleepMs: RHYTHM.vacuumMs,
    onError,
    step: async () => {
      const guard = leader.guard();
      if (guard === null) return RHYTHM.vacuumMs;
      await vacuum(context);
      if (rezonedFor !== guard.epoch) {
        if (await rezone(context, guard)) return 0;
        rezonedFor = guard.epoch;
      }
      if (round++ % rounds === 0) {
        await ensurePartitions(context);
        await forgetStarts(context);
        await repairTriggerPauses(context);
        await repairCalendars(context);
        await pruneTaskTypes(context.sql);
        runsBefore = (await prune(context)).runsBefore;
        moreOutputs = true;
      }
      // One batch a round, so that the hot tables are vacuumed in between.
      if (moreOutputs) moreOutputs = (await deps.removeOutputs(runsBefore)).more;
      return RHYTHM.vacuumMs;
    },
  });
}
