/** Parked polls in the order in which they came, found by the queues they would take from. Pure bookkeeping. */
import { type Claimant, fits, isOpen, isPassedOver, stranger } from "../core/placement.ts";
import type { Queue } from "../store/queues.ts";

/** What a poll reads: `types` absent means any type. */
export interface Wants {
  namespaceId: number;
  /** Absent: its own. */
  namespaceIds?: readonly number[] | undefined;
  groups: string[];
  types?: string[] | undefined;
  executor?: Claimant | undefined;
}

/**
 * For each namespace one key per type or, for polls that take any type, one per group: as many as the poll names, never
 * types times groups. New queues so need no bookkeeping. One more is the executor's, for runs of its own namespace that
 * are for nobody else.
 */
export function keysOf({
  namespaceId,
  namespaceIds = [namespaceId],
  groups,
  types,
  executor,
}: Wants): string[] {
  const keys = namespaceIds.flatMap((id) =>
    types ? types.map((type) => `${id} ${type}`) : groups.map((group) => `${id}/${group}`),
  );
  return executor && namespaceIds.includes(namespaceId) ? [...keys, `${namespaceId}=${executor.name}`] : keys;
}

/** The keys under which a queue's waiters are: numbers hold none of the marks, so the kinds never meet. */
export function keysOfQueue({ namespaceId, group, type, requirement }: Queue): string[] {
  return requirement.executor === undefined
    ? [`${namespaceId}/${group}`, `${namespaceId} ${type}`]
    : [`${namespaceId}=${requirement.executor}`];
}

/** Those that would get nothing are passed over: who serves the others takes an empty claim for an empty queue. */
function wants({ namespaceId, groups, types, executor }: Wants, queue: Queue, open: boolean): boolean {
  if (!groups.includes(queue.group)) return false;
  if (isPassedOver(executor)) return false;
  if (open) return true;
  return (
    (types === undefined || types.includes(queue.type)) &&
    executor !== undefined &&
    fits(queue.requirement, queue.namespaceId === namespaceId ? executor : stranger(executor))
  );
}

interface Waiting {
  readonly poll: Wants;
  readonly place: number;
  readonly keys: string[];
  busy: boolean;
}

export class Waiters<Waiter extends Waiting> {
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
    return keysOfQueue(queue)
      .flatMap((key) => this.#idle(key, queue, count))
      .sort((a, b) => a.place - b.place)
      .slice(0, count);
  }

  #idle(key: string, queue: Queue, count: number): Waiter[] {
    const found: Waiter[] = [];
    const open = isOpen(queue.requirement);
    for (const waiter of this.#lists.get(key) ?? []) {
      if (found.length === count) break;
      if (!waiter.busy && wants(waiter.poll, queue, open)) found.push(waiter);
    }
    return found;
  }

  all(): Set<Waiter> {
    return new Set([...this.#lists.values()].flatMap((list) => [...list]));
  }
}
