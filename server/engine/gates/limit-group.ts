/**
 * The limit on how many runs of a worker group go on at once. Its gate is looked up by every run that asks at gates, so
 * a limit that is set, changed or taken away holds at once for runs that wait; what remains is to make those ask that
 * did not have to, and to count those that run.
 */
import { checkLimit, GROUP_STAGE, UNLIMITED } from "../../core/gate.ts";
import { guarded } from "../../store/connection.ts";
import type { EngineContext } from "../context.ts";
import { lockStripes, NOTHING } from "./pass.ts";
import { hold, inPages, makeAsk, markJobs } from "./pause.ts";

/**
 * At most `maxParallel` runs for the group are ready or running at once; null: as many as like. Running runs go on and
 * count. Of a group that had no limit, ready runs stand in line; those that had a place keep it. Throws BAD_INPUT.
 */
export async function limitGroup(
  context: EngineContext,
  namespaceId: number,
  group: string,
  maxParallel: number | null,
): Promise<void> {
  const { sql, channel } = context;
  const capacity = maxParallel === null ? UNLIMITED : checkLimit(maxParallel, "maxParallel");
  const [gate] = await sql<{ id: number }[]>`
    insert into escapement.gate (namespace_id, name, kind, "group", capacity)
    values (${namespaceId}, ${`group/${group}`}, 'GROUP_CONCURRENCY', ${group}, ${capacity})
    on conflict (namespace_id, name) do update set capacity = excluded.capacity returning id`;
  const { id } = gate as { id: number };
  const scope = { namespaceId, kind: "GROUP" as const, target: group };
  await markJobs(context, scope);
  // Versions that other servers remember say whether their runs have to ask.
  channel.publish([{ kind: "namespace", id: namespaceId, namespaceId }]);
  if (maxParallel !== null) {
    await makeAsk(context, scope, ["waiting", "staged"]);
    await inPages(context, scope, "waiting", sql`true`, (ids) => line(context, id, ids));
    const countRunning = () => inPages(context, scope, "lease", sql`true`, (ids) => count(context, id, ids));
    await countRunning();
    await inPages(context, scope, "ready", sql`true`, (ids) => hold(context, ids));
    // Those that were claimed meanwhile.
    await countRunning();
  }
  await letIn(context, id);
}

/** What stands in line elsewhere comes here next. */
async function line({ sql }: EngineContext, gateId: number, ids: string[]): Promise<void> {
  await sql`
    insert into escapement.place (run_id, stage, gate_id, key, rank, state)
    select w.id, ${GROUP_STAGE}, ${gateId}, '', -w.priority, 'AHEAD' from escapement.waiting w
    where w.id = any(${ids}::bigint[]) and exists (select from escapement.place p where p.run_id = w.id)
    on conflict (run_id, stage) do nothing`;
}

/** Running runs have places, more than there are if need be; they free them as they end. */
async function count({ sql }: EngineContext, gateId: number, ids: string[]): Promise<void> {
  await guarded(sql, async (transaction) => {
    await lockStripes(transaction, { ...NOTHING, gates: [{ gateId, key: "" }] });
    await transaction`
      with held as (
        -- Those that a worker's own transaction is completing will be gone; nobody may wait for it with this key locked.
        select id from escapement.lease where id = any(${ids}::bigint[]) for no key update skip locked
      ),
      counted as (
        update escapement.lease l set gates = coalesce(l.gates, '[]') from held where l.id = held.id
        returning l.id, l.priority
      )
      insert into escapement.place (run_id, stage, gate_id, key, rank, state)
      select id, ${GROUP_STAGE}, ${gateId}, '', -priority, 'TAKEN' from counted
      on conflict (run_id, stage) do update set state = 'TAKEN'`;
  });
}

/** Lets in whom a wider gate has places for, a batch at a time. */
async function letIn({ sql, gates }: EngineContext, gateId: number): Promise<void> {
  for (let open = true; open; ) {
    await gates.work({ gates: [{ gateId, key: "" }] });
    const [row] = await sql<{ open: boolean }[]>`
      select exists (select from escapement.place where gate_id = g.id and key = '' and state = 'LINE')
        and g.capacity > (select count(*) from escapement.place where gate_id = g.id and key = '' and state = 'TAKEN') as open
      from escapement.gate g where g.id = ${gateId}`;
    open = row?.open ?? false;
  }
}
