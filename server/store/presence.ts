/**
 * Executors as they report: every call of one makes it known and says that it is alive. What is written now and then
 * for thousands of executors goes in one statement each time, on the connection that does not wait for the disk.
 */
import type { Load } from "../core/placement.ts";
import { forbidden, notFound } from "../core/rejection.ts";
import type { Channel } from "./channel.ts";
import type { Database } from "./connection.ts";
import {
  createKnownExecutors,
  type ExecutorFacts,
  executorFacts,
  type KnownExecutor,
} from "./known-executors.ts";

/** A live executor's row is written at most this often. */
const TOUCH_EVERY_MS = 5_000;
/** After this without a call the row is read again: it may have changed while nobody told. */
const FRESH_MS = 60_000;

export interface Registration {
  groups: string[];
  /** Absent: any. */
  types?: string[] | undefined;
  /** The most leases it may hold; absent: as many as it asks for. */
  capacity?: number | undefined;
  /** It asks for no more than it can hold: claims need not count. */
  countsItself?: boolean | undefined;
  labels?: Record<string, string> | undefined;
  load?: Load | undefined;
  /** Absent: whatever its load, it gets runs. */
  maxLoad?: Load | undefined;
}

export interface ExecutorName {
  namespaceId: number;
  name: string;
}

export interface Presence {
  /**
   * Says that an executor claims runs of `groups`, and of the namespaces `serves` besides its own, and answers with what is known of it: at once if it is known, else
   * after it was written. `allowed` are the groups that its token may work for; null: every group.
   * @throws FORBIDDEN when the executor of this name also works for others.
   */
  touch(
    executor: ExecutorName,
    groups: string[],
    allowed: string[] | null,
    serves?: number[],
  ): Promise<KnownExecutor> | KnownExecutor;
  /** Says that these are alive, for polls that wait longer than anybody would believe. */
  touchAll(executorIds: Iterable<number>): Promise<void>;
  /** Writes what an executor says about itself. @throws FORBIDDEN as `touch` does. */
  register(executor: ExecutorName, registration: Registration, allowed: string[] | null): Promise<void>;
  /** Notes the load with the sign of life; an executor that was unknown is known after it. @throws FORBIDDEN */
  heartbeat(executor: ExecutorName, load: Load | undefined, allowed: string[] | null): Promise<KnownExecutor>;
  /** Notes that an executor left. @throws NOT_FOUND, FORBIDDEN */
  leave(executor: ExecutorName, allowed: string[] | null): Promise<number>;
  close(): void;
}

interface Row extends ExecutorFacts {
  /** New, or back after it had left or fallen silent. */
  changed: boolean;
}

const asText = (value: unknown): string | null => (value == null ? null : JSON.stringify(value));

export function createPresence(
  database: Database,
  channel: Pick<Channel, "publish" | "on" | "off">,
  onError: (error: unknown) => void,
): Presence {
  const { sql, heartbeatSql } = database;
  const known = createKnownExecutors(sql, channel, onError);
  const announce = ({ id, namespaceId }: { id: number; namespaceId: number }): void =>
    known.quietly(() => channel.publish([{ kind: "executor", id, namespaceId }]));

  const remember = (row: Row): KnownExecutor => {
    const entry = known.remember(row);
    if (row.changed) announce(row);
    return entry;
  };
  const isFresh = (entry: KnownExecutor): boolean => performance.now() - entry.touchedAt < FRESH_MS;

  /** One name may not be taken over to see, or give back, the leases of groups that a token does not reach. */
  const guard = async ({ namespaceId, name }: ExecutorName, allowed: string[] | null): Promise<void> => {
    if (allowed === null) return;
    let entry: { groups: string[] } | undefined = known.get(namespaceId, name);
    if (!entry || !isFresh(entry as KnownExecutor)) {
      [entry] = await sql<{ groups: string[] }[]>`
        select groups from escapement.executor where namespace_id = ${namespaceId} and name = ${name}`;
    }
    const foreign = entry?.groups.find((group) => !allowed.includes(group));
    if (foreign === undefined) return;
    throw forbidden(
      `executor "${name}" also works for group "${foreign}", which your token does not reach; use another name`,
    );
  };

  /** Adds groups to what is known of it; a poll for one of an executor's groups says nothing against the others. */
  const upsert = async (
    { namespaceId, name }: ExecutorName,
    groups: string[],
    load: Load | undefined,
    serves: number[] | null = null,
  ): Promise<KnownExecutor> => {
    const text = asText(load);
    const [row] = await heartbeatSql<Row[]>`
      with before as (
        select left_at, offline_at from escapement.executor where namespace_id = ${namespaceId} and name = ${name}
      )
      insert into escapement.executor as e (namespace_id, name, groups, serves, load, load_at)
      values (${namespaceId}, ${name}, ${groups}, ${serves}::int[], ${text}::text::jsonb,
        case when ${text}::text is not null then escapement.clock() end)
      on conflict (namespace_id, name) do update set
        last_heartbeat_at = escapement.clock(),
        left_at = null,
        offline_at = null,
        load = coalesce(excluded.load, e.load),
        load_at = coalesce(excluded.load_at, e.load_at),
        groups = case when e.groups @> excluded.groups then e.groups
          else array(select unnest(e.groups) union select unnest(excluded.groups) order by 1) end,
        serves = case when excluded.serves is null then e.serves
          else array(select unnest(e.serves) union select unnest(excluded.serves) order by 1) end
      returning ${executorFacts(heartbeatSql)},
        not exists (select from before where left_at is null and offline_at is null) as changed`;
    return remember(row as Row);
  };

  const presence: Presence = {
    touch(executor, groups, allowed, serves = []) {
      const entry = known.get(executor.namespaceId, executor.name);
      const isKnown =
        entry &&
        isFresh(entry) &&
        known.isCurrent(entry.id) &&
        groups.every((group) => entry.groups.includes(group)) &&
        serves.every((id) => entry.serves?.includes(id));
      if (!isKnown) {
        const more = serves.length === 0 ? null : serves;
        return guard(executor, allowed).then(() => upsert(executor, groups, undefined, more));
      }
      if (allowed !== null && !entry.groups.every((group) => allowed.includes(group))) {
        return guard(executor, allowed).then(() => entry);
      }
      if (performance.now() - entry.touchedAt >= TOUCH_EVERY_MS) {
        entry.touchedAt = performance.now();
        void touchLater(entry.id);
      }
      return entry;
    },

    async touchAll(executorIds) {
      const ids = [...new Set(executorIds)];
      if (ids.length === 0) return;
      const rows = await heartbeatSql<Row[]>`
        update escapement.executor e set last_heartbeat_at = escapement.clock(), left_at = null, offline_at = null
        from escapement.executor before
        where e.id = any(${ids}::int[]) and before.id = e.id
        returning ${executorFacts(heartbeatSql)},
          before.left_at is not null or before.offline_at is not null as changed`;
      for (const row of rows) remember(row);
    },

    async register(executor, registration, allowed) {
      await guard(executor, allowed);
      const { groups, types, capacity, countsItself = false, labels, load, maxLoad } = registration;
      const [row] = await sql<ExecutorFacts[]>`
        with registered as (
          insert into escapement.executor as e (namespace_id, name, groups, types, capacity, counts_itself, labels, load, load_at, max_load)
          values (${executor.namespaceId}, ${executor.name}, ${groups}, ${types ?? null}::text[], ${capacity ?? null}, ${countsItself},
            ${asText(labels)}::text::jsonb, ${asText(load)}::text::jsonb,
            case when ${asText(load)}::text is not null then escapement.clock() end, ${asText(maxLoad)}::text::jsonb)
          on conflict (namespace_id, name) do update set
            groups = excluded.groups, serves = null, types = excluded.types, capacity = excluded.capacity, counts_itself = excluded.counts_itself, labels = excluded.labels,
            load = coalesce(excluded.load, e.load), load_at = coalesce(excluded.load_at, e.load_at),
            max_load = excluded.max_load, last_heartbeat_at = escapement.clock(), left_at = null, offline_at = null
          returning e.*
        ),
        seated as (
          insert into escapement.seat (executor_id) select id from registered where capacity is not null and not counts_itself
          on conflict (executor_id) do nothing
        )
        select ${executorFacts(sql)} from registered e`;
      remember({ ...(row as ExecutorFacts), changed: true });
    },

    async heartbeat(executor, load, allowed) {
      await guard(executor, allowed);
      const entry = await upsert(executor, [], load);
      if (load) announce(entry);
      return entry;
    },

    async leave({ namespaceId, name }, allowed) {
      await guard({ namespaceId, name }, allowed);
      const [row] = await sql<{ id: number }[]>`
        update escapement.executor set left_at = coalesce(left_at, escapement.clock())
        where namespace_id = ${namespaceId} and name = ${name} returning id`;
      known.forget(namespaceId, name);
      if (!row) throw notFound(`executor "${name}"`, "name");
      announce({ id: row.id, namespaceId });
      return row.id;
    },

    close: () => known.close(),
  };

  let due = new Set<number>();
  let writing = false;
  const touchLater = async (id: number): Promise<void> => {
    due.add(id);
    if (writing) return;
    writing = true;
    while (due.size > 0) {
      const ids = due;
      due = new Set();
      // The claim itself says when the database is away.
      await presence.touchAll(ids).catch(() => {});
    }
    writing = false;
  };

  return presence;
}
