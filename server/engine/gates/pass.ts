/**
 * One pass at the gates: the statements that lock keys, count places and let the next runs in. The stripes of all keys
 * are locked first, in a statement of its own, so that the next one sees what everybody before it did (RELIABILITY M7);
 * in one statement wake-ups would be lost.
 */
import { LIMITS } from "../../config.ts";
import { COUNTED_KINDS, GROUP_STAGE } from "../../core/gate.ts";
import type { Sql, Transaction } from "../../store/connection.ts";
import { limitedQueues } from "../../store/groups.ts";
import { counted, isHeld, isPaused, type MovedRun, unblocked } from "../context.ts";
import type { BegunAttempt } from "./rate.ts";

/** A gate and one of its keys. */
export interface GateKey {
  gateId: number;
  key: string;
}

/** What a pass is asked to do. */
export interface GateWork {
  /** Runs that nothing but gates holds any more; those still held otherwise are left alone. */
  entering: string[];
  /** Runs that have ended: their places are free. */
  left: string[];
  /** Runs that wait for their retry or are paused: the places that count attempts are free. */
  retrying: string[];
  /** Attempts of runs with a rate that were claimed; their gates are among `gates`. */
  begun: BegunAttempt[];
  /** Where somebody may be let in. */
  gates: GateKey[];
}

export const NOTHING: GateWork = { entering: [], left: [], retrying: [], begun: [], gates: [] };

/** A gate that had no place for those who still stand in line. */
export interface FullGate extends GateKey {
  policy: string | null;
}

/** Locks the stripes of all keys that the work touches, and of the groups of new runs in `queueIds`, in order. */
export async function lockStripes(
  transaction: Transaction,
  work: GateWork,
  queueIds: number[] = [],
): Promise<void> {
  const s = transaction as unknown as Sql;
  const placed = [...work.entering, ...work.left, ...work.retrying];
  await s`
    select s.id from (
      select distinct t.id from (
        select escapement.stripe_of(gate_id, key) as id
        from unnest(${work.gates.map((gate) => gate.gateId)}::int[], ${work.gates.map((gate) => gate.key)}::text[])
          as g(gate_id, key)
        union all
        select escapement.stripe_of(p.gate_id, p.key) from escapement.place p where p.run_id = any(${placed}::bigint[])
        union all
        select escapement.stripe_of(g.gate, g.key)
        from escapement.waiting w
        cross join lateral jsonb_to_recordset(w.gates::jsonb) as g(gate int, key text)
        where w.id = any(${work.entering}::bigint[]) and w.gates is not null
        union all
        select escapement.stripe_of(l.gate_id, '') from (${limitedQueues(s)}) l
        where l.queue_id = any(${queueIds}::int[])
          or l.queue_id in (select w.queue_id from escapement.waiting w where w.id = any(${work.entering}::bigint[]))
      ) t order by 1 offset 0
    ) wanted cross join lateral (select id from escapement.stripe where id = wanted.id for update) s`;
}

/** Frees and joins: writes what the work says about places. Returns the gates where somebody may be let in now. */
export async function changePlaces(
  transaction: Transaction,
  { entering, left, retrying, gates }: Omit<GateWork, "begun">,
): Promise<GateKey[]> {
  if (entering.length + left.length + retrying.length === 0) return gates;
  const s = transaction as unknown as Sql;
  const touched = await s<GateKey[]>`
    with freed as (
      delete from escapement.place p
      where p.run_id = any(${left}::bigint[])
        -- Back already: a redriven run keeps what it has.
        -- Looked up one by one: as joins they would be planned once, for tables that were small then.
        and (select w.id from escapement.waiting w where w.id = p.run_id) is null
        and (select r.id from escapement.ready r where r.id = p.run_id) is null
        and (select l.id from escapement.lease l where l.id = p.run_id) is null
      returning p.gate_id, p.key
    ),
    given_back as (
      update escapement.place p set state = 'AHEAD'
      from escapement.waiting w, escapement.gate g
      where p.run_id = any(${retrying}::bigint[]) and p.state <> 'AHEAD'
        -- Its time may have come meanwhile, or the pause be over; then it goes on with the place it has.
        and w.id = p.run_id and (w.wake_at is not null or ${isPaused(s)})
        and g.id = p.gate_id and g.kind = any(${[...COUNTED_KINDS]}::text[])
      returning p.gate_id, p.key
    ),
    limited as materialized (${limitedQueues(s)}),
    free as materialized (
      select w.id, w.gates, w.queue_id, w.priority from escapement.waiting w
      where w.id = any(${entering}::bigint[]) and w.gates is not null and w.wake_at is null
        and not ${isPaused(s)}
        and not ${isHeld(s)}
    ),
    lined as (
      insert into escapement.place (run_id, stage, gate_id, key, rank, state)
      select f.id, g.stage, g.gate, g.key, g.rank, case when g.stage = 1 or g.next then 'LINE' else 'AHEAD' end
      from free f cross join lateral (
        select *, false as next
        from rows from (jsonb_to_recordset(f.gates::jsonb) as (gate int, key text, rank smallint))
          with ordinality as g(gate, key, rank, stage)
        union all
        select l.gate_id, '', -f.priority, ${GROUP_STAGE}, case
            when f.gates = '[]' then true
            -- It has passed all others before its group had a limit.
            else exists (select from escapement.place e where e.run_id = f.id)
              and not exists (select from escapement.place e where e.run_id = f.id and e.state <> 'TAKEN') end
        from limited l where l.queue_id = f.queue_id
      ) g
      on conflict (run_id, stage) do nothing
      returning gate_id, key, state
    ),
    resumed as (
      update escapement.place p set state = 'LINE'
      from free f
      where p.run_id = f.id and p.state = 'AHEAD'
        and not exists (
          select from escapement.place e where e.run_id = p.run_id and e.stage < p.stage and e.state <> 'TAKEN')
      returning p.gate_id, p.key
    )
    select gate_id as "gateId", key from freed
    union select gate_id, key from given_back
    union select gate_id, key from lined where state = 'LINE'
    union select gate_id, key from resumed`;
  return [...gates, ...touched];
}

/**
 * Lets runs in while there are places. Returns the runs that took their last place, the gates that the others go on
 * to, the gates with a policy at which somebody still stands in line, and the gates of rates, which rate.ts opens.
 */
export async function takePlaces(transaction: Transaction, gates: GateKey[]) {
  const s = transaction as unknown as Sql;
  const rows = await s<
    {
      runId: string | null;
      gateId: number | null;
      key: string | null;
      policy: string | null;
      isRate: boolean;
    }[]
  >`
    with wanted as materialized (
      select distinct g.id as gate_id, w.key, g.capacity, g.policy, g.kind = 'RATE' as is_rate
      from unnest(${gates.map((gate) => gate.gateId)}::int[], ${gates.map((gate) => gate.key)}::text[]) as w(gate_id, key)
      join escapement.gate g on g.id = w.gate_id
    ),
    chosen as materialized (
      select l.*
      from wanted w
      cross join lateral (
        select count(*) as n from escapement.place p where p.gate_id = w.gate_id and p.key = w.key and p.state = 'TAKEN'
      ) taken
      cross join lateral (
        select run_id, stage from escapement.place p
        where p.gate_id = w.gate_id and p.key = w.key and p.state = 'LINE' and taken.n < w.capacity and not w.is_rate
        order by escapement.line_turn(run_id, rank), run_id limit least(greatest(w.capacity - taken.n, 0), ${LIMITS.releaseBatch})
      ) l
    ),
    took as (
      update escapement.place p set state = 'TAKEN' from chosen c where p.run_id = c.run_id and p.stage = c.stage
    ),
    step as materialized (
      select c.run_id, n.stage, n.gate_id, n.key
      from chosen c left join lateral (
        select stage, gate_id, key from escapement.place p
        where p.run_id = c.run_id and p.stage > c.stage and p.state <> 'TAKEN' order by stage limit 1
      ) n on true
    ),
    stepped as (
      update escapement.place p set state = 'LINE'
      from step n join escapement.gate g on g.id = n.gate_id join escapement.waiting w on w.id = n.run_id
      where p.run_id = n.run_id and p.stage = n.stage
        -- Paused, it would keep others from a place that it cannot use; it goes on from here when it is resumed.
        and not (g.kind = any(${[...COUNTED_KINDS]}::text[]) and ${isPaused(s)})
    )
    select run_id as "runId", gate_id as "gateId", key, null as policy, false as "isRate" from step
    union all
    select null, w.gate_id, w.key, w.policy, w.is_rate from wanted w
    -- In this order, or each key would compare its whole line with all who were chosen.
    where case
      when w.is_rate then true
      when w.policy in ('SERIAL_DISCARD', 'SERIAL_REPLACE') then exists (
        select from escapement.place p
        where p.gate_id = w.gate_id and p.key = w.key and p.state = 'LINE'
          and not exists (select from chosen c where c.run_id = p.run_id and c.stage = p.stage))
      end`;
  const through: string[] = [];
  const next: GateKey[] = [];
  const full: FullGate[] = [];
  const rates: GateKey[] = [];
  for (const { runId, gateId, key, policy, isRate } of rows) {
    if (gateId === null || key === null) through.push(runId as string);
    else if (isRate) rates.push({ gateId, key });
    else if (runId === null) full.push({ gateId, key, policy });
    else next.push({ gateId, key });
  }
  return { through, next, full, rates };
}

export interface SkippedRun extends MovedRun {
  awaited: boolean;
  unblockedTrigger: number | null;
}

/**
 * waiting → SKIPPED: whoever still stands in line at a gate of a job with SERIAL_DISCARD came while another run had not
 * ended. Its occurrence says so.
 */
export async function discard(
  transaction: Transaction,
  gates: GateKey[],
  source: string,
): Promise<SkippedRun[]> {
  if (gates.length === 0) return [];
  const s = transaction as unknown as Sql;
  const error = {
    message: "another run of the job had not ended; its overlap policy is SERIAL_DISCARD",
    type: "Discarded",
  };
  return await s<SkippedRun[]>`
    with now as materialized (select escapement.clock() as at),
    gone as (
      delete from escapement.waiting w
      using unnest(${gates.map((gate) => gate.gateId)}::int[], ${gates.map((gate) => gate.key)}::text[]) as g(gate_id, key),
        escapement.place p
      where p.gate_id = g.gate_id and p.key = g.key and p.state = 'LINE' and w.id = p.run_id
      returning w.*
    ),
    archived as (
      insert into escapement.ended (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint,
        ended_at, state, error)
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint, now.at, 'SKIPPED',
        ${JSON.stringify(error)} from gone, now
    ),
    noted as (
      update escapement.occurrence o set outcome = 'DISCARDED' from gone g
      where o.trigger_id = g.trigger_id and o.scheduled_at = g.scheduled_at and o.run_id = g.id
    ),
    unblocked as (${unblocked(s, s`select id, trigger_id from gone`)}),
    tallied as (${counted(s, s`select namespace_id, 'SKIPPED' as what from gone`, source)})
    select g.id, g.namespace_id as "namespaceId", g.job_id as "jobId", g.queue_id as "queueId", g.awaited,
      (select u.id from unblocked u where u.id = g.trigger_id) as "unblockedTrigger"
    from gone g`;
}
