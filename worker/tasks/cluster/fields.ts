/** Pieces of the input schemas of what is submitted to a cluster. */
import { ARGS, COMMAND_OUTPUT } from "../fields.ts";

/** A word that no tool takes for an option of its own. */
const WORD = "^[^-\\u0000][^\\u0000]*$";

export const JAR = {
  type: "string",
  title: "Jar",
  pattern: WORD,
  examples: ["hdfs:///apps/report.jar"],
} as const;

export const MAIN_CLASS = {
  type: "string",
  title: "Main class",
  pattern: "^[A-Za-z_$][\\w.$]*$",
  examples: ["org.example.Report"],
} as const;

export const NAME = { type: "string", title: "Name in the cluster", pattern: WORD, maxLength: 200 } as const;

export const QUEUE = {
  type: "string",
  title: "Queue",
  pattern: "^[\\w.-]+$",
  examples: ["reports"],
} as const;

export const CONF = {
  type: "object",
  title: "Settings",
  description:
    "Arguments of the submit command, which everybody on the machine can see: no place for secrets.",
  propertyNames: { pattern: "^[\\w.-]+$" },
  additionalProperties: { type: ["string", "number", "boolean"] },
  maxProperties: 500,
} as const;

export const PATHS = {
  type: "array",
  items: { type: "string", pattern: "^[^-,\\u0000][^,\\u0000]*$" },
  maxItems: 200,
} as const;

export const APP_ARGS = { ...ARGS, description: "Of the program itself." } as const;

export const SUBMIT_OUTPUT = {
  ...COMMAND_OUTPUT,
  properties: {
    ...COMMAND_OUTPUT.properties,
    applications: {
      type: "array",
      description: "Ids of what was started in the cluster.",
      items: { type: "string" },
    },
  },
} as const;
