/** Runs statements of one attempt: each for its time at most, and none after the attempt was stopped. */
import type { Context } from "../../attempt.ts";
import { DoNotRetry } from "../../errors.ts";
import { open, type SqlConnection } from "./connections.ts";
import type { RowSink, SqlSession } from "./session.ts";

/** The database did not do what it was asked. */
class SqlFailed extends Error {
  override readonly name = "SqlFailed";
}

export interface Work {
  /** Sends a statement. `name` says which, in messages. */
  send(name: string, statement: string, values?: unknown[], sink?: RowSink): Promise<number | null>;
}

/** The database's own limit comes first; this one is for when it does not answer. */
const PATIENCE_MS = 2_000;
/** How long a statement may take to end when it is asked to. */
const CANCEL_MS = 5_000;

/**
 * Opens a session, does `work` in one transaction or without, and closes it. Throws SqlFailed with the database's words,
 * and the signal's reason when the attempt was stopped; in a transaction nothing remains then.
 */
export async function withSession<Result>(
  connection: SqlConnection,
  { context, timeoutMs, transaction }: { context: Context; timeoutMs: number; transaction: boolean },
  work: (work: Work) => Promise<Result>,
): Promise<Result> {
  const { signal } = context;
  signal.throwIfAborted();
  const say = (message: string) => context.log(message);
  const session = await open(connection, { timeoutMs, say }).catch((error) => {
    throw failed("The connection", error);
  });
  const send: Work["send"] = (name, statement, values = [], sink) =>
    within(session, { name, timeoutMs, signal }, () => session.run(statement, values, sink));
  try {
    // Of a connection for reading it is the transaction that makes it so.
    const inTransaction = transaction || connection.readOnly === true;
    if (inTransaction) await within(session, { name: "BEGIN", timeoutMs, signal }, () => session.begin());
    const result = await work({ send });
    if (inTransaction) await send("COMMIT", "commit");
    return result;
  } finally {
    // A transaction that was not committed is rolled back by this.
    await session.close();
  }
}

interface Bounds {
  name: string;
  timeoutMs: number;
  signal: AbortSignal;
}

async function within<Result>(
  session: SqlSession,
  { name, timeoutMs, signal }: Bounds,
  statement: () => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  let timer: NodeJS.Timeout | undefined;
  let isLate = false;
  let giveUp: (error: Error) => void = () => undefined;
  const givenUp = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  const cancel = () => {
    void session.cancel();
    clearTimeout(timer);
    timer = setTimeout(() => giveUp(new Error("the database does not answer")), CANCEL_MS);
  };
  signal.addEventListener("abort", cancel, { once: true });
  timer = setTimeout(() => {
    isLate = true;
    cancel();
  }, timeoutMs + PATIENCE_MS);
  const checkTime = () => {
    signal.throwIfAborted();
    if (isLate) throw new SqlFailed(`${name} took longer than ${timeoutMs / 1000} s.`);
  };
  try {
    const result = await Promise.race([statement(), givenUp]);
    // There are statements that are ended and call it a result, such as MySQL's sleep.
    checkTime();
    return result;
  } catch (error) {
    checkTime();
    throw failed(name, error);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", cancel);
  }
}

function failed(name: string, error: unknown): Error {
  if (error instanceof DoNotRetry || error instanceof SqlFailed) return error;
  const { message, code, sqlState } = Object(error);
  const state = sqlState ?? code;
  return new SqlFailed(`${name} failed: ${message ?? error}${state === undefined ? "" : ` (${state})`}`, {
    cause: error,
  });
}
