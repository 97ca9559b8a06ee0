/**
 * Task type `sql`: statements for PostgreSQL, MySQL and MariaDB on connections that the worker's operator has named,
 * their parameters bound and never spliced in, in one transaction or each for itself.
 */
import type { Static } from "typebox";
import type { Context } from "../../attempt.ts";
import { defineTask, type Task } from "../../task.ts";
import { withScratch } from "../process/scratch.ts";
import {
  checkConnections,
  connectionNamed,
  dialectOf,
  type SqlConnection,
  type SqlConnections,
} from "./connections.ts";
import { connectionField, ROWS_OUTPUT, STATEMENT_TIMEOUT, TIMEOUT_SECONDS } from "./fields.ts";
import { Result, type ResultLimits } from "./result.ts";
import { bind, checkStatement } from "./statement.ts";
import { withSession } from "./within.ts";

export interface SqlOptions extends ResultLimits {
  /** By the names that jobs use. */
  connections: SqlConnections;
}

/** One statement; the database takes no more in one. */
const STATEMENT = { type: "string", minLength: 1, maxLength: 100_000, format: "multiline" } as const;
const STATEMENTS = { type: "array", items: STATEMENT, maxItems: 100 } as const;

const input = (connections: SqlConnections) =>
  ({
    type: "object",
    properties: {
      connection: connectionField(connections),
      statement: {
        ...STATEMENT,
        title: "Statement",
        description: "With $1, $2 … (PostgreSQL), ? (MySQL) or :name where a parameter goes.",
      },
      params: {
        title: "Parameters",
        description:
          "A list by position, or an object by name. Names reach the statements before and after, too.",
        anyOf: [
          { type: "array", maxItems: 1_000 },
          { type: "object", maxProperties: 1_000 },
        ],
      },
      preStatements: { ...STATEMENTS, title: "Statements before" },
      postStatements: { ...STATEMENTS, title: "Statements after" },
      transaction: {
        type: "boolean",
        title: "All in one transaction",
        default: true,
      },
      timeoutSeconds: STATEMENT_TIMEOUT,
      result: {
        enum: ["params", "rows", "file"],
        title: "What rows become",
        description:
          "Members of the output by column, a list of objects, or an output file. More than 1,000 rows or 100 KiB become a file in any case.",
        default: "params",
      },
      fileFormat: { enum: ["csv", "jsonl"], title: "Format of the file", default: "csv" },
      maxRows: {
        type: "integer",
        title: "Rows at most",
        description: "More fail the run.",
        minimum: 1,
      },
    },
    required: ["connection", "statement"],
    additionalProperties: false,
  }) as const;

type Input = Static<ReturnType<typeof input>>;

/** The task type `sql`. Throws when a connection is not one. */
export function sql(options: SqlOptions): Task {
  const { connections } = options;
  checkConnections(connections);
  return defineTask({
    type: "sql",
    title: "SQL",
    description: "Runs a statement on a named connection to PostgreSQL, MySQL or MariaDB.",
    inputSchema: input(connections),
    outputSchema: ROWS_OUTPUT,
    handler: (given, context) => run(given, connectionNamed(connections, given.connection), context, options),
  });
}

function run(
  given: Input,
  connection: SqlConnection,
  context: Context,
  limits: ResultLimits,
): Promise<unknown> {
  const { statement, params, preStatements = [], postStatements = [] } = given;
  const dialect = dialectOf(connection);
  /** Parameters by position are those of the main statement; there is no other that they could fit. */
  const named = Array.isArray(params) ? undefined : params;
  const others = (statements: readonly string[], member: string) =>
    statements.map((text, index) => ({ name: `input.${member}[${index}]`, text, params: named }));
  const before = others(preStatements, "preStatements");
  const main = { name: "input.statement", text: statement, params };
  const after = others(postStatements, "postStatements");
  // All are looked at before the first one is sent.
  const bound = [...before, main, ...after].map(({ name, text, params: own }) => {
    checkStatement(text, name, dialect, connection.readOnly === true);
    return { name, ...bind(text, own as Parameters<typeof bind>[1], dialect) };
  });
  const timeoutMs = (given.timeoutSeconds ?? TIMEOUT_SECONDS) * 1000;
  const transaction = given.transaction ?? true;
  return withScratch(async (scratch) => {
    const maxRows = Math.min(
      given.maxRows ?? Number.POSITIVE_INFINITY,
      limits.maxRows ?? Number.POSITIVE_INFINITY,
    );
    const result = new Result(
      scratch,
      { as: given.result ?? "params", format: given.fileFormat ?? "csv" },
      { ...limits, ...(Number.isFinite(maxRows) ? { maxRows } : {}) },
    );
    try {
      const affected = await withSession(
        connection,
        { context, timeoutMs, transaction },
        async ({ send }) => {
          let count: number | null = null;
          for (const [index, { name, text, values }] of bound.entries()) {
            const isMain = index === before.length;
            const touched = await send(name, text, values, isMain ? result : undefined);
            if (isMain) count = touched;
          }
          return count;
        },
      );
      return await result.output(affected, context);
    } finally {
      await result.close();
    }
  });
}
