/** Reads what MySQL answers to one statement, no faster than it is taken. */
import type { Connection, FieldPacket, ResultSetHeader } from "mysql2";
import { BATCH_ROWS, type RowSink } from "./session.ts";

/** Of several results, as procedures have them, only the first with columns is handed over. */
export class RowReader {
  readonly #connection: Connection;
  readonly #sink: RowSink | undefined;
  readonly #fail: (error: unknown) => void;
  #results = 0;
  #isFirst = false;
  #count = 0;
  #affected: number | null = null;
  #batch: unknown[][] = [];
  #handing: Promise<void> = Promise.resolve();

  /** `fail` hears what the sink threw; the connection is of no use then. */
  constructor(connection: Connection, sink: RowSink | undefined, fail: (error: unknown) => void) {
    this.#connection = connection;
    this.#sink = sink;
    this.#fail = fail;
  }

  begin(fields: FieldPacket[] | undefined): void {
    this.#isFirst = fields !== undefined && this.#results++ === 0;
    if (fields === undefined || !this.#isFirst) return;
    try {
      this.#sink?.columns(fields.map(({ name }) => name));
    } catch (error) {
      this.#broken(error);
    }
  }

  /** A row, or what is said of a statement without rows. */
  take(row: unknown): void {
    if (!Array.isArray(row)) this.#affected = (row as ResultSetHeader | null)?.affectedRows ?? null;
    else if (this.#isFirst) {
      this.#count++;
      this.#batch.push(row);
      if (this.#batch.length === BATCH_ROWS) void this.#handOver();
    }
  }

  /** Resolves when all rows are handed over, with their number, or that of the rows that were changed. */
  async end(): Promise<number | null> {
    await this.#handOver();
    return this.#results > 0 ? this.#count : this.#affected;
  }

  #handOver(): Promise<void> {
    const rows = this.#batch;
    this.#batch = [];
    const { pause, resume } = this.#connection;
    pause.call(this.#connection);
    this.#handing = this.#handing
      .then(() => (rows.length > 0 ? this.#sink?.rows(rows) : undefined))
      .then(
        () => resume.call(this.#connection),
        (error: unknown) => this.#broken(error),
      );
    return this.#handing;
  }

  #broken(error: unknown): void {
    this.#fail(error);
    this.#connection.destroy();
  }
}
