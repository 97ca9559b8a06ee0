/** The databases that runs may use: named by the worker's operator, never by the author of a job. */
import { DoNotRetry } from "../../errors.ts";
import { openMysql } from "./mysql.ts";
import { openPostgres } from "./postgres.ts";
import type { Dialect, SessionOptions, SqlSession } from "./session.ts";

export interface SqlConnection {
  /** postgres://… or mysql://… (also for MariaDB), with user and password. */
  url: string;
  /** Queries only. The safer way, where it can be had, is a role that may do no more. */
  readOnly?: boolean | undefined;
}

export type SqlConnections = Record<string, SqlConnection>;

const DIALECTS: Record<string, Dialect> = {
  "postgres:": "postgres",
  "postgresql:": "postgres",
  "mysql:": "mysql",
  "mariadb:": "mysql",
};

/** Reads `{"warehouse": {"url": "postgres://…", "readOnly": true}}`. Throws without repeating any of it: it is secret. */
export function readConnections(json: string): SqlConnections {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new Error("The SQL connections are not JSON.");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error('The SQL connections must be an object such as {"warehouse": {"url": "postgres://…"}}.');
  checkConnections(value as SqlConnections);
  return value as SqlConnections;
}

/** Throws when a connection is not one, naming it. */
export function checkConnections(connections: SqlConnections): void {
  const names = Object.keys(connections);
  if (names.length === 0) throw new Error("There is no SQL connection.");
  for (const [name, { url, readOnly, ...others }] of Object.entries(connections)) {
    const fault = faultIn(url, readOnly, Object.keys(others));
    if (fault !== undefined) throw new Error(`The SQL connection "${name}" ${fault}.`);
  }
}

function faultIn(url: unknown, readOnly: unknown, others: string[]): string | undefined {
  if (typeof url !== "string" || !URL.canParse(url)) return "needs a url";
  if (DIALECTS[new URL(url).protocol] === undefined)
    return "needs a url that begins with postgres:// or mysql://";
  if (readOnly !== undefined && typeof readOnly !== "boolean")
    return "has a readOnly that is not true or false";
  return others.length === 0 ? undefined : `knows url and readOnly, not ${others.join(", ")}`;
}

export function dialectOf({ url }: SqlConnection): Dialect {
  return DIALECTS[new URL(url).protocol] ?? "postgres";
}

/** Throws what the driver throws. */
export function open(
  connection: SqlConnection,
  options: Omit<SessionOptions, "url" | "readOnly">,
): Promise<SqlSession> {
  const all = { ...options, url: connection.url, readOnly: connection.readOnly === true };
  return dialectOf(connection) === "postgres" ? openPostgres(all) : openMysql(all);
}

/** Throws a DoNotRetry for a name that the operator did not give. */
export function connectionNamed(connections: SqlConnections, name: string): SqlConnection {
  const connection = Object.hasOwn(connections, name) ? connections[name] : undefined;
  if (connection !== undefined) return connection;
  throw new DoNotRetry("input.connection is not one of those that this worker's operator has named.");
}
