/** Keeps trying to lead, keeps the term alive, and says whether this process may act as the leader right now. */
import { RHYTHM } from "../config.ts";
import type { EngineContext } from "../engine/context.ts";
import { elect, resign } from "../engine/elect.ts";
import type { LeaderGuard } from "../engine/leave.ts";
import { createLoop, type Loop } from "./loop.ts";

export interface Leader extends Loop {
  /** What a leader's statement has to carry; null while somebody else leads. */
  guard(): LeaderGuard | null;
}

/** `onElected` is called once per term that begins here. */
export function createLeader(
  context: EngineContext,
  onElected: (epoch: number) => void,
  onError: (error: unknown) => void,
): Leader {
  let epoch: number | null = null;
  let trustedUntil = 0;
  const loop = createLoop({
    maxSleepMs: RHYTHM.leaderRenewMs,
    errorSleepMs: RHYTHM.leaderRenewMs,
    onError: (error) => {
      epoch = null;
      onError(error);
    },
    step: async () => {
      const sentAt = performance.now();
      const won = await elect(context);
      // Counted from sending: the term began somewhere between then and now.
      trustedUntil = sentAt + RHYTHM.leaderTtlMs * RHYTHM.leaderTrust;
      const isNew = won !== null && won !== epoch;
      epoch = won;
      if (isNew) onElected(won);
      // Followers do not all try in the same moment.
      return RHYTHM.leaderRenewMs * (won === null ? 0.8 + 0.2 * context.random() : 1);
    },
  });
  return {
    ...loop,
    guard: () =>
      epoch === null || performance.now() > trustedUntil
        ? null
        : { epoch, holder: context.serverId, ttlMs: RHYTHM.leaderTtlMs },
    async stop() {
      await loop.stop();
      if (epoch !== null) await resign(context);
      epoch = null;
    },
  };
}
