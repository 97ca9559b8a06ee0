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

/** Of the runs that repeat one; a page of them. */
export const RERUNS_SHOWN = 20;

/** The run that each of `runIds` repeats. */
export async function readOrigins(sql: Sql, runIds: string[]): Promise<Map<string, string>> {
  const rows = await sql<{ runId: string; ofRunId: string }[]>`
    select run_id as "runId", of_run_id as "ofRunId" from escapement.rerun where run_id = any(${runIds}::bigint[])`;
  return new Map(rows.map(({ runId, ofRunId }) => [runId, ofRunId]));
}

/** The newest runs that repeat each of `runIds`, newest first. */
export async function readReruns(sql: Sql, runIds: string[]): Promise<Map<string, string[]>> {
  const rows = await sql<{ ofRunId: string; runIds: string[] }[]>`
    select w.id as "ofRunId", array_agg(r.run_id::text order by r.run_id desc) as "runIds"
    from unnest(${runIds}::bigint[]) as w(id) cross join lateral (
      select run_id from escapement.rerun where of_run_id = w.id order by run_id desc limit ${RERUNS_SHOWN}
    ) r group by 1`;
  return new Map(rows.map((row) => [row.ofRunId, row.runIds]));
}
