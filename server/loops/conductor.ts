/** Takes the control plane's own runs, on every server: at once when this one hears of them, else within a second. */
import { RHYTHM } from "../config.ts";
import { WORKFLOW_GROUP } from "../core/workflow/placement.ts";
import type { EngineContext } from "../engine/context.ts";
import type { Engine } from "../engine/engine.ts";
import { createLoop, type Loop } from "./loop.ts";

export function createConductor(
  { channel, catalog }: EngineContext,
  engine: Engine,
  onError: (error: unknown) => void,
): Loop {
  const loop = createLoop({
    maxSleepMs: RHYTHM.pollSafetyMs,
    errorSleepMs: RHYTHM.sweepMs,
    onError,
    step: async () => {
      await engine.conductReady();
      return RHYTHM.pollSafetyMs;
    },
  });
  channel.on("ready", (queueIds) => {
    const groups = queueIds.map((id) => catalog.queue(id)?.group);
    if (groups.some((group) => group === undefined || group === WORKFLOW_GROUP)) loop.wake();
  });
  return loop;
}
