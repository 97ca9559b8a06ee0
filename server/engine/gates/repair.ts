/**
 * The repair of gates: finds runs that stand nowhere, places of runs that are over, and gates with both a place and a
 * line, so that whatever a crash interrupted goes on. It walks through the tables a page at a time, so that a round costs
 * the same however many runs wait; what keeps others waiting is looked at first.
 */
import { LIMITS } from "../../config.ts";
import { type EngineContext, isPaused } from "../context.ts";
import type { GateKey, GateWork } from "./pass.ts";

/** Returns a function that looks at the next page of each walk, from the start again after the last. */
export function createGateRepair({ sql }: Pick<EngineContext, "sql">) {
  let waitingFrom = "0";
  let placesFrom = "0";
  let keysFrom: GateKey = { gateId: 0, key: "" };

  const nowhere = async (): Promise<string[]> => {
    const [page] = await sql<{ ids: string[] | null; last: string | null; n: number }[]>`
      with page as materialized (
        select id, namespace_id, job_id, queue_id, gates, wake_at from escapement.waiting where id > ${waitingFrom} order by id limit ${LIMITS.repairPage}
      )
      select max(w.id)::text as last, count(*)::int as n,
        array_agg(w.id::text) filter (
          where w.gates is not null and w.wake_at is null
            and not ${isPaused(sql)}
            and not exists (select from escapement.dependency d where d.run_id = w.id)
            and not exists (select from escapement.place p where p.run_id = w.id and p.state = 'LINE')
        ) as ids
      from page w`;
    waitingFrom = page?.n === LIMITS.repairPage ? (page.last ?? "0") : "0";
    return page?.ids ?? [];
  };

  const over = async (): Promise<string[]> => {
    const [page] = await sql<{ ids: string[] | null; last: string | null; n: number }[]>`
      with page as materialized (
        select run_id as id from escapement.place where run_id > ${placesFrom} order by run_id limit ${LIMITS.repairPage}
      )
      select max(p.id)::text as last, count(*)::int as n, array_agg(p.id::text) filter (where ${isOver("p.id")}) as ids
      from page p`;
    placesFrom = page?.n === LIMITS.repairPage ? (page.last ?? "0") : "0";
    return page?.ids ?? [];
  };

  const contended = async (): Promise<{ left: string[]; gates: GateKey[] }> => {
    const rows = await sql<(GateKey & { open: boolean; left: string[] | null })[]>`
      with recursive line as (
        (
          select gate_id, key from escapement.place
          where state = 'LINE' and (gate_id, key) > (${keysFrom.gateId}, ${keysFrom.key})
          order by gate_id, key limit 1
        )
        union all
        select n.gate_id, n.key
        from line cross join lateral (
          select gate_id, key from escapement.place p
          where p.state = 'LINE' and (p.gate_id, p.key) > (line.gate_id, line.key)
          order by gate_id, key limit 1
        ) n
      ),
      page as materialized (select * from line limit ${LIMITS.repairPage})
      select l.gate_id as "gateId", l.key,
        -- A rate is full by time, and what nobody told of is found by looking.
        g.kind = 'RATE' or g.policy is not distinct from 'SERIAL_REPLACE' or g.capacity > taken.n as open,
        taken.left
      from page l join escapement.gate g on g.id = l.gate_id
      cross join lateral (
        select count(*) as n, array_agg(p.run_id::text) filter (where ${isOver("p.run_id")}) as left
        from escapement.place p where p.gate_id = l.gate_id and p.key = l.key and p.state = 'TAKEN'
      ) taken`;
    const last = rows.at(-1);
    keysFrom = last && rows.length === LIMITS.repairPage ? last : { gateId: 0, key: "" };
    return { left: rows.flatMap((row) => row.left ?? []), gates: rows.filter((row) => row.open) };
  };

  const isOver = (id: "p.id" | "p.run_id") => sql`
    not exists (select from escapement.waiting w where w.id = ${sql(id)})
    and not exists (select from escapement.ready r where r.id = ${sql(id)})
    and not exists (select from escapement.lease l where l.id = ${sql(id)})`;

  return async (): Promise<Partial<GateWork>> => {
    const { left, gates } = await contended();
    return { gates, left: [...new Set([...left, ...(await over())])], entering: await nowhere() };
  };
}
