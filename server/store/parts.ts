/** Which step runs of jobs that go by steps are, and which of them belong together. */
import type { Step } from "../core/execution.ts";
import type { Sql } from "./connection.ts";

/** Those that are not the root. */
export async function readParts(sql: Sql, runIds: string[]): Promise<Map<string, Exclude<Step, "ROOT">>> {
  const rows = await sql<{ id: string; step: Exclude<Step, "ROOT"> }[]>`
    select run_id as id, step from escapement.part where run_id = any(${runIds}::bigint[])`;
  return new Map(rows.map(({ id, step }) => [id, step]));
}

/**
 * Runs that have not ended and belong to one of these, which are roots, or reduces that stand for roots which have
 * ended: their parts, the parts of these, and the reduce, which comes first. Other runs have none.
 */
export async function readOpenFollowers(sql: Sql, runIds: string[]): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    with recursive member(id, step, state) as (
      select case when p.step = 'REDUCE' then r.parent_id else r.id end, null::text, 'ENDED'
      from unnest(${runIds}::bigint[]) as asked(id)
      cross join lateral (select id, parent_id from escapement.run where run.id = asked.id offset 0) r
      left join escapement.part p on p.run_id = r.id
      where p.step is distinct from 'PART'
      union
      select c.id, c.step, c.state from member cross join lateral (
        -- Later ids than its own, and a look by index for each, as for joins (engine/release).
        select r.id, r.state, (select p.step from escapement.part p where p.run_id = r.id) as step
        from escapement.run r where r.parent_id = member.id and r.id > member.id offset 0
      ) c
      where c.step is not null
    )
    select id from member where state in ('WAITING', 'READY', 'RUNNING') order by step = 'REDUCE' desc, id`;
  return rows.map(({ id }) => id);
}

/** The reduces of roots that have dealt out; a root has one at most. */
export async function readReduces(sql: Sql, rootIds: string[]): Promise<Map<string, string>> {
  const rows = await sql<{ rootId: string; id: string }[]>`
    select root.id as "rootId", child.id from unnest(${rootIds}::bigint[]) as root(id) cross join lateral (
      select r.id from escapement.run r
      where r.parent_id = root.id and r.id > root.id
        and (select p.step from escapement.part p where p.run_id = r.id) = 'REDUCE'
      limit 1
    ) child`;
  return new Map(rows.map(({ rootId, id }) => [rootId, id]));
}
