/** Where a run comes from: how often it was put back into the queue, and which run it repeats. */
import type { RunState } from "../core/run.ts";
import type { Sql } from "./connection.ts";

/** A run was put back into the queue. */
export interface Redrive {
  number: number;
  at: Date;
  /** What it had ended as. */
  state: RunState;
  /** JSON text of {message, type?, stack?}. */
  error: string | null;
  /** It got another input. */
  edited: boolean;
  /** JSON text of the input before, when it was edited. */
  input: string | null;
  bytes: Buffer | null;
}

/** First to last. */
export async function readRedrives(sql: Sql, runIds: string[]): Promise<Map<string, Redrive[]>> {
  const rows = await sql<(Redrive & { runId: string })[]>`
    select run_id as "runId", number, at, state, error, edited, input, bytes from escapement.redrive
    where run_id = any(${runIds}::bigint[]) order by run_id, number`;
  const found = new Map<string, Redrive[]>();
  for (const { runId, ...redrive } of rows) found.set(runId, [...(found.get(runId) ?? []), redrive]);
  return found;
}
