/**
 * Where a claim begins to read. Taken runs leave dead entries at the front of `ready_claim`, and while somebody holds an
 * old snapshot no vacuum removes them: each claim would walk over all that was ever taken (PERFORMANCE 3.3, x6.8).
 * The highest turn taken says from where on there can be anything.
 *
 *   ░░░░░░▓░░░░░░░░░░░▓░░░░░░│▓▓▓▓▓▓▓▓▓▓▓▓    ▓ read   ░ skipped: nothing was ready there when it was read whole
 *         new runs of        │
 *         higher priorities  the floor
 *
 * Below the floor come new runs of the higher priorities that the queue is known to use, each at the turn that the time
 * since the last look gives it. A run may also become ready there unheard of: one that is given back, or one whose
 * commit or priority nobody expected. So a queue is read from its start once a second; and at once after this server has
 * given back one of its runs.
 */
import { turnOf } from "../../core/turn.ts";

/** Milliseconds that a floor lies below what was taken last: a start reads the clock a little before it commits. */
const MARGIN_MS = 100;
/** Milliseconds that a claim may come to read after it was told where. */
const LATE_MS = 1_000;
/** A queue is read whole this often, and less often where that takes long: it costs at most a tenth of the time. */
const WHOLE_EVERY_MS = 1_000;
const WHOLE_SHARE = 10;
/** More priorities in use than this, and the queue is read whole each time. */
const LEVELS_KEPT = 16;

/** Ranges of turns in the claim's order, as columns of one list; in epoch seconds, `until` is excluded. */
export interface Ranges {
  queueIds: number[];
  since: number[];
  until: number[];
}

/** Times of the database are in epoch milliseconds. */
interface Floor {
  /** The highest turn taken. */
  turn: number;
  /** When the queue was read whole, on the database's clock and on `elapsed`'s scale. */
  readAt: number;
  notedAt: number;
  /** When it has to be read whole again, on `elapsed`'s scale. */
  wholeAt: number;
}

/** What a claim did. */
export interface Claimed {
  taken: readonly { queueId: number; priority: number; readyAt: number }[];
  /** As `ranges` said. */
  whole: number[];
  /** The database's time when it read; null when it took nothing. */
  readAt: number | null;
  tookMs: number;
}

export interface Floors {
  /** What to read of these queues, and which of them are read whole. */
  ranges(queueIds: number[]): { ranges: Ranges; whole: number[] };
  note(claimed: Claimed): void;
  /** A run of this priority may become ready in the queue. */
  expect(queueId: number, priority: number): void;
  /** Runs of this queue may have become ready below its floor. */
  lower(queueId: number): void;
}

/** `elapsed`: monotonic milliseconds. */
export function createFloors(elapsed: () => number = () => performance.now()): Floors {
  const floors = new Map<number, Floor>();
  /** By queue: the priorities in use, each with when the run taken last had become ready. */
  const levels = new Map<number, Map<number, number>>();

  const levelsOf = (queueId: number): Map<number, number> => {
    const known = levels.get(queueId);
    if (known) return known;
    const none = new Map<number, number>();
    levels.set(queueId, none);
    return none;
  };

  /** Where new runs may have come below `end`. */
  const arrivals = (queueId: number, { readAt, notedAt }: Floor, end: number) => {
    const latest = readAt + elapsed() - notedAt + LATE_MS;
    return [...levelsOf(queueId)]
      .map(([priority, since]) => ({
        since: turnOf(Math.max(since, readAt) - MARGIN_MS, priority),
        until: Math.min(turnOf(latest, priority), end),
      }))
      .filter(({ since, until }) => since < until)
      .sort((one, other) => one.since - other.since);
  };

  return {
    ranges(queueIds) {
      const ranges: Ranges = { queueIds: [], since: [], until: [] };
      const add = (queueId: number, since: number, until: number): void => {
        ranges.queueIds.push(queueId);
        ranges.since.push(since / 1000);
        ranges.until.push(until / 1000);
      };
      const whole: number[] = [];
      for (const queueId of queueIds) {
        const floor = floors.get(queueId);
        if (!floor || floor.wholeAt <= elapsed() || levelsOf(queueId).size > LEVELS_KEPT) {
          whole.push(queueId);
          add(queueId, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
          continue;
        }
        const start = floor.turn - MARGIN_MS;
        for (const { since, until } of arrivals(queueId, floor, start)) add(queueId, since, until);
        add(queueId, start, Number.POSITIVE_INFINITY);
      }
      return { ranges, whole };
    },

    note({ taken, whole, readAt, tookMs }) {
      const notedAt = elapsed();
      const wholeAt = notedAt + Math.max(WHOLE_EVERY_MS, tookMs * WHOLE_SHARE);
      for (const queueId of whole) floors.delete(queueId);
      if (readAt === null) return;
      const read = new Set(whole);
      for (const { queueId, priority, readyAt } of taken) {
        const known = levelsOf(queueId);
        if (readyAt > (known.get(priority) ?? Number.NEGATIVE_INFINITY)) known.set(priority, readyAt);
        const turn = turnOf(readyAt, priority);
        const floor = floors.get(queueId);
        if (floor) floor.turn = Math.max(floor.turn, turn);
        else if (read.has(queueId)) floors.set(queueId, { turn, readAt, notedAt, wholeAt });
      }
    },

    expect(queueId, priority) {
      const known = levelsOf(queueId);
      if (!known.has(priority)) known.set(priority, Number.NEGATIVE_INFINITY);
    },

    lower(queueId) {
      floors.delete(queueId);
    },
  };
}
