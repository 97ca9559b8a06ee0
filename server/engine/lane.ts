/**
 * Coalescing without timers: what arrives while a statement is in flight goes into the next one. A lone caller's
 * item leaves at once; under load the batches grow by themselves (PERFORMANCE 3.7: x13 at 100 callers).
 */
import { limitExceeded } from "../core/rejection.ts";
import { isAway } from "../store/connection.ts";

export interface LaneOptions<Item, Result> {
  /** Weight of one statement at most; a heavier item goes alone. */
  maxItems: number;
  /** Items that may queue before callers are turned away. */
  maxWaiting: number;
  /** How much of `maxItems` an item takes; default 1. */
  weigh?: (item: Item) => number;
  /** Items of one batch must differ in this; equal ones go into successive batches. */
  key?: (item: Item) => string | null;
  /** One statement for all; results in the order of the items. */
  run: (items: Item[]) => Promise<Result[]>;
}

interface Entry<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/** Makes a function that takes one item and answers when the batch that took it has committed. */
export function createLane<Item, Result>(
  options: LaneOptions<Item, Result>,
): (item: Item) => Promise<Result> {
  let queue: Entry<Item, Result>[] = [];
  let busy = false;

  const nextBatch = (): Entry<Item, Result>[] => {
    const batch: Entry<Item, Result>[] = [];
    const later: Entry<Item, Result>[] = [];
    const keys = new Set<string>();
    let weight = 0;
    for (const [at, entry] of queue.entries()) {
      const size = options.weigh?.(entry.item) ?? 1;
      if (batch.length > 0 && weight + size > options.maxItems) {
        later.push(...queue.slice(at));
        break;
      }
      const key = options.key?.(entry.item) ?? null;
      if (key !== null && keys.has(key)) {
        later.push(entry);
        continue;
      }
      if (key !== null) keys.add(key);
      batch.push(entry);
      weight += size;
    }
    queue = later;
    return batch;
  };

  const settleBatch = async (batch: Entry<Item, Result>[]): Promise<void> => {
    try {
      const results = await options.run(batch.map((entry) => entry.item));
      for (const [at, entry] of batch.entries()) entry.resolve(results[at] as Result);
    } catch (error) {
      const [only] = batch;
      if (batch.length === 1 && only) return only.reject(error);
      if (isAway(error)) {
        for (const entry of batch) entry.reject(error);
        return;
      }
      // One item made the statement fail; alone, only that one will.
      for (const entry of batch) await settleBatch([entry]);
    }
  };

  const drain = async (): Promise<void> => {
    while (queue.length > 0) await settleBatch(nextBatch());
    busy = false;
  };

  return (item) =>
    new Promise<Result>((resolve, reject) => {
      if (queue.length >= options.maxWaiting) {
        reject(limitExceeded("too many requests are waiting for the database; retry in a moment"));
        return;
      }
      queue.push({ item, resolve, reject });
      if (busy) return;
      busy = true;
      // After the poll phase, so that all requests read from the sockets in it share the statement.
      setImmediate(() => void drain());
    });
}
