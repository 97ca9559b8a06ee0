/** How a calendar is written: in one transaction with its version, after which the triggers that go by it are moved. */

import { LIMITS } from "../config.ts";
import { type CalendarRule, checkCalendar } from "../core/calendar/calendar.ts";
import { badInput, notFound } from "../core/rejection.ts";
import { checkZone } from "../core/schedule/zone.ts";
import { type Calendar, findCalendar, readCalendars } from "./calendars.ts";
import { guarded, type Sql, type Transaction } from "./connection.ts";
import { checkText, type Definitions, under } from "./definitions.ts";
import { type Moves, moveTriggers, planMoves } from "./trigger-moves.ts";

/** What is absent stays as it is; null clears description, time zone and base. */
export interface CalendarPatch {
  description?: string | null | undefined;
  timeZone?: string | null | undefined;
  rule?: CalendarRule | null | undefined;
  /** The name of another calendar, whose times are excluded, too. */
  base?: string | null | undefined;
}

/** A calendar that has just been changed, and what that does to the triggers that go by it. */
export interface ChangedCalendar extends Calendar {
  moves: Moves;
}

/** Thrown to take back what a dry run has written, with what it found out. */
class DryRun extends Error {
  readonly calendar: ChangedCalendar;
  constructor(calendar: ChangedCalendar) {
    super();
    this.calendar = calendar;
  }
}

/** Writes a change in one transaction, then moves the triggers that go by the calendar whose id `write` returns. */
export async function changeCalendar(
  definitions: Definitions,
  namespaceId: number,
  dryRun: boolean,
  write: (transaction: Transaction) => Promise<number>,
): Promise<ChangedCalendar> {
  try {
    const { calendar, users } = await guarded(definitions.sql, async (transaction) => {
      const s = transaction as unknown as Sql;
      await lockCalendars(transaction, namespaceId);
      const id = await write(transaction);
      const [calendar] = await readCalendars(s, [id]);
      if (!calendar) throw new Error("a calendar that was just written is not there");
      const users = await usersOf(s, id);
      if (dryRun) throw new DryRun({ ...calendar, moves: await planMoves(s, users) });
      return { calendar, users };
    });
    return { ...calendar, moves: await moveTriggers(definitions, users) };
  } catch (error) {
    if (error instanceof DryRun) return error.calendar;
    throw error;
  }
}

/** So that no two changes see each other's chains half done, and no trigger is created between a read and its write. */
export async function lockCalendars(transaction: Transaction, namespaceId: number): Promise<void> {
  await transaction`
    select id from escapement.calendar where namespace_id = ${namespaceId} order by id for update`;
}

async function addVersion(
  transaction: Transaction,
  calendarId: number,
  version: number,
  { name, timeZone, rule }: Pick<Calendar, "name" | "timeZone" | "rule">,
): Promise<void> {
  await transaction`
    with made as (
      insert into escapement.calendar_version (calendar_id, version, name, time_zone, rule)
      values (${calendarId}, ${version}, ${name}, ${timeZone}, ${transaction.json(rule as never)}) returning id
    )
    update escapement.calendar set version_id = made.id, version = ${version} from made where calendar.id = ${calendarId}`;
}

/** Triggers that go by the calendar or by one that has it as a base. */
async function usersOf(sql: Sql, calendarId: number): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    with recursive user_of as (
      select ${calendarId}::int as id
      union
      select c.id from user_of u join escapement.calendar c on c.base_id = u.id
    )
    select distinct trigger_id as id from escapement.trigger_calendar join user_of u on u.id = calendar_id order by 1`;
  return rows.map(({ id }) => id);
}

/** Throws BAD_INPUT naming the field, NOT_FOUND for the base. The name must be free. */
export async function addCalendar(
  transaction: Transaction,
  namespaceId: number,
  name: string,
  input: CalendarPatch & { rule: CalendarRule },
): Promise<number> {
  const s = transaction as unknown as Sql;
  const content = await patched(s, namespaceId, { ...BLANK, rule: input.rule }, input);
  const [row] = await transaction<{ id: number }[]>`
    insert into escapement.calendar (namespace_id, name, description, base_id)
    values (${namespaceId}, ${name}, ${content.description}, ${content.baseId}) returning id`;
  const { id } = row as { id: number };
  await addVersion(transaction, id, 1, { name, ...content });
  return id;
}

const BLANK = { description: null, timeZone: null, baseId: null };

/** Throws as `addCalendar` does. What changes nothing makes no version. */
export async function replaceCalendar(
  transaction: Transaction,
  calendar: Calendar,
  patch: CalendarPatch,
): Promise<number> {
  const s = transaction as unknown as Sql;
  const content = { ...calendar, ...(await patched(s, calendar.namespaceId, calendar, patch)) };
  await refuseCircle(s, calendar, content.baseId);
  await transaction`
    update escapement.calendar set description = ${content.description}, base_id = ${content.baseId},
      updated_at = escapement.clock()
    where id = ${calendar.id}`;
  const text = ({ timeZone, rule, baseId }: typeof content) =>
    JSON.stringify([timeZone, checkCalendar(rule, timeZone), baseId]);
  if (text(content) !== text(calendar))
    await addVersion(transaction, calendar.id, calendar.version + 1, content);
  return calendar.id;
}

type Content = Pick<Calendar, "description" | "timeZone" | "baseId" | "rule">;

/** Throws BAD_INPUT naming the field, and NOT_FOUND for the base. */
async function patched(
  sql: Sql,
  namespaceId: number,
  before: Content,
  patch: CalendarPatch,
): Promise<Content> {
  const { description, timeZone, base } = patch;
  if (timeZone != null) checkZone(timeZone);
  const zone = timeZone == null ? keep(timeZone, before.timeZone) : timeZone;
  return {
    description:
      description == null ? keep(description, before.description) : checkText(description, "description"),
    timeZone: zone,
    baseId: base == null ? keep(base, before.baseId) : await baseIdOf(sql, namespaceId, base),
    rule: under("rule", () => checkCalendar(patch.rule ?? before.rule, zone)),
  };
}

const keep = <T>(given: null | undefined, before: T | null): T | null => (given === null ? null : before);

async function baseIdOf(sql: Sql, namespaceId: number, base: string): Promise<number> {
  const calendar = await findCalendar(sql, namespaceId, base);
  if (!calendar) throw notFound(`calendar "${base}"`, "base");
  return calendar.id;
}

/** Throws BAD_INPUT, and shows the way round. */
async function refuseCircle(sql: Sql, calendar: Calendar, baseId: number | null): Promise<void> {
  const path = [calendar.name];
  for (let id = baseId; id !== null; ) {
    const [next] = await readCalendars(sql, [id]);
    if (!next) return;
    path.push(next.name);
    if (next.id === calendar.id) {
      throw badInput(
        "base",
        `makes a circle: ${path.map((name) => `"${name}"`).join(" → ")}; choose another base`,
      );
    }
    if (path.length > LIMITS.calendarChain) {
      throw badInput("base", `makes a chain of more than ${LIMITS.calendarChain} calendars`);
    }
    id = next.baseId;
  }
}
