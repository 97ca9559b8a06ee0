/** Which step runs of jobs that go by steps are. */
import type { Step } from "../core/execution.ts";
import type { Sql } from "./connection.ts";

/** Those that are not the root. */
export async function readParts(sql: Sql, runIds: string[]): Promise<Map<string, Exclude<Step, "ROOT">>> {
  const rows = await sql<{ id: string; step: Exclude<Step, "ROOT"> }[]>`
    select run_id as id, step from escapement.part where run_id = any(${runIds}::bigint[])`;
  return new Map(rows.map(({ id, step }) => [id, step]));
}
