/**
 * Definitions that the hot path needs, kept in memory: namespaces, queues, jobs by name and job versions.
 * Versions never change, so they are never stale; a job's current version is checked again by the statement
 * that uses it, and `forget` drops what another server changed.
 */
import { badInput, notFound } from "../core/rejection.ts";
import type { RetryPolicy } from "../core/retry.ts";
import type { Sql } from "./connection.ts";

export interface Queue {
  id: number;
  namespaceId: number;
  group: string;
  type: string;
}

/** A job at one version, with what a lease or a settle needs of it. */
export interface JobVersion {
  id: number;
  jobId: number;
  namespaceId: number;
  namespace: string;
  job: string;
  version: number;
  queueId: number;
  group: string;
  type: string;
  /** JSON text. */
  input: string | null;
  priority: number;
  retry: RetryPolicy;
  timeoutMs: number | null;
  startDeadlineMs: number;
  /** Runs that fail for good are kept. */
  deadLetter: boolean;
}

/** Versions kept; the least recently added goes first. A fleet's worth of jobs, some 500 bytes each. */
const VERSIONS_KEPT = 50_000;

export type Catalog = ReturnType<typeof createCatalog>;

export function createCatalog(sql: Sql) {
  const namespaces = new Map<string, { id: number; name: string }>();
  const namespaceNames = new Map<number, string>();
  const queues = new Map<number, Queue>();
  const queuesByGroup = new Map<string, Queue[]>();
  const currentVersions = new Map<string, number>();
  const versions = new Map<number, JobVersion>();
  /** The query under way, and the one that waits for its end: a query may have begun before its caller's commit. */
  let queuesRead: Promise<void> = Promise.resolve();
  let queuesNext: Promise<void> | null = null;

  const readVersions = async (where: ReturnType<Sql>): Promise<JobVersion[]> => {
    const rows = await sql<JobVersion[]>`
      select v.id, v.job_id as "jobId", j.namespace_id as "namespaceId", n.name as namespace, j.name as job,
        v.version, v.queue_id as "queueId", q."group", q.type, v.input, v.priority, v.retry,
        v.timeout_ms::float8 as "timeoutMs", v.start_deadline_ms::float8 as "startDeadlineMs",
        v.dead_letter as "deadLetter"
      from escapement.job_version v
      join escapement.job j on j.id = v.job_id
      join escapement.namespace n on n.id = j.namespace_id
      join escapement.queue q on q.id = v.queue_id
      where ${where}`;
    for (const version of rows) {
      versions.set(version.id, version);
      if (versions.size > VERSIONS_KEPT) versions.delete(versions.keys().next().value as number);
    }
    return rows;
  };

  const readQueues = async (): Promise<void> => {
    const rows = await sql<Queue[]>`
      select id, namespace_id as "namespaceId", "group", type from escapement.queue`;
    queues.clear();
    queuesByGroup.clear();
    for (const queue of rows) {
      queues.set(queue.id, queue);
      const key = `${queue.namespaceId}/${queue.group}`;
      const list = queuesByGroup.get(key);
      if (list) list.push(queue);
      else queuesByGroup.set(key, [queue]);
    }
  };

  const catalog = {
    /** @throws NOT_FOUND */
    async namespaceId(name: string, field = "namespace"): Promise<number> {
      const known = namespaces.get(name);
      if (known) return known.id;
      const [row] = await sql<{ id: number; name: string }[]>`
        select id, name from escapement.namespace where name = ${name}`;
      if (!row) throw notFound(`namespace "${name}"`, field);
      namespaces.set(name, row);
      namespaceNames.set(row.id, row.name);
      return row.id;
    },

    async namespaceName(id: number): Promise<string> {
      const known = namespaceNames.get(id);
      if (known !== undefined) return known;
      const [row] = await sql<{ name: string }[]>`select name from escapement.namespace where id = ${id}`;
      if (!row) throw badInput("namespace", `no namespace has the number ${id}`);
      namespaceNames.set(id, row.name);
      return row.name;
    },

    /** The current version of a job as this server knows it. @throws NOT_FOUND */
    async currentVersion(namespaceId: number, job: string, field = "job"): Promise<JobVersion> {
      const key = `${namespaceId}/${job}`;
      const knownId = currentVersions.get(key);
      const known = knownId === undefined ? undefined : versions.get(knownId);
      if (known) return known;
      const [row] = await readVersions(
        sql`j.namespace_id = ${namespaceId} and j.name = ${job} and j.deleted_at is null and v.id = j.version_id`,
      );
      if (!row) {
        const namespace = await catalog.namespaceName(namespaceId);
        throw notFound(`job "${job}" in namespace "${namespace}"`, field);
      }
      currentVersions.set(key, row.id);
      return row;
    },

    /** Versions by id, from memory or in one query. */
    async versions(ids: Iterable<number>): Promise<Map<number, JobVersion>> {
      const found = new Map<number, JobVersion>();
      const missing: number[] = [];
      for (const id of new Set(ids)) {
        const known = versions.get(id);
        if (known) found.set(id, known);
        else missing.push(id);
      }
      if (missing.length > 0) {
        for (const version of await readVersions(sql`v.id = any(${missing}::int[])`)) {
          found.set(version.id, version);
        }
      }
      return found;
    },

    /** The queues a poll of these groups and types reads; `types` absent means any type. */
    queueIds(namespaceId: number, groups: string[], types?: string[]): number[] {
      const wanted = types && new Set(types);
      return groups.flatMap((group) =>
        (queuesByGroup.get(`${namespaceId}/${group}`) ?? [])
          .filter((queue) => !wanted || wanted.has(queue.type))
          .map((queue) => queue.id),
      );
    },

    queue: (id: number): Queue | undefined => queues.get(id),

    /** Reads the queues anew, as they are after this call; concurrent calls share the next query. */
    refreshQueues(): Promise<void> {
      queuesNext ??= queuesRead.then(() => {
        queuesNext = null;
        const read = readQueues();
        queuesRead = read.catch(() => {});
        return read;
      });
      return queuesNext;
    },

    /** Drops which versions are current, after a change here or elsewhere. */
    forget(): void {
      currentVersions.clear();
    },
  };
  return catalog;
}
