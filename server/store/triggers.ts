/** Triggers as they are read; trigger-changes.ts writes them, and the ticker fires them. */
import { jitterOffset } from "../core/schedule/jitter.ts";
import type { Schedule } from "../core/schedule/schedule.ts";
import { type Misfire, nextFires, type TriggerDef } from "../core/trigger.ts";
import type { Sql } from "./connection.ts";
import {
  every,
  type Fragment,
  fromCursor,
  type Page,
  type PageRequest,
  pageOf,
  pageSize,
  toCursor,
} from "./page.ts";

export type TriggerState = "NORMAL" | "PAUSED" | "BLOCKED" | "COMPLETE" | "ERROR";

export interface Trigger {
  id: number;
  namespaceId: number;
  jobId: number;
  name: string;
  schedule: Schedule;
  startAt: Date | null;
  endAt: Date | null;
  /** Every time is put off by up to this; null: by nothing. */
  jitterMs: number | null;
  misfire: Misfire;
  priority: number | null;
  /** JSON text; null: the job's. */
  input: string | null;
  state: TriggerState;
  /** Why it is paused or in error. */
  reason: string | null;
  firedCount: number;
  /** While it is paused: the first time that was not fired. */
  nextAt: Date | null;
  lastAt: Date | null;
  /** Fixed delay with `repeat` only: the fires still allowed. */
  firesLeft: number | null;
  /** Fixed delay only: the run whose end sets the next time. */
  blockedBy: string | null;
  version: number;
  createdAt: Date;
  updatedAt: Date;
}

/** What a trigger's H and jitter are hashed by: its name, so that they are known before it is created. */
export const seedOf = ({ namespaceId, name }: Pick<Trigger, "namespaceId" | "name">): string =>
  `${namespaceId}/${name}`;

/** What core/trigger decides by. */
export function definitionOf(
  trigger: Pick<
    Trigger,
    | "namespaceId"
    | "name"
    | "schedule"
    | "startAt"
    | "endAt"
    | "jitterMs"
    | "createdAt"
    | "firedCount"
    | "firesLeft"
  >,
): TriggerDef {
  const { schedule, firesLeft } = trigger;
  const seed = seedOf(trigger);
  return {
    schedule,
    startAt: trigger.startAt?.getTime() ?? null,
    endAt: trigger.endAt?.getTime() ?? null,
    anchorAt: trigger.createdAt.getTime(),
    seed,
    offsetMs: jitterOffset(seed, trigger.jitterMs),
    // Counted since the schedule was set, which may be later than the trigger's first fire.
    firedCount:
      schedule.kind === "fixedDelay" && schedule.repeat !== undefined && firesLeft !== null
        ? schedule.repeat + 1 - firesLeft
        : trigger.firedCount,
  };
}

/** The next `count` times; none while it is paused, blocked or over. */
export function upcoming(trigger: Trigger, count: number): number[] {
  const nextAt = trigger.nextAt?.getTime();
  if (trigger.state !== "NORMAL" || nextAt === undefined || count === 0) return [];
  const def = definitionOf(trigger);
  return [nextAt, ...nextFires({ ...def, firedCount: def.firedCount + 1 }, nextAt, count - 1)];
}

export async function findTrigger(sql: Sql, namespaceId: number, name: string): Promise<Trigger | null> {
  const [trigger] = await select(sql, sql`t.namespace_id = ${namespaceId} and t.name = ${name}`);
  return trigger ?? null;
}

export function readTriggers(sql: Sql, ids: number[]): Promise<Trigger[]> {
  return select(sql, sql`t.id = any(${ids}::int[])`);
}

export interface TriggerFilter {
  /** The job's name. */
  job?: string | null | undefined;
  jobId?: number | undefined;
  state?: TriggerState | null | undefined;
  search?: string | null | undefined;
}

/** By namespace, then name. Null `namespaceId`: every namespace. */
export async function listTriggers(
  sql: Sql,
  namespaceId: number | null,
  { job, jobId, state, search }: TriggerFilter,
  page: PageRequest,
): Promise<Page<Trigger>> {
  const after = fromCursor(page.after, "number", "name");
  const rows = await select(
    sql,
    every(sql, [
      namespaceId !== null && sql`t.namespace_id = ${namespaceId}`,
      after !== null && sql`(t.namespace_id, t.name) > (${after[0] as number}, ${after[1] as string})`,
      jobId !== undefined && sql`t.job_id = ${jobId}`,
      job != null && sql`t.job_id in (select id from escapement.job where name = ${job})`,
      state != null && sql`t.state = ${state}`,
      search != null && sql`position(lower(${search}) in lower(t.name)) > 0`,
    ]),
    sql`order by t.namespace_id, t.name limit ${pageSize(page.first) + 1}`,
  );
  return pageOf(rows, page, (trigger) => toCursor(trigger.namespaceId, trigger.name));
}

function select(sql: Sql, where: Fragment, rest: Fragment = sql``): Promise<Trigger[]> {
  return sql<Trigger[]>`
    select t.id, t.namespace_id as "namespaceId", t.job_id as "jobId", t.name, t.schedule,
      t.start_at as "startAt", t.end_at as "endAt", t.jitter_ms as "jitterMs", t.misfire, t.priority, t.input, t.state, t.reason,
      t.fired_count as "firedCount", t.next_at as "nextAt", t.last_at as "lastAt", t.fires_left as "firesLeft",
      t.blocked_by as "blockedBy", t.version, t.created_at as "createdAt", t.updated_at as "updatedAt"
    from escapement.trigger t where ${where} ${rest}`;
}
