/**
 * Runs that a running lease asks for. They are staged beside the lease and come to life in the statement that
 * completes it, or not at all; with `now` they start at once. A join is a run that waits for all the others.
 */
import { randomInt } from "node:crypto";
import { badInput, notFound } from "../core/rejection.ts";
import { guarded, type Sql, type Transaction } from "../store/connection.ts";
import { arrayText, byteas, type EngineContext, parseLeaseId } from "./context.ts";
import { type Engine, LeaseLost, type StartItem } from "./engine.ts";
import { announceStarted, insertRuns } from "./enqueue.ts";
import { isLarge, type NewRun, resolveItems } from "./new-run.ts";
import { holdForOthers } from "./start.ts";

type ChildrenRequest = Parameters<Engine["startChildren"]>[1];
type ChildrenAnswer = Awaited<ReturnType<Engine["startChildren"]>>;

/** Throws NOT_FOUND, BAD_INPUT, LIMIT_EXCEEDED, and LeaseLost when the lease is over. */
export async function startChildren(
  context: EngineContext,
  leaseId: string,
  request: ChildrenRequest,
): Promise<ChildrenAnswer> {
  const lease = parseLeaseId(leaseId);
  if (lease === null) throw notFound("such lease");
  const items = request.join ? [...request.runs, request.join] : request.runs;
  for (const [at, item] of items.entries()) refuseUnsupported(item, at, request);
  const runs = await resolveItems(context, items, { parentId: lease.runId, field: "runs" });
  return request.now
    ? await startNow(context, lease, request, runs)
    : await stage(context, lease, request, runs);
}

function refuseUnsupported(item: StartItem, at: number, request: ChildrenRequest): void {
  const field = at < request.runs.length ? `runs[${at}]` : "join";
  if (item.idempotencyKey != null) {
    throw badInput(
      `${field}.idempotencyKey`,
      "children are created once, with their lease; leave the key out",
    );
  }
  if (item.after != null && item.after.length > 0) {
    throw badInput(`${field}.after`, "a child waits through `join`; leave `after` out");
  }
}

async function requireLease(
  sql: Sql | Transaction,
  lease: { runId: string; secret: string },
  rows: readonly unknown[],
): Promise<void> {
  if (rows.length > 0) return;
  const [run] = await (sql as Sql)`select id from escapement.run where id = ${lease.runId}`;
  throw run ? new LeaseLost() : notFound("such lease");
}

async function startNow(
  context: EngineContext,
  lease: { runId: string; secret: string },
  request: ChildrenRequest,
  runs: NewRun[],
): Promise<ChildrenAnswer> {
  const source = `${context.serverId}/children`;
  const children = { runs: runs.slice(0, request.runs.length), key: null };
  const join = { runs: runs.slice(request.runs.length), key: null };
  const insert = async (transaction: Transaction) => {
    const held = await transaction`
      select id from escapement.lease where id = ${lease.runId} and secret = ${lease.secret} for key share`;
    await requireLease(transaction, lease, held);
    const [first] = children.runs.length > 0 ? await insertRuns(transaction, [children], source) : [];
    const ids = first?.status === "started" ? first.runs.map((run) => run.id) : [];
    if (!request.join) return { ids, answers: [first], requests: [children] };
    const waitsFor = await holdForOthers(transaction, [{ ...request.join, after: ids }], { field: "join" });
    const [second] = await insertRuns(transaction, [join], source, [waitsFor]);
    return { ids, answers: [first, second], requests: [children, join] };
  };
  const started = await guarded(context.sql, insert);
  const answers = started.answers.map((answer) => answer ?? { status: "stale" as const });
  announceStarted(context, started.requests, answers);
  const gated = runs.some((run) => run.gates !== null);
  if (gated) {
    const ids = answers
      .flatMap((answer) => (answer.status === "started" ? answer.runs : []))
      .map(({ id }) => id);
    await context.gates.work({ entering: ids });
  }
  const last = answers.at(-1);
  return request.join && last?.status === "started"
    ? { runs: started.ids, join: last.runs[0]?.id }
    : { runs: started.ids };
}

async function stage(
  context: EngineContext,
  lease: { runId: string; secret: string },
  request: ChildrenRequest,
  runs: NewRun[],
): Promise<ChildrenAnswer> {
  const { sql } = context;
  const column = <T>(pick: (run: NewRun, at: number) => T): T[] => runs.map(pick);
  const count = request.runs.length;
  const rows = await sql<{ id: string; n: number }[]>`
    with now as materialized (select escapement.clock() as at),
    held as (
      update escapement.lease set has_staged = true where id = ${lease.runId} and secret = ${lease.secret}
      returning id
    ),
    child as materialized (
      select escapement.next_run_id() as id, i.*,
        coalesce(to_timestamp(i.run_at / 1000), now.at + i.delay_ms * interval '1 millisecond') as wake_at
      from unnest(
        ${column((run) => run.version.namespaceId)}::int[], ${column((run) => run.version.jobId)}::int[],
        ${column((run) => run.version.id)}::int[], ${column((run) => run.queueId)}::int[],
        ${column((run) => run.priority)}::smallint[], ${column((run) => run.runAt)}::float8[],
        ${column((run) => run.delayMs)}::float8[], ${column((run) => (isLarge(run) ? null : run.input))}::text[],
        ${column((run) => (run.bytes !== null ? 2 : isLarge(run) ? 1 : 0))}::smallint[],
        ${column((run) => arrayText(run.tags))}::text[], ${column((run) => run.gates)}::text[], ${column((_, at) => (at < count ? null : count))}::int[],
        ${column((run) => (isLarge(run) ? run.input : null))}::text[], ${byteas(column((run) => run.bytes))}::text[]::bytea[]
      ) with ordinality as i(namespace_id, job_id, version_id, queue_id, priority, run_at, delay_ms, input, payload,
        tags, gates, joins, large_json, bytes, n), now, held
    ),
    made_payload as (
      insert into escapement.payload (run_id, json, bytes) select id, large_json, bytes from child where payload > 0
    ),
    made as (
      insert into escapement.staged (id, namespace_id, job_id, version_id, queue_id, priority, parent_id, scheduled_at,
        input, payload, tags, gates, awaited, secret, joins, call, wake_at)
      select id, namespace_id, job_id, version_id, queue_id, priority, ${lease.runId}, coalesce(wake_at, now.at),
        input, payload, tags::text[], gates, ${request.join !== undefined} and joins is null, ${lease.secret}, joins,
        ${randomInt(2 ** 31 - 1)}, wake_at
      from child, now
    )
    select id, n::int from child order by n`;
  if (runs.length > 0) await requireLease(sql, lease, rows);
  const ids = rows.map((row) => row.id);
  return request.join ? { runs: ids.slice(0, count), join: ids[count] } : { runs: ids };
}
