/**
 * Executors as they report: every call of one makes it known and says that it is alive. What is written now and then
 * for thousands of executors goes in one statement each time, on the connection that does not wait for the disk.
 */
import type { Placeable } from "../core/placement.ts";
import { forbidden, notFound } from "../core/rejection.ts";
import type { Channel } from "./channel.ts";
import type { Database } from "./connection.ts";

/** A live executor's row is written at most this often. */
const TOUCH_EVERY_MS = 5_000;
/** After this without a call the row is read again: it may have been deleted meanwhile. */
const FORGET_AFTER_MS = 60_000;

export interface Registration {
  groups: string[];
  /** Absent: any. */
  types?: string[] | undefined;
  capacity?: number | undefined;
  labels?: Record<string, string> | undefined;
  load?: { cpu?: number | undefined; memory?: number | undefined } | undefined;
}

export interface ExecutorName {
  namespaceId: number;
  name: string;
}

/** What is known of an executor; kept up to date while anybody polls for it. */
export interface KnownExecutor extends Placeable {
  readonly id: number;
  readonly namespaceId: number;
  groups: string[];
  /** Of this process's monotonic clock. */
  touchedAt: number;
}

export interface Presence {
  /**
   * Says that an executor claims runs of `groups`, and answers with what is known of it: at once if it is known, else
   * after it was written. `allowed` are the groups that its token may work for; null: every group.
   * @throws FORBIDDEN when the executor of this name also works for others.
   */
  touch(
    executor: ExecutorName,
    groups: string[],
    allowed: string[] | null,
  ): Promise<KnownExecutor> | KnownExecutor;
  /** Says that these are alive, for polls that wait longer than anybody would believe. */
  touchAll(executorIds: Iterable<number>): Promise<void>;
  /** Writes what an executor says about itself. @throws FORBIDDEN as `touch` does. */
  register(executor: ExecutorName, registration: Registration, allowed: string[] | null): Promise<number>;
  /** Notes the load with the sign of life; an executor that was unknown is known after it. @throws FORBIDDEN */
  heartbeat(executor: ExecutorName, load: Registration["load"], allowed: string[] | null): Promise<number>;
  /** Notes that an executor left. @throws NOT_FOUND, FORBIDDEN */
  leave(executor: ExecutorName, allowed: string[] | null): Promise<number>;
  close(): void;
}

interface Row {
  id: number;
  groups: string[];
  labels: Record<string, string> | null;
  /** New, or back after it had left. */
  changed: boolean;
}

export function createPresence(database: Database, channel: Pick<Channel, "publish">): Presence {
  const { sql, heartbeatSql } = database;
  const known = new Map<string, KnownExecutor>();
  const keyOf = ({ namespaceId, name }: ExecutorName): string => `${namespaceId}/${name}`;

  const remember = (executor: ExecutorName, row: Row): KnownExecutor => {
    const { id, groups, labels } = row;
    const news = { groups, labels: labels ?? {}, touchedAt: performance.now() };
    const before = known.get(keyOf(executor));
    // The same object: parked polls hold on to it.
    const entry = before?.id === id ? Object.assign(before, news) : { id, ...executor, ...news };
    known.set(keyOf(executor), entry);
    if (row.changed) channel.publish([{ kind: "executor", id: row.id, namespaceId: executor.namespaceId }]);
    return entry;
  };

  const isFresh = (entry: KnownExecutor): boolean => performance.now() - entry.touchedAt < FORGET_AFTER_MS;
  // Names of executors that are gone must not add up; once in a while is often enough.
  const sweep = setInterval(() => {
    for (const [key, entry] of known) if (!isFresh(entry)) known.delete(key);
  }, FORGET_AFTER_MS);
  sweep.unref();

  const read = async ({
    namespaceId,
    name,
  }: ExecutorName): Promise<{ id: number; groups: string[] } | null> => {
    const [row] = await sql<{ id: number; groups: string[] }[]>`
      select id, groups from escapement.executor where namespace_id = ${namespaceId} and name = ${name}`;
    return row ?? null;
  };

  /** One name may not be taken over to see, or give back, the leases of groups that a token does not reach. */
  const guard = async (executor: ExecutorName, allowed: string[] | null): Promise<void> => {
    if (allowed === null) return;
    const entry = known.get(keyOf(executor));
    const row = entry && isFresh(entry) ? entry : await read(executor);
    const foreign = row?.groups.find((group) => !allowed.includes(group));
    if (foreign === undefined) return;
    throw forbidden(
      `executor "${executor.name}" also works for group "${foreign}", which your token does not reach; use another name`,
    );
  };

  /** Adds groups to what is known of it; a poll for one of an executor's groups says nothing against the others. */
  const upsert = async (
    executor: ExecutorName,
    groups: string[],
    load: string | null,
  ): Promise<KnownExecutor> => {
    const [row] = await heartbeatSql<Row[]>`
      with before as (
        select left_at from escapement.executor
        where namespace_id = ${executor.namespaceId} and name = ${executor.name}
      )
      insert into escapement.executor as e (namespace_id, name, groups, load)
      values (${executor.namespaceId}, ${executor.name}, ${groups}, ${load}::text::jsonb)
      on conflict (namespace_id, name) do update set
        last_heartbeat_at = escapement.clock(),
        left_at = null,
        load = coalesce(excluded.load, e.load),
        groups = case when e.groups @> excluded.groups then e.groups
          else array(select unnest(e.groups) union select unnest(excluded.groups) order by 1) end
      returning id, groups, labels, not exists (select from before where left_at is null) as changed`;
    return remember(executor, row as Row);
  };

  const presence: Presence = {
    touch(executor, groups, allowed) {
      const entry = known.get(keyOf(executor));
      const covers = (entry: KnownExecutor): boolean => groups.every((group) => entry.groups.includes(group));
      if (!entry || !isFresh(entry) || !covers(entry)) {
        return guard(executor, allowed).then(() => upsert(executor, groups, null));
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
      await heartbeatSql`
        update escapement.executor set last_heartbeat_at = escapement.clock(), left_at = null
        where id = any(${ids}::int[])`;
    },

    async register(executor, registration, allowed) {
      await guard(executor, allowed);
      const { groups, types, capacity, labels, load } = registration;
      const [row] = await sql<{ id: number }[]>`
        insert into escapement.executor as e (namespace_id, name, groups, types, capacity, labels, load)
        values (${executor.namespaceId}, ${executor.name}, ${groups}, ${types ?? null}::text[], ${capacity ?? null},
          ${labels ? JSON.stringify(labels) : null}::text::jsonb, ${load ? JSON.stringify(load) : null}::text::jsonb)
        on conflict (namespace_id, name) do update set
          groups = excluded.groups, types = excluded.types, capacity = excluded.capacity, labels = excluded.labels,
          load = coalesce(excluded.load, e.load), last_heartbeat_at = escapement.clock(), left_at = null
        returning id`;
      const { id } = row as { id: number };
      return remember(executor, { id, groups, labels: labels ?? null, changed: true }).id;
    },

    async heartbeat(executor, load, allowed) {
      await guard(executor, allowed);
      const { id } = await upsert(executor, [], load ? JSON.stringify(load) : null);
      if (load) channel.publish([{ kind: "executor", id, namespaceId: executor.namespaceId }]);
      return id;
    },

    async leave(executor, allowed) {
      await guard(executor, allowed);
      const [row] = await sql<{ id: number }[]>`
        update escapement.executor set left_at = coalesce(left_at, escapement.clock())
        where namespace_id = ${executor.namespaceId} and name = ${executor.name} returning id`;
      known.delete(keyOf(executor));
      if (!row) throw notFound(`executor "${executor.name}"`, "name");
      channel.publish([{ kind: "executor", id: row.id, namespaceId: executor.namespaceId }]);
      return row.id;
    },

    close: () => clearInterval(sweep),
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
