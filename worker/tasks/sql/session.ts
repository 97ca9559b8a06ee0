/** A connection to a database for one attempt, whatever the database: what the drivers' files provide. */
import type { LogLevel } from "../../log.ts";

/** Takes the rows of a result in batches, in order. Throwing from it ends the statement. */
export interface RowSink {
  /** Before the rows of a result; not called for statements that have none. */
  columns(names: string[]): void;
  rows(rows: unknown[][]): Promise<void>;
}

export interface SqlSession {
  /**
   * Sends one statement, its values bound. Resolves with the number of rows that it touched, or null where the database
   * does not say. Throws what the driver throws. After the connection was lost nothing is sent any more.
   */
  run(statement: string, values: unknown[], sink?: RowSink): Promise<number | null>;
  begin(): Promise<void>;
  /** Asks the database to end the statement under way. Never rejects. */
  cancel(): Promise<void>;
  /** Gives up what is under way; an open transaction is rolled back by the database. Never rejects. */
  close(): Promise<void>;
}

export interface SessionOptions {
  url: string;
  readOnly: boolean;
  /** What one statement may take; the database ends it after that by itself, should this process be gone. */
  timeoutMs: number;
  /** Hears what the database has to say besides. */
  say: (message: string, level: LogLevel) => void;
}

export type Dialect = "postgres" | "mysql";

/** Rows of one batch: enough to be quick, few enough to hold. */
export const BATCH_ROWS = 500;
export const CONNECT_SECONDS = 10;
