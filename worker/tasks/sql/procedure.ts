/**
 * Task type `procedure`: calls a stored procedure or function with typed IN, OUT and INOUT parameters, on a connection
 * that the worker's operator has named. What it gives back become members of the output.
 */
import type { Static } from "typebox";
import { DoNotRetry } from "../../errors.ts";
import { defineTask, type Task } from "../../task.ts";
import { withScratch } from "../process/scratch.ts";
import { type Call, type CallParam, statementsOf, typed } from "./call.ts";
import { checkConnections, connectionNamed, dialectOf, type SqlConnections } from "./connections.ts";
import { connectionField, ROWS_OUTPUT, STATEMENT_TIMEOUT, TIMEOUT_SECONDS } from "./fields.ts";
import { Result, type ResultLimits } from "./result.ts";
import { withSession } from "./within.ts";

export interface ProcedureOptions extends ResultLimits {
  /** By the names that jobs use. */
  connections: SqlConnections;
}

const input = (connections: SqlConnections) =>
  ({
    type: "object",
    properties: {
      connection: connectionField(connections),
      routine: {
        type: "string",
        title: "Procedure or function",
        description:
          "With its schema where it needs one. It stands in the statement as it is, quotes included.",
        pattern: '^(("[^"\\u0000]+"|`[^`\\u0000]+`|[A-Za-z_][A-Za-z0-9_$]*)(\\.(?!$)|$)){1,3}$',
        maxLength: 300,
        examples: ["billing.close_month"],
      },
      kind: { enum: ["procedure", "function"], title: "Kind", default: "procedure" },
      params: {
        type: "array",
        title: "Parameters, in order",
        maxItems: 100,
        items: {
          type: "object",
          properties: {
            name: {
              type: "string",
              title: "Name in the output",
              pattern: "^[A-Za-z_][A-Za-z0-9_]*$",
              maxLength: 64,
              examples: ["total"],
            },
            direction: { enum: ["IN", "OUT", "INOUT"], title: "Direction", default: "IN" },
            type: {
              type: "string",
              title: "Type",
              description:
                "text, integer, bigint, number, double, boolean, date, time, timestamp, json; in PostgreSQL any type. Needed where several routines share the name.",
              // Words, a precision, brackets of an array: nothing that could end the call that it stands in.
              pattern: "^[A-Za-z_][A-Za-z0-9_.]*( [A-Za-z]+)*(\\([0-9]+(,[0-9]+)?\\))?(\\[\\])*$",
              maxLength: 100,
              examples: ["integer"],
            },
            value: { title: "Value" },
          },
          additionalProperties: false,
        },
      },
      transaction: {
        type: "boolean",
        title: "In a transaction",
        description: "Not for a procedure of PostgreSQL that commits by itself.",
        default: true,
      },
      timeoutSeconds: STATEMENT_TIMEOUT,
    },
    required: ["connection", "routine"],
    additionalProperties: false,
  }) as const;

type Input = Static<ReturnType<typeof input>>;

/** The task type `procedure`. Throws when a connection is not one. */
export function procedure(options: ProcedureOptions): Task {
  const { connections } = options;
  checkConnections(connections);
  return defineTask({
    type: "procedure",
    title: "Stored procedure",
    description:
      "Calls a stored procedure or function on a named connection to PostgreSQL, MySQL or MariaDB.",
    inputSchema: input(connections),
    outputSchema: ROWS_OUTPUT,
    handler: (given, context) =>
      withScratch(async (scratch) => {
        const connection = connectionNamed(connections, given.connection);
        if (connection.readOnly === true)
          throw new DoNotRetry("input.connection is for reading only: what a routine does cannot be told.");
        const call = callOf(given);
        const statements = statementsOf(call, dialectOf(connection));
        const timeoutMs = (given.timeoutSeconds ?? TIMEOUT_SECONDS) * 1000;
        const session = { context, timeoutMs, transaction: given.transaction ?? true };
        const outs = call.params.filter(({ direction = "IN" }) => direction !== "IN");
        const result = new Result(
          scratch,
          { as: outs.length > 0 ? "rows" : "params", format: "csv" },
          options,
        );
        try {
          await withSession(connection, session, async ({ send }) => {
            for (const { text, values, isResult } of statements)
              await send("The call", text, values, isResult ? result : undefined);
          });
          return named(await result.output(null, context), outs);
        } finally {
          await result.close();
        }
      }),
  });
}

function callOf({ routine, kind = "procedure", params = [] }: Input): Call {
  return { routine, kind, params: params as CallParam[] };
}

/** The names that the input gives to OUT parameters; PostgreSQL answers with the routine's own, in the same order. */
function named(output: Record<string, unknown>, outs: CallParam[]): Record<string, unknown> {
  const [row] = Array.isArray(output.rows) ? output.rows : [];
  if (outs.length === 0 || row === undefined) return output;
  const values: unknown[] = Object.values(row);
  return Object.fromEntries(
    outs.map(({ name = "", type }, index) => [name, typed(values[index] ?? null, type)]),
  );
}
