/**
 * The changes of triggers. Each reads the trigger and the database's clock, decides with core/trigger, and writes
 * only if nobody else has changed the trigger and the ticker has not fired it since.
 */
import { checkName } from "../core/name.ts";
import { badInput, conflict, illegalState, notFound, unavailable } from "../core/rejection.ts";
import { checkJitter } from "../core/schedule/jitter.ts";
import {
  afterRunEnded,
  checkMisfire,
  checkSchedule,
  checkWindow,
  countsFromStart,
  DEFAULT_MISFIRE,
  decideFire,
  firstFire,
  type Misfire,
  type Schedule,
  type Skipped,
} from "../core/trigger.ts";
import type { Sql } from "./connection.ts";
import {
  checkInput,
  checkPriority,
  checkText,
  type Definitions,
  readClock,
  TRIES,
  under,
} from "./definitions.ts";
import type { Fragment } from "./page.ts";
import { definitionOf, findTrigger, readTriggers, seedOf, type Trigger } from "./triggers.ts";

/** Times are epoch milliseconds, `input` is JSON text. What is absent or null takes its default. */
export interface TriggerInput extends TriggerPatch {
  name: string;
  job: string;
  schedule: Schedule;
  paused?: boolean | null | undefined;
}

/** What is absent stays as it is; null clears it, except that a schedule and a misfire policy are always there. */
export interface TriggerPatch {
  schedule?: Schedule | null | undefined;
  startAt?: number | null | undefined;
  endAt?: number | null | undefined;
  jitterMs?: number | null | undefined;
  misfire?: Misfire | null | undefined;
  priority?: number | null | undefined;
  input?: string | null | undefined;
}

type Content = Pick<
  Trigger,
  "schedule" | "startAt" | "endAt" | "jitterMs" | "misfire" | "priority" | "input"
>;

/** Throws BAD_INPUT naming the field, NOT_FOUND for the job, CONFLICT when the name is taken. */
export async function createTrigger(
  definitions: Definitions,
  namespaceId: number,
  input: TriggerInput,
): Promise<Trigger> {
  const { sql } = definitions;
  const name = checkName(input.name, "name");
  const now = await readClock(sql);
  const content = patched({ ...BLANK, schedule: input.schedule }, input, seedOf({ namespaceId, name }), now);
  const firesLeft = firesOf(content.schedule);
  const fresh = { namespaceId, name, createdAt: now, firedCount: 0, firesLeft, lastAt: null };
  const due = firstDue({ ...content, ...fresh }, now);
  const [created] = await sql<{ jobId: number | null; id: number | null }[]>`
    with job as (
      select id from escapement.job
      where namespace_id = ${namespaceId} and name = ${input.job} and deleted_at is null
      for share
    ),
    created as (
      insert into escapement.trigger (namespace_id, job_id, name, schedule, start_at, end_at, jitter_ms, misfire, priority,
        input, state, next_at, delay_ms, fires_left, created_at, updated_at)
      select ${namespaceId}::int, job.id, ${name}::text, ${sql.json(content.schedule)}, ${content.startAt}::timestamptz,
        ${content.endAt}::timestamptz, ${content.jitterMs}::int, ${sql.json({ ...content.misfire })},
        ${content.priority}::smallint, ${content.input}, ${input.paused ? "PAUSED" : "NORMAL"}, ${due}::timestamptz, ${delayOf(content.schedule)}::bigint,
        ${firesLeft}::int, ${now}::timestamptz, ${now}::timestamptz
      from job
      on conflict (namespace_id, name) do nothing
      returning id
    )
    select (select id from job) as "jobId", (select id from created) as id`;
  if (created?.jobId == null) throw notFound(`job "${input.job}"`, "job");
  if (created.id === null) {
    throw conflict(`there is already a trigger "${name}"; choose another name or update that one`, "name");
  }
  definitions.channel.publish([{ kind: "job", id: created.jobId, namespaceId }]);
  return announced(definitions, created.id);
}

const BLANK = {
  startAt: null,
  endAt: null,
  jitterMs: null,
  misfire: DEFAULT_MISFIRE,
  priority: null,
  input: null,
};

/** Throws as `createTrigger` does. A new schedule or window sets the next time anew and revives a completed trigger. */
export async function updateTrigger(
  definitions: Definitions,
  namespaceId: number,
  name: string,
  patch: TriggerPatch,
): Promise<Trigger> {
  const { sql } = definitions;
  return change(definitions, namespaceId, name, (before, now) => {
    const content = patched(before, patch, seedOf(before), now);
    const moved = timesOf(before) !== timesOf(content);
    // A fixed delay that waits for its run goes on waiting; the run's end sets the next time by what holds then.
    const waits = before.state === "BLOCKED" && content.schedule.kind === "fixedDelay";
    const paused = before.state === "PAUSED";
    const firesLeft = moved ? firesOf(content.schedule) : before.firesLeft;
    const due = moved && !waits ? firstDue({ ...before, ...content, firesLeft }, now) : before.nextAt;
    const state = moved && !waits && !paused ? "NORMAL" : before.state;
    const set: Fragment = sql`
      schedule = ${sql.json(content.schedule)}, start_at = ${content.startAt}::timestamptz,
      end_at = ${content.endAt}::timestamptz, jitter_ms = ${content.jitterMs}::int, misfire = ${sql.json({ ...content.misfire })},
      priority = ${content.priority}::smallint, input = ${content.input},
      state = ${state}, next_at = ${due}::timestamptz, delay_ms = ${delayOf(content.schedule)}::bigint,
      fires_left = ${firesLeft}::int, blocked_by = ${waits || paused ? before.blockedBy : null}::bigint,
      reason = ${state === "NORMAL" ? null : before.reason}`;
    return { set };
  });
}

/** Throws NOT_FOUND. Runs that it fired go on. */
export async function deleteTrigger(
  { sql, channel }: Definitions,
  namespaceId: number,
  name: string,
): Promise<void> {
  const [deleted] = await sql<{ id: number; jobId: number }[]>`
    delete from escapement.trigger where namespace_id = ${namespaceId} and name = ${name}
    returning id, job_id as "jobId"`;
  if (!deleted) throw notFound(`trigger "${name}"`, "name");
  channel.publish([
    { kind: "trigger", id: deleted.id, namespaceId },
    { kind: "job", id: deleted.jobId, namespaceId },
  ]);
}

/** Pausing a paused trigger gives it the new reason. Throws NOT_FOUND, and ILLEGAL_STATE once it is over. */
export async function pauseTrigger(
  definitions: Definitions,
  namespaceId: number,
  name: string,
  reason: string | null,
): Promise<Trigger> {
  const words = reason === null ? null : checkText(reason, "reason");
  return change(definitions, namespaceId, name, ({ state }) => {
    if (state === "COMPLETE")
      throw illegalState("the trigger has fired for the last time; there is nothing to pause");
    if (state === "ERROR")
      throw illegalState("the trigger is in error and does not fire; resume or update it");
    return { set: definitions.sql`state = 'PAUSED', reason = ${words}` };
  });
}

/**
 * Goes on with the first time from now on; those that passed meanwhile are recorded as PAUSED. Throws NOT_FOUND, and
 * ILLEGAL_STATE once the trigger is over.
 */
export async function resumeTrigger(
  definitions: Definitions,
  namespaceId: number,
  name: string,
): Promise<Trigger> {
  const { sql } = definitions;
  const blockerEnd = await readBlockerEnd(sql, namespaceId, name);
  return change(definitions, namespaceId, name, (before, now) => {
    if (before.state === "COMPLETE") {
      throw illegalState("the trigger has fired for the last time; give it a new schedule instead");
    }
    if (before.state === "NORMAL" || before.state === "BLOCKED") return null;
    if (blockerEnd === "live") return { set: sql`state = 'BLOCKED', reason = null` };
    const { nextAt, passed } = resumedAt(before, now.getTime(), blockerEnd);
    return {
      set: sql`state = ${nextAt === null ? "COMPLETE" : "NORMAL"}, reason = null, blocked_by = null,
        next_at = ${instant(nextAt)}::timestamptz`,
      passed,
    };
  });
}

interface Changes {
  /** Assignments to the trigger's columns. */
  set: Fragment;
  /** Times to be recorded as passed over because of the pause. */
  passed?: Skipped | null;
}

/** `decide` returns null when nothing is to be changed. */
async function change(
  definitions: Definitions,
  namespaceId: number,
  name: string,
  decide: (before: Trigger, now: Date) => Changes | null,
): Promise<Trigger> {
  const { sql } = definitions;
  for (let tries = 0; tries < TRIES; tries++) {
    const [before, now] = await Promise.all([findTrigger(sql, namespaceId, name), readClock(sql)]);
    if (!before) throw notFound(`trigger "${name}"`, "name");
    const changes = decide(before, now);
    if (changes === null) return before;
    const [changed] = await sql<{ id: number }[]>`
      with changed as (
        update escapement.trigger set ${changes.set}, version = version + 1, updated_at = ${now}
        where id = ${before.id} and version = ${before.version} and state = ${before.state}
          and next_at is not distinct from ${before.nextAt}
        returning id
      )
      ${changes.passed ? sql`, recorded as (${recorded(sql, changes.passed)})` : sql``}
      select id from changed`;
    if (changed) return announced(definitions, changed.id);
  }
  throw unavailable("the trigger keeps changing; retry in a moment");
}

function recorded(sql: Sql, { from, to, count }: Skipped): Fragment {
  return sql`
    insert into escapement.occurrence (trigger_id, scheduled_at, until_at, count, outcome)
    select id, ${instant(from)}::timestamptz, ${instant(count > 1 ? to : null)}::timestamptz, ${count}::int, 'PAUSED'
    from changed
    on conflict do nothing`;
}

/** When the run that a fixed delay waits for ended; null: it waits for none. */
async function readBlockerEnd(sql: Sql, namespaceId: number, name: string): Promise<number | "live" | null> {
  const [blocker] = await sql<{ endedAt: Date | null }[]>`
    select r.ended_at as "endedAt" from escapement.trigger t join escapement.run r on r.id = t.blocked_by
    where t.namespace_id = ${namespaceId} and t.name = ${name}`;
  return blocker === undefined ? null : (blocker.endedAt?.getTime() ?? "live");
}

const PASS_OVER: Misfire = { policy: "SKIP", thresholdMs: 0, limit: 1 };

function resumedAt(
  trigger: Trigger,
  now: number,
  blockerEnd: number | null,
): { nextAt: number | null; passed: Skipped | null } {
  const def = definitionOf(trigger);
  const afterBlocker = blockerEnd === null ? null : afterRunEnded(def, blockerEnd);
  const dueAt =
    trigger.nextAt?.getTime() ?? afterBlocker ?? (trigger.state === "ERROR" ? firstFire(def, now) : null);
  if (dueAt === null || dueAt >= now) return { nextAt: dueAt, passed: null };
  const { nextAt, skipped } = decideFire(def, dueAt, now, PASS_OVER);
  return { nextAt, passed: skipped };
}

/** The first due time from `now` on that has not been fired yet. Throws BAD_INPUT when there is none. */
function firstDue(trigger: Parameters<typeof definitionOf>[0] & { lastAt: Date | null }, now: Date): Date {
  const lastAt = trigger.lastAt?.getTime() ?? Number.NEGATIVE_INFINITY;
  const due = firstFire(definitionOf(trigger), Math.max(now.getTime(), lastAt + 1));
  if (due !== null && due > lastAt) return new Date(due);
  throw badInput(
    "schedule",
    "would never fire: it has no time from now on that lies between startAt and endAt",
  );
}

/** The content that `patch` leads to. Throws BAD_INPUT naming the field. */
function patched(before: Content, patch: TriggerPatch, seed: string, now: Date): Content {
  const { schedule = null, misfire = null, startAt, endAt, jitterMs, priority, input } = patch;
  if (schedule !== null) under(`schedule.${schedule.kind}`, () => checkSchedule(schedule, seed));
  if (misfire !== null) under("misfire", () => checkMisfire(misfire));
  const content: Content = {
    schedule: schedule ?? before.schedule,
    misfire: misfire ?? before.misfire,
    startAt: startAt === undefined ? before.startAt : instant(startAt),
    endAt: endAt === undefined ? before.endAt : instant(endAt),
    jitterMs: jitterMs === undefined ? before.jitterMs : jitterMs,
    priority: priority == null ? keep(priority, before.priority) : checkPriority(priority),
    input: input == null ? keep(input, before.input) : checkInput(input),
  };
  if (content.jitterMs !== null) checkJitter(content.jitterMs, content.schedule);
  if (countsFromStart(content.schedule)) content.startAt ??= now;
  checkWindow(content.startAt?.getTime() ?? null, content.endAt?.getTime() ?? null);
  return content;
}

const keep = <T>(given: null | undefined, before: T | null): T | null => (given === null ? null : before);

const instant = (at: number | null): Date | null => (at === null ? null : new Date(at));

/** What the due times depend on. */
const timesOf = ({ schedule, startAt, endAt, jitterMs }: Content) =>
  JSON.stringify([Object.entries(schedule).sort(), startAt, endAt, jitterMs]);

const delayOf = (schedule: Schedule): number | null =>
  schedule.kind === "fixedDelay" ? schedule.everyMs : null;

const firesOf = (schedule: Schedule): number | null =>
  schedule.kind === "fixedDelay" && schedule.repeat !== undefined ? schedule.repeat + 1 : null;

async function announced({ sql, channel }: Definitions, id: number): Promise<Trigger> {
  const [trigger] = await readTriggers(sql, [id]);
  if (!trigger) throw notFound("such trigger any more", "name");
  channel.publish([{ kind: "trigger", id, namespaceId: trigger.namespaceId }]);
  channel.publishDue();
  return trigger;
}
