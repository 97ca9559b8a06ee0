/**
 * Pauses of triggers, and what becomes of the times that passed meanwhile. A pause is one row; a trigger is PAUSED while
 * some pause is about it, and goes on when the last of them is lifted. So a group that is paused pauses its new triggers
 * too, and lifting it leaves alone what somebody paused by itself.
 */
import { LIMITS } from "../config.ts";
import { badInput, illegalState, notFound } from "../core/rejection.ts";
import { decideFire, type MisfirePolicy, type Passed } from "../core/trigger/misfire.ts";
import { afterRunEnded, firstFire, nextFire } from "../core/trigger.ts";
import type { Sql } from "./connection.ts";
import { checkText, type Definitions, readClock } from "./definitions.ts";
import { notePassed } from "./occurrences.ts";
import type { Fragment } from "./page.ts";
import { livingJobOf } from "./trigger-jobs.ts";
import {
  isPaused,
  isWithin,
  readTriggerPauses,
  type TriggerPause,
  type TriggerScope,
} from "./trigger-scopes.ts";
import { currentDefinition, findTrigger, type Trigger, triggerColumns } from "./triggers.ts";

export interface PauseRequest {
  by: string;
  reason: string | null;
  /** Epoch milliseconds; when it ends by itself. */
  until: number | null;
}

/** Pausing what is paused replaces who, why and until when. Throws BAD_INPUT for `reason` and `until`. */
export async function pauseTriggers(
  definitions: Definitions,
  scope: TriggerScope,
  { by, reason, until }: PauseRequest,
): Promise<TriggerPause> {
  const { sql } = definitions;
  if (reason !== null) checkText(reason, "reason");
  if (until !== null && until <= (await readClock(sql)).getTime()) {
    throw badInput("until", "has passed already; leave it out to pause until somebody resumes");
  }
  const [pause] = await sql<TriggerPause[]>`
    insert into escapement.trigger_pause (namespace_id, kind, target, paused_by, reason, until_at)
    values (${scope.namespaceId}, ${scope.kind}, ${scope.target}, ${by}, ${reason}, ${until === null ? null : new Date(until)})
    on conflict (namespace_id, kind, target) do update
      set paused_by = excluded.paused_by, reason = excluded.reason, paused_at = escapement.clock(), until_at = excluded.until_at
    returning id, namespace_id as "namespaceId", kind, target, paused_by as "pausedBy", reason, paused_at as "pausedAt",
      until_at as until`;
  await inPages(definitions, isWithin(sql, scope), (ids) => stop(definitions, ids));
  return pause as TriggerPause;
}

/** Lifts a pause; triggers that nothing else pauses go on. Returns how many. `missed` decides instead of their policy. */
export async function resumeTriggers(
  definitions: Definitions,
  scope: TriggerScope,
  missed: MisfirePolicy | null,
): Promise<number> {
  const { sql } = definitions;
  await sql`
    delete from escapement.trigger_pause
    where namespace_id is not distinct from ${scope.namespaceId} and kind = ${scope.kind} and target = ${scope.target}`;
  let resumed = 0;
  await inPages(definitions, sql`t.state = 'PAUSED' and ${isWithin(sql, scope)}`, async (ids) => {
    resumed += await goOn(definitions, ids, missed);
  });
  return resumed;
}

/** Throws NOT_FOUND, BAD_INPUT, and ILLEGAL_STATE once it is over or while it is in error. */
export async function pauseTrigger(
  definitions: Definitions,
  namespaceId: number,
  name: string,
  request: PauseRequest,
): Promise<Trigger> {
  const trigger = await find(definitions.sql, namespaceId, name);
  if (trigger.state === "COMPLETE")
    throw illegalState("the trigger has fired for the last time; there is nothing to pause");
  if (trigger.state === "ERROR")
    throw illegalState("the trigger is in error and does not fire; reset or update it");
  await pauseTriggers(definitions, scopeOf(trigger), request);
  return find(definitions.sql, namespaceId, name);
}

/**
 * Goes on. Its misfire policy, or `missed`, decides about the times that passed meanwhile; what does not fire of them is
 * recorded as PAUSED. It stays paused while others are paused with it. Throws NOT_FOUND, and ILLEGAL_STATE once the
 * trigger is over or in error, and when only others keep it from firing.
 */
export async function resumeTrigger(
  definitions: Definitions,
  namespaceId: number,
  name: string,
  missed: MisfirePolicy | null,
): Promise<Trigger> {
  const { sql } = definitions;
  const trigger = await find(sql, namespaceId, name);
  if (trigger.state === "COMPLETE")
    throw illegalState("the trigger has fired for the last time; give it a new schedule instead");
  if (trigger.state === "ERROR")
    throw illegalState(`the trigger is in error: ${trigger.reason}; reset it when that is mended`);
  const pauses = (await readTriggerPauses(sql, [trigger.id])).get(trigger.id) ?? [];
  const [narrowest] = pauses;
  if (narrowest && narrowest.kind !== "TRIGGER") {
    throw illegalState(`the trigger is paused with ${inWords(narrowest)}; resume that`);
  }
  await resumeTriggers(definitions, scopeOf(trigger), missed);
  return find(sql, namespaceId, name);
}

function inWords({ kind, target }: TriggerScope): string {
  if (kind === "GROUP") return `its group "${target}"`;
  return {
    TRIGGER: "itself",
    JOB: "all triggers of its job",
    NAMESPACE: "its namespace",
    EVERYTHING: "everything",
  }[kind];
}

/**
 * Puts a trigger that is in error back to work; its misfire policy decides about the times that passed meanwhile.
 * Throws NOT_FOUND, and ILLEGAL_STATE when it is not in error or what stopped it still holds.
 */
export async function resetTrigger(
  definitions: Definitions,
  namespaceId: number,
  name: string,
): Promise<Trigger> {
  const { sql } = definitions;
  const trigger = await find(sql, namespaceId, name);
  if (trigger.state !== "ERROR")
    throw illegalState(`the trigger is ${trigger.state}; only one in ERROR can be reset`);
  const jobId = await livingJobOf(sql, trigger);
  const now = (await readClock(sql)).getTime();
  let nextAt: number | null;
  try {
    const def = await currentDefinition(definitions.catalog, trigger);
    nextAt =
      trigger.schedule.kind === "fixedDelay"
        ? firstFire(def, now)
        : nextFire(def, trigger.notedUntil.getTime());
  } catch (error) {
    throw illegalState(
      `its next time still cannot be computed: ${(error as Error).message}; update its schedule`,
    );
  }
  const [reset] = await sql<{ id: number }[]>`
    update escapement.trigger t set
      state = case when ${nextAt === null} then 'COMPLETE' when ${isPaused(sql)} then 'PAUSED' else 'NORMAL' end,
      next_at = ${nextAt === null ? null : new Date(nextAt)}::timestamptz, job_id = ${jobId}, reason = null,
      blocked_by = null, version = version + 1, updated_at = escapement.clock()
    where id = ${trigger.id} and version = ${trigger.version} and state = 'ERROR' returning id`;
  if (!reset) throw illegalState("the trigger was changed just now; look at it again");
  announce(definitions, [trigger]);
  return find(sql, namespaceId, name);
}

/** Brings triggers to what their pauses say, after they became others': those of another group, say. */
export async function settlePauses(definitions: Definitions, ids: number[]): Promise<void> {
  await stop(definitions, ids);
  await goOn(definitions, ids, null);
}

/** Lifts pauses whose time has come. Returns how many. */
export async function liftEndedPauses(definitions: Definitions): Promise<number> {
  const ended = await definitions.sql<TriggerScope[]>`
    delete from escapement.trigger_pause where until_at <= escapement.clock()
    returning namespace_id as "namespaceId", kind, target`;
  for (const scope of ended) await resumeTriggers(definitions, scope, null);
  return ended.length;
}

/** The repair: what a crash left between a pause's row and its triggers. */
export async function repairTriggerPauses(definitions: Definitions): Promise<void> {
  const { sql } = definitions;
  const [any] = await sql`select from escapement.trigger_pause limit 1`;
  if (any) {
    const runs = sql`t.state in ('NORMAL', 'BLOCKED') and ${isPaused(sql)}`;
    await inPages(definitions, runs, (ids) => stop(definitions, ids));
  }
  const rests = sql`t.state = 'PAUSED' and not ${isPaused(sql)}`;
  await inPages(definitions, rests, async (ids) => void (await goOn(definitions, ids, null)));
}

const scopeOf = ({ namespaceId, id }: Trigger): TriggerScope => ({
  namespaceId,
  kind: "TRIGGER",
  target: String(id),
});

async function find(sql: Sql, namespaceId: number, name: string): Promise<Trigger> {
  const trigger = await findTrigger(sql, namespaceId, name);
  if (!trigger) throw notFound(`trigger "${name}"`, "name");
  return trigger;
}

/** NORMAL, BLOCKED → PAUSED for those of `ids` that a pause is about. */
async function stop(definitions: Definitions, ids: number[]): Promise<void> {
  const { sql } = definitions;
  const stopped = await sql<Pick<Trigger, "id" | "namespaceId">[]>`
    update escapement.trigger t set state = 'PAUSED', version = version + 1, updated_at = escapement.clock()
    where t.id = any(${ids}::int[]) and t.state in ('NORMAL', 'BLOCKED') and ${isPaused(sql)}
    returning t.id, t.namespace_id as "namespaceId"`;
  announce(definitions, stopped);
}

/** PAUSED → NORMAL, BLOCKED or COMPLETE for those of `ids` that nothing pauses any more. Returns how many. */
async function goOn(definitions: Definitions, ids: number[], missed: MisfirePolicy | null): Promise<number> {
  const { sql } = definitions;
  const [triggers, clock] = await Promise.all([
    sql<(Trigger & { blockerEndedAt: Date | null; blockerThere: boolean })[]>`
      select ${triggerColumns(sql)}, r.id is not null as "blockerThere", r.ended_at as "blockerEndedAt"
      from escapement.trigger t left join escapement.run r on r.id = t.blocked_by
      where t.id = any(${ids}::int[]) and t.state = 'PAUSED' and not ${isPaused(sql)}`,
    readClock(sql),
  ]);
  if (triggers.length === 0) return 0;
  const now = clock.getTime();
  const steps = await Promise.all(triggers.map((trigger) => resumed(definitions, trigger, now, missed)));
  const each = <T>(pick: (step: Resumed, trigger: Trigger) => T): T[] =>
    triggers.map((trigger, at) => pick(steps[at] as Resumed, trigger));
  const changed = await sql<Pick<Trigger, "id" | "namespaceId">[]>`
    with item as (
      select * from unnest(${each((_, { id }) => id)}::int[], ${each((_, { version }) => version)}::int[],
        ${each(({ state }) => state)}::text[], ${each(({ nextAt }) => nextAt)}::float8[],
        ${each(({ notedUntil }) => notedUntil)}::float8[], ${each(({ asks }) => (asks ? "t" : "f"))}::text[]::boolean[])
        as i(id, version, state, next_at, noted_until, asks)
    ),
    changed as (
      update escapement.trigger t set
        state = i.state, next_at = to_timestamp(i.next_at / 1000), noted_until = to_timestamp(i.noted_until / 1000),
        resumed_at = case when i.asks then ${clock}::timestamptz end,
        catch_up = case when i.asks then ${missed} end,
        blocked_by = case when i.state = 'BLOCKED' then t.blocked_by end,
        version = t.version + 1, updated_at = ${clock}
      from item i
      where t.id = i.id and t.version = i.version and t.state = 'PAUSED' and not ${isPaused(sql)}
      returning t.id, t.namespace_id
    ),
    noted as (${notePassed(
      sql,
      each(({ passed }, { id }) => ({ triggerId: id, passed })),
      sql`select id from changed`,
    )})
    select id, namespace_id as "namespaceId" from changed`;
  announce(definitions, changed);
  if (changed.length > 0) definitions.channel.publishDue();
  return changed.length;
}

interface Resumed {
  state: "NORMAL" | "BLOCKED" | "COMPLETE";
  nextAt: number | null;
  notedUntil: number;
  passed: Passed[];
  /** Times were withheld of which some fire: the ticker, which makes runs, decides about them. */
  asks: boolean;
}

async function resumed(
  { catalog }: Definitions,
  trigger: Trigger & { blockerEndedAt: Date | null; blockerThere: boolean },
  now: number,
  missed: MisfirePolicy | null,
): Promise<Resumed> {
  const notedUntil = trigger.notedUntil.getTime();
  const waiting = { notedUntil, passed: [], asks: false };
  if (trigger.blockerThere && trigger.blockerEndedAt === null)
    return { ...waiting, state: "BLOCKED", nextAt: null };
  const def = await currentDefinition(catalog, trigger);
  const endedAt = trigger.blockerEndedAt?.getTime();
  const dueAt = trigger.nextAt?.getTime() ?? (endedAt === undefined ? null : afterRunEnded(def, endedAt));
  if (dueAt === null) return { ...waiting, state: "COMPLETE", nextAt: null };
  if (dueAt >= now) return { ...waiting, state: "NORMAL", nextAt: dueAt };
  const ask: Resumed = { ...waiting, state: "NORMAL", nextAt: dueAt, asks: true };
  try {
    const withheld = { until: now, policy: missed };
    const decision = decideFire(def, { dueAt, notedUntil, withheld }, now, trigger.misfire);
    if (decision.fires.length > 0) return ask;
    const { nextAt, passed } = decision;
    return {
      state: nextAt === null ? "COMPLETE" : "NORMAL",
      nextAt,
      notedUntil: decision.notedUntil,
      passed,
      asks: false,
    };
  } catch {
    // What cannot be computed is the ticker's to tell of.
    return ask;
  }
}

/** Triggers that `where` finds, in pages: one statement of bounded size after the other. */
async function inPages(
  { sql }: Definitions,
  where: Fragment,
  change: (ids: number[]) => Promise<void>,
): Promise<void> {
  for (let after = 0; ; ) {
    const rows = await sql<{ id: number }[]>`
      select t.id from escapement.trigger t where t.id > ${after} and ${where} order by t.id limit ${LIMITS.fireBatch}`;
    if (rows.length > 0) await change(rows.map(({ id }) => id));
    if (rows.length < LIMITS.fireBatch) return;
    after = rows.at(-1)?.id ?? after;
  }
}

function announce({ channel }: Definitions, triggers: Pick<Trigger, "id" | "namespaceId">[]): void {
  if (triggers.length === 0) return;
  channel.publish(triggers.map(({ id, namespaceId }) => ({ kind: "trigger" as const, id, namespaceId })));
}
