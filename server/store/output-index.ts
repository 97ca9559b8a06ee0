/**
 * Which runs left outputs, and whose may go: a row per run, written before its first output is stored and deleted
 * after all of them have gone. What is decided here is repeated until it is done.
 */
import type { Sql } from "./connection.ts";
import { RUN_EPOCH_MS } from "./runs.ts";

export interface OutputIndex {
  /** Notes that an attempt of a run leaves something. */
  note(owner: { runId: string; attempt: number; jobId: number }): Promise<void>;
  /**
   * Runs that have ended and whose outputs are older than their job keeps them, or too many of its; and those before
   * `runsBefore` that are no more. In no order; `more` when there may be more.
   */
  expired(runsBefore: string, limit: number): Promise<{ runIds: string[]; more: boolean }>;
  forget(runIds: string[]): Promise<void>;
  /** The smallest id that is noted, if it is below `runsBefore`, else that one. */
  oldest(runsBefore: string): Promise<string>;
}

/** Attempts that this server has noted already: more than write logs at the same time. */
const KNOWN_MAX = 20_000;

export function createOutputIndex(sql: Sql): OutputIndex {
  const known = new Set<string>();

  return {
    async note({ runId, attempt, jobId }) {
      // By attempt: a run may come back to life after its outputs have gone.
      const key = `${runId}/${attempt}`;
      if (known.has(key)) return;
      await sql`
        insert into escapement.output (run_id, job_id) values (${runId}, ${jobId}) on conflict (run_id) do nothing`;
      if (known.size >= KNOWN_MAX) known.clear();
      known.add(key);
    },

    async expired(runsBefore, limit) {
      // The lateral limits keep the plan to one index look per run: a join would read all of the history. Doubles are
      // left in, so that the statement ends when it has enough.
      const rows = await sql<{ runId: string }[]>`
        with rule as (
          select j.id as job_id, (kept.retention->>'ageMs')::float8 as age_ms, (kept.retention->>'count')::int as count
          from escapement.job j
          join escapement.namespace n on n.id = j.namespace_id
          cross join lateral (select coalesce(j.retention, n.retention) as retention) kept
          where kept.retention is not null
        ),
        over as (
          select old.run_id from rule cross join lateral (
            select o.run_id from escapement.output o
            cross join lateral (select e.ended_at from escapement.ended e where e.id = o.run_id limit 1) e
            where o.job_id = rule.job_id
              -- No run ends before it is created, and its id tells when that was.
              and o.run_id < (greatest(extract(epoch from escapement.clock()) * 1000 - rule.age_ms - ${RUN_EPOCH_MS}::float8, 0))::bigint << 22
              and e.ended_at < escapement.clock() - rule.age_ms * interval '1 millisecond'
            order by o.run_id limit ${limit}
          ) old
          union all
          select surplus.run_id from rule cross join lateral (
            select o.run_id from (
              select run_id from escapement.output where job_id = rule.job_id order by run_id desc offset rule.count
            ) o
            cross join lateral (select from escapement.ended e where e.id = o.run_id limit 1) e
            limit ${limit}
          ) surplus
          where rule.count is not null
          union all
          (
            select o.run_id from escapement.output o
            left join lateral (select true as there from escapement.run r where r.id = o.run_id limit 1) r on true
            where o.run_id < ${runsBefore} and r.there is null
            order by o.run_id limit ${limit}
          )
        )
        select run_id as "runId" from over limit ${limit}`;
      return { runIds: [...new Set(rows.map(({ runId }) => runId))], more: rows.length === limit };
    },

    async forget(runIds) {
      if (runIds.length === 0) return;
      await sql`delete from escapement.output where run_id = any(${runIds}::bigint[])`;
    },

    async oldest(runsBefore) {
      const [row] = await sql<{ id: string }[]>`
        select least(min(run_id), ${runsBefore}::bigint) as id from escapement.output`;
      return row?.id ?? runsBefore;
    },
  };
}
