/**
 * running → running: heartbeats. Coalesced, on a connection that does not wait for the disk, touching no index; a
 * lease that has expired is not revived, even while its row is still there (RELIABILITY M8). Those that carry a
 * checkpoint take a lane of their own, which does wait for the disk: what is answered as saved is saved.
 */
import { LIMITS, RHYTHM } from "../config.ts";
import { unavailable } from "../core/rejection.ts";
import type { Sql } from "../store/connection.ts";
import { type EngineContext, parseLeaseId } from "./context.ts";
import type { RenewItem, RenewResult } from "./engine.ts";
import { createLane } from "./lane.ts";

interface Renewal extends RenewItem {
  runId: string;
  secret: string;
}

export function createRenew(context: EngineContext) {
  const laneOn = (sql: Sql) =>
    createLane<Renewal[], RenewResult[]>({
      maxItems: LIMITS.laneItems,
      maxWaiting: LIMITS.laneWaiting,
      weigh: (renewals) => renewals.length,
      run: async (requests) => {
        const results = await renew(context, sql, requests.flat());
        return requests.map((renewals) => results.splice(0, renewals.length));
      },
    });
  const beating = laneOn(context.heartbeatSql);
  const saving = laneOn(context.sql);
  return async (items: RenewItem[]): Promise<RenewResult[]> => {
    const renewals = items.flatMap((item) => {
      const lease = parseLeaseId(item.leaseId);
      return lease === null ? [] : [{ ...item, ...lease }];
    });
    const lane = renewals.some(({ checkpoint }) => checkpoint !== undefined) ? saving : beating;
    const results = renewals.length === 0 ? [] : await lane(renewals);
    const byLease = new Map(renewals.map((renewal, at) => [renewal.leaseId, results[at] as RenewResult]));
    return items.map((item) => byLease.get(item.leaseId) ?? { status: "unknown" });
  };
}

interface Renewed {
  n: number;
  status: "ok" | "lost" | "unknown";
  cancel: boolean;
  /** Null when it was left out. */
  namespaceId: number | null;
  jobId: number | null;
}

/** For so long heartbeats wait for whoever has locked one of their leases. */
const PATIENCE_MS = 50;
const LOCK_NOT_AVAILABLE = "55P03";

/**
 * Prolongs what is free. A worker's own transaction that completes its lease keeps the row locked until it ends;
 * all the others of the batch must not wait for that, so the second try leaves out what is locked. A checkpoint must
 * not be left out: the lane then sends each by itself, and the one that is locked is to come back.
 */
async function write(sql: Sql, renewals: Renewal[]): Promise<Renewed[]> {
  try {
    return await prolong(sql, renewals, false);
  } catch (error) {
    if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw error;
    if (renewals.some(({ checkpoint }) => checkpoint !== undefined)) {
      throw unavailable("the lease is being completed in a transaction; save the checkpoint before or after");
    }
    return await prolong(sql, renewals, true);
  }
}

async function prolong(s: Sql, renewals: Renewal[], skipLocked: boolean): Promise<Renewed[]> {
  const saves = renewals.some(({ checkpoint }) => checkpoint !== undefined);
  return await s<Renewed[]>`
    with patience as materialized (select set_config('lock_timeout', ${String(PATIENCE_MS)}, true)),
    item as (
      select i.* from patience, unnest(
        ${renewals.map((r) => r.runId)}::bigint[], ${renewals.map((r) => r.secret)}::uuid[],
        ${renewals.map((r) => r.progress ?? null)}::real[], ${renewals.map((r) => r.message ?? null)}::text[]
        ${saves ? s`, ${renewals.map((r) => r.checkpoint ?? null)}::text[]` : s``}
      ) with ordinality as i(run_id, secret, progress, message ${saves ? s`, checkpoint` : s``}, n)
    ),
    -- The last of several heartbeats of one lease in a batch speaks for all.
    latest as (select distinct on (run_id, secret) * from item order by run_id, secret, n desc),
    ${
      skipLocked
        ? s`free as materialized (
      select l.id from latest i join escapement.lease l on l.id = i.run_id for no key update of l skip locked
    ),`
        : s``
    }
    renewed as (
      update escapement.lease l set
        expires_at = escapement.clock() + ${RHYTHM.leaseMs} * interval '1 millisecond',
        progress = coalesce(i.progress, l.progress),
        message = coalesce(i.message, l.message)
        ${saves ? s`, checkpoint = nullif(coalesce(i.checkpoint, l.checkpoint), 'null')` : s``}
      from latest i ${skipLocked ? s`, free` : s``}
      where l.id = i.run_id and l.secret = i.secret and l.expires_at > escapement.clock()
        ${skipLocked ? s`and l.id = free.id` : s``}
      returning l.id, l.secret, l.cancel_at is not null as cancel, l.namespace_id, l.job_id
    )
    select i.n::int, coalesce(r.cancel, false) as cancel, r.namespace_id as "namespaceId", r.job_id as "jobId",
      case when r.id is not null then 'ok'
        ${
          // Still there and not prolonged: locked. Its next heartbeat knows more.
          skipLocked
            ? s`when exists (select from escapement.lease l
          where l.id = i.run_id and l.secret = i.secret and l.expires_at > escapement.clock()) then 'ok'`
            : s``
        }
        when exists (select from escapement.run x where x.id = i.run_id) then 'lost' else 'unknown' end as status
    from item i left join renewed r on r.id = i.run_id and r.secret = i.secret`;
}

async function renew(context: EngineContext, sql: Sql, renewals: Renewal[]): Promise<RenewResult[]> {
  const rows = await write(sql, renewals);
  const results: RenewResult[] = renewals.map(() => ({ status: "unknown" }));
  const told = rows.flatMap((row) => {
    const renewal = renewals[row.n - 1] as Renewal;
    results[row.n - 1] =
      row.status === "ok"
        ? { status: "ok", cancel: row.cancel, leaseSeconds: RHYTHM.leaseMs / 1000 }
        : { status: row.status };
    const says = renewal.progress !== undefined || renewal.message !== undefined;
    return row.status === "ok" && row.namespaceId !== null && row.jobId !== null && says
      ? [
          {
            kind: "run" as const,
            id: renewal.runId,
            namespaceId: row.namespaceId,
            jobId: row.jobId,
            state: "RUNNING" as const,
          },
        ]
      : [];
  });
  if (told.length > 0) context.channel.publish(told);
  return results;
}
