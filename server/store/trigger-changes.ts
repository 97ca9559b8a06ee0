/**
 * Triggers created, changed and deleted. Each change reads the trigger and the database's clock, decides with
 * core/trigger, and writes only if nobody else has changed the trigger and the ticker has not fired it since.
 */
import { checkName } from "../core/name.ts";
import { badInput, conflict, notFound, unavailable } from "../core/rejection.ts";
import type { TriggerDef } from "../core/trigger/definition.ts";
import { fireChanges } from "../core/trigger/fire-changes.ts";
import { type HandOver, handOver } from "../core/trigger/hand-over.ts";
import { firstFire, nextFire } from "../core/trigger.ts";
import { type NamedCalendars, readTriggerCalendars, resolveCalendars } from "./calendars.ts";
import type { Sql } from "./connection.ts";
import { type Definitions, readClock, TRIES } from "./definitions.ts";
import { notePassed } from "./occurrences.ts";
import type { Fragment } from "./page.ts";
import {
  BLANK,
  type Content,
  delayOf,
  firesOf,
  instant,
  patched,
  sameTimes,
  type TriggerInput,
  type TriggerPatch,
  timesOf,
} from "./trigger-content.ts";
import { jobIdOf, livingJobOf } from "./trigger-jobs.ts";
import { settlePauses } from "./trigger-pauses.ts";
import { type TriggerVersion, versioned } from "./trigger-versions.ts";
import { currentDefinition, definitionOf, findTrigger, readTriggers, type Trigger } from "./triggers.ts";

export interface ChangeOptions {
  /** Who asks. */
  by: string;
  /** Computes everything and changes nothing. */
  dryRun?: boolean | undefined;
}

/** Throws BAD_INPUT naming the field, NOT_FOUND for the job or a calendar, CONFLICT when the name is taken. */
export async function createTrigger(
  definitions: Definitions,
  namespaceId: number,
  input: TriggerInput,
  { by, dryRun }: ChangeOptions,
): Promise<Trigger> {
  const { sql, catalog } = definitions;
  const name = checkName(input.name, "name");
  for (let tries = 0; tries < TRIES; tries++) {
    const now = await readClock(sql);
    const content = patched({ ...BLANK, schedule: input.schedule }, input, { namespaceId, name }, now);
    const calendars = await resolveCalendars(sql, namespaceId, input.calendars ?? []);
    const firesLeft = firesOf(content.schedule);
    const fresh = { ...content, namespaceId, name, createdAt: now, firedCount: 0, firesLeft };
    const def = definitionOf(fresh, await catalog.calendars(calendars.versionIds));
    const dueAt = refuseIdle(def, now.getTime());
    const changes = () => fireChanges(null, { def, nextAt: dueAt }, now.getTime());
    const draft: Trigger = {
      ...fresh,
      id: 0,
      jobId: await jobIdOf(sql, namespaceId, input.job),
      calendarVersions: calendars.versionIds,
      state: input.paused ? "PAUSED" : "NORMAL",
      reason: null,
      nextAt: new Date(dueAt),
      lastAt: null,
      notedUntil: new Date(now.getTime() - 1),
      resumedAt: null,
      catchUp: null,
      blockedBy: null,
      version: 1,
      updatedAt: now,
      changes,
    };
    if (dryRun) {
      if (await findTrigger(sql, namespaceId, name)) throw nameTaken(name);
      return draft;
    }
    const id = await insert(sql, draft, calendars, input.paused ? by : null);
    if (id === "stale") continue;
    definitions.channel.publish([{ kind: "job", id: draft.jobId, namespaceId }]);
    await settlePauses(definitions, [id]);
    return { ...(await announced(definitions, id)), changes };
  }
  throw unavailable("the calendars keep changing; retry in a moment");
}

/** `pausedBy`: it begins paused by them. Throws NOT_FOUND when the job is gone, CONFLICT when the name is taken. */
async function insert(
  sql: Sql,
  draft: Trigger,
  calendars: NamedCalendars,
  pausedBy: string | null,
): Promise<number | "stale"> {
  const [written] = await sql<{ jobThere: boolean; isCurrent: boolean; id: number | null }[]>`
    with job as (
      select id from escapement.job where id = ${draft.jobId} and deleted_at is null for share
    ),
    current as materialized (${stillCurrent(sql, calendars)}),
    changed as (
      insert into escapement.trigger (namespace_id, job_id, name, "group", schedule, start_at, end_at, jitter_ms, misfire,
        calendar_versions, on_excluded, priority, input, state, next_at, noted_until, delay_ms, fires_left, created_at, updated_at)
      select ${draft.namespaceId}::int, job.id, ${draft.name}::text, ${draft.group}::text, ${sql.json(draft.schedule)},
        ${draft.startAt}::timestamptz, ${draft.endAt}::timestamptz, ${draft.jitterMs}::int, ${sql.json({ ...draft.misfire })},
        ${versionsOf(calendars)}::int[], ${draft.onExcluded}, ${draft.priority}::smallint, ${draft.input}, ${draft.state},
        ${draft.nextAt}::timestamptz, ${draft.notedUntil}::timestamptz, ${delayOf(draft.schedule)}::bigint,
        ${draft.firesLeft}::int, ${draft.createdAt}::timestamptz, ${draft.createdAt}::timestamptz
      from job, current where current.yes
      on conflict (namespace_id, name) do nothing
      returning id
    ),
    named as (${named(sql, calendars)}),
    versioned as (${versioned(sql, [versionRow(null, draft.createdAt.getTime(), draft, calendars)])}),
    paused as (
      insert into escapement.trigger_pause (namespace_id, kind, target, paused_by)
      select ${draft.namespaceId}::int, 'TRIGGER', id::text, ${pausedBy}::text from changed where ${pausedBy}::text is not null
    )
    select (select id from job) is not null as "jobThere", (select yes from current) as "isCurrent",
      (select id from changed) as id`;
  if (!written?.jobThere) throw notFound("such job any more", "job");
  if (!written.isCurrent) return "stale";
  if (written.id === null) throw nameTaken(draft.name);
  return written.id;
}

const nameTaken = (name: string) =>
  conflict(`there is already a trigger "${name}"; choose another name or update that one`, "name");

/**
 * Throws as `createTrigger` does, and CONFLICT when `version` is given and not the trigger's. A new schedule, window or
 * calendar sets the next time anew and revives a completed trigger.
 */
export async function updateTrigger(
  definitions: Definitions,
  namespaceId: number,
  name: string,
  patch: TriggerPatch,
  { dryRun, version }: Pick<ChangeOptions, "dryRun"> & { version?: number | null | undefined },
): Promise<Trigger> {
  const { sql } = definitions;
  for (let tries = 0; tries < TRIES; tries++) {
    const [trigger, now] = await Promise.all([findTrigger(sql, namespaceId, name), readClock(sql)]);
    if (!trigger) throw notFound(`trigger "${name}"`, "name");
    if (version != null && version !== trigger.version) {
      throw conflict(
        `the trigger is at version ${trigger.version}, not ${version}: somebody changed it; read it again`,
        "version",
      );
    }
    const content = patched(trigger, patch, trigger, now);
    const jobId =
      patch.job == null ? await livingJobOf(sql, trigger) : await jobIdOf(sql, namespaceId, patch.job);
    const calendars = await calendarsFor(sql, trigger, patch);
    const plan = await planned(definitions, trigger, content, calendars, now.getTime());
    const { old, def, moved, state, firesLeft, nextAt } = plan;
    const changes = () =>
      fireChanges({ def: old, nextAt: trigger.nextAt?.getTime() ?? null }, { def, nextAt }, now.getTime());
    if (dryRun) return { ...trigger, ...content, jobId, state, nextAt: instant(nextAt), firesLeft, changes };
    const waits = state === "BLOCKED" || state === "PAUSED";
    const [changed] = await sql<{ id: number }[]>`
      with current as materialized (${stillCurrent(sql, calendars)}),
      changed as (
        update escapement.trigger set
          job_id = ${jobId}, "group" = ${content.group}, schedule = ${sql.json(content.schedule)},
          start_at = ${content.startAt}::timestamptz, end_at = ${content.endAt}::timestamptz,
          jitter_ms = ${content.jitterMs}::int, misfire = ${sql.json({ ...content.misfire })},
          calendar_versions = ${versionsOf(calendars)}::int[], on_excluded = ${content.onExcluded},
          priority = ${content.priority}::smallint, input = ${content.input}, state = ${state},
          next_at = ${instant(nextAt)}::timestamptz, delay_ms = ${delayOf(content.schedule)}::bigint,
          fires_left = ${firesLeft}::int, blocked_by = ${waits ? trigger.blockedBy : null}::bigint,
          reason = ${state === "ERROR" ? trigger.reason : null},
          noted_until = ${new Date(plan.notedUntil)}::timestamptz,
          resumed_at = ${moved ? sql`null` : sql`resumed_at`}, catch_up = ${moved ? sql`null` : sql`catch_up`},
          version = version + 1, updated_at = ${now}
        from current
        where current.yes and id = ${trigger.id} and version = ${trigger.version} and state = ${trigger.state}
          and next_at is not distinct from ${trigger.nextAt}
        returning id
      ),
      ${
        patch.calendars === undefined
          ? sql``
          : sql`unnamed as (
        delete from escapement.trigger_calendar
        where trigger_id in (select id from changed) and calendar_id <> all(${calendars.ids}::int[])
      ),
      named as (${named(sql, calendars)}),`
      }
      noted as (${notePassed(sql, [{ triggerId: trigger.id, passed: plan.passed }], sql`select id from changed`)}),
      versioned as (${versioned(sql, moved ? [versionRow(trigger.id, plan.since, content, calendars)] : [])})
      select id from changed`;
    if (!changed) continue;
    if (content.group !== trigger.group || jobId !== trigger.jobId)
      await settlePauses(definitions, [changed.id]);
    return { ...(await announced(definitions, changed.id)), changes };
  }
  throw unavailable("the trigger keeps changing; retry in a moment");
}

/** What an update makes of the trigger's times and state. */
async function planned(
  { catalog }: Definitions,
  trigger: Trigger,
  content: Content,
  calendars: NamedCalendars,
  now: number,
): Promise<Plan> {
  const old = await currentDefinition(catalog, trigger);
  const moved =
    !sameTimes(trigger, content) || String(versionsOf(calendars)) !== String(trigger.calendarVersions);
  const firesLeft = moved ? firesOf(content.schedule) : trigger.firesLeft;
  const def = definitionOf(
    { ...trigger, ...content, firesLeft },
    await catalog.calendars(calendars.versionIds),
  );
  const notedUntil = trigger.notedUntil.getTime();
  const dueAt = trigger.nextAt?.getTime() ?? null;
  const kept = {
    old,
    def,
    moved,
    firesLeft,
    state: trigger.state,
    nextAt: dueAt,
    notedUntil,
    passed: [],
    since: now,
  };
  // A fixed delay that waits for its run goes on waiting; the run's end sets the next time by what holds then.
  if (!moved || (trigger.state === "BLOCKED" && content.schedule.kind === "fixedDelay")) return kept;
  refuseIdle(def, now, trigger.lastAt?.getTime());
  const paused = trigger.state === "PAUSED";
  const openFrom = trigger.state === "ERROR" ? firstUnnoted(old, notedUntil) : dueAt;
  const graceMs = trigger.state === "NORMAL" ? content.misfire.thresholdMs : 0;
  const times = handOver({ def: old, dueAt: openFrom, notedUntil, paused }, def, now, graceMs);
  return { ...kept, ...times, state: paused ? "PAUSED" : "NORMAL" };
}

interface Plan extends HandOver {
  old: TriggerDef;
  def: TriggerDef;
  moved: boolean;
  state: Trigger["state"];
  firesLeft: number | null;
}

/** What a trigger in error would have fired first; null when that is what cannot be computed. */
function firstUnnoted(def: TriggerDef, notedUntil: number): number | null {
  try {
    return nextFire(def, notedUntil);
  } catch {
    return null;
  }
}

/** Throws NOT_FOUND. Runs that it fired go on. */
export async function deleteTrigger(
  { sql, channel }: Definitions,
  namespaceId: number,
  name: string,
): Promise<void> {
  const [deleted] = await sql<{ id: number; jobId: number }[]>`
    with deleted as (
      delete from escapement.trigger where namespace_id = ${namespaceId} and name = ${name} returning id, job_id
    ),
    unpaused as (
      delete from escapement.trigger_pause
      where namespace_id = ${namespaceId} and kind = 'TRIGGER' and target in (select id::text from deleted)
    )
    select id, job_id as "jobId" from deleted`;
  if (!deleted) throw notFound(`trigger "${name}"`, "name");
  channel.publish([
    { kind: "trigger", id: deleted.id, namespaceId },
    { kind: "job", id: deleted.jobId, namespaceId },
  ]);
}

/** Those that the patch names, else those that the trigger has, as they are now. */
async function calendarsFor(sql: Sql, trigger: Trigger, patch: TriggerPatch): Promise<NamedCalendars> {
  if (patch.calendars !== undefined) return resolveCalendars(sql, trigger.namespaceId, patch.calendars ?? []);
  const ids = (await readTriggerCalendars(sql, [trigger.id])).get(trigger.id) ?? [];
  return { ids, versionIds: trigger.calendarVersions ?? [] };
}

const versionRow = (
  triggerId: number | null,
  since: number,
  content: Content,
  calendars: NamedCalendars,
): TriggerVersion => ({ triggerId, since, times: timesOf(content), calendarVersions: versionsOf(calendars) });

const versionsOf = ({ versionIds }: NamedCalendars): number[] | null =>
  versionIds.length === 0 ? null : versionIds;

/** One row that says whether the calendars are still those that were decided by, and keeps them so until the commit. */
function stillCurrent(sql: Sql, { versionIds }: NamedCalendars): Fragment {
  return sql`
    select count(*) = ${versionIds.length} as yes from (
      select id from escapement.calendar where version_id = any(${versionIds}::int[]) for share
    ) locked`;
}

/** The calendars that the trigger in `changed` names. */
function named(sql: Sql, { ids }: NamedCalendars): Fragment {
  return sql`
    insert into escapement.trigger_calendar (trigger_id, calendar_id, position)
    select changed.id, c.id, c.n from changed cross join unnest(${ids}::int[]) with ordinality as c(id, n)
    on conflict (trigger_id, calendar_id) do update set position = excluded.position`;
}

/** Throws BAD_INPUT unless there is a time from `now` on that has not been fired yet; returns the first. */
function refuseIdle(def: TriggerDef, now: number, lastAt = Number.NEGATIVE_INFINITY): number {
  let due: number | null;
  try {
    due = firstFire(def, Math.max(now, lastAt + 1));
  } catch (error) {
    // A search that had to be given up is the fault of what was asked for.
    throw badInput("calendars", `leave nothing to fire at: ${(error as Error).message}`);
  }
  if (due !== null && due > lastAt) return due;
  const excluded = def.calendars.length > 0 ? " and that its calendars include" : "";
  throw badInput(
    "schedule",
    `would never fire: it has no time from now on that lies between startAt and endAt${excluded}`,
  );
}

async function announced({ sql, channel }: Definitions, id: number): Promise<Trigger> {
  const [trigger] = await readTriggers(sql, [id]);
  if (!trigger) throw notFound("such trigger any more", "name");
  channel.publish([{ kind: "trigger", id, namespaceId: trigger.namespaceId }]);
  channel.publishDue();
  return trigger;
}
