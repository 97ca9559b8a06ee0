/**
 * Fair shares: in which order runs of several namespaces go to executors that work for all of them. Each namespace has a
 * tag that says how much it was given, divided by its weight, and the smallest tag goes first (start-time fair queueing).
 * So of any Σw runs that a server hands out to them while all have ready ones, a namespace of weight w gets w, give or
 * take one, however many wait in another. Who had nothing ready comes back at the tag that the others have reached:
 * nobody saves up.
 */

/** What the claims of one list of namespaces were given. */
interface Ledger {
  /** The largest tag at which a run was handed out. */
  clock: number;
  /** By namespace: the tag of its next run, if it had one ready all the time. */
  next: Map<number, number>;
}

/** A namespace's place in the order: its n-th run from here, from 0, has the tag `tag + n / weight`. */
export interface Share {
  namespaceId: number;
  tag: number;
  weight: number;
}

export interface Shares {
  /** What each of these namespaces is due, in their order. */
  of(namespaceIds: readonly number[], weights: readonly number[]): Share[];
  /** Notes how many runs of each namespace were handed out by these shares. */
  note(shares: readonly Share[], taken: ReadonlyMap<number, number>): void;
}

/** More lists than a fleet has kinds of workers; one that is forgotten begins anew. */
const LEDGERS_KEPT = 1_000;

export function createShares(): Shares {
  const ledgers = new Map<string, Ledger>();

  const ledgerOf = (namespaceIds: readonly number[]): Ledger => {
    const key = namespaceIds.join();
    const known = ledgers.get(key);
    if (known) return known;
    if (ledgers.size >= LEDGERS_KEPT) ledgers.clear();
    const fresh: Ledger = { clock: 0, next: new Map() };
    ledgers.set(key, fresh);
    return fresh;
  };

  return {
    of(namespaceIds, weights) {
      const { clock, next } = ledgerOf(namespaceIds);
      return namespaceIds.map((namespaceId, at) => ({
        namespaceId,
        tag: Math.max(clock, next.get(namespaceId) ?? 0),
        weight: weights[at] ?? 1,
      }));
    },

    note(shares, taken) {
      const ledger = ledgerOf(shares.map(({ namespaceId }) => namespaceId));
      for (const { namespaceId, tag, weight } of shares) {
        const count = taken.get(namespaceId) ?? 0;
        if (count === 0) continue;
        ledger.next.set(namespaceId, Math.max(ledger.next.get(namespaceId) ?? 0, tag + count / weight));
        ledger.clock = Math.max(ledger.clock, tag + (count - 1) / weight);
      }
    },
  };
}
