/** Calendars as they are read; calendar-changes.ts writes them. */

import { LIMITS } from "../config.ts";
import type { CalendarRule } from "../core/calendar/calendar.ts";
import { badInput, notFound } from "../core/rejection.ts";
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

export interface Calendar {
  id: number;
  namespaceId: number;
  name: string;
  description: string | null;
  /** Null: that of the trigger's schedule. */
  timeZone: string | null;
  rule: CalendarRule;
  /** Whose times are excluded, too. */
  baseId: number | null;
  version: number;
  versionId: number;
  createdAt: Date;
  updatedAt: Date;
}

export async function findCalendar(sql: Sql, namespaceId: number, name: string): Promise<Calendar | null> {
  const [calendar] = await select(sql, sql`c.namespace_id = ${namespaceId} and c.name = ${name}`);
  return calendar ?? null;
}

export function readCalendars(sql: Sql, ids: number[]): Promise<Calendar[]> {
  return select(sql, sql`c.id = any(${ids}::int[])`);
}

/** By namespace, then name. Null `namespaceId`: every namespace. */
export async function listCalendars(
  sql: Sql,
  namespaceId: number | null,
  { search }: { search?: string | null | undefined },
  page: PageRequest,
): Promise<Page<Calendar>> {
  const after = fromCursor(page.after, "number", "name");
  const rows = await select(
    sql,
    every(sql, [
      namespaceId !== null && sql`c.namespace_id = ${namespaceId}`,
      after !== null && sql`(c.namespace_id, c.name) > (${after[0] as number}, ${after[1] as string})`,
      search != null && sql`position(lower(${search}) in lower(c.name)) > 0`,
    ]),
    sql`order by c.namespace_id, c.name limit ${pageSize(page.first) + 1}`,
  );
  return pageOf(rows, page, (calendar) => toCursor(calendar.namespaceId, calendar.name));
}

function select(sql: Sql, where: Fragment, rest: Fragment = sql``): Promise<Calendar[]> {
  return sql<Calendar[]>`
    select c.id, c.namespace_id as "namespaceId", c.name, c.description, v.time_zone as "timeZone", v.rule,
      c.base_id as "baseId", c.version, c.version_id as "versionId", c.created_at as "createdAt", c.updated_at as "updatedAt"
    from escapement.calendar c join escapement.calendar_version v on v.id = c.version_id
    where ${where} ${rest}`;
}

/** Those that triggers name themselves, in their order, by the trigger's id. */
export async function readTriggerCalendars(sql: Sql, triggerIds: number[]): Promise<Map<number, number[]>> {
  const rows = await sql<{ triggerId: number; ids: number[] }[]>`
    select trigger_id as "triggerId", array_agg(calendar_id order by position) as ids
    from escapement.trigger_calendar where trigger_id = any(${triggerIds}::int[]) group by trigger_id`;
  return new Map(rows.map(({ triggerId, ids }) => [triggerId, ids]));
}

/** Calendars that a trigger names, and what all of them and their bases exclude now. */
export interface NamedCalendars {
  ids: number[];
  /** Of the bases, too. */
  versionIds: number[];
}

/** Throws NOT_FOUND for a name, and BAD_INPUT when their chains are too long. */
export async function resolveCalendars(
  sql: Sql,
  namespaceId: number,
  names: readonly string[],
): Promise<NamedCalendars> {
  if (names.length === 0) return { ids: [], versionIds: [] };
  const rows = await sql<{ id: number; name: string }[]>`
    select id, name from escapement.calendar where namespace_id = ${namespaceId} and name = any(${[...names]}::text[])`;
  const idOf = new Map(rows.map(({ id, name }) => [name, id]));
  const ids = names.map((name, at) => {
    const id = idOf.get(name);
    if (id === undefined) throw notFound(`calendar "${name}"`, `calendars[${at}]`);
    return id;
  });
  return { ids, versionIds: await chainOf(sql, ids) };
}

/** The current versions of calendars and of all their bases, each once. Throws BAD_INPUT past the limit. */
export async function chainOf(sql: Sql, ids: readonly number[]): Promise<number[]> {
  const rows = await sql<{ versionId: number }[]>`
    with recursive chain as (
      select id, base_id, version_id from escapement.calendar where id = any(${[...ids]}::int[])
      union
      select b.id, b.base_id, b.version_id from chain c join escapement.calendar b on b.id = c.base_id
    )
    select version_id as "versionId" from chain order by 1`;
  if (rows.length > LIMITS.calendarChain) {
    throw badInput(
      "calendars",
      `with their bases these are ${rows.length} calendars; at most ${LIMITS.calendarChain} can be asked for each time`,
    );
  }
  return rows.map(({ versionId }) => versionId);
}
