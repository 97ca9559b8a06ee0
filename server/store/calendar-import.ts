/** A calendar from the text of an iCalendar file: created, or replaced when it is there. */
import { checkName } from "../core/name.ts";
import {
  addCalendar,
  type CalendarPatch,
  type ChangedCalendar,
  changeCalendar,
  replaceCalendar,
} from "./calendar-writes.ts";
import { findCalendar } from "./calendars.ts";
import type { Sql, Transaction } from "./connection.ts";
import { type Definitions, readClock } from "./definitions.ts";

export interface CalendarImport {
  name: string;
  /** The file's text. */
  ics: string;
  /** Null: the file's own, else that of the trigger's schedule. */
  timeZone?: string | null | undefined;
  /** Epoch milliseconds: events before are left out, events that repeat are taken up to `until`. */
  from?: number | null | undefined;
  until?: number | null | undefined;
}

const YEAR_MS = 366 * 86_400_000;
const YEARS_AHEAD = 5;

/**
 * Whole days become the calendar's holidays; events with times become the periods of a calendar of their own, which is
 * then its base, when the file has both. Throws BAD_INPUT naming the field.
 */
export async function importCalendar(
  definitions: Definitions,
  namespaceId: number,
  input: CalendarImport,
  { dryRun }: { dryRun?: boolean | null | undefined },
): Promise<ChangedCalendar & { skipped: string[] }> {
  const name = checkName(input.name, "name");
  const now = (await readClock(definitions.sql)).getTime();
  // Loaded where it is wanted only.
  const { readIcs } = await import("../core/calendar/ics.ts");
  const { rules, skipped, timeZone } = readIcs(input.ics, {
    from: input.from ?? now - YEAR_MS,
    until: input.until ?? now + YEARS_AHEAD * YEAR_MS,
    timeZone: input.timeZone ?? "UTC",
  });
  const [first, second] = rules;
  if (!first) throw new Error("a calendar file was read to nothing");
  const zone = input.timeZone ?? timeZone;
  const calendar = await changeCalendar(definitions, namespaceId, dryRun ?? false, async (transaction) => {
    const put = (called: string, patch: CalendarPatch & { rule: typeof first }) =>
      putCalendar(transaction, namespaceId, called, { timeZone: zone, ...patch });
    if (!second) return put(name, { rule: first });
    const base = checkName(`${name}.times`, "name");
    await put(base, { rule: second, description: `The events of ${name} that have times` });
    return put(name, { rule: first, base });
  });
  return { ...calendar, skipped };
}

async function putCalendar(
  transaction: Transaction,
  namespaceId: number,
  name: string,
  patch: CalendarPatch & Parameters<typeof addCalendar>[3],
): Promise<number> {
  const there = await findCalendar(transaction as unknown as Sql, namespaceId, name);
  return there
    ? replaceCalendar(transaction, there, patch)
    : addCalendar(transaction, namespaceId, name, patch);
}
