/** What the changes of definitions work with, and the checks that several of them share. */
import { LIMITS, RETENTION } from "../config.ts";
import { refuseNul } from "../core/json.ts";
import { badInput, limitExceeded, Rejection } from "../core/rejection.ts";
import type { Catalog } from "./catalog.ts";
import type { Channel } from "./channel.ts";
import type { Sql } from "./connection.ts";

export interface Definitions {
  sql: Sql;
  catalog: Catalog;
  channel: Channel;
}

/** Between a read and the write it led to, somebody else may be faster; so often we look again. */
export const TRIES = 5;

/** What a retention may ask for. */
export const KEEPABLE = { days: RETENTION.runDays, count: LIMITS.retentionCount };

const PRIORITY_MAX = 32_000;
const TEXT_MAX = 2_000;

/** Throws BAD_INPUT outside -32,000 to 32,000, the bounds of the worker protocol. */
export function checkPriority(priority: number): number {
  if (Number.isInteger(priority) && Math.abs(priority) <= PRIORITY_MAX) return priority;
  throw badInput("priority", `must be a whole number from -${PRIORITY_MAX} to ${PRIORITY_MAX}`);
}

/** An input kept in a definition, as JSON text. Throws LIMIT_EXCEEDED, and BAD_INPUT for U+0000. */
export function checkInput(json: string | null | undefined): string | null {
  if (json == null) return null;
  const size = Buffer.byteLength(json);
  if (size > LIMITS.inputBytes) {
    throw limitExceeded(
      `the input has ${size} bytes; at most ${LIMITS.inputBytes} are allowed: put more into a file or a table and name it in the input`,
      "input",
    );
  }
  refuseNul(json, "input");
  return json;
}

/** Words for people: a description, a reason. Throws BAD_INPUT for U+0000, LIMIT_EXCEEDED past 2,000 characters. */
export function checkText(text: string, field: string): string {
  if (text.includes("\0")) throw badInput(field, "the character U+0000 cannot be stored");
  if (text.length > TEXT_MAX)
    throw limitExceeded(`has ${text.length} characters; at most ${TEXT_MAX} are allowed`, field);
  return text;
}

/** What `check` refuses is named by its place in the request: `schedule.cron.expression`. */
export function under<T>(place: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    throw new Rejection(
      error.code,
      error.message,
      error.field === undefined ? place : `${place}.${error.field}`,
    );
  }
}

/** The database's now, which is what due times are compared with. */
export async function readClock(sql: Sql): Promise<Date> {
  const [row] = await sql<{ now: Date }[]>`select escapement.clock() as now`;
  return (row as { now: Date }).now;
}
