/** A session with PostgreSQL. */
import postgres, { type Sql } from "postgres";
import {
  BATCH_ROWS,
  CONNECT_SECONDS,
  type RowSink,
  type SessionOptions,
  type SqlSession,
} from "./session.ts";
import { startOf } from "./statement.ts";

/** Dates and times as the database writes them: a Date would lose microseconds, and add a time to a day. */
const asText = { to: 1184, from: [1082, 1083, 1114, 1184, 1186, 1266], serialize: String, parse: String };
/** A number where that is exact. */
const bigint = { to: 20, from: [20], serialize: String, parse: exact };

/** Whose end says how many rows there were, without which the driver's cursor gives none. Others have few rows. */
const COUNTING = /^(select|with|values|table|insert|update|delete|merge)\b/;

export async function openPostgres(options: SessionOptions): Promise<SqlSession> {
  let isLost = false;
  const sql = postgres(options.url, {
    max: 1,
    prepare: false,
    max_lifetime: null,
    connect_timeout: CONNECT_SECONDS,
    onnotice: ({ severity, message }) => options.say(`${severity}: ${message}`, "info"),
    // The driver would go on with another connection, outside the transaction that this one was in.
    onclose: () => {
      isLost = true;
    },
    types: { date: asText, bigint },
  });
  /** No plain text protocol: that takes several statements in one, and no values. */
  const send = (statement: string, values: unknown[] = []) => {
    if (isLost) throw new Error("The connection to the database was lost.");
    return sql.unsafe(statement, values as never[], { simple: false } as object);
  };
  const settings = (isLocal: boolean) =>
    send("select set_config('statement_timeout', $1, $2), set_config('TimeZone', 'UTC', $2)", [
      String(options.timeoutMs),
      isLocal,
    ]);
  let pid = 0;
  try {
    const [row] = await send("select pg_backend_pid() as pid");
    pid = row?.pid;
    await settings(false);
  } catch (error) {
    await close(sql);
    throw error;
  }
  return {
    async run(statement, values, sink) {
      const { columns } = await send(statement, values).describe();
      if (columns.length === 0) return (await send(statement, values)).count;
      sink?.columns(columns.map(({ name }) => name));
      if (COUNTING.test(startOf(statement, "postgres"))) return await readRows(send(statement, values), sink);
      const rows = await send(statement, values).values();
      await sink?.rows([...rows]);
      return rows.length;
    },
    async begin() {
      await send(options.readOnly ? "begin read only" : "begin");
      // A look at the data: from here on, nothing makes a transaction that only reads one that writes.
      await settings(true);
    },
    async cancel() {
      const other = postgres(options.url, { max: 1, connect_timeout: CONNECT_SECONDS, onnotice: () => {} });
      await other`select pg_cancel_backend(${pid})`.catch(() => undefined);
      await close(other);
    },
    close: () => close(sql),
  };
}

/** By a cursor, so that a result of any size is held in part only. */
async function readRows(query: ReturnType<Sql["unsafe"]>, sink: RowSink | undefined): Promise<number> {
  let count = 0;
  for await (const rows of query.values().cursor(BATCH_ROWS) as AsyncIterable<unknown[][]>) {
    count += rows.length;
    await sink?.rows([...rows]);
  }
  return count;
}

function exact(text: string): number | string {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
}

async function close(sql: Sql): Promise<void> {
  await sql.end({ timeout: 1 }).catch(() => undefined);
}
