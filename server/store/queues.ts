/**
 * The queues in memory: which of them a poll reads. Queues with a requirement are read only while they may hold work,
 * so that polls of executors that differ in name and labels still share one statement when nobody asks for either.
 */
import { LIMITS } from "../config.ts";
import { fits, isOpen, type Placeable, type Requirement, requirementText } from "../core/placement.ts";
import { limitExceeded } from "../core/rejection.ts";
import type { Sql } from "./connection.ts";

export interface Queue {
  id: number;
  namespaceId: number;
  group: string;
  type: string;
  requirement: Requirement;
}

/** A queue by what it is for. */
export type QueueKey = Omit<Queue, "id">;

/** `used_at` is kept to this; prune.ts waits for weeks. */
const TOUCH_EVERY_MS = 3_600_000;

export function createQueues(sql: Sql) {
  const byId = new Map<number, Queue>();
  /** Those without a requirement. */
  const open = new Map<string, Queue[]>();
  /** Those that ask for labels, by group, and those for one executor, by group and name. */
  const asking = new Map<string, Queue[]>();
  /** Queues with a requirement by what they are for, with the time of the last `ensureQueues`. */
  const ensured = new Map<string, { id: number; at: number }>();
  /** Queues that may hold work, with the look in which that was heard. */
  const awake = new Map<number, number>();
  let look = 0;
  /** The query under way, and the one that waits for its end: a query may have begun before its caller's commit. */
  let reading: Promise<void> = Promise.resolve();
  let next: Promise<void> | null = null;

  const read = async (): Promise<void> => {
    const rows = await sql<Queue[]>`
      select id, namespace_id as "namespaceId", "group", type, requirement from escapement.queue`;
    byId.clear();
    open.clear();
    asking.clear();
    for (const queue of rows) {
      byId.set(queue.id, queue);
      const group = groupKey(queue.namespaceId, queue.group);
      if (isOpen(queue.requirement)) add(open, group, queue);
      else add(asking, askingKey(group, queue.requirement.executor), queue);
    }
  };

  const queues = {
    /** The queues a poll of these groups and types reads; `types` absent means any type. */
    queueIds(namespaceId: number, groups: string[], types?: string[], executor?: Placeable): number[] {
      const wanted = types && new Set(types);
      const takes = (queue: Queue): boolean => wanted === undefined || wanted.has(queue.type);
      const found: number[] = [];
      for (const name of groups) {
        const group = groupKey(namespaceId, name);
        for (const queue of open.get(group) ?? []) if (takes(queue)) found.push(queue.id);
        if (executor === undefined || awake.size === 0) continue;
        for (const key of [group, askingKey(group, executor.name)]) {
          for (const queue of asking.get(key) ?? []) {
            if (awake.has(queue.id) && takes(queue) && fits(queue.requirement, executor))
              found.push(queue.id);
          }
        }
      }
      return found;
    },

    queue: (id: number): Queue | undefined => byId.get(id),

    /**
     * The numbers of these queues, which are made if need be; what is not known takes two statements for all.
     * @throws LIMIT_EXCEEDED
     */
    async ensureQueues(keys: QueueKey[]): Promise<number[]> {
      if (ensured.size > LIMITS.askingQueues) ensured.clear();
      const names = keys.map(nameOf);
      const now = performance.now();
      const missing = new Map<string, QueueKey>();
      for (const [at, key] of keys.entries()) {
        const known = ensured.get(names[at] as string);
        if (!known || now - known.at > TOUCH_EVERY_MS) missing.set(names[at] as string, key);
      }
      if (missing.size > 0) {
        // In one order, so that two servers never wait for each other.
        const wanted = [...missing].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, key]) => key);
        const [full] = await sql`
          select from escapement.queue
          where namespace_id = any(${wanted.map((key) => key.namespaceId)}::int[]) and requirement <> '{}'
          group by namespace_id having count(*) > ${LIMITS.askingQueues - wanted.length}`;
        if (full) {
          throw limitExceeded(
            `runs of one namespace can name at most ${LIMITS.askingQueues} executors and sets of labels within a month`,
          );
        }
        const rows = await sql<Queue[]>`
          insert into escapement.queue as q (namespace_id, "group", type, requirement)
          select * from unnest(${wanted.map((key) => key.namespaceId)}::int[], ${wanted.map((key) => key.group)}::text[],
            ${wanted.map((key) => key.type)}::text[],
            ${wanted.map((key) => requirementText(key.requirement))}::text[]::jsonb[])
          on conflict (namespace_id, "group", type, requirement) do update set used_at = escapement.clock()
          returning id, namespace_id as "namespaceId", "group", type, requirement`;
        for (const row of rows) ensured.set(nameOf(row), { id: row.id, at: now });
        if (rows.some((row) => !byId.has(row.id))) await queues.refreshQueues();
      }
      return names.map((name) => (ensured.get(name) as { id: number }).id);
    },

    /** Runs became ready in these queues. */
    wakeQueues(ids: number[]): void {
      for (const id of ids) {
        const queue = byId.get(id);
        if (!queue || !isOpen(queue.requirement)) awake.set(id, look);
      }
    },

    /** Begins a look at which queues hold work; `slept` ends it. */
    beginLook: (): number => ++look,

    /** What the look of this number found: the queues that hold work. Others sleep, unless they woke meanwhile. */
    sawWork(found: number, ids: number[]): void {
      const busy = new Set(ids);
      for (const [id, heard] of awake) if (heard < found && !busy.has(id)) awake.delete(id);
      queues.wakeQueues(ids);
    },

    /** Reads the queues anew, as they are after this call; concurrent calls share the next query. */
    refreshQueues(): Promise<void> {
      next ??= reading.then(() => {
        next = null;
        const current = read();
        reading = current.catch(() => {});
        return current;
      });
      return next;
    },
  };
  return queues;
}

const groupKey = (namespaceId: number, group: string): string => `${namespaceId}/${group}`;

/** No name holds a blank. */
const askingKey = (group: string, executor: string | undefined): string =>
  executor === undefined ? group : `${group} ${executor}`;

const nameOf = ({ namespaceId, group, type, requirement }: QueueKey): string =>
  `${groupKey(namespaceId, group)} ${type} ${requirementText(requirement)}`;

function add<Value>(lists: Map<string, Value[]>, key: string, value: Value): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
