/**
 * Gives triggers the times that a changed calendar leaves them. In batches: a trigger that has not had its turn goes on
 * by the calendars that it had, and `trigger_version` says since when it has the new ones. So nobody waits for the last
 * of a hundred thousand, and what a crash leaves over is found by the repair.
 */
import type { TriggerCalendar } from "../core/trigger/definition.ts";
import type { Upcoming } from "../core/trigger/fire-changes.ts";
import { type HandOver, handOver } from "../core/trigger/hand-over.ts";
import { readVersions } from "./calendar-versions.ts";
import { chainOf, readTriggerCalendars } from "./calendars.ts";
import type { Sql } from "./connection.ts";
import { type Definitions, readClock, TRIES } from "./definitions.ts";
import { notePassed } from "./occurrences.ts";
import { timesOf } from "./trigger-content.ts";
import { type TriggerVersion, versioned } from "./trigger-versions.ts";
import { definitionOf, type Trigger, triggerColumns } from "./triggers.ts";

export interface Moves {
  /** How many triggers go by what was changed. */
  examined: number;
  /** How many of them are due at another time next. */
  moved: number;
  /** The first of them. */
  first: Move[];
}

/** A trigger before and after. */
export interface Move {
  trigger: Trigger;
  before: Upcoming;
  after: Upcoming;
  /** When that was computed. */
  at: number;
}

/** Triggers of one statement: the ticker waits no longer than that for one of them. */
const BATCH = 500;
/** Of more than these nobody would read what became of each. */
const SHOWN = 1_000;

/** Moves those of the triggers that do not go by what their calendars exclude now, as `sql` sees it. */
export async function moveTriggers(definitions: Definitions, triggerIds: readonly number[]): Promise<Moves> {
  const { sql, channel } = definitions;
  const moves: Moves = { examined: triggerIds.length, moved: 0, first: [] };
  const calendarsNow = rememberedChains(sql);
  for (let at = 0; at < triggerIds.length; at += BATCH) {
    let left = triggerIds.slice(at, at + BATCH);
    for (let tries = 0; tries < TRIES && left.length > 0; tries++) {
      const steps = await planned(sql, left, calendarsNow);
      const written = new Set(await write(sql, steps));
      const done = steps.filter(({ trigger }) => written.has(trigger.id));
      add(moves, done);
      channel.publish(
        done.map(({ trigger }) => ({
          kind: "trigger" as const,
          id: trigger.id,
          namespaceId: trigger.namespaceId,
        })),
      );
      left = steps.filter(({ trigger }) => !written.has(trigger.id)).map(({ trigger }) => trigger.id);
    }
  }
  if (moves.moved > 0) channel.publishDue();
  return moves;
}

/** What `moveTriggers` would do, as the transaction sees the calendars. */
export async function planMoves(sql: Sql, triggerIds: readonly number[]): Promise<Moves> {
  const moves: Moves = { examined: triggerIds.length, moved: 0, first: [] };
  const calendarsNow = rememberedChains(sql);
  for (let at = 0; at < triggerIds.length; at += BATCH) {
    add(moves, await planned(sql, triggerIds.slice(at, at + BATCH), calendarsNow));
  }
  return moves;
}

/** The repair: triggers that do not go by what their calendars exclude now, because a change did not get to its end. */
export async function repairCalendars(definitions: Definitions): Promise<void> {
  const stale = await definitions.sql<{ id: number }[]>`
    select t.id from escapement.trigger t
    where t.calendar_versions is not null and not (
      select array_agg(version_id) from escapement.calendar c where c.namespace_id = t.namespace_id
    ) @> t.calendar_versions
    limit ${REPAIRED}`;
  if (stale.length > 0) {
    await moveTriggers(
      definitions,
      stale.map(({ id }) => id),
    );
  }
}

/** The next repair takes the others. */
const REPAIRED = 10_000;

function add(moves: Moves, steps: Move[]): void {
  moves.moved += steps.filter(({ before, after }) => before.nextAt !== after.nextAt).length;
  moves.first.push(...steps.slice(0, SHOWN - moves.first.length));
}

type CalendarsNow = (calendarIds: readonly number[]) => Promise<TriggerCalendar[]>;

/** Many triggers name the same calendars. */
function rememberedChains(sql: Sql): CalendarsNow {
  const known = new Map<string, Promise<TriggerCalendar[]>>();
  return (ids) => {
    const key = ids.join();
    const chain = known.get(key) ?? chainOf(sql, ids).then((versionIds) => readVersions(sql, versionIds));
    known.set(key, chain);
    return chain;
  };
}

interface Step extends Move {
  /** Null: it has no next time that could move. */
  times: HandOver | null;
  versions: number[] | null;
}

async function planned(sql: Sql, ids: readonly number[], calendarsNow: CalendarsNow): Promise<Step[]> {
  const [triggers, named, clock] = await Promise.all([
    sql<
      Trigger[]
    >`select ${triggerColumns(sql)} from escapement.trigger t where t.id = any(${[...ids]}::int[])`,
    readTriggerCalendars(sql, [...ids]),
    readClock(sql),
  ]);
  const oldIds = [...new Set(triggers.flatMap(({ calendarVersions }) => calendarVersions ?? []))];
  const old = new Map((await readVersions(sql, oldIds)).map((calendar) => [calendar.versionId, calendar]));
  const now = clock.getTime();
  return Promise.all(
    triggers.map(async (trigger): Promise<Step> => {
      const calendars = await calendarsNow(named.get(trigger.id) ?? []);
      const def = definitionOf(
        trigger,
        (trigger.calendarVersions ?? []).flatMap((id) => old.get(id) ?? []),
      );
      const fresh = definitionOf(trigger, calendars);
      const before = { def, nextAt: trigger.nextAt?.getTime() ?? null };
      const times = goesOn(trigger) ? timesAfter(trigger, before, fresh, now) : null;
      const after = { def: fresh, nextAt: times ? times.nextAt : before.nextAt };
      const versions = calendars.map(({ versionId }) => versionId);
      return { trigger, before, after, at: now, times, versions: versions.length === 0 ? null : versions };
    }),
  );
}

const goesOn = ({ state, nextAt, schedule }: Trigger): boolean =>
  (state === "NORMAL" || state === "PAUSED") && nextAt !== null && schedule.kind !== "fixedDelay";

/** A change of calendars takes back nothing that is due already, however late. */
function timesAfter(trigger: Trigger, before: Upcoming, fresh: Upcoming["def"], now: number): HandOver {
  const state = {
    def: before.def,
    dueAt: before.nextAt,
    notedUntil: trigger.notedUntil.getTime(),
    paused: trigger.state === "PAUSED",
  };
  return handOver(state, fresh, now, Number.POSITIVE_INFINITY);
}

/** Returns the triggers that were still as they were read. */
async function write(sql: Sql, steps: Step[]): Promise<number[]> {
  const rows = steps.map(({ trigger, times, versions }) => ({
    id: trigger.id,
    version: trigger.version,
    state: trigger.state,
    wasAt: trigger.nextAt?.getTime() ?? null,
    versions,
    moves: times !== null,
    nextAt: times?.nextAt ?? null,
    notedUntil: times?.notedUntil ?? null,
  }));
  const history = steps.map(
    ({ trigger, at, times, versions }): TriggerVersion => ({
      triggerId: trigger.id,
      since: times?.since ?? at,
      times: timesOf(trigger),
      calendarVersions: versions,
    }),
  );
  const passed = steps.map(({ trigger, times }) => ({ triggerId: trigger.id, passed: times?.passed ?? [] }));
  const changed = await sql<{ id: number }[]>`
    with changed as (
      update escapement.trigger t set
        calendar_versions = i.versions,
        next_at = case when i.moves then to_timestamp(i."nextAt" / 1000) else t.next_at end,
        noted_until = case when i.moves then to_timestamp(i."notedUntil" / 1000) else t.noted_until end,
        state = case when i.moves and i."nextAt" is null then 'COMPLETE' else t.state end,
        version = t.version + 1, updated_at = escapement.clock()
      from jsonb_to_recordset(${sql.json(rows as never)}::jsonb) as i(id int, version int, state text, "wasAt" float8,
        versions int[], moves boolean, "nextAt" float8, "notedUntil" float8)
      where t.id = i.id and t.version = i.version and t.state = i.state
        and t.next_at is not distinct from to_timestamp(i."wasAt" / 1000)::timestamptz(3)
      returning t.id
    ),
    noted as (${notePassed(sql, passed, sql`select id from changed`)}),
    versioned as (${versioned(sql, history)})
    select id from changed`;
  return changed.map(({ id }) => id);
}
