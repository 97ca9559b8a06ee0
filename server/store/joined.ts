/** What the runs of a join have led to, page by page: a join of 10,000 never has them in one place. */
import { LIMITS } from "../config.ts";
import type { RunState } from "../core/run.ts";
import type { Sql } from "./connection.ts";
import { fromCursor, type Page, type PageRequest, pageOf, pageSize, toCursor } from "./page.ts";
import { type Run, selectRuns } from "./runs.ts";

export interface JoinedResult {
  id: string;
  job: string;
  parentId: string | null;
  state: RunState;
  /** JSON text. */
  output: string | null;
  /** Instead of `output`. */
  outputBytes: Buffer | null;
  /** JSON text of {message, type?, stack?}. */
  error: string | null;
}

export interface JoinedPage {
  results: JoinedResult[];
  /** Where the next page begins; null: there is none. */
  next: string | null;
}

/** By id, those after `after`: up to `limit`, fewer where their outputs are long. */
export async function readJoined(
  sql: Sql,
  joinId: string,
  after: string | null,
  limit: number,
): Promise<JoinedPage> {
  // The sizes are known before any output is read.
  const rows = await sql<(JoinedResult & { more: boolean })[]>`
    with member as materialized (
      select run_id as id, row_number() over (order by run_id) as n from (
        select run_id from escapement.joined where join_id = ${joinId} and run_id > ${after ?? "0"}
        order by run_id limit ${limit + 1}
      ) m
    ),
    sized as materialized (
      select m.id, m.n, sum(r.bytes) over (order by m.n) as bytes
      from member m cross join lateral (
        select coalesce(octet_length(output), 0) + coalesce(octet_length(error), 0)
          + coalesce((select octet_length(bytes) from escapement.output_bytes b where b.run_id = m.id), 0) as bytes
        from escapement.run where run.id = m.id offset 0
      ) r
    ),
    page as materialized (
      select id, n from sized where n <= ${limit} and (n = 1 or bytes <= ${LIMITS.resultsPageBytes})
    )
    select r.id, j.name as job, r.parent_id as "parentId", r.state, r.output, r.error,
      (select bytes from escapement.output_bytes b where b.run_id = r.id) as "outputBytes",
      (select count(*) from sized) > (select count(*) from page) as more
    from page p
    cross join lateral (
      select id, job_id, parent_id, state, output, error from escapement.run where run.id = p.id offset 0
    ) r
    join escapement.job j on j.id = r.job_id
    order by p.n`;
  const last = rows.at(-1);
  return { results: rows, next: last?.more ? last.id : null };
}

/** The same as a list of runs. */
export async function listJoined(sql: Sql, joinId: string, page: PageRequest): Promise<Page<Run>> {
  const after = fromCursor(page.after, "run");
  const rows = await selectRuns(
    sql,
    sql`wanted as materialized (
      select run_id as id from escapement.joined where join_id = ${joinId} and run_id > ${after?.[0] ?? "0"}
      order by run_id limit ${pageSize(page.first) + 1}
    )`,
    sql`order by r.id`,
  );
  return pageOf(rows, page, (run) => toCursor(run.id));
}
