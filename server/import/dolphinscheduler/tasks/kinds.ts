/** Task types, and what each becomes. */
import type { NodeContext, NodeKind } from "../context.ts";
import { conditions } from "./conditions.ts";
import { dependent } from "./dependent.ts";
import { dynamic } from "./dynamic.ts";
import { http } from "./http.ts";
import { mapReduce } from "./map-reduce.ts";
import { other } from "./other.ts";
import { procedure } from "./procedure.ts";
import { python, shell } from "./script.ts";
import { spark } from "./spark.ts";
import { sql } from "./sql.ts";
import { subProcess } from "./sub-process.ts";
import { switched } from "./switch.ts";

const KINDS: Record<string, (context: NodeContext) => NodeKind> = {
  SHELL: shell,
  PYTHON: python,
  SQL: sql,
  PROCEDURE: procedure,
  HTTP: http,
  SPARK: spark,
  MR: mapReduce,
  SUB_PROCESS: subProcess,
  SUB_WORKFLOW: subProcess,
  DEPENDENT: dependent,
  CONDITIONS: conditions,
  SWITCH: switched,
  DYNAMIC: dynamic,
};

export const kindOf = (context: NodeContext): NodeKind => (KINDS[context.task.type] ?? other)(context);
