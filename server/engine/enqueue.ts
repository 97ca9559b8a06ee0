/**
 * – → waiting | ready: the statement that brings runs into being. A run without holds goes straight into `ready`;
 * the requests of one batch share the statement, and a key makes a request repeatable: the repeat writes before it
 * answers, so that it waits for the standby like the first one did (RELIABILITY M4). Runs with gates are born waiting;
 * `insertGated` lets those in that find a place.
 */
import { RHYTHM } from "../config.ts";
import type { RunState } from "../core/run.ts";
import type { Change } from "../store/channel.ts";
import type { Sql, Transaction } from "../store/connection.ts";
import { arrayText, byteas, counted, type EngineContext, list, runChange, textArray } from "./context.ts";
import type { StartedRun } from "./engine.ts";
import type { Birth, Takers } from "./start/hand-off.ts";
import { isLarge, type NewRun } from "./start/new-run.ts";

/** The runs of one request. */
export interface KeyedRuns {
  runs: NewRun[];
  /** Set: the request may be repeated under this key. */
  key: { namespaceId: number; key: string; hash: Buffer } | null;
}

/** What the insert says of one request. */
export type Inserted =
  | {
      status: "started";
      runs: StartedRun[] /** Of each run that was born leased. */;
      births: (Birth | null)[];
    }
  | { status: "repeated"; hash: Buffer; runIds: string[] }
  /** A job changed under us: nothing was inserted. */
  | { status: "stale" };

/** A run that another one waits for: until its end, or until the end of all that it starts, too. */
export interface Wait {
  onRunId: string;
  kind: "AFTER" | "JOIN";
}

/** A run waits for itself until it is decided whether it may have its key (child-keys.ts). */
export const FOR_ITSELF = { onRunId: null, kind: "AFTER" } as const;
export type AnyWait = Wait | typeof FOR_ITSELF;

const NO_TAKERS: Takers["of"] = new Map();

/**
 * The statement. `held` gives, per request and run, the runs it has to wait for; a run in `takers` goes straight into
 * the lease of its taker if it is ready. `pinned`: runs of versions that need not be the current ones of their jobs, and
 * whose ends somebody waits for, because they are nodes of a workflow that has begun.
 */
export async function insertRuns(
  sql: Sql | Transaction,
  requests: KeyedRuns[],
  source: string,
  held: AnyWait[][][] = [],
  takers: Takers["of"] = NO_TAKERS,
  pinned = false,
): Promise<Inserted[]> {
  const runs = requests.flatMap((request, requestNo) =>
    request.runs.map((run, at) => ({ run, requestNo, waitsFor: held[requestNo]?.[at] ?? [] })),
  );
  const column = <T>(pick: (entry: (typeof runs)[number]) => T): T[] => runs.map(pick);
  const versions = [...new Set(column(({ run }) => run.version.id))];
  let last = 0;
  const keys = requests.flatMap(({ key, runs }, requestNo) => {
    const first = last + 1;
    last += runs.length;
    return key ? [{ ...key, requestNo, first, last }] : [];
  });
  const waits = runs.flatMap(({ waitsFor }, at) => waitsFor.map((wait) => ({ at: at + 1, ...wait })));
  const s = sql as Sql;
  const gated = runs.some(({ run }) => run.gates !== null);
  const own = runs.some(({ run }) => run.retry !== null || run.skipAfterMs !== null);
  const ownColumns = s`${own ? s`, retry, skip_at` : s``} ${pinned ? s`, awaited` : s``}`;
  const ownValues = s`${
    own ? s`, retry::jsonb, coalesce(wake_at, now) + skip_after_ms * interval '1 millisecond'` : s``
  } ${pinned ? s`, true` : s``}`;
  const unpaused = runs.some(({ run }) => run.version.paused) ? s`` : s`and not j.paused`;
  const payloads = runs.some(({ run }) => run.bytes !== null || isLarge(run));
  const lends = takers.size > 0;

  const rows = await s<
    {
      id: string | null;
      n: number;
      state: RunState;
      hash: Buffer | null;
      runIds: string[] | null;
      requestNo: number;
      secret?: string | null;
      scheduledAt?: number;
    }[]
  >`
    with now as materialized (select escapement.clock() as at),
    current as (
      ${
        pinned
          ? s`select count(*) as versions from escapement.job_version v join escapement.job j on j.id = v.job_id
        where v.id = any(${versions}::int[]) ${unpaused}`
          : s`select count(*) as versions from escapement.job j
        where j.version_id = any(${versions}::int[]) and j.deleted_at is null ${unpaused}`
      }
    ),
    item as (
      select escapement.next_run_id() as id, i.*
      from unnest(
        ${list(column(({ requestNo }) => requestNo))}::text::int[],
        ${list(column(({ run }) => run.version.namespaceId))}::text::int[],
        ${list(column(({ run }) => run.version.jobId))}::text::int[],
        ${list(column(({ run }) => run.version.id))}::text::int[],
        ${list(column(({ run }) => run.queueId))}::text::int[],
        ${list(column(({ run }) => run.priority))}::text::smallint[],
        ${list(column(({ run }) => run.triggerId))}::text::int[],
        ${list(column(({ run }) => run.parentId))}::text::bigint[],
        ${list(column(({ run }) => run.runAt))}::text::float8[],
        ${list(column(({ run }) => run.delayMs))}::text::float8[],
        ${textArray(column(({ run }) => (isLarge(run) ? null : run.input)))}::text::text[],
        ${list(column(({ run }) => (run.bytes !== null ? 2 : isLarge(run) ? 1 : 0)))}::text::smallint[],
        ${textArray(column(({ run }) => arrayText(run.tags)))}::text::text[],
        ${list(column(({ waitsFor }) => (waitsFor.length > 0 ? "t" : "f")))}::text::boolean[]
        ${gated ? s`, ${textArray(column(({ run }) => run.gates))}::text::text[]` : s``}
        ${
          own
            ? s`, ${textArray(column(({ run }) => run.retry && JSON.stringify(run.retry)))}::text::text[],
        ${list(column(({ run }) => run.skipAfterMs))}::text::float8[]`
            : s``
        }
        ${
          lends
            ? s`, ${list(column(({ run }) => takers.get(run)?.poll.executorId ?? null))}::text::int[],
        ${textArray(column(({ run }) => takers.get(run)?.poll.requestId ?? null))}::text::text[]`
            : s``
        }
      ) with ordinality as i(request_no, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        run_at, delay_ms, input, payload, tags, depends ${gated ? s`, gates` : s``} ${own ? s`, retry, skip_after_ms` : s``} ${lends ? s`, executor_id, request_id` : s``}, n)
    ),
    ${
      keys.length === 0
        ? s`fresh as (select null::int as request_no where false),`
        : s`key as (
      select * from unnest(${list(keys.map((k) => k.requestNo))}::text::int[],
        ${list(keys.map((k) => k.first))}::text::int[], ${list(keys.map((k) => k.last))}::text::int[],
        ${list(keys.map((k) => k.namespaceId))}::text::int[], ${textArray(keys.map((k) => k.key))}::text::text[],
        ${byteas(keys.map((k) => k.hash))}::text[]::bytea[]) as k(request_no, first, last, namespace_id, key, hash)
    ),
    claimed as (
      insert into escapement.idempotency as known (namespace_id, key, hash, run_ids, created_at, touched_at)
      -- Places in lists, not joins: a generic plan would compare each key with each run.
      select k.namespace_id, k.key, k.hash, (array(select id from item order by n))[k.first:k.last], now.at, now.at
      from key k, now, current
      where current.versions = ${versions.length}
      -- Two requests with the same keys then never wait for each other.
      order by k.namespace_id, k.key
      on conflict (namespace_id, key) do update set touched_at = excluded.touched_at
      returning known.namespace_id, known.key, known.hash, known.run_ids, known.xmax = 0 as is_new
    ),
    fresh as (
      select k.request_no from key k where k.namespace_id || '/' || k.key = any(array(
        select c.namespace_id || '/' || c.key from claimed c where c.is_new
      ))
    ),`
    }
    run as materialized (
      select i.*, now.at as now, ${lends ? s`case when i.executor_id is not null then gen_random_uuid() end as secret,` : s``}
        coalesce(to_timestamp(i.run_at / 1000), now.at + i.delay_ms * interval '1 millisecond') as wake_at
      from item i, now, current
      where current.versions = ${versions.length}
      ${keys.length === 0 ? s`` : s`and (not i.request_no = any(${keys.map((k) => k.requestNo)}::int[]) or i.request_no in (select request_no from fresh))`}
    ),
    made_ready as (
      insert into escapement.ready (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, ready_at ${ownColumns})
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        coalesce(wake_at, now), input, payload, tags::text[], now ${ownValues}
      from run where not depends and (wake_at is null or wake_at <= now)
        ${gated ? s`and gates is null` : s``} ${lends ? s`and executor_id is null` : s``}
    ),
    ${
      lends
        ? s`made_lease as (
      insert into escapement.lease (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, fence, ready_at, secret, executor_id, started_at, expires_at, request_id
        ${own ? s`, retry` : s``})
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        coalesce(wake_at, now), input, payload, tags::text[], 1, now, secret, executor_id, now,
        now + ${RHYTHM.leaseMs} * interval '1 millisecond', request_id ${own ? s`, retry::jsonb` : s``}
      from run where not depends and (wake_at is null or wake_at <= now) and executor_id is not null
    ),`
        : s``
    }
    made_waiting as (
      insert into escapement.waiting (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        scheduled_at, input, payload, tags, wake_at, wake_kind ${gated ? s`, gates` : s``} ${ownColumns})
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
        coalesce(wake_at, now), input, payload, tags::text[],
        case when wake_at > now then wake_at end, case when wake_at > now then 'TIME' end
        ${gated ? s`, gates` : s``} ${ownValues}
      from run where depends or wake_at > now ${gated ? s`or gates is not null` : s``}
    ),
    ${
      waits.length === 0
        ? s``
        : s`made_dependency as (
      insert into escapement.dependency (on_run_id, run_id, kind)
      select coalesce(w.on_run_id, run.id), run.id, w.kind
      from unnest(${waits.map((w) => w.onRunId)}::bigint[], ${waits.map((w) => w.at)}::int[],
        ${waits.map((w) => w.kind)}::text[]) as w(on_run_id, n, kind)
      join run on run.n = w.n
    ),`
    }
    ${
      payloads
        ? s`made_payload as (
      insert into escapement.payload (run_id, json, bytes)
      select run.id, p.json, p.bytes
      from unnest(${column(({ run }) => (isLarge(run) ? run.input : null))}::text[],
        ${byteas(column(({ run }) => run.bytes))}::text[]::bytea[]) with ordinality as p(json, bytes, n)
      join run on run.n = p.n where run.payload > 0
    ),`
        : s``
    }
    made_tally as (${counted(s, s`select namespace_id, 'STARTED' as what from run`, source)})
    select id, n::int,
      case when depends or wake_at > now ${gated ? s`or gates is not null` : s``} then 'WAITING'
        ${lends ? s`when executor_id is not null then 'RUNNING'` : s``} else 'READY' end as state,
      null::bytea as hash, null::bigint[] as "runIds", request_no as "requestNo"
      ${lends ? s`, secret, date_part('epoch', coalesce(wake_at, now)) * 1000 as "scheduledAt"` : s``}
    from run
    ${
      keys.length === 0
        ? s``
        : s`union all
    select null, 0, null, c.hash, c.run_ids, k.request_no ${lends ? s`, null, null` : s``} from claimed c join key k using (namespace_id, key)
    where not c.is_new`
    }`;

  const answers: Inserted[] = requests.map(() => ({ status: "stale" }));
  for (const row of rows.sort((a, b) => a.n - b.n)) {
    const answer = answers[row.requestNo] as Inserted;
    if (row.id === null) {
      answers[row.requestNo] = {
        status: "repeated",
        hash: row.hash as Buffer,
        runIds: (row.runIds as string[]).map(String),
      };
    } else {
      const birth = row.secret ? { secret: row.secret, scheduledAt: row.scheduledAt ?? 0 } : null;
      if (answer.status === "started") {
        answer.runs.push({ id: row.id, state: row.state });
        answer.births.push(birth);
      } else {
        answers[row.requestNo] = {
          status: "started",
          runs: [{ id: row.id, state: row.state }],
          births: [birth],
        };
      }
    }
  }
  return answers;
}

/**
 * The same for requests of which some runs have gates: locks their keys first, and lets in whom it can. `held` is
 * asked in the transaction, after the locks.
 */
export async function insertGated(
  { gates }: EngineContext,
  requests: KeyedRuns[],
  source: string,
  insert: (transaction: Transaction) => Promise<Inserted[]> = (transaction) =>
    insertRuns(transaction, requests, source),
): Promise<Inserted[]> {
  const runs = requests.flatMap((request) => request.runs);
  const { result, ready, skipped } = await gates.admit(runs, async (transaction) => {
    const result = await insert(transaction);
    const gated = result.flatMap((answer, at) =>
      answer.status === "started"
        ? answer.runs.filter((_, place) => requests[at]?.runs[place]?.gates != null).map((run) => run.id)
        : [],
    );
    return { result, gated };
  });
  for (const answer of result) {
    if (answer.status !== "started") continue;
    for (const run of answer.runs) {
      if (ready.has(run.id)) run.state = "READY";
      else if (skipped.has(run.id)) run.state = "SKIPPED";
    }
  }
  return result;
}

/** Tells waiting polls and listeners what a committed insert made. */
export function announceStarted(
  { channel }: EngineContext,
  requests: KeyedRuns[],
  answers: Inserted[],
): void {
  const queues = new Set<number>();
  let delayed = false;
  const changes: Change[] = [];
  const lent: Change[] = [];
  for (const [requestNo, answer] of answers.entries()) {
    if (answer.status !== "started") continue;
    for (const [at, { id, state }] of answer.runs.entries()) {
      const { version, queueId } = (requests[requestNo] as KeyedRuns).runs[at] as NewRun;
      const { namespaceId, jobId } = version;
      const run = { id, namespaceId, jobId, queueId };
      if (state === "READY") queues.add(queueId);
      else if (state === "WAITING") delayed = true;
      // Born leased, it was ready all the same.
      changes.push(runChange(run, state === "RUNNING" ? "READY" : state));
      if (state === "RUNNING") lent.push(runChange(run, "RUNNING"));
    }
  }
  if (queues.size > 0) channel.publishReady([...queues]);
  if (changes.length > 0) channel.publish(changes);
  if (lent.length > 0) channel.publish(lent);
  if (delayed) channel.publishDue();
}
