/** Which triggers a pause is about: one, a group, those of a job, of a namespace, or all; trigger-pauses.ts makes them. */
import type { Sql } from "./connection.ts";
import type { Fragment } from "./page.ts";

export const TRIGGER_PAUSE_KINDS = ["TRIGGER", "GROUP", "JOB", "NAMESPACE", "EVERYTHING"] as const;

export interface TriggerScope {
  /** Null for EVERYTHING only. */
  namespaceId: number | null;
  kind: (typeof TRIGGER_PAUSE_KINDS)[number];
  /** A group's name, a trigger's or a job's id; empty for the others. */
  target: string;
}

export interface TriggerPause extends TriggerScope {
  id: number;
  /** A token's id, or who a server without authentication takes everybody for. */
  pausedBy: string;
  reason: string | null;
  pausedAt: Date;
  /** When it ends by itself; null: when somebody resumes. */
  until: Date | null;
}

/** Whether the trigger `t` is one of the scope. */
export function isWithin(sql: Sql, { namespaceId, kind, target }: TriggerScope): Fragment {
  const mine = sql`t.namespace_id = ${namespaceId}`;
  switch (kind) {
    case "TRIGGER":
      return sql`t.id = ${Number(target)}`;
    case "JOB":
      return sql`t.job_id = ${Number(target)}`;
    case "GROUP":
      return sql`${mine} and t."group" = ${target}`;
    case "NAMESPACE":
      return mine;
    case "EVERYTHING":
      return sql`true`;
  }
}

/** Whether the pause `p` is about the trigger `t`. */
const concerns = (sql: Sql): Fragment => sql`
  (p.namespace_id = t.namespace_id or p.namespace_id is null) and case p.kind
    when 'TRIGGER' then p.target = t.id::text
    when 'GROUP' then p.target = t."group"
    when 'JOB' then p.target = t.job_id::text
    else true end`;

/** Whether something keeps the trigger `t` from firing. */
export const isPaused = (sql: Sql): Fragment =>
  sql`exists (select from escapement.trigger_pause p where ${concerns(sql)})`;

const columns = (sql: Sql): Fragment => sql`
  p.id, p.namespace_id as "namespaceId", p.kind, p.target, p.paused_by as "pausedBy", p.reason,
  p.paused_at as "pausedAt", p.until_at as until`;

/** The pauses of each trigger, the narrowest first. */
export async function readTriggerPauses(
  sql: Sql,
  triggerIds: number[],
): Promise<Map<number, TriggerPause[]>> {
  const rows = await sql<(TriggerPause & { triggerId: number })[]>`
    select t.id as "triggerId", ${columns(sql)}
    from escapement.trigger t join escapement.trigger_pause p on ${concerns(sql)}
    where t.id = any(${triggerIds}::int[])
    order by array_position(${[...TRIGGER_PAUSE_KINDS]}::text[], p.kind)`;
  const found = new Map<number, TriggerPause[]>();
  for (const { triggerId, ...pause } of rows) found.set(triggerId, [...(found.get(triggerId) ?? []), pause]);
  return found;
}

/** Of a namespace with those of all, or of every namespace; oldest first, the first 1,000. */
export function listTriggerPauses(sql: Sql, namespaceId: number | null): Promise<TriggerPause[]> {
  return sql<TriggerPause[]>`
    select ${columns(sql)} from escapement.trigger_pause p
    where ${namespaceId}::int is null or p.namespace_id is null or p.namespace_id = ${namespaceId}
    order by p.paused_at, p.id limit 1000`;
}
