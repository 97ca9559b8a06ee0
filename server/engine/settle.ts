/**
 * running → ended | waiting | ready: what a worker reports about the leases it holds. Plain successes are written
 * without a look at the row (`succeed`); the rest first reads what its decision depends on, which cannot change while
 * the lease lives, but for a request to cancel.
 * A report on a lease that is over gets the answer it got the first time, or "lost".
 */
import { LIMITS } from "../config.ts";
import { refuseNul } from "../core/json.ts";
import { limitExceeded } from "../core/rejection.ts";
import type { RetryPolicy } from "../core/retry.ts";
import { decideSettlement, type RunState, type Settlement } from "../core/run.ts";
import type { Sql } from "../store/connection.ts";
import { type EngineContext, parseLeaseId } from "./context.ts";
import type { SettleItem, SettleResult } from "./engine.ts";
import { createLane } from "./lane.ts";
import { type Departure, leave } from "./leave.ts";
import { succeed } from "./succeed.ts";

interface Report extends SettleItem {
  runId: string;
  secret: string;
}

/** What a decision about a failure, or about a run somebody wants cancelled, depends on. */
interface Facts {
  id: string;
  secret: string;
  versionId: number;
  failures: number;
  elapsedMs: number;
  cancelReason: string | null;
  cancelRequested: boolean;
  /** The run's own policy. */
  retry: RetryPolicy | null;
}

/** The optimistic guess about a release: nobody asked to cancel. */
const UNSEEN = { failures: 0, elapsedMs: 0, cancelRequested: false, cancelReason: null, retry: null };
const UNKNOWN: SettleResult = { status: "unknown" };
const SUCCEEDED: SettleResult = { status: "ok", state: "SUCCEEDED" };
/** A settle races with at most one cancel request and one expiry; each look decides anew. */
const LOOKS = 3;

export function createSettle(context: EngineContext) {
  const lane = createLane<Report[], SettleResult[]>({
    maxItems: LIMITS.laneItems,
    maxWaiting: LIMITS.laneWaiting,
    weigh: (reports) => reports.length,
    run: async (requests) => {
      const results = await settle(context, requests.flat());
      let end = 0;
      return requests.map((reports) => {
        end += reports.length;
        return results.slice(end - reports.length, end);
      });
    },
  });

  return async (items: SettleItem[]): Promise<SettleResult[]> => {
    const reports: Report[] = [];
    const places: number[] = [];
    const answers = new Array<SettleResult>(items.length).fill(UNKNOWN);
    for (const [at, item] of items.entries()) {
      const lease = parseLeaseId(item.leaseId);
      if (lease === null) continue;
      checkOutput(item, at);
      reports.push({ ...item, ...lease });
      places.push(at);
    }
    const results = reports.length === 0 ? [] : await lane(reports);
    for (const [at, place] of places.entries()) answers[place] = results[at] as SettleResult;
    return answers;
  };
}

function checkOutput({ output }: SettleItem, at: number): void {
  if (output == null) return;
  const field = at === 0 ? "output" : `results[${at}].output`;
  const size = Buffer.byteLength(output);
  if (size > LIMITS.outputBytes) {
    throw limitExceeded(
      `the output has ${size} bytes; at most ${LIMITS.outputBytes} are allowed: put more into an output file`,
      field,
    );
  }
  refuseNul(output, field);
}

async function settle(context: EngineContext, reports: Report[]): Promise<SettleResult[]> {
  const results: (SettleResult | undefined)[] = reports.map(() => undefined);
  // The same lease twice in one batch: the second report is a repetition and waits for the first one's answer.
  const first = new Map<string, number>();
  for (const [at, report] of reports.entries()) if (!first.has(report.leaseId)) first.set(report.leaseId, at);
  const successes = [...first.values()].filter(
    (at) => reports[at]?.outcome === "succeeded" && reports[at]?.outputBytes === undefined,
  );
  for (const n of await succeed(
    context,
    successes.map((at) => reports[at] as Report),
  )) {
    results[successes[n] as number] = SUCCEEDED;
  }
  let open = [...first.values()].filter((at) => results[at] === undefined);
  let known = new Map<string, Facts>();
  for (let look = 0; look < LOOKS && open.length > 0; look++) {
    const unread = open
      .map((at) => reports[at] as Report)
      .filter((report) => (look > 0 || report.outcome !== "released") && !known.has(report.leaseId));
    if (unread.length > 0) known = await readFacts(context, unread);
    const decided = await decide(
      context,
      open.map((at) => reports[at] as Report),
      known,
      look > 0,
    );
    if (decided.length === 0) break;
    const departed = await leave(
      context,
      decided.map(({ departure }) => departure),
      `${context.serverId}/settle`,
    );
    const gone = new Map(departed.map((run) => [`${run.id}/${run.secret}`, run.to]));
    for (const { report, departure } of decided) {
      const to = gone.get(`${report.runId}/${report.secret}`);
      if (to === undefined) continue;
      results[first.get(report.leaseId) as number] = answer(to, departure.delayMs);
    }
    open = open.filter((at) => results[at] === undefined);
    // What is still open was not as guessed: read it.
    known = new Map();
  }
  const repeated = reports.flatMap((report, at) => (results[at] === undefined ? [{ report, at }] : []));
  const replies = await replay(
    context,
    repeated.map(({ report }) => report),
  );
  for (const [place, { at }] of repeated.entries()) results[at] = replies[place];
  return results as SettleResult[];
}

function answer(state: RunState, retryMs: number | null | undefined): SettleResult {
  return state === "WAITING" && retryMs != null
    ? { status: "ok", state, retryInMs: retryMs }
    : { status: "ok", state };
}

async function readFacts({ sql }: EngineContext, reports: Report[]): Promise<Map<string, Facts>> {
  const rows = await sql<(Facts & { leaseId: string })[]>`
    select i.lease_id as "leaseId", l.id, l.secret, l.version_id as "versionId", l.failures,
      l.cancel_at is not null as "cancelRequested", l.cancel_reason as "cancelReason",
      l.retry, ${elapsedMs(sql)} as "elapsedMs"
    from unnest(${reports.map((r) => r.leaseId)}::text[], ${reports.map((r) => r.runId)}::bigint[],
      ${reports.map((r) => r.secret)}::uuid[]) as i(lease_id, run_id, secret)
    join escapement.lease l on l.id = i.run_id and l.secret = i.secret`;
  return new Map(rows.map((row) => [row.leaseId, row]));
}

/**
 * From the first start until now, of the run of lease `l`. A run that was put back after its end counts from its first
 * start since then: its budget of retries is a fresh one.
 */
export function elapsedMs(sql: Sql): ReturnType<Sql> {
  return sql`extract(epoch from escapement.clock() - coalesce((
    select min(a.started_at) from escapement.attempt a
    where a.run_id = l.id and a.fence > coalesce((
      select max(b.fence) from escapement.attempt b
      where b.run_id = l.id and b.state in ('FAILED', 'CANCELLED', 'SUCCEEDED')), 0)
  ), l.started_at))::float8 * 1000`;
}

/** Pairs reports with departures. A report whose facts were read and are missing is left to `replay`. */
async function decide(
  context: EngineContext,
  reports: Report[],
  known: Map<string, Facts>,
  mustKnow: boolean,
) {
  const versions = await context.catalog.versions([...known.values()].map((facts) => facts.versionId));
  const decided: { report: Report; departure: Departure }[] = [];
  for (const report of reports) {
    const facts = known.get(report.leaseId);
    if (!facts && (mustKnow || report.outcome !== "released")) continue;
    const { failures, elapsedMs, cancelRequested, cancelReason, retry } = facts ?? UNSEEN;
    const version = facts && versions.get(facts.versionId);
    const policy: RetryPolicy = retry ?? version?.retry ?? { kind: "off" };
    const settlement = decideSettlement({
      outcome: report.outcome,
      cancelRequested,
      policy,
      failures: failures + 1,
      elapsedMs,
      retryRequested: report.retry,
      retryAfterMs: report.retryAfterMs,
      random: context.random(),
    });
    decided.push({
      report,
      departure: {
        runId: report.runId,
        secret: report.secret,
        cancelSeen: cancelRequested,
        to: settlement.to,
        outcome: outcomeOf(settlement),
        output: settlement.to === "SUCCEEDED" ? (report.output ?? null) : null,
        outputBytes: settlement.to === "SUCCEEDED" ? report.outputBytes : undefined,
        error: errorOf(settlement, report, cancelReason),
        deadLetter: settlement.to === "FAILED" && (version?.deadLetter ?? true),
        ...(settlement.event === "retry" ? { delayMs: settlement.delayMs } : {}),
        ...(report.checkpoint === undefined ? {} : { checkpoint: report.checkpoint }),
      },
    });
  }
  return decided;
}

function outcomeOf(settlement: Settlement): Departure["outcome"] {
  switch (settlement.event) {
    case "succeed":
      return "SUCCEEDED";
    case "stop":
      return "CANCELLED";
    case "giveBack":
      return "RELEASED";
    case "expire":
    case "poison":
      return "LOST";
    case "retry":
    case "fail":
      return "FAILED";
  }
}

function errorOf(settlement: Settlement, report: Report, cancelReason: string | null): string | null {
  if (settlement.to === "CANCELLED") return cancelledError(cancelReason);
  if (report.outcome !== "failed") return null;
  return JSON.stringify(report.error ?? { message: "the worker gave no reason" });
}

/** What a cancelled run's `error` says. */
export function cancelledError(reason: string | null): string {
  return JSON.stringify({ message: reason ?? "cancelled", type: "Cancelled" });
}

/** The reports that may have led to an outcome: a run somebody wanted cancelled ends so whatever is reported. */
const REPORTED: Record<string, SettleItem["outcome"][]> = {
  SUCCEEDED: ["succeeded"],
  FAILED: ["failed"],
  RELEASED: ["released"],
  CANCELLED: ["succeeded", "failed", "released"],
};

/**
 * Answers reports on leases that are over: what the first one got, if it said the same and was what ended the lease;
 * else lost.
 * It locks what it found, so that the answer waits for the standby like the first one did (RELIABILITY M4).
 */
async function replay({ sql }: EngineContext, reports: Report[]): Promise<SettleResult[]> {
  if (reports.length === 0) return [];
  const rows = await sql<
    { n: number; state: RunState | null; outcome: string | null; retryMs: number | null; exists: boolean }[]
  >`
    with item as (
      select * from unnest(${reports.map((r) => r.runId)}::bigint[], ${reports.map((r) => r.secret)}::uuid[])
        with ordinality as i(run_id, secret, n)
    ),
    over as materialized (
      select e.id as run_id, e.secret, e.state, e.outcome, null::bigint as retry_ms
      from escapement.ended e where e.id = any(${reports.map((r) => r.runId)}::bigint[]) and e.outcome in ('SUCCEEDED', 'FAILED', 'CANCELLED')
      for update
    ),
    before as materialized (
      select a.run_id, a.secret, a.state, a.outcome, a.retry_ms
      from escapement.attempt a
      where a.run_id = any(${reports.map((r) => r.runId)}::bigint[])
        and a.outcome in ('FAILED', 'RELEASED', 'CANCELLED') for update
    )
    select i.n::int, f.state, f.outcome, f.retry_ms::float8 as "retryMs",
      exists (select from escapement.run r where r.id = i.run_id) as exists
    from item i
    left join (select * from over union all select * from before) f on f.run_id = i.run_id and f.secret = i.secret`;
  const results: SettleResult[] = reports.map(() => ({ status: "unknown" }));
  for (const row of rows) {
    const said = (reports[row.n - 1] as Report).outcome;
    if (row.state !== null && REPORTED[row.outcome ?? ""]?.includes(said)) {
      results[row.n - 1] = answer(row.state, row.retryMs);
    } else if (row.exists) {
      results[row.n - 1] = { status: "lost" };
    }
  }
  return results;
}
