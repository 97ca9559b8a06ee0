/**
 * Where a claim begins to read. Taken runs leave dead entries at the front of `ready_claim`, and while somebody holds an
 * old snapshot no vacuum removes them: each claim would walk over all that was ever taken (PERFORMANCE 3.3, x6.8).
 * What was taken last, per queue and priority, says from where on there can be anything.
 *
 * A run may become ready below a floor: one that is given back, or one whose commit came late. So a queue is read
 * from its start once a second; and at once after this server has given back one of its runs.
 */

/** Milliseconds that a floor lies below what was taken last: a start reads the clock a little before it commits. */
const MARGIN_MS = 100;
/** A queue is read whole this often, and less often where that takes long: it costs at most a tenth of the time. */
const WHOLE_EVERY_MS = 1_000;
const WHOLE_SHARE = 10;
/** More priorities in use than this, and the queue is read whole each time. */
const LEVELS_KEPT = 16;
const HIGHEST = 32_767;
const LOWEST = -32_768;

/** Index ranges in the claim's order, as columns of one list. `since` is in epoch seconds. */
export interface Ranges {
  queueIds: number[];
  highest: number[];
  lowest: number[];
  since: number[];
}

interface Floor {
  /** By priority: epoch milliseconds. */
  levels: Map<number, number>;
  /** When it has to be read whole, on `elapsed`'s scale. */
  wholeAt: number;
}

export interface Floors {
  /** What to read of these queues, and which of them are read whole. */
  ranges(queueIds: number[]): { ranges: Ranges; whole: number[] };
  /** Notes what a claim took; `whole` as `ranges` said, `tookMs` how long the claim took. */
  note(
    taken: readonly { queueId: number; priority: number; readyAt: number }[],
    whole: number[],
    tookMs: number,
  ): void;
  /** Runs of this queue may have become ready below its floors. */
  lower(queueId: number): void;
}

/** `elapsed`: monotonic milliseconds. */
export function createFloors(elapsed: () => number = () => performance.now()): Floors {
  const floors = new Map<number, Floor>();

  return {
    ranges(queueIds) {
      const ranges: Ranges = { queueIds: [], highest: [], lowest: [], since: [] };
      const add = (queueId: number, highest: number, lowest: number, since: number): void => {
        if (highest < lowest) return;
        ranges.queueIds.push(queueId);
        ranges.highest.push(highest);
        ranges.lowest.push(lowest);
        ranges.since.push(since);
      };
      const whole: number[] = [];
      for (const queueId of queueIds) {
        const floor = floors.get(queueId);
        if (!floor || floor.wholeAt <= elapsed()) {
          whole.push(queueId);
          add(queueId, HIGHEST, LOWEST, Number.NEGATIVE_INFINITY);
          continue;
        }
        let below = HIGHEST;
        for (const [priority, since] of [...floor.levels].sort(([a], [b]) => b - a)) {
          add(queueId, below, priority + 1, Number.NEGATIVE_INFINITY);
          add(queueId, priority, priority, since / 1000);
          below = priority - 1;
        }
        add(queueId, below, LOWEST, Number.NEGATIVE_INFINITY);
      }
      return { ranges, whole };
    },

    note(taken, whole, tookMs) {
      for (const queueId of whole) {
        const wholeAt = elapsed() + Math.max(WHOLE_EVERY_MS, tookMs * WHOLE_SHARE);
        floors.set(queueId, { levels: new Map(), wholeAt });
      }
      for (const { queueId, priority, readyAt } of taken) {
        const floor = floors.get(queueId);
        if (!floor) continue;
        const since = readyAt - MARGIN_MS;
        if (since > (floor.levels.get(priority) ?? Number.NEGATIVE_INFINITY))
          floor.levels.set(priority, since);
        if (floor.levels.size > LEVELS_KEPT) floors.delete(queueId);
      }
    },

    lower(queueId) {
      floors.delete(queueId);
    },
  };
}
