/**
 * ready → running: lends ready runs to executors in the order of their turns (core/turn.ts). Concurrent polls share one
 * statement. Each queue is read by its own index range: `queue_id = any(...)` would walk everything once the plan turns
 * generic (PERFORMANCE 3.6).
 */
import { LIMITS, RHYTHM } from "../config.ts";
import { mayTake, stranger } from "../core/placement.ts";
import type { RetryPolicy } from "../core/retry.ts";
import { mayHoldSecrets } from "../core/secret-reference.ts";
import type { JobVersion } from "../store/catalog.ts";
import { type Claimed, failingRefused, withoutRefused } from "./claim/refused.ts";
import { isCapped, noteFull, type Seat, seats } from "./claim/seats.ts";
import { putSecretsIn } from "./claim/secrets.ts";
import { createShares, type Share, type Shares } from "./claim/shares.ts";
import { type Lent, stepsOf } from "./claim/steps.ts";
import { type EngineContext, formatLeaseId, list, runChange } from "./context.ts";
import type { ClaimedLease, ClaimPoll, Engine } from "./engine.ts";
import { type BegunAttempt, begunAttempt } from "./gates/rate.ts";
import { createLane } from "./lane.ts";

interface LeaseRow {
  /** Which poll of the batch it is for. */
  poll: number;
  id: string;
  namespaceId?: number;
  secret: string;
  versionId: number;
  queueId: number;
  input: string | null;
  payload: number;
  /** Epoch milliseconds. */
  scheduledAt: number;
  parentId: string | null;
  fence: number;
  failures: number;
  lost: number;
  released: number;
  /** The run's own policy. */
  retry: RetryPolicy | null;
  checkpoint: string | null;
  priority: number;
  /** Epoch milliseconds. */
  readyAt: number;
  /** Epoch milliseconds; the first row of a claim says it. */
  claimedAt: number | null;
  /** False when a repeated request found the lease that its first answer carried. */
  isNew: boolean;
}

/** `settle` ends runs that cannot be lent. */
export function createClaim(context: EngineContext, settle: Engine["settle"]): Engine["claim"] {
  const shares = createShares();
  const lane = createLane<ClaimPoll, Claimed>({
    maxItems: LIMITS.laneItems,
    maxWaiting: LIMITS.laneWaiting,
    weigh: (poll) => poll.max,
    key: keyOf,
    run: async (polls) => {
      const repeated = await readRepeated(context, polls);
      const known = new Set(repeated.map((row) => row.poll));
      const rows = [...repeated, ...(await take(context, shares, polls, known))];
      const claimed = rows.filter((row) => row.isNew);
      const leases = await dress(context, rows);
      if (claimed.length > 0) {
        context.channel.publish(
          claimed.map((row) => {
            const { namespaceId, jobId } = leases.versions.get(row.versionId) as JobVersion;
            return runChange({ id: row.id, namespaceId, jobId, queueId: row.queueId }, "RUNNING");
          }),
        );
        if (leases.begun.length > 0) context.gates.soon({ begun: leases.begun, gates: leases.begun });
      }
      return polls.map((_, poll) => withoutRefused(leases.byPoll.get(poll) ?? [], leases.refused));
    },
  });

  return failingRefused(lane, settle);
}

/** An executor with a capacity has its leases counted by each claim: two in one statement would count the same. */
function keyOf(poll: ClaimPoll): string | null {
  if (isCapped(poll)) return String(poll.executorId);
  return poll.requestId === undefined ? null : `${poll.executorId}/${poll.requestId}`;
}

/** Leases that a lost answer to the same request already carried. */
async function readRepeated({ sql }: EngineContext, polls: ClaimPoll[]): Promise<LeaseRow[]> {
  const asked = polls.flatMap((poll, at) =>
    poll.requestId === undefined ? [] : [{ at, executorId: poll.executorId, requestId: poll.requestId }],
  );
  if (asked.length === 0) return [];
  return await sql<LeaseRow[]>`
    select a.poll, l.id, l.secret, l.version_id as "versionId", l.queue_id as "queueId", l.input, l.payload,
      date_part('epoch', l.scheduled_at) * 1000 as "scheduledAt", l.parent_id as "parentId", l.fence, l.failures, l.lost, l.released,
      l.priority, date_part('epoch', l.ready_at) * 1000 as "readyAt",
      l.retry, l.checkpoint, null as "claimedAt", false as "isNew"
    from unnest(${asked.map((a) => a.at)}::int[], ${asked.map((a) => a.executorId)}::int[],
      ${asked.map((a) => a.requestId)}::text[]) as a(poll, executor_id, request_id)
    join escapement.lease l on l.executor_id = a.executor_id and l.request_id = a.request_id`;
}

/** Polls that read the same queues: they take from one merged order, each its share. */
interface PollSet {
  queueIds: number[];
  /** Set: the runs are of several namespaces. */
  namespaceIds: readonly number[] | undefined;
  polls: { at: number; poll: ClaimPoll }[];
}

function groupByQueues({ catalog }: EngineContext, polls: ClaimPoll[], skip: Set<number>): PollSet[] {
  const sets = new Map<string, PollSet>();
  for (const [at, poll] of polls.entries()) {
    if (skip.has(at) || (poll.executor && !mayTake(poll.executor))) continue;
    const { namespaceId, namespaceIds, groups, types, executor } = poll;
    const queueIds = namespaceIds
      ? namespaceIds.flatMap((id) =>
          catalog.queueIds(id, groups, types, executor && id !== namespaceId ? stranger(executor) : executor),
        )
      : catalog.queueIds(namespaceId, groups, types, executor);
    if (queueIds.length === 0) continue;
    const key = namespaceIds ? `${namespaceIds.join()}/${queueIds.join()}` : queueIds.join();
    const set = sets.get(key) ?? { queueIds, namespaceIds, polls: [] };
    set.polls.push({ at, poll });
    sets.set(key, set);
  }
  return [...sets.values()];
}

async function take(
  context: EngineContext,
  shares: Shares,
  polls: ClaimPoll[],
  skip: Set<number>,
): Promise<LeaseRow[]> {
  const rows = await Promise.all(
    groupByQueues(context, polls, skip).map(async (set) => {
      const { namespaceIds } = set;
      if (namespaceIds === undefined) return await takeSet(context, set, null);
      const due = shares.of(namespaceIds, await context.catalog.namespaceWeights(namespaceIds));
      const taken = await takeSet(context, set, due);
      shares.note(due, countByNamespace(taken));
      return taken;
    }),
  );
  return rows.flat();
}

function countByNamespace(rows: LeaseRow[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { namespaceId = 0 } of rows) counts.set(namespaceId, (counts.get(namespaceId) ?? 0) + 1);
  return counts;
}

/** The tags of candidates of several namespaces: in its own order, the n-th of each has the n-th of its tags. */
function tagged(sql: EngineContext["sql"], shares: Share[]): ReturnType<EngineContext["sql"]> {
  return sql`
    tagged as (
      select c.place, c.turn, c.id,
        s.tag + (row_number() over (partition by s.namespace_id order by c.turn, c.id) - 1) / s.weight as tag
      from candidate c
      join escapement.queue q on q.id = c.queue_id
      join unnest(${shares.map(({ namespaceId }) => namespaceId)}::int[], ${shares.map(({ tag }) => tag)}::float8[],
        ${shares.map(({ weight }) => weight)}::float8[]) as s(namespace_id, tag, weight) on s.namespace_id = q.namespace_id
    ),`;
}

/**
 * Takes runs for the polls of one set. The rank of a run says which poll gets it, by position in a list: a join of
 * what was deleted with what was wanted would be planned for ten rows and compare each with each.
 */
async function takeSet(
  context: EngineContext,
  { queueIds, polls }: PollSet,
  shares: Share[] | null,
): Promise<LeaseRow[]> {
  const { sql, floors } = context;
  const { ranges, whole } = floors.ranges(queueIds);
  const began = performance.now();
  /** Per rank, the place in `polls` of the poll that gets the run. */
  const takers = polls.flatMap(({ poll }, place) => new Array<number>(poll.max).fill(place + 1));
  const capped = polls.some(({ poll }) => isCapped(poll));
  const rows = await sql<(LeaseRow & { seats?: Seat[] })[]>`
    with now as materialized (select escapement.clock() as at),
    ${
      capped
        ? seats(
            sql,
            polls.map(({ poll }) => poll),
          )
        : sql``
    }
    range as materialized (
      select queue_id, to_timestamp(since) as since, to_timestamp(until) as until
      from unnest(${list(ranges.queueIds)}::text::int[], ${list(ranges.since)}::text::float8[],
        ${list(ranges.until)}::text::float8[]) as g(queue_id, since, until)
    ),
    candidate as materialized (
      select ${shares ? sql`q.id as queue_id, r.*` : sql`r.*`}
      from unnest(${queueIds}::int[]) as q(id) cross join lateral (
        -- Ranges come in the claim's order, and the limit stops before those that are not needed.
        select found.* from range g cross join lateral (
          select ctid as place, id, turn
          from escapement.ready
          where queue_id = q.id and turn >= g.since and turn < g.until
            and (skip_at is null or skip_at > escapement.clock())
          order by turn, id limit ${takers.length}
          for update skip locked
        ) found
        where g.queue_id = q.id limit ${takers.length}
      ) r
    ),
    ${shares ? tagged(sql, shares) : sql``}
    taken as (
      delete from escapement.ready where ctid = any(array(
        select place from ${shares ? sql`tagged order by tag, turn, id` : sql`candidate order by turn, id`}
        limit ${capped ? sql`(select cardinality(takers) from granted)` : takers.length}
      )) returning *
    ),
    -- Deleting loses the order.
    ranked as (
      select *, row_number() over (order by turn, id) as rank from taken
    ),
    lent as materialized (
      select ranked.*, ${capped ? sql`(select takers from granted)` : sql`(${takers}::int[])`}[rank] as taker, gen_random_uuid() as secret, now.at as now from ranked, now
    ),
    made as (
      insert into escapement.lease (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence, failures, lost, released, awaited, retry, checkpoint,
        ready_at, secret, executor_id, started_at, expires_at, request_id)
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, gates, fence + 1, failures, lost, released, awaited, retry, checkpoint,
        ready_at, secret, (${polls.map(({ poll }) => poll.executorId)}::int[])[taker], now,
        now + ${RHYTHM.leaseMs} * interval '1 millisecond',
        (${polls.map(({ poll }) => poll.requestId ?? null)}::text[])[taker]
      from lent
    )
    select taker as poll, id, ${shares ? sql`namespace_id as "namespaceId",` : sql``} secret, version_id as "versionId", queue_id as "queueId", input, payload,
      date_part('epoch', scheduled_at) * 1000 as "scheduledAt", parent_id as "parentId", fence + 1 as fence, failures, lost, released,
      priority, date_part('epoch', ready_at) * 1000 as "readyAt",
      retry, checkpoint, case when rank = 1 then date_part('epoch', now) * 1000 end as "claimedAt", true as "isNew" ${capped ? sql`, case when rank is null or rank = 1 then granted.seats end as seats` : sql``}
    from ${capped ? sql`granted left join lent on true` : sql`lent`} order by rank`;
  if (capped) noteFull(polls, rows[0]?.seats ?? []);
  const taken = capped ? rows.filter((row) => row.id !== null) : rows;
  for (const row of taken) row.poll = polls[row.poll - 1]?.at ?? 0;
  const readAt = taken[0]?.claimedAt ?? null;
  floors.note({ taken, whole, readAt, tookMs: performance.now() - began });
  return taken;
}

/** Rows to leases: what the job's version says is in memory, large inputs take one query for all. */
async function dress(context: EngineContext, rows: LeaseRow[]) {
  const { sql, catalog } = context;
  const versions = await catalog.versions(rows.map((row) => row.versionId));
  const large = rows.filter((row) => row.payload > 0).map((row) => row.id);
  const payloads = new Map<string, { json: string | null; bytes: Buffer | null }>();
  if (large.length > 0) {
    const found = await sql<{ id: string; json: string | null; bytes: Buffer | null }[]>`
      select run_id as id, json, bytes from escapement.payload where run_id = any(${large}::bigint[])`;
    for (const row of found) payloads.set(row.id, row);
  }
  const byPoll = new Map<number, ClaimedLease[]>();
  const stepped: (Lent & { lease: ClaimedLease })[] = [];
  const begun: BegunAttempt[] = [];
  const secretive: ClaimedLease[] = [];
  for (const row of rows) {
    const version = versions.get(row.versionId) as JobVersion;
    const payload = payloads.get(row.id);
    const input = row.payload > 0 ? (payload?.json ?? null) : (row.input ?? version.input);
    const bytes = payload?.bytes ?? null;
    const lease = leaseOf(row, version, input, bytes);
    if (version.execution !== "SINGLE")
      stepped.push({ id: row.id, secret: row.secret, version, input, bytes, lease });
    if (input !== null && mayHoldSecrets(input)) secretive.push(lease);
    const attempt = row.isNew ? begunAttempt(row.id, row.fence, version.gates, input) : null;
    if (attempt) begun.push(attempt);
    const list = byPoll.get(row.poll);
    if (list) list.push(lease);
    else byPoll.set(row.poll, [lease]);
  }
  if (stepped.length > 0) {
    const steps = await stepsOf(context, stepped);
    for (const { id, lease } of stepped) lease.step = steps.get(id);
  }
  const refused = secretive.length > 0 ? await putSecretsIn(context, secretive) : null;
  return { byPoll, versions, begun, refused };
}

/** A lease as its executor gets it. */
export function leaseOf(
  row: Pick<
    LeaseRow,
    | "id"
    | "secret"
    | "queueId"
    | "scheduledAt"
    | "parentId"
    | "fence"
    | "released"
    | "failures"
    | "retry"
    | "checkpoint"
  >,
  version: JobVersion,
  input: string | null,
  inputBytes: Buffer | null,
): ClaimedLease {
  const { fence, released } = row;
  return {
    leaseId: formatLeaseId(row.id, row.secret),
    runId: row.id,
    namespaceId: version.namespaceId,
    namespace: version.namespace,
    queueId: row.queueId,
    attempt: fence - released,
    job: version.job,
    type: version.type,
    group: version.group,
    input,
    inputBytes,
    scheduledAt: Math.round(row.scheduledAt),
    leaseSeconds: RHYTHM.leaseMs / 1000,
    timeoutSeconds: version.timeoutMs === null ? null : version.timeoutMs / 1000,
    attempts: { made: fence - released - 1, max: attemptsMax(row, row.retry ?? version.retry) },
    parentId: row.parentId,
    fence,
    checkpoint: row.checkpoint,
  };
}

/** Attempts that were no failures of this budget (lost ones, those before a redrive) do not use it up. */
function attemptsMax(
  { fence, released, failures }: Pick<LeaseRow, "fence" | "released" | "failures">,
  policy: RetryPolicy,
): number {
  const others = fence - released - 1 - failures;
  return others + 1 + (policy.kind === "off" ? 0 : policy.max);
}
