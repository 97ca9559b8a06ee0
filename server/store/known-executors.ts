/**
 * The executors that poll this server, in memory: what decides whether they may take runs, and which. Parked polls hold
 * on to these objects, so what changes here or on another server shows in the next claim.
 */
import { RHYTHM } from "../config.ts";
import { type Claimant, isOverloaded, type Load } from "../core/placement.ts";
import type { Change, Channel } from "./channel.ts";
import type { Sql } from "./connection.ts";
import type { Fragment } from "./page.ts";

/** What is known of an executor. */
export interface KnownExecutor extends Claimant {
  readonly id: number;
  readonly namespaceId: number;
  groups: string[];
  /** Namespaces whose runs it claims, its own left out. */
  serves: number[] | null;
  readonly overloaded: boolean;
  /** When it was last read or heard of, on this process's monotonic clock. */
  touchedAt: number;
}

/** A row's share in it. */
export interface ExecutorFacts {
  id: number;
  namespaceId: number;
  name: string;
  groups: string[];
  serves: number[] | null;
  labels: Record<string, string> | null;
  /** Null also when the executor counts its leases itself. */
  capacity: number | null;
  draining: boolean;
  load: Load | null;
  maxLoad: Load | null;
  loadAgeMs: number | null;
}

/** SQL text of what `ExecutorFacts` needs; the executor is `e`. */
export function executorFacts(sql: Sql): Fragment {
  return sql`e.id, e.namespace_id as "namespaceId", e.name, e.groups, e.serves, e.labels, case when not e.counts_itself then e.capacity end as capacity,
    e.draining_at is not null as draining, e.load, e.max_load as "maxLoad",
    extract(epoch from escapement.clock() - e.load_at)::float8 * 1000 as "loadAgeMs"`;
}

function withLoad<News extends Pick<ExecutorFacts, "load" | "maxLoad"> & { loadUntil: number }>(news: News) {
  return {
    ...news,
    get overloaded(): boolean {
      return this.loadUntil > performance.now() && isOverloaded(this.load, this.maxLoad);
    },
  };
}

/** Unheard of for so long, an executor is forgotten: names that are gone must not add up. Longer than any poll waits. */
const FORGET_AFTER_MS = 120_000;

export interface KnownExecutors {
  get(namespaceId: number, name: string): KnownExecutor | undefined;
  /** Takes over what was read, into the same object if there is one. */
  remember(facts: ExecutorFacts): KnownExecutor;
  forget(namespaceId: number, name: string): void;
  /** False while something is known to have changed that has not been read yet. */
  isCurrent(executorId: number): boolean;
  /** Does something whose announcements say nothing new here. */
  quietly(work: () => void): void;
  close(): void;
}

export function createKnownExecutors(
  sql: Sql,
  channel: Pick<Channel, "on" | "off">,
  onError: (error: unknown) => void,
): KnownExecutors {
  const byName = new Map<string, KnownExecutor>();
  const byId = new Map<number, KnownExecutor>();
  const keyOf = (namespaceId: number, name: string): string => `${namespaceId}/${name}`;

  const drop = (entry: KnownExecutor): void => {
    byName.delete(keyOf(entry.namespaceId, entry.name));
    byId.delete(entry.id);
  };
  const sweep = setInterval(() => {
    const oldest = performance.now() - FORGET_AFTER_MS;
    for (const entry of byId.values()) if (entry.touchedAt < oldest) drop(entry);
  }, FORGET_AFTER_MS);
  sweep.unref();

  const known: KnownExecutors = {
    get: (namespaceId, name) => byName.get(keyOf(namespaceId, name)),

    remember({ loadAgeMs, labels, ...facts }) {
      const now = performance.now();
      const news = {
        ...facts,
        labels: labels ?? {},
        // An executor that reports no more must not be shut out for good.
        loadUntil: loadAgeMs === null ? 0 : now + RHYTHM.loadMs - loadAgeMs,
        touchedAt: now,
      };
      const entry = byId.get(facts.id) ?? withLoad(news);
      Object.assign(entry, news);
      byId.set(entry.id, entry);
      byName.set(keyOf(entry.namespaceId, entry.name), entry);
      return entry;
    },

    forget(namespaceId, name) {
      const entry = byName.get(keyOf(namespaceId, name));
      if (entry) drop(entry);
    },

    isCurrent: (executorId) => !stale.has(executorId) && !beingRead.has(executorId),

    quietly(work) {
      quiet = true;
      work();
      quiet = false;
    },

    close() {
      clearInterval(sweep);
      channel.off("changes", onChanges);
      channel.off("resync", onResync);
    },
  };

  let quiet = false;
  let stale = new Set<number>();
  let beingRead: ReadonlySet<number> = new Set();
  let reading = false;
  const reread = async (): Promise<void> => {
    if (reading) return;
    reading = true;
    try {
      while (stale.size > 0) {
        const ids = [...stale];
        beingRead = stale;
        stale = new Set();
        const rows = await sql<ExecutorFacts[]>`
          select ${executorFacts(sql)} from escapement.executor e where e.id = any(${ids}::int[])`;
        for (const row of rows) known.remember(row);
      }
    } catch (error) {
      onError(error);
    } finally {
      reading = false;
      beingRead = new Set();
    }
  };
  const onChanges = (changes: Change[]): void => {
    if (quiet) return;
    for (const change of changes) if (change.kind === "executor" && byId.has(change.id)) stale.add(change.id);
    if (stale.size > 0) void reread();
  };
  const onResync = (): void => {
    for (const id of byId.keys()) stale.add(id);
    void reread();
  };
  channel.on("changes", onChanges);
  channel.on("resync", onResync);
  return known;
}
