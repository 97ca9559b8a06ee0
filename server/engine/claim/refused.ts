/**
 * Leases that nobody gets: runs that are claimed and fail at once, because something that they need is not there
 * (secrets.ts). They end as if their executor had said so, and hold up nobody: the others of the batch are given out,
 * and a poll that got nothing else claims again.
 */
import type { ClaimedLease, ClaimPoll, Engine, Failure } from "../engine.ts";

/** Why leases are not given out; null: all of them are. */
export type Refused = ReadonlyMap<ClaimedLease, Failure> | null;

/** What a batch has for one poll. */
export interface Claimed {
  leases: ClaimedLease[];
  /** Null: none. */
  refused: [ClaimedLease, Failure][] | null;
}

/** So often a poll that got only runs which fail claims others, before it has to ask again. */
const TRIES = 50;

/** Splits what was claimed for a poll. */
export function withoutRefused(leases: ClaimedLease[], refused: Refused): Claimed {
  if (refused === null) return { leases, refused };
  const own = leases.flatMap((lease): [ClaimedLease, Failure][] => {
    const failure = refused.get(lease);
    return failure ? [[lease, failure]] : [];
  });
  if (own.length === 0) return { leases, refused: null };
  return { leases: leases.filter((lease) => !refused.has(lease)), refused: own };
}

/** A claim whose refused runs have failed, or are about to, when it answers. */
export function failingRefused(
  claim: (poll: ClaimPoll) => Promise<Claimed>,
  settle: Engine["settle"],
): Engine["claim"] {
  return async (poll) => {
    for (let tries = 1; ; tries++) {
      const { leases, refused } = await claim(poll);
      if (refused === null) return leases;
      const failing = settle(
        refused.map(([{ leaseId }, error]) => ({ leaseId, outcome: "failed", error, retry: false })),
      );
      if (leases.length > 0) {
        // Nobody waits for it: a lease that stays would expire, and its run be refused again.
        failing.catch(() => {});
        return leases;
      }
      await failing;
      // Whatever is behind them in the queue must not wait until somebody rings.
      if (tries === TRIES) return leases;
    }
  };
}
