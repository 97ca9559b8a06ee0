/** Pieces of the input schemas of what is asked of databases. */
import type { SqlConnections } from "./connections.ts";

/** What a statement may take unless its input says otherwise: a job's default timeout. */
export const TIMEOUT_SECONDS = 300;

export const STATEMENT_TIMEOUT = {
  type: "number",
  title: "Timeout of a statement in seconds",
  minimum: 0.001,
  maximum: 86_400,
  default: TIMEOUT_SECONDS,
} as const;

/** The names that a form offers. */
export function connectionField(connections: SqlConnections) {
  return {
    type: "string",
    title: "Connection",
    description: "One of those that the worker's operator has named.",
    examples: Object.keys(connections),
  } as const;
}

export const ROWS_OUTPUT = {
  type: "object",
  description:
    "One row: a member for each column. Several or none: a list for each column. Many: an output file instead.",
  properties: {
    rowCount: { type: "integer", description: "Rows of the result, or rows that were changed." },
    rows: { type: "array", items: { type: "object" } },
    file: { type: "string", description: "The output file with the rows." },
  },
} as const;
