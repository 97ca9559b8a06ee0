/** Keyset pages: how many rows, after which one. Cursors are opaque to callers and checked when they come back. */

import type postgres from "postgres";
import { LIMITS } from "../config.ts";
import { badInput } from "../core/rejection.ts";
import type { Sql } from "./connection.ts";

/** What a caller asks of a list. */
export interface PageRequest {
  first?: number | null | undefined;
  after?: string | null | undefined;
}

export interface Page<Row> {
  rows: Row[];
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  /** Where a list goes on after this row. */
  cursorOf: (row: Row) => string;
}

/** A part of a statement. */
export type Fragment = postgres.PendingQuery<postgres.Row[]>;

const DEFAULT_PAGE = 50;

/** Rows of the page. Throws BAD_INPUT below 0 and above LIMITS.pageSize. */
export function pageSize(first: number | null | undefined): number {
  const size = first ?? DEFAULT_PAGE;
  if (size < 0 || size > LIMITS.pageSize)
    throw badInput("first", `must be from 0 to ${LIMITS.pageSize}, not ${size}; use after for more`);
  return size;
}

/** One row more than the page was read, which says whether there are others after it. */
export function pageOf<Row>(
  rows: Row[],
  { first, after }: PageRequest,
  cursorOf: (row: Row) => string,
): Page<Row> {
  const size = pageSize(first);
  return {
    rows: rows.slice(0, size),
    hasNextPage: rows.length > size,
    hasPreviousPage: after != null,
    cursorOf,
  };
}

/** The sort key of a row as a cursor. */
export function toCursor(...key: (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

/** What the parts of a list's sort key are; `run` is a run's id. */
type Part = "name" | "number" | "time" | "run";

const IS: Record<Part, (value: unknown) => boolean> = {
  name: (value) => typeof value === "string" && !value.includes("\0"),
  number: (value) => Number.isInteger(value) && Math.abs(value as number) < 2 ** 31,
  time: (value) => Number.isInteger(value) && Math.abs(value as number) <= 8.64e15,
  run: (value) => typeof value === "string" && isRunId(value),
};

/** The sort key in a cursor, or null without one. Throws BAD_INPUT for a cursor that no such list gave. */
export function fromCursor(after: string | null | undefined, ...parts: Part[]): (string | number)[] | null {
  if (after == null) return null;
  let key: unknown;
  try {
    key = JSON.parse(Buffer.from(after, "base64url").toString());
  } catch {
    key = null;
  }
  if (Array.isArray(key) && key.length === parts.length && parts.every((part, at) => IS[part](key[at])))
    return key;
  throw badInput(
    "after",
    "is not a cursor of this list; use the endCursor or an edge's cursor of a page before",
  );
}

/** True for text that can be a run's id: a positive 64-bit number. */
export function isRunId(text: string): boolean {
  return /^[1-9]\d{0,18}$/.test(text) && BigInt(text) <= 9_223_372_036_854_775_807n;
}

/** All conditions at once; without any, true. */
export function every(sql: Sql, conditions: (Fragment | false)[]): Fragment {
  return conditions.reduce<Fragment>(
    (all, condition) => (condition === false ? all : sql`${all} and ${condition}`),
    sql`true`,
  );
}
