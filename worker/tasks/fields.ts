/** Pieces of input schemas that several task types share. */
import { NO_NUL } from "../input-check.ts";

export const ARGS = {
  type: "array",
  title: "Arguments",
  items: { type: "string", pattern: NO_NUL },
  maxItems: 1_000,
} as const;

export const ENV = {
  type: "object",
  title: "Environment variables",
  description:
    "Beside what the worker's operator lets through. The place for secrets: arguments can be seen.",
  propertyNames: { pattern: "^[A-Za-z_][A-Za-z0-9_]*$" },
  additionalProperties: { type: "string", pattern: NO_NUL },
  maxProperties: 500,
} as const;

export const CWD = {
  type: "string",
  title: "Working directory",
  minLength: 1,
  pattern: NO_NUL,
} as const;

export const STDIN = { type: "string", title: "Standard input", format: "multiline" } as const;

/** The output of a task that runs a command. */
export const COMMAND_OUTPUT = {
  type: "object",
  description: "OUT parameters, and the command's own members, which win over one of the same name.",
  properties: {
    exitCode: { type: "integer", const: 0 },
    stdout: {
      type: "string",
      description: "The last 8 KiB of the standard output; all of it is in the log.",
    },
  },
  required: ["exitCode", "stdout"],
} as const;
