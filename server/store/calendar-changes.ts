/**
 * Calendars created, replaced and deleted. A change makes a new version and then moves the times of all triggers that
 * name the calendar, or one that has it as a base. Calendars of a namespace change one at a time.
 */
import type { CalendarRule } from "../core/calendar/calendar.ts";
import { checkName } from "../core/name.ts";
import { conflict, illegalState, notFound } from "../core/rejection.ts";
import {
  addCalendar,
  type CalendarPatch,
  type ChangedCalendar,
  changeCalendar,
  lockCalendars,
  replaceCalendar,
} from "./calendar-writes.ts";
import { findCalendar } from "./calendars.ts";
import { guarded, type Sql } from "./connection.ts";
import type { Definitions } from "./definitions.ts";

/** What is absent or null takes its default. */
export interface CalendarInput extends CalendarPatch {
  name: string;
  rule: CalendarRule;
}

export interface CalendarOptions {
  dryRun?: boolean | null | undefined;
  /** The change is refused unless this is the version that there is. */
  version?: number | null | undefined;
}

/** Throws BAD_INPUT naming the field, NOT_FOUND for the base, CONFLICT when the name is taken. */
export async function createCalendar(
  definitions: Definitions,
  namespaceId: number,
  input: CalendarInput,
  { dryRun }: CalendarOptions,
): Promise<ChangedCalendar> {
  const name = checkName(input.name, "name");
  return changeCalendar(definitions, namespaceId, dryRun ?? false, async (transaction) => {
    if (await findCalendar(transaction as unknown as Sql, namespaceId, name)) throw nameTaken(name);
    return addCalendar(transaction, namespaceId, name, input);
  }).catch((error: { code?: string; constraint_name?: string }) => {
    // A namespace without calendars has none to lock, so two may be the first at once.
    throw error.constraint_name === "calendar_name_taken" ? nameTaken(name) : error;
  });
}

const nameTaken = (name: string) =>
  conflict(`there is already a calendar "${name}"; choose another name or update that one`, "name");

/** Throws as `createCalendar` does, NOT_FOUND, and CONFLICT for another `version`. What changes nothing makes no version. */
export async function updateCalendar(
  definitions: Definitions,
  namespaceId: number,
  name: string,
  patch: CalendarPatch,
  { dryRun, version }: CalendarOptions,
): Promise<ChangedCalendar> {
  return changeCalendar(definitions, namespaceId, dryRun ?? false, async (transaction) => {
    const calendar = await findCalendar(transaction as unknown as Sql, namespaceId, name);
    if (!calendar) throw notFound(`calendar "${name}"`, "name");
    if (version != null && version !== calendar.version) {
      throw conflict(
        `the calendar is at version ${calendar.version}, not ${version}: somebody changed it; read it again`,
        "version",
      );
    }
    return replaceCalendar(transaction, calendar, patch);
  });
}

/** Throws NOT_FOUND, and ILLEGAL_STATE while triggers or calendars go by it. */
export async function deleteCalendar(
  definitions: Definitions,
  namespaceId: number,
  name: string,
): Promise<void> {
  await guarded(definitions.sql, async (transaction) => {
    await lockCalendars(transaction, namespaceId);
    const calendar = await findCalendar(transaction as unknown as Sql, namespaceId, name);
    if (!calendar) throw notFound(`calendar "${name}"`, "name");
    const users = await transaction<{ what: string; name: string }[]>`
      select 'trigger' as what, t.name from escapement.trigger_calendar u join escapement.trigger t on t.id = u.trigger_id
      where u.calendar_id = ${calendar.id}
      union all select 'calendar', name from escapement.calendar where base_id = ${calendar.id}
      order by 1 desc, 2 limit ${USERS_NAMED + 1}`;
    if (users.length > 0) {
      const named = users.slice(0, USERS_NAMED).map((user) => `${user.what} "${user.name}"`);
      const more = users.length > USERS_NAMED ? " and others" : "";
      throw illegalState(`the calendar is in use by ${named.join(", ")}${more}; take it out of them first`);
    }
    await transaction`delete from escapement.calendar where id = ${calendar.id}`;
  });
}

const USERS_NAMED = 5;
