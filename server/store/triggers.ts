/** Triggers as they are read; trigger-changes.ts writes them, and the ticker fires them. */
import { jitterOffset } from "../core/schedule/jitter.ts";
import type { Schedule } from "../core/schedule/schedule.ts";
import type { OnExcluded, TriggerDef } from "../core/trigger/definition.ts";
import type { FireChanges } from "../core/trigger/fire-changes.ts";
import type { Misfire, MisfirePolicy } from "../core/trigger/misfire.ts";
import { nextFires } from "../core/trigger.ts";
import type { Catalog } from "./catalog.ts";
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
  /** For pausing several at once. */
  group: string;
  schedule: Schedule;
  startAt: Date | null;
  endAt: Date | null;
  /** Every time is put off by up to this; null: by nothing. */
  jitterMs: number | null;
  misfire: Misfire;
  /** Those that its calendars and their bases are now; null: it has none. */
  calendarVersions: number[] | null;
  onExcluded: OnExcluded;
  priority: number | null;
  /** JSON text; null: the job's. */
  input: string | null;
  state: TriggerState;
  /** Why it is in error. */
  reason: string | null;
  firedCount: number;
  /** While it is paused: the first time that was not fired. */
  nextAt: Date | null;
  lastAt: Date | null;
  /** Every time of the schedule up to here is in the ledger. */
  notedUntil: Date;
  /** It went on after a pause: times before this were withheld, and `catchUp` (else its misfire policy) decides. */
  resumedAt: Date | null;
  catchUp: MisfirePolicy | null;
  /** Fixed delay with `repeat` only: the fires still allowed. */
  firesLeft: number | null;
  /** Fixed delay only: the run whose end sets the next time. */
  blockedBy: string | null;
  version: number;
  createdAt: Date;
  updatedAt: Date;
  /** Of a trigger that has just been changed: what became of its fires. */
  changes?: () => FireChanges;
}

/** What a trigger's H and jitter are hashed by: its name, so that they are known before it is created. */
export const seedOf = ({ namespaceId, name }: Pick<Trigger, "namespaceId" | "name">): string =>
  `${namespaceId}/${name}`;

/** What a trigger's times come from, besides the calendars. */
export type Scheduled = Pick<
  Trigger,
  | "namespaceId"
  | "name"
  | "schedule"
  | "startAt"
  | "endAt"
  | "jitterMs"
  | "onExcluded"
  | "createdAt"
  | "firedCount"
  | "firesLeft"
>;

/** What core/trigger decides by. */
export function definitionOf(trigger: Scheduled, calendars: TriggerDef["calendars"]): TriggerDef {
  const { schedule, firesLeft } = trigger;
  const seed = seedOf(trigger);
  return {
    schedule,
    startAt: trigger.startAt?.getTime() ?? null,
    endAt: trigger.endAt?.getTime() ?? null,
    anchorAt: trigger.createdAt.getTime(),
    seed,
    offsetMs: jitterOffset(seed, trigger.jitterMs),
    calendars,
    onExcluded: trigger.onExcluded,
    // Counted since the schedule was set, which may be later than the trigger's first fire.
    firedCount:
      schedule.kind === "fixedDelay" && schedule.repeat !== undefined && firesLeft !== null
        ? schedule.repeat + 1 - firesLeft
        : trigger.firedCount,
  };
}

/** The same with the calendars that it has now. */
export async function currentDefinition(catalog: Catalog, trigger: Trigger): Promise<TriggerDef> {
  return definitionOf(trigger, await catalog.calendars(trigger.calendarVersions ?? []));
}

/** The next `count` times; none while it is paused, blocked or over. */
export async function upcoming(catalog: Catalog, trigger: Trigger, count: number): Promise<number[]> {
  const nextAt = trigger.nextAt?.getTime();
  if (trigger.state !== "NORMAL" || nextAt === undefined || count === 0) return [];
  const def = await currentDefinition(catalog, trigger);
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
  group?: string | null | undefined;
  /** The calendar's id. */
  calendarId?: number | undefined;
  state?: TriggerState | null | undefined;
  search?: string | null | undefined;
}

/** By namespace, then name. Null `namespaceId`: every namespace. */
export async function listTriggers(
  sql: Sql,
  namespaceId: number | null,
  { job, jobId, group, calendarId, state, search }: TriggerFilter,
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
      group != null && sql`t."group" = ${group}`,
      calendarId !== undefined &&
        sql`t.id in (select trigger_id from escapement.trigger_calendar where calendar_id = ${calendarId})`,
      state != null && sql`t.state = ${state}`,
      search != null && sql`position(lower(${search}) in lower(t.name)) > 0`,
    ]),
    sql`order by t.namespace_id, t.name limit ${pageSize(page.first) + 1}`,
  );
  return pageOf(rows, page, (trigger) => toCursor(trigger.namespaceId, trigger.name));
}

/** Every column of `t` as `Trigger` has it. */
export function triggerColumns(sql: Sql): Fragment {
  return sql`
    t.id, t.namespace_id as "namespaceId", t.job_id as "jobId", t.name, t."group", t.schedule,
    t.start_at as "startAt", t.end_at as "endAt", t.jitter_ms as "jitterMs", t.misfire,
    t.calendar_versions as "calendarVersions", t.on_excluded as "onExcluded", t.priority, t.input, t.state, t.reason,
    t.fired_count as "firedCount", t.next_at as "nextAt", t.last_at as "lastAt", t.noted_until as "notedUntil",
    t.resumed_at as "resumedAt", t.catch_up as "catchUp", t.fires_left as "firesLeft",
    t.blocked_by as "blockedBy", t.version, t.created_at as "createdAt", t.updated_at as "updatedAt"`;
}

function select(sql: Sql, where: Fragment, rest: Fragment = sql``): Promise<Trigger[]> {
  return sql<Trigger[]>`select ${triggerColumns(sql)} from escapement.trigger t where ${where} ${rest}`;
}
