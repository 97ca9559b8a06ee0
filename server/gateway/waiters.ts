/** Parked polls in the order in which they came, found by the queues they would take from. Pure bookkeeping. */
import type { Queue } from "../store/catalog.ts";

/** What a poll reads: `types` absent means any type. */
export interface Wants {
  namespaceId: number;
  groups: string[];
  types?: string[] | undefined;
}

/** One key per (group, type), or one per group for polls that take any type. New queues so need no bookkeeping. */
export function keysOf({ namespaceId, groups, types }: Wants): string[] {
  const groupKeys = groups.map((group) => `${namespaceId}/${group}`);
  return types ? groupKeys.flatMap((key) => types.map((type) => `${key} ${type}`)) : groupKeys;
}

/** The keys under which a queue's waiters are: names hold no blanks, so the two kinds never meet. */
export function keysOfQueue({ namespaceId, group, type }: Queue): [anyType: string, thisType: string] {
  const key = `${namespaceId}/${group}`;
  return [key, `${key} ${type}`];
}

export class Waiters<Waiter extends { readonly place: number; readonly keys: string[]; busy: boolean }> {
  readonly #lists = new Map<string, Set<Waiter>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(waiter: Waiter): void {
    this.#size += 1;
    for (const key of waiter.keys) {
      const list = this.#lists.get(key);
      if (list) list.add(waiter);
      else this.#lists.set(key, new Set([waiter]));
    }
  }

  remove(waiter: Waiter): void {
    let was = false;
    for (const key of waiter.keys) {
      const list = this.#lists.get(key);
      if (list?.delete(waiter)) was = true;
      if (list?.size === 0) this.#lists.delete(key);
    }
    if (was) this.#size -= 1;
  }

  /** Up to `count` that want the queue's runs and are not busy, longest parked first. */
  first(queue: Queue, count: number): Waiter[] {
    const [any, typed] = keysOfQueue(queue).map((key) => idle(this.#lists.get(key), count));
    return [...(any ?? []), ...(typed ?? [])].sort((a, b) => a.place - b.place).slice(0, count);
  }

  all(): Set<Waiter> {
    return new Set([...this.#lists.values()].flatMap((list) => [...list]));
  }
}

function idle<Waiter extends { busy: boolean }>(list: Set<Waiter> | undefined, count: number): Waiter[] {
  const found: Waiter[] = [];
  for (const waiter of list ?? []) {
    if (found.length === count) break;
    if (!waiter.busy) found.push(waiter);
  }
  return found;
}
