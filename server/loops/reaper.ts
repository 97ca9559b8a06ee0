/** Sweeps overdue leases and late runs and repairs holds, on the leader. */
import { LIMITS, RHYTHM } from "../config.ts";
import { announceForeign } from "../engine/announce.ts";
import type { EngineContext } from "../engine/context.ts";
import type { Engine } from "../engine/engine.ts";
import { expire } from "../engine/expire.ts";
import { repairHolds } from "../engine/release.ts";
import { skipLate } from "../engine/skip.ts";
import { repairKeys } from "../engine/start/child-keys.ts";
import { failStranded } from "../engine/stranded.ts";
import { liftEndedPauses } from "../store/trigger-pauses.ts";
import type { Leader } from "./leader.ts";
import { createLoop, type Loop } from "./loop.ts";

/** Holds are repaired less often: a crash in the wrong millisecond is rare. */
const SWEEPS_PER_REPAIR = 3;

export function createReaper(
  context: EngineContext,
  engine: Engine,
  leader: Leader,
  onError: (error: unknown) => void,
): Loop {
  let sweeps = 0;
  let dependentsAt = Number.NEGATIVE_INFINITY;
  return createLoop({
    maxSleepMs: RHYTHM.sweepMs,
    errorSleepMs: RHYTHM.sweepMs,
    onError,
    step: async () => {
      const guard = leader.guard();
      if (guard === null) return RHYTHM.sweepMs;
      const overdue = await expire(context, guard);
      const stranded = await failStranded(context, guard);
      const skipped = await skipLate(context);
      await liftEndedPauses(context);
      await engine.sweepWorkflows();
      await announceSilent(context);
      const foreign = await announceForeign(context);
      if (sweeps++ % SWEEPS_PER_REPAIR === 0) {
        await repairHolds(context);
        await repairKeys(context);
        await engine.repairBackfills();
        await engine.repairWorkflows();
        await context.gates.repair();
      }
      if (performance.now() - dependentsAt >= RHYTHM.dependentMs) {
        dependentsAt = performance.now();
        await engine.checkDependents();
      }
      const full =
        overdue === LIMITS.expireBatch ||
        stranded === LIMITS.expireBatch ||
        skipped >= LIMITS.releaseBatch ||
        foreign === LIMITS.announceBatch;
      return full ? 0 : RHYTHM.sweepMs;
    },
  });
}

/** Executors that fell silent: nobody else would tell their watchers. A sign of life clears the mark. */
async function announceSilent({ sql, channel }: EngineContext): Promise<void> {
  const silent = await sql<{ id: number; namespaceId: number }[]>`
    update escapement.executor set offline_at = escapement.clock()
    where offline_at is null and left_at is null
      and last_heartbeat_at <= escapement.clock() - ${RHYTHM.executorOfflineMs} * interval '1 millisecond'
    returning id, namespace_id as "namespaceId"`;
  if (silent.length > 0)
    channel.publish(silent.map((executor) => ({ kind: "executor" as const, ...executor })));
}
