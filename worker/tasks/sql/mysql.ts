/** A session with MySQL or MariaDB. The driver is loaded when the first connection of this kind is opened. */
import type { Connection, FieldPacket } from "mysql2";
import { RowReader } from "./mysql-rows.ts";
import { CONNECT_SECONDS, type RowSink, type SessionOptions, type SqlSession } from "./session.ts";

export async function openMysql(options: SessionOptions): Promise<SqlSession> {
  const connection = await connect(options.url);
  const run: SqlSession["run"] = (statement, values, sink) =>
    runStatement(connection, statement, values, sink);
  try {
    await run("set time_zone = '+00:00', character_set_results = 'utf8mb4'", []);
    if (options.readOnly) await run("set session transaction read only", []);
    await limitTime(run, options.timeoutMs);
  } catch (error) {
    connection.destroy();
    throw error;
  }
  return {
    run,
    async begin() {
      await run(options.readOnly ? "start transaction read only" : "start transaction", []);
    },
    async cancel() {
      const other = await connect(options.url).catch(() => undefined);
      if (other === undefined) return;
      await runStatement(other, `kill query ${connection.threadId}`, []).catch(() => undefined);
      other.destroy();
    },
    close: async () => connection.destroy(),
  };
}

/** MariaDB and MySQL have different words for it, and MySQL limits queries only. */
async function limitTime(run: SqlSession["run"], timeoutMs: number): Promise<void> {
  await run("set session max_statement_time = ?", [timeoutMs / 1000]).catch(() =>
    run("set session max_execution_time = ?", [String(timeoutMs)]).catch(() => undefined),
  );
}

async function connect(url: string): Promise<Connection> {
  const { createConnection } = await import("mysql2");
  const connection = createConnection({
    uri: url,
    rowsAsArray: true,
    dateStrings: true,
    supportBigNumbers: true,
    multipleStatements: false,
    // Rows are read by plain code, not by code made of what the server sent.
    disableEval: true,
    flags: ["-LOCAL_FILES"],
    charset: "utf8mb4",
    connectTimeout: CONNECT_SECONDS * 1000,
  });
  // What goes wrong is told to whoever waits for an answer.
  connection.on("error", () => undefined);
  return await new Promise((resolve, reject) => {
    connection.connect((error) => (error === null ? resolve(connection) : reject(error)));
  });
}

function runStatement(
  connection: Connection,
  statement: string,
  values: unknown[],
  sink?: RowSink,
): Promise<number | null> {
  let cutOff: (error: unknown) => void = () => undefined;
  const answer = new Promise<number | null>((resolve, reject) => {
    cutOff = reject;
    const reader = new RowReader(connection, sink, reject);
    // A command that begins on a broken connection, or is cut off by it, is told of it here and nowhere else.
    connection.on("error", cutOff);
    const command =
      values.length === 0 ? connection.query(statement) : connection.execute(statement, values as never[]);
    command.on("fields", (fields: FieldPacket[] | undefined) => reader.begin(fields));
    command.on("result", (row: unknown) => reader.take(row));
    command.on("error", reject);
    command.on("end", () => reader.end().then(resolve, reject));
  });
  return answer.finally(() => connection.off("error", cutOff));
}
