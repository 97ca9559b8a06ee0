/** The connections to PostgreSQL: a pool for the arrows, one for heartbeats, one for everything else. */
import postgres from "postgres";
import { Rejection, unavailable } from "../core/rejection.ts";

export type Sql = postgres.Sql;
/** A transaction's handle as `guarded` gives it; it refuses everything once its backend is gone. */
export type Transaction = postgres.TransactionSql;

export interface Database {
  /** Reads and definitions. */
  sql: Sql;
  /** The engine's statements; what people read must not keep them waiting for a connection. */
  arrowSql: Sql;
  /** `synchronous_commit` is off here: a lost heartbeat can only shorten a lease. */
  heartbeatSql: Sql;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** Connections for arrows and for everything else together; long polls hold none. */
  poolSize: number;
  /** A query without an answer after this is given up, whatever the server does (RELIABILITY M5). */
  deadlineMs: number;
}

/**
 * Statements are few and always the same, and planning one takes longer than running it (a page of runs out of 40 daily
 * partitions: 4 ms to 1), so each is planned once. That plan must hold when a table that was small has grown, so it
 * may not scan where it can look up, nor collect and sort what an index gives in order.
 */
export const LASTING_PLANS = {
  plan_cache_mode: "force_generic_plan",
  enable_seqscan: "off",
  enable_bitmapscan: "off",
  enable_sort: "off",
  jit: "off",
};

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
  const open = (name: string, max: number, settings: Record<string, string> = {}): Sql => {
    const connection: Record<string, string | number> = {
      application_name: name,
      statement_timeout: options.deadlineMs,
      idle_in_transaction_session_timeout: 5_000,
      ...settings,
    };
    return postgres(databaseUrl, { ...shared, max, connection });
  };
  const arrows = Math.ceil(options.poolSize / 2);
  const sql = open("escapement", options.poolSize - arrows, LASTING_PLANS);
  const arrowSql = open("escapement arrows", arrows, LASTING_PLANS);
  const heartbeatSql = open("escapement heartbeats", 1, { ...LASTING_PLANS, synchronous_commit: "off" });
  return {
    sql,
    arrowSql,
    heartbeatSql,
    close: async () => {
      await Promise.all([sql, arrowSql, heartbeatSql].map((client) => client.end({ timeout: 5 })));
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
