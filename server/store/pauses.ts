/** What is paused: read here, changed by engine/pause. */
import type { Sql } from "./connection.ts";

export const PAUSE_KINDS = ["NAMESPACE", "GROUP", "JOB", "RUN"] as const;
export type PauseKind = (typeof PAUSE_KINDS)[number];

export interface PauseScope {
  namespaceId: number;
  kind: PauseKind;
  /** A group's name, a job's or a run's id; empty for the namespace. */
  target: string;
}

export interface Pause extends PauseScope {
  /** A token's name, or who a server without authentication takes everybody for. */
  pausedBy: string;
  reason: string | null;
  pausedAt: Date;
}

/** Of a namespace, or of all; oldest first. */
export async function listPauses(sql: Sql, namespaceId: number | null): Promise<Pause[]> {
  return sql<Pause[]>`
    select namespace_id as "namespaceId", kind, target, paused_by as "pausedBy", reason, paused_at as "pausedAt"
    from escapement.pause ${namespaceId === null ? sql`` : sql`where namespace_id = ${namespaceId}`}
    order by paused_at, kind, target limit 1000`;
}

/** The pause that holds each of `runIds` that wait. */
export async function readPauses(sql: Sql, runIds: string[]): Promise<Map<string, Pause>> {
  const rows = await sql<(Pause & { id: string })[]>`
    select w.id, (p).namespace_id as "namespaceId", (p).kind, (p).target, (p).paused_by as "pausedBy", (p).reason,
      (p).paused_at as "pausedAt"
    from (
      select id, escapement.pause_of(namespace_id, job_id, queue_id, id) as p
      from escapement.waiting where id = any(${runIds}::bigint[])
    ) w where (p).kind is not null`;
  return new Map(rows.map(({ id, ...pause }) => [id, pause]));
}

/** The pauses of jobs themselves, by the job's id. */
export async function readJobPauses(sql: Sql, jobIds: number[]): Promise<Map<number, Pause>> {
  const rows = await sql<Pause[]>`
    select namespace_id as "namespaceId", kind, target, paused_by as "pausedBy", reason, paused_at as "pausedAt"
    from escapement.pause where kind = 'JOB' and target = any(${jobIds.map(String)}::text[])`;
  return new Map(rows.map((pause) => [Number(pause.target), pause]));
}
