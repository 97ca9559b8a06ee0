/** The connections to PostgreSQL: one pool for the arrows and reads, one for heartbeats, drizzle on top. */
import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { Rejection, unavailable } from "../core/rejection.ts";

export type Sql = postgres.Sql;
/** A transaction's handle as `guarded` gives it; it refuses everything once its backend is gone. */
export type Transaction = postgres.TransactionSql;

export interface Database {
  sql: Sql;
  /** `synchronous_commit` is off here: a lost heartbeat can only shorten a lease. */
  heartbeatSql: Sql;
  drizzle: PostgresJsDatabase;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** Connections of the main pool; long polls hold none. */
  poolSize: number;
  /** A query without an answer after this is given up, whatever the server does (RELIABILITY M5). */
  deadlineMs: number;
}

/**
 * Opens the pools; nothing is sent before the first query.
 * @throws when the URL asks for `target_session_attrs=read-write`, which accepts a hot standby (RELIABILITY M3).
 */
export function connect(databaseUrl: string, options: DatabaseOptions): Database {
  const attributes = new URL(databaseUrl).searchParams.get("target_session_attrs");
  if (attributes !== null && attributes !== "primary") {
    throw new Error(
      `DATABASE_URL asks for target_session_attrs=${attributes}; only "primary" is safe here, because a hot standby passes for read-write.`,
    );
  }
  const shared = {
    onnotice: () => {},
    connect_timeout: 5,
    ...(new URL(databaseUrl).host.includes(",") ? { target_session_attrs: "primary" as const } : {}),
  };
  const sql = postgres(databaseUrl, {
    ...shared,
    max: options.poolSize,
    connection: {
      application_name: "escapement",
      statement_timeout: options.deadlineMs,
      idle_in_transaction_session_timeout: 5_000,
    },
  });
  const heartbeatSql = postgres(databaseUrl, {
    ...shared,
    max: 1,
    connection: {
      application_name: "escapement heartbeat",
      statement_timeout: options.deadlineMs,
      synchronous_commit: "off",
    } as Record<string, string | number>,
  });
  // drizzle replaces its client's parsers and serializers of dates and JSON, so it gets a client of its own.
  const drizzleSql = postgres(databaseUrl, {
    ...shared,
    max: Math.max(2, Math.floor(options.poolSize / 3)),
    connection: { application_name: "escapement read", statement_timeout: options.deadlineMs },
  });
  return {
    sql,
    heartbeatSql,
    drizzle: drizzle(drizzleSql, { casing: "snake_case" }),
    close: async () => {
      await Promise.all([sql, heartbeatSql, drizzleSql].map((client) => client.end({ timeout: 5 })));
    },
  };
}

const AWAY =
  /^(CONNECTION_|CONNECT_TIMEOUT|ECONNREFUSED|ECONNRESET|EPIPE|ENOTFOUND|57P0|53300|08|25006|57014|DEADLINE)/;

/** True when a query failed because the database is away, busy or failing over, not because of what it said. */
export function isAway(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && AWAY.test(code);
}

/** What a caller is told of a failed query: "retry later" when the database is away, else the error itself. */
export function asRejection(error: unknown): unknown {
  if (error instanceof Rejection || !isAway(error)) return error;
  return unavailable("the database is out of reach; retry in a moment");
}

/**
 * Runs `work` in one transaction that sends nothing more once its backend is gone: no statement, no commit, no
 * rollback. postgres.js 3.4.9 would run them in autocommit on the reopened session, or inside somebody else's
 * transaction (RELIABILITY M1). `work` may await only statements of the handle it is given.
 */
export async function guarded<T>(sql: Sql, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  let gone = false;
  try {
    const result = await sql.begin(async (transaction) => {
      const call = transaction as unknown as (...args: unknown[]) => unknown;
      const send = (...args: unknown[]): unknown => {
        if (gone) throw unavailable("the connection to the database was lost; retry in a moment");
        return call(...args);
      };
      const outcome = await work(Object.assign(send, transaction) as unknown as Transaction).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      // By the next tick `begin` has rejected if the connection is closed. Then this function must never end,
      // because what follows its end is a commit or a rollback.
      await new Promise(setImmediate);
      if (gone) await new Promise(() => {});
      if ("error" in outcome) throw outcome.error;
      return outcome.value;
    });
    return result as T;
  } catch (error) {
    gone = true;
    throw error;
  }
}
