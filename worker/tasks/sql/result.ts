/**
 * What becomes of a query's rows: OUT parameters where they are few, an output file where they are many. A row becomes
 * members by column name, several rows become lists by column name.
 */
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../../attempt.ts";
import { DoNotRetry } from "../../errors.ts";
import { withParams } from "../process/out-params.ts";
import type { Scratch } from "../process/scratch.ts";
import { csvLine, jsonLine, plain } from "./rows.ts";
import type { RowSink } from "./session.ts";

export interface ResultLimits {
  /** Rows of a file at most. Default: a million, so that a forgotten `where` fills no store. */
  maxRows?: number | undefined;
  /** Bytes of a file at most, which passes through the worker's disk. Default: 1 GiB. */
  maxBytes?: number | undefined;
}

export interface ResultForm {
  /** What the rows are to become, where they are few. */
  as: "params" | "rows" | "file";
  format: "csv" | "jsonl";
}

/** What a person looks at and a workflow hands on, and what fits into an output with room to spare. */
const INLINE_ROWS = 1_000;
const INLINE_BYTES = 100 * 1024;
const MAX_ROWS = 1_000_000;
const MAX_BYTES = 1024 ** 3;

export class Result implements RowSink {
  readonly #scratch: Scratch;
  readonly #form: ResultForm;
  readonly #limits: Required<{ [Limit in keyof ResultLimits]: number }>;
  #columns: string[] | undefined;
  #rows: unknown[][] = [];
  #count = 0;
  #bytes = 0;
  #file: FileHandle | undefined;

  constructor(scratch: Scratch, form: ResultForm, { maxRows, maxBytes }: ResultLimits) {
    this.#scratch = scratch;
    this.#form = form;
    this.#limits = { maxRows: maxRows ?? MAX_ROWS, maxBytes: maxBytes ?? MAX_BYTES };
  }

  columns(names: string[]): void {
    const twice = names.find((name, index) => names.indexOf(name) < index);
    if (twice !== undefined)
      throw new DoNotRetry(
        `The query has two columns of the name "${twice}": give one of them another with AS.`,
      );
    this.#columns = names;
  }

  async rows(rows: unknown[][]): Promise<void> {
    const columns = this.#columns ?? [];
    const plainRows = rows.map((row) => row.map(plain));
    const lines = plainRows.map((row) => this.#line(columns, row));
    this.#count += rows.length;
    this.#bytes += lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
    if (this.#count > this.#limits.maxRows)
      throw new DoNotRetry(`The query has more than the ${this.#limits.maxRows} rows that are allowed here.`);
    if (this.#bytes > this.#limits.maxBytes)
      throw new DoNotRetry(
        `The rows have more than the ${this.#limits.maxBytes} bytes that are allowed here.`,
      );
    if (this.#file === undefined && this.#fits()) {
      this.#rows.push(...plainRows);
      return;
    }
    const before = this.#file === undefined ? this.#head(columns) + this.#taken(columns) : "";
    this.#file ??= await open(this.#path, "wx", 0o600);
    await this.#file.appendFile(before + lines.join(""));
  }

  /** The output, its file stored. `affected` counts the rows that a statement without columns has changed. */
  async output(affected: number | null, context: Context): Promise<Record<string, unknown>> {
    const columns = this.#columns;
    if (columns === undefined) return affected === null ? {} : { rowCount: affected };
    const own = { rowCount: this.#count };
    if (this.#form.as === "file" && this.#file === undefined) await this.#begin(columns);
    if (this.#file !== undefined) return { ...own, file: await this.#store(context) };
    if (this.#form.as === "rows") return { ...own, rows: this.#rows.map((row) => objectOf(columns, row)) };
    const [only] = this.#rows;
    const params = columns.map((column, index): [string, unknown] => [
      column,
      this.#count === 1 ? only?.[index] : this.#rows.map((row) => row[index]),
    ]);
    return withParams(params, own, context);
  }

  /** To be called last, whatever has happened. */
  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  #fits(): boolean {
    return this.#form.as !== "file" && this.#count <= INLINE_ROWS && this.#bytes <= INLINE_BYTES;
  }

  async #begin(columns: string[]): Promise<void> {
    this.#file = await open(this.#path, "wx", 0o600);
    await this.#file.appendFile(this.#head(columns));
  }

  #head(columns: string[]): string {
    return this.#form.format === "csv" ? csvLine(columns) : "";
  }

  /** The lines of the rows that were kept so far, which are kept no longer. */
  #taken(columns: string[]): string {
    const lines = this.#rows.map((row) => this.#line(columns, row));
    this.#rows = [];
    return lines.join("");
  }

  #line(columns: string[], row: unknown[]): string {
    return this.#form.format === "csv" ? csvLine(row) : jsonLine(objectOf(columns, row));
  }

  async #store(context: Context): Promise<string> {
    await this.close();
    context.log(`${this.#count} rows are in the output file ${this.#name}`);
    await context.putFile(this.#name, createReadStream(this.#path));
    return this.#name;
  }

  get #name(): string {
    return `result.${this.#form.format}`;
  }

  get #path(): string {
    return join(this.#scratch.path, this.#name);
  }
}

function objectOf(columns: string[], row: unknown[]): Record<string, unknown> {
  return Object.fromEntries(columns.map((column, index) => [column, row[index]]));
}
