/**
 * Reads runs that have members (workflows, and nodes that run jobs), and locks them: whoever decides what one of them
 * does next has its row, so that two ends at once are seen one after the other.
 */
import type { RunFacts } from "../../core/params/scope.ts";
import type { Resume } from "../../core/workflow/resume.ts";
import type { RunOptions } from "../../core/workflow/scope.ts";
import type { JobVersion } from "../../store/catalog.ts";
import type { Sql, Transaction } from "../../store/connection.ts";
import { booleans, type EngineContext, list } from "../context.ts";

/** A run with members, as it is while its row is locked. */
export interface OpenRun {
  id: string;
  version: JobVersion;
  /** One letter per member. */
  states: string;
  chosen: Map<number, readonly number[]>;
  options: RunOptions;
  /** JSON text of a list; null: its members are the nodes of its version. */
  members: string | null;
  resume: Resume | null;
  halt: "FAILED" | "CANCELLED" | "TIMED_OUT" | null;
  /** Why a member could not be started. */
  fault: string | null;
  suspended: boolean;
  /** Of its lease, without which it cannot end. */
  secret: string;
  cancelRequested: boolean;
  cancelReason: string | null;
  fence: number;
  priority: number;
  parentId: string | null;
  /** JSON text; null: none, or bytes. */
  input: string | null;
  facts: RunFacts;
  /** Epoch milliseconds. */
  now: number;
}

interface Row extends Omit<OpenRun, "version" | "chosen" | "facts"> {
  versionId: number;
  chosen: Record<string, number[]>;
  scheduledAt: number;
  timeZone: string | null;
}

/** Those of the runs that go on, in the order of their ids, locked. */
export async function lockOpen(
  { catalog }: EngineContext,
  transaction: Transaction,
  runIds: string[],
): Promise<OpenRun[]> {
  const s = transaction as unknown as Sql;
  const rows = await s<Row[]>`
    select w.run_id as id, w.states, w.chosen, w.options, w.members, w.resume, w.halt, w.fault, ${isSuspended(s)} as suspended,
      l.version_id as "versionId", l.secret, l.cancel_at is not null as "cancelRequested",
      l.cancel_reason as "cancelReason", l.fence, l.priority, l.parent_id as "parentId",
      case when l.payload = 0 then coalesce(l.input, v.input) else p.json end as input,
      date_part('epoch', l.scheduled_at)::float8 * 1000 as "scheduledAt", t.schedule->>'timeZone' as "timeZone",
      date_part('epoch', escapement.clock())::float8 * 1000 as now
    from unnest(${list(runIds)}::text::bigint[]) as i(id)
    join escapement.workflow_run w on w.run_id = i.id
    join escapement.lease l on l.id = w.run_id
    join escapement.job_version v on v.id = l.version_id
    left join escapement.payload p on p.run_id = l.id and l.payload > 0
    left join escapement.trigger t on t.id = l.trigger_id
    order by w.run_id for update of w`;
  const versions = await catalog.versions(rows.map(({ versionId }) => versionId));
  return rows.map(({ versionId, chosen, scheduledAt, timeZone, ...row }) => {
    const version = versions.get(versionId) as JobVersion;
    return {
      ...row,
      version,
      chosen: new Map(Object.entries(chosen).map(([place, places]) => [Number(place), places])),
      facts: {
        id: row.id,
        job: version.job,
        namespace: version.namespace,
        scheduledAt: Math.round(scheduledAt),
        timeZone: timeZone ?? version.workflow?.timeZone ?? "UTC",
      },
    };
  });
}

/** Whether somebody has paused the leased run `l`, or one that it is a part of. */
function isSuspended(sql: Sql): ReturnType<Sql> {
  return sql`(exists (select from escapement.pause) and exists (
    with recursive above as (
      select l.id, l.parent_id, l.namespace_id, l.job_id, l.queue_id
      union all
      select a.id, a.parent_id, a.namespace_id, a.job_id, a.queue_id
      from above join escapement.lease a on a.id = above.parent_id
    )
    select from above where (escapement.pause_of(namespace_id, job_id, queue_id, id)).kind is not null
  ))`;
}

/** Writes what has become of them; their rows are locked. */
export async function saveOpen(transaction: Transaction, runs: OpenRun[]): Promise<void> {
  if (runs.length === 0) return;
  await transaction`
    update escapement.workflow_run w set states = i.states, chosen = i.chosen::jsonb, halt = i.halt,
      resume = case when i.resumed then null else w.resume end
    from unnest(${runs.map(({ id }) => id)}::bigint[], ${runs.map(({ states }) => states)}::text[],
      ${runs.map(({ chosen }) => JSON.stringify(Object.fromEntries(chosen)))}::text[],
      ${runs.map(({ halt }) => halt)}::text[], ${booleans(runs.map(({ suspended }) => !suspended))}::text[]::boolean[])
      as i(run_id, states, chosen, halt, resumed)
    where w.run_id = i.run_id`;
}
