/** The tables of triggers, of the calendars and pauses that keep them from firing, and of backfills, for drizzle. */
import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  primaryKey,
  smallint,
  text,
  unique,
  uniqueIndex,
} from "drizzle-orm/pg-core";
import { escapement, instant, job, namespace, runId } from "../schema.ts";

export const trigger = escapement.table(
  "trigger",
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    namespaceId: integer()
      .notNull()
      .references(() => namespace.id),
    jobId: integer()
      .notNull()
      .references(() => job.id),
    name: text().notNull(),
    /** For pausing several at once. */
    group: text().notNull().default("default"),
    /** core/trigger's Schedule. */
    schedule: jsonb().notNull(),
    startAt: instant(),
    endAt: instant(),
    /** Every time is put off by up to this, always the same for one trigger. */
    jitterMs: integer(),
    /** core/trigger's Misfire. */
    misfire: jsonb().notNull(),
    /** calendar_version's ids, those of the chains that its calendars begin; null: no calendar. */
    calendarVersions: integer().array(),
    /** What becomes of a time that a calendar excludes: SKIP, NEXT_DAY or PREVIOUS_DAY. */
    onExcluded: text().notNull().default("SKIP"),
    priority: smallint(),
    input: text(),
    state: text().notNull(),
    /** Why it is in ERROR. */
    reason: text(),
    firedCount: integer().notNull().default(0),
    nextAt: instant(),
    lastAt: instant(),
    /** Every time of the schedule up to here is in `occurrence`. */
    notedUntil: instant().notNull().default(sql`escapement.clock()`),
    /** It went on after a pause: times before this were withheld, and `catch_up` (else its misfire policy) decides. */
    resumedAt: instant(),
    catchUp: text(),
    /** Fixed delay only: the pause after a run's end. */
    delayMs: bigint({ mode: "number" }),
    /** Fires that `repeat` still allows; null: no end. */
    firesLeft: integer(),
    /** Fixed delay only: the run whose end sets the next time. */
    blockedBy: runId(),
    /** Grows with every change of the definition or the pause; the ticker's compare-and-set. */
    version: integer().notNull().default(1),
    createdAt: instant().notNull().default(sql`escapement.clock()`),
    updatedAt: instant().notNull().default(sql`escapement.clock()`),
  },
  (t) => [
    uniqueIndex("trigger_name_taken").on(t.namespaceId, t.name),
    index("trigger_job").on(t.jobId),
    index("trigger_due").on(t.nextAt).where(sql`state = 'NORMAL'`),
    index("trigger_blocked").on(t.blockedBy).where(sql`blocked_by is not null`),
    check("trigger_state", sql`state in ('NORMAL', 'PAUSED', 'BLOCKED', 'COMPLETE', 'ERROR')`),
    check("trigger_jitter", sql`jitter_ms > 0`),
    check("trigger_on_excluded", sql`on_excluded in ('SKIP', 'NEXT_DAY', 'PREVIOUS_DAY')`),
    check("trigger_catch_up", sql`catch_up in ('SKIP', 'FIRE_ONCE', 'FIRE_ALL')`),
    check("trigger_normal_is_due", sql`state <> 'NORMAL' or next_at is not null`),
    check("trigger_blocked_by_run", sql`(state = 'BLOCKED') <= (blocked_by is not null)`),
    check("trigger_complete_has_no_next", sql`state <> 'COMPLETE' or next_at is null`),
  ],
);

/** One nominal time of a trigger (or a skipped range) and what became of it. Partitioned by `scheduled_at`. */
export const occurrence = escapement.table(
  "occurrence",
  {
    triggerId: integer().notNull(),
    scheduledAt: instant().notNull(),
    untilAt: instant(),
    count: integer().notNull().default(1),
    outcome: text().notNull(),
    firedAt: instant(),
    runId: runId(),
    /** The policy of a misfire, the calendars of an exclusion, from which day a fire was moved. */
    reason: text(),
    /** false: `count` is the least that it can be. */
    exact: boolean().notNull().default(true),
  },
  (t) => [
    primaryKey({ name: "occurrence_once", columns: [t.triggerId, t.scheduledAt] }),
    check(
      "occurrence_outcome",
      sql`outcome in ('FIRED', 'LATE', 'DST_SHIFTED', 'MISFIRED', 'EXCLUDED', 'PAUSED', 'DISCARDED')`,
    ),
    check(
      "occurrence_fired_has_run",
      sql`(outcome in ('FIRED', 'LATE', 'DST_SHIFTED')) <= (run_id is not null)`,
    ),
  ],
);

/** What a trigger's times depended on from `since` on: the ledger is compared with it. */
export const triggerVersion = escapement.table(
  "trigger_version",
  {
    triggerId: integer()
      .notNull()
      .references(() => trigger.id, { onDelete: "cascade" }),
    /** The first instant whose times are these. */
    since: instant().notNull(),
    /** Schedule, start, end, jitter and onExcluded as `trigger` has them. */
    definition: jsonb().notNull(),
    calendarVersions: integer().array(),
    /** The time zone data of the server that computed with it. */
    timeZoneData: text(),
  },
  (t) => [primaryKey({ name: "trigger_version_once", columns: [t.triggerId, t.since] })],
);

/** A named set of excluded times. */
export const calendar = escapement.table(
  "calendar",
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    namespaceId: integer()
      .notNull()
      .references(() => namespace.id),
    name: text().notNull(),
    description: text(),
    /** Another calendar whose times are excluded, too. */
    baseId: integer(),
    /** The current row of calendar_version; null only inside the statement that creates both. */
    versionId: integer(),
    version: integer().notNull().default(1),
    createdAt: instant().notNull().default(sql`escapement.clock()`),
    updatedAt: instant().notNull().default(sql`escapement.clock()`),
  },
  (t) => [uniqueIndex("calendar_name_taken").on(t.namespaceId, t.name), index("calendar_base").on(t.baseId)],
);

/** What a calendar excluded at one time. Never changes, so servers keep it in memory. */
export const calendarVersion = escapement.table(
  "calendar_version",
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    /** May be gone: what was noted under it can still be checked. */
    calendarId: integer().notNull(),
    version: integer().notNull(),
    /** Its own, for messages and the ledger. */
    name: text().notNull(),
    /** Null: the zone of the trigger's schedule. */
    timeZone: text(),
    /** core/calendar's CalendarRule. */
    rule: jsonb().notNull(),
    createdAt: instant().notNull().default(sql`escapement.clock()`),
  },
  (t) => [uniqueIndex("calendar_version_once").on(t.calendarId, t.version)],
);

/** The calendars that a trigger names itself. */
export const triggerCalendar = escapement.table(
  "trigger_calendar",
  {
    triggerId: integer()
      .notNull()
      .references(() => trigger.id, { onDelete: "cascade" }),
    calendarId: integer()
      .notNull()
      .references(() => calendar.id),
    position: smallint().notNull(),
  },
  (t) => [
    primaryKey({ name: "trigger_calendar_once", columns: [t.triggerId, t.calendarId] }),
    index("trigger_calendar_users").on(t.calendarId),
  ],
);

/** Keeps triggers from firing: one, a group, those of a job, of a namespace, or all there are. */
export const triggerPause = escapement.table(
  "trigger_pause",
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    /** Null: of all namespaces. */
    namespaceId: integer().references(() => namespace.id),
    kind: text().notNull(),
    /** A group's name, a trigger's or a job's id; empty for the others. */
    target: text().notNull(),
    pausedBy: text().notNull(),
    reason: text(),
    pausedAt: instant().notNull().default(sql`escapement.clock()`),
    /** When it ends by itself. */
    untilAt: instant(),
  },
  (t) => [
    unique("trigger_pause_once").on(t.namespaceId, t.kind, t.target).nullsNotDistinct(),
    index("trigger_pause_ends").on(t.untilAt).where(sql`until_at is not null`),
    check("trigger_pause_kind", sql`kind in ('TRIGGER', 'GROUP', 'JOB', 'NAMESPACE', 'EVERYTHING')`),
    check("trigger_pause_everything", sql`(kind = 'EVERYTHING') = (namespace_id is null)`),
  ],
);

/** The time zone data changed, and with it the next times of triggers. */
export const timeZoneUpdate = escapement.table("time_zone_update", {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  before: text().notNull(),
  after: text().notNull(),
  at: instant().notNull().default(sql`escapement.clock()`),
  /** Null while it goes on. */
  endedAt: instant(),
  /** How far it got: triggers up to this id have been examined. */
  lastTriggerId: integer().notNull().default(0),
  /** Triggers whose next time was computed anew, and how many of them moved. */
  examined: integer().notNull().default(0),
  moved: integer().notNull().default(0),
  /** [{triggerId, before, after}], the first of them; times are epoch milliseconds. */
  moves: jsonb().notNull().default([]),
});

/** Runs for a set of past due times. */
export const backfill = escapement.table(
  "backfill",
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    namespaceId: integer()
      .notNull()
      .references(() => namespace.id),
    jobId: integer()
      .notNull()
      .references(() => job.id),
    /** Whose times they are; null: those of a list, or daily. */
    triggerId: integer(),
    state: text().notNull(),
    maxParallel: integer().notNull(),
    onFailure: text().notNull(),
    /** Failures that somebody knew of when it was resumed. */
    forgiven: integer().notNull().default(0),
    reprocess: text().notNull(),
    input: text(),
    priority: smallint(),
    startedBy: text().notNull(),
    /** Why it is paused, stopped or cancelled. */
    reason: text(),
    createdAt: instant().notNull().default(sql`escapement.clock()`),
    endedAt: instant(),
  },
  (t) => [
    index("backfill_of_namespace").on(t.namespaceId, t.id),
    index("backfill_open").on(t.id).where(sql`ended_at is null`),
    check("backfill_state", sql`state in ('RUNNING', 'PAUSED', 'STOPPED', 'CANCELLED', 'COMPLETE')`),
    check("backfill_ended", sql`(state in ('RUNNING', 'PAUSED')) = (ended_at is null)`),
    check("backfill_max_parallel", sql`max_parallel >= 1`),
    check("backfill_on_failure", sql`on_failure in ('CONTINUE', 'STOP')`),
    check("backfill_reprocess", sql`reprocess in ('NONE', 'FAILED', 'ALL')`),
  ],
);

/** One date of a backfill and its one run, which is there soon after STARTED. */
export const backfillDate = escapement.table(
  "backfill_date",
  {
    backfillId: integer()
      .notNull()
      .references(() => backfill.id, { onDelete: "cascade" }),
    /** The order in which they start. */
    position: integer().notNull(),
    scheduledAt: instant().notNull(),
    state: text().notNull(),
    runId: runId(),
  },
  (t) => [
    primaryKey({ name: "backfill_date_once", columns: [t.backfillId, t.position] }),
    uniqueIndex("backfill_date_run_per_date").on(t.backfillId, t.scheduledAt),
    index("backfill_date_run").on(t.runId).where(sql`run_id is not null`),
    check(
      "backfill_date_state",
      sql`state in ('PENDING', 'STARTED', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'SKIPPED', 'KEPT')`,
    ),
  ],
);
