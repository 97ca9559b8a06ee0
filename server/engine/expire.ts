/**
 * running → as decided: takes away leases whose executor fell silent, whose attempt ran out of time, or that outlived
 * a cancel request's grace. Only the leader does, and each batch checks its epoch in the statement that writes.
 */
import { LIMITS, RHYTHM } from "../config.ts";
import { formatDuration } from "../core/duration.ts";
import type { RetryPolicy } from "../core/retry.ts";
import { decideExpiry, type Settlement } from "../core/run.ts";
import type { EngineContext } from "./context.ts";
import { type Departure, type LeaderGuard, leave } from "./leave.ts";
import { cancelledError, elapsedMs } from "./settle.ts";

interface Overdue {
  runId: string;
  secret: string;
  versionId: number;
  failures: number;
  lost: number;
  elapsedMs: number;
  cancelRequested: boolean;
  cancelReason: string | null;
  timedOut: boolean;
  cancelOverdue: boolean;
  executor: string;
  /** Its queue is for this executor alone. */
  designated: boolean;
  timeoutMs: number | null;
  /** The run's own policy. */
  retry: RetryPolicy | null;
}

/** Takes away one batch of overdue leases; returns how many it found, so that a full batch is followed by another. */
export async function expire(context: EngineContext, guard: LeaderGuard): Promise<number> {
  const { sql, catalog } = context;
  const rows = await sql<Overdue[]>`
    select l.id as "runId", l.secret, l.version_id as "versionId", l.failures, l.lost, e.name as executor,
      q.requirement ? 'executor' as designated,
      l.retry, ${elapsedMs(sql)} as "elapsedMs",
      l.cancel_at is not null as "cancelRequested", l.cancel_reason as "cancelReason",
      v.timeout_ms::float8 as "timeoutMs",
      coalesce(l.started_at + v.timeout_ms * interval '1 millisecond' <= escapement.clock(), false) as "timedOut",
      coalesce(l.cancel_at + ${RHYTHM.cancelGraceMs} * interval '1 millisecond' <= escapement.clock(), false)
        as "cancelOverdue"
    from escapement.lease l
    join escapement.job_version v on v.id = l.version_id
    join escapement.executor e on e.id = l.executor_id
    join escapement.queue q on q.id = l.queue_id
    where l.expires_at <= escapement.clock()
      or l.started_at + v.timeout_ms * interval '1 millisecond' <= escapement.clock()
      or l.cancel_at + ${RHYTHM.cancelGraceMs} * interval '1 millisecond' <= escapement.clock()
    limit ${LIMITS.expireBatch} for update of l skip locked`;
  if (rows.length === 0) return 0;
  const versions = await catalog.versions(rows.map((row) => row.versionId));
  const departures = rows.map((row): Departure => {
    const version = versions.get(row.versionId);
    const policy: RetryPolicy = row.retry ?? version?.retry ?? { kind: "off" };
    const { cancelRequested, elapsedMs } = row;
    const settlement = row.timedOut
      ? decideExpiry({
          cause: "timeOut",
          cancelRequested,
          policy,
          failures: row.failures + 1,
          elapsedMs,
          random: context.random(),
        })
      : decideExpiry({
          cause: "leaseLost",
          cancelRequested,
          lostLeases: row.lost,
          staysPut: version?.execution === "BROADCAST" && row.designated,
        });
    return {
      runId: row.runId,
      secret: row.secret,
      cancelSeen: cancelRequested,
      onlyIfExpired: !row.timedOut && !row.cancelOverdue,
      to: settlement.to,
      outcome: row.timedOut ? "TIMED_OUT" : "LOST",
      error: errorOf(row, settlement),
      deadLetter: settlement.to === "FAILED" && (version?.deadLetter ?? true),
      ...(settlement.event === "retry" ? { delayMs: settlement.delayMs } : {}),
    };
  });
  await leave(context, departures, `${context.serverId}/expire`, guard);
  return rows.length;
}

function errorOf(row: Overdue, settlement: Settlement): string {
  if (settlement.to === "CANCELLED") return cancelledError(row.cancelReason);
  if (row.timedOut) {
    const message = `the attempt ran longer than its timeout of ${formatDuration(row.timeoutMs ?? 0)}`;
    return JSON.stringify({ message, type: "TimedOut" });
  }
  const message =
    settlement.event === "poison"
      ? settlement.reason
      : `executor "${row.executor}" stopped sending heartbeats; the run is given to another`;
  return JSON.stringify({ message, type: "LeaseLost" });
}
