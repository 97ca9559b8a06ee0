/**
 * The tables, for drizzle: what ordinary reads and the migrations are made from. schema/trigger.ts has those of triggers,
 * calendars and backfills, schema/workflow.ts those of workflows, schema/secret.ts that of secrets. drizzle/README.md maps
 * them; what drizzle cannot say (partitions, the `run` view, storage parameters) is in the migration.
 */
import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  customType,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  real,
  smallint,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";

export const escapement = pgSchema("escapement");

export const bytea = customType<{ data: Buffer }>({ dataType: () => "bytea" });
/** Run ids travel as decimal strings: a 64-bit number does not fit JavaScript's. */
export const runId = customType<{ data: string }>({ dataType: () => "bigint" });
export const instant = () => timestamp({ withTimezone: true, precision: 3 });

export const namespace = escapement.table(
  "namespace",
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    name: text().notNull().unique("namespace_name_taken"),
    /** core/retention's Retention: of jobs that say nothing themselves. */
    retention: jsonb(),
    /** core/retry's RetryPolicy for jobs that have none of their own; null: the server's. */
    retry: jsonb(),
    createdAt: instant().notNull().default(sql`escapement.clock()`),
    /** What it gets of executors that work for several namespaces (engine/shares). */
    weight: smallint().notNull().default(1),
  },
  () => [check("namespace_weight", sql`weight between 1 and 100`)],
);

/** One (namespace, group, type, requirement) that runs queue for; `ready` is ordered inside each. */
export const queue = escapement.table(
  "queue",
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    namespaceId: integer()
      .notNull()
      .references(() => namespace.id),
    group: text().notNull(),
    type: text().notNull(),
    /** core/placement's Requirement; empty: any executor of the group that takes the type. */
    requirement: jsonb().notNull().default({}),
    /** When a run or a job last asked for it, to the hour; queues with a requirement go when nobody does. */
    usedAt: instant().notNull().default(sql`escapement.clock()`),
  },
  (t) => [
    uniqueIndex("queue_once").on(t.namespaceId, t.group, t.type, t.requirement),
    index("queue_asking").on(t.id).where(sql`requirement <> '{}'`),
  ],
);

export const job = escapement.table(
  "job",
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    namespaceId: integer()
      .notNull()
      .references(() => namespace.id),
    name: text().notNull(),
    description: text(),
    tags: text().array().notNull().default(sql`'{}'`),
    /** core/retention's Retention; null: the namespace's. */
    retention: jsonb(),
    /** The current row of job_version; null only inside the statement that creates both. */
    versionId: integer(),
    version: integer().notNull().default(1),
    createdAt: instant().notNull().default(sql`escapement.clock()`),
    updatedAt: instant().notNull().default(sql`escapement.clock()`),
    /**
     * It, its group or its namespace is paused, or its group has a limit: its runs ask before they become ready, and
     * starts that do not know it are refused and look again.
     */
    paused: boolean().notNull().default(false),
    /** Deleted jobs stay for the runs that name them; their name is free again. */
    deletedAt: instant(),
    /** Set: it is a node of that workflow, and changes with it. */
    workflowId: integer(),
    /** Its key there; the name has both, with a # between, so that it is nobody else's. */
    node: text(),
  },
  (t) => [
    uniqueIndex("job_name_taken").on(t.namespaceId, t.name).where(sql`deleted_at is null`),
    index("job_of_workflow").on(t.workflowId).where(sql`workflow_id is not null`),
    check("job_node", sql`(workflow_id is null) = (node is null)`),
    check("job_version_positive", sql`version >= 1`),
  ],
);

/** What a job said at one time. Never changes, so servers keep it in memory. */
export const jobVersion = escapement.table(
  "job_version",
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    jobId: integer()
      .notNull()
      .references(() => job.id),
    version: integer().notNull(),
    queueId: integer()
      .notNull()
      .references(() => queue.id),
    /** JSON text; what a run without an input of its own gets. */
    input: text(),
    priority: smallint().notNull(),
    /** core/retry's RetryPolicy; null: the namespace's or the server's. */
    retry: jsonb(),
    timeoutMs: bigint({ mode: "number" }),
    startDeadlineMs: bigint({ mode: "number" }).notNull(),
    /** Runs that fail for good are kept as dead letters. */
    deadLetter: boolean().notNull().default(true),
    /** core/unique's Unique; null: every start is a run of its own. */
    unique: jsonb(),
    overlap: text().notNull().default("PARALLEL"),
    maxParallel: integer(),
    /** core/gate's KeyLimit. */
    maxParallelPerKey: jsonb(),
    /** core/rate's Rate. */
    rate: jsonb(),
    /** What becomes of a run that could only start after its deadline: RUN or SKIP. */
    late: text().notNull().default("RUN"),
    /** core/execution's Execution. */
    execution: text().notNull().default("SINGLE"),
    /** JSON text of core/workflow/graph's Workflow; null: a task, or a node. */
    workflow: text(),
    /** JSON text of core/workflow/control's Control: a node that no worker runs. */
    control: text(),
    /** An attempt that runs longer is told of, and goes on. */
    warnMs: bigint({ mode: "number" }),
    createdAt: instant().notNull().default(sql`escapement.clock()`),
  },
  (t) => [
    uniqueIndex("job_version_once").on(t.jobId, t.version),
    check("job_version_timeout_positive", sql`timeout_ms > 0`),
    check(
      "job_version_overlap",
      sql`overlap in ('PARALLEL', 'SERIAL_WAIT', 'SERIAL_DISCARD', 'SERIAL_PRIORITY', 'SERIAL_REPLACE')`,
    ),
    check("job_version_max_parallel", sql`max_parallel >= 1`),
    check("job_version_late", sql`late in ('RUN', 'SKIP')`),
    check("job_version_execution", sql`execution in ('SINGLE', 'BROADCAST', 'MAP', 'MAP_REDUCE')`),
  ],
);

/** What every run carries in whichever of the four tables it is. */
const runColumns = {
  id: runId().primaryKey(),
  namespaceId: integer().notNull(),
  jobId: integer().notNull(),
  versionId: integer().notNull(),
  queueId: integer().notNull(),
  priority: smallint().notNull(),
  triggerId: integer(),
  parentId: runId(),
  scheduledAt: instant().notNull(),
  /** JSON text as it came; null: the job version's input, or see `payload`. */
  input: text(),
  /** Where the input is: 0 inline, 1 JSON in `payload`, 2 bytes in `payload`. */
  payload: smallint().notNull().default(0),
  tags: text().array(),
  /** JSON text of core/gate's RunGate[], which it has to pass; null: it has none. */
  gates: text(),
  /** Leases so far; grows with every claim, so it fences off earlier ones. */
  fence: integer().notNull().default(0),
  failures: smallint().notNull().default(0),
  lost: smallint().notNull().default(0),
  released: smallint().notNull().default(0),
  /** Other runs wait for this one's end. */
  awaited: boolean().notNull().default(false),
  /** Its own policy (core/retry); null: the job version's. */
  retry: jsonb(),
  /** JSON text that an attempt saved for the next one. */
  checkpoint: text(),
};

/** Of runs that have not started yet: too late to start, if their job says so. */
const skipAt = { skipAt: instant() };

export const waiting = escapement.table(
  "waiting",
  {
    ...runColumns,
    ...skipAt,
    wakeAt: instant(),
    wakeKind: text(),
  },
  (t) => [
    index("waiting_wake").on(t.wakeAt).where(sql`wake_at is not null`),
    index("waiting_job").on(t.jobId, t.id),
    index("waiting_skip").on(t.skipAt).where(sql`skip_at is not null`),
    index("waiting_parent").on(t.parentId, t.id).where(sql`parent_id is not null`),
    check("waiting_wake_kind", sql`wake_kind in ('TIME', 'RETRY')`),
    check("waiting_wake_both", sql`(wake_at is null) = (wake_kind is null)`),
    check("waiting_payload", sql`payload between 0 and 2 and (payload = 0 or input is null)`),
  ],
);

export const ready = escapement.table(
  "ready",
  {
    ...runColumns,
    ...skipAt,
    readyAt: instant().notNull(),
    /** core/turn's; a migration changes both. */
    turn: instant()
      .notNull()
      .generatedAlwaysAs(
        sql`to_timestamp(date_part('epoch', ready_at - timestamptz '1970-01-01Z') - priority * 3600)`,
      ),
  },
  (t) => [
    index("ready_skip").on(t.skipAt).where(sql`skip_at is not null`),
    // The claim's order, to the letter.
    index("ready_claim").on(t.queueId, t.turn, t.id),
    index("ready_parent").on(t.parentId, t.id).where(sql`parent_id is not null`),
    check("ready_payload", sql`payload between 0 and 2 and (payload = 0 or input is null)`),
  ],
);

export const lease = escapement.table(
  "lease",
  {
    ...runColumns,
    readyAt: instant().notNull(),
    /** The unguessable half of the lease's id. */
    secret: uuid().notNull(),
    /** Null: the control plane's own, which does not expire. */
    executorId: integer(),
    startedAt: instant().notNull(),
    /** Not indexed, so that heartbeats stay heap-only updates. */
    expiresAt: instant().notNull(),
    progress: real(),
    message: text(),
    cancelAt: instant(),
    cancelReason: text(),
    requestId: text(),
    /** Children are staged: the run's success has to bring them to life. */
    hasStaged: boolean().notNull().default(false),
    /** Somebody was told that it runs for long. */
    warnedAt: instant(),
  },
  (t) => [
    index("lease_executor").on(t.executorId, t.requestId),
    index("lease_own").on(t.id).where(sql`executor_id is null`),
    index("lease_parent").on(t.parentId, t.id).where(sql`parent_id is not null`),
    check("lease_fence_positive", sql`fence >= 1`),
    check("lease_progress", sql`progress between 0 and 1`),
    check("lease_payload", sql`payload between 0 and 2 and (payload = 0 or input is null)`),
  ],
);

/** Append only, partitioned by id, which begins with the time of creation. */
export const ended = escapement.table(
  "ended",
  {
    ...runColumns,
    readyAt: instant(),
    secret: uuid(),
    executorId: integer(),
    startedAt: instant(),
    endedAt: instant().notNull(),
    state: text().notNull(),
    /** How the last attempt ended; null when none was made since the run was last queued. */
    outcome: text(),
    output: text(),
    /** JSON: {message, type?, stack?}. */
    error: text(),
    progress: real(),
  },
  (t) => [
    index("ended_namespace").on(t.namespaceId, t.id),
    index("ended_job").on(t.jobId, t.id),
    index("ended_unsuccessful").on(t.namespaceId, t.state, t.id).where(sql`state <> 'SUCCEEDED'`),
    index("ended_job_unsuccessful").on(t.jobId, t.state, t.id).where(sql`state <> 'SUCCEEDED'`),
    index("ended_trigger").on(t.triggerId, t.id).where(sql`trigger_id is not null`),
    index("ended_parent").on(t.parentId, t.id).where(sql`parent_id is not null`),
    check("ended_state", sql`state in ('SUCCEEDED', 'FAILED', 'CANCELLED', 'SKIPPED')`),
    check("ended_started", sql`(started_at is null) = (secret is null)`),
    check("ended_outcome", sql`(outcome is null) = (secret is null)`),
    check("ended_success_started", sql`state <> 'SUCCEEDED' or started_at is not null`),
    check("ended_failure_says_why", sql`state <> 'FAILED' or error is not null`),
  ],
);

/** Attempts that did not end their run; the last attempt of a run is its lease or ended row. */
export const attempt = escapement.table(
  "attempt",
  {
    runId: runId().notNull(),
    fence: integer().notNull(),
    number: integer().notNull(),
    secret: uuid().notNull(),
    /** Null: the control plane's own. */
    executorId: integer(),
    startedAt: instant().notNull(),
    endedAt: instant().notNull(),
    outcome: text().notNull(),
    error: text(),
    /** What the worker was told, so that a repeated call gets the same answer. */
    state: text().notNull(),
    retryMs: bigint({ mode: "number" }),
  },
  (t) => [
    primaryKey({ name: "attempt_once", columns: [t.runId, t.fence] }),
    check(
      "attempt_outcome",
      sql`outcome in ('FAILED', 'TIMED_OUT', 'LOST', 'RELEASED', 'CANCELLED', 'SUCCEEDED')`,
    ),
  ],
);

/** Runs that failed for good and are kept until somebody redrives or discards them; written by failures alone. */
export const deadLetter = escapement.table(
  "dead_letter",
  {
    runId: runId().primaryKey(),
    namespaceId: integer().notNull(),
    jobId: integer().notNull(),
    /** The `type` of the error that ended it. */
    errorType: text(),
    diedAt: instant().notNull(),
  },
  (t) => [
    index("dead_letter_namespace").on(t.namespaceId, t.diedAt, t.runId),
    index("dead_letter_job").on(t.jobId, t.diedAt, t.runId),
  ],
);

/** An ended run was put back into the queue: when, what it had ended as, and the input it had if that was changed. */
export const redrive = escapement.table(
  "redrive",
  {
    runId: runId().notNull(),
    /** From 1, per run. */
    number: integer().notNull(),
    at: instant().notNull(),
    /** Leases before it: later attempts have a greater fence. */
    fence: integer().notNull(),
    state: text().notNull(),
    error: text(),
    edited: boolean().notNull().default(false),
    /** The input before, when it was edited; both null: the job version's. */
    input: text(),
    bytes: bytea(),
  },
  (t) => [primaryKey({ name: "redrive_once", columns: [t.runId, t.number] })],
);

/** A run that was made by running another one again. */
export const rerun = escapement.table(
  "rerun",
  { runId: runId().primaryKey(), ofRunId: runId().notNull() },
  (t) => [index("rerun_of").on(t.ofRunId, t.runId)],
);

/** A key of a job with `unique`: the row to lock, and the run that holds the key. Whether it still does is derived. */
export const uniqueness = escapement.table(
  "uniqueness",
  {
    jobId: integer().notNull(),
    key: text().notNull(),
    /** Null only between its creation and the end of that transaction. */
    runId: runId(),
    /** Throttle only: no other start before this. */
    untilAt: instant(),
    touchedAt: instant().notNull(),
  },
  (t) => [
    primaryKey({ name: "uniqueness_once", columns: [t.jobId, t.key] }),
    index("uniqueness_touched").on(t.touchedAt),
  ],
);

/** Inputs too large to be carried from table to table. Partitioned like `ended`. */
export const payload = escapement.table(
  "payload",
  { runId: runId().primaryKey(), json: text(), bytes: bytea() },
  () => [check("payload_one", sql`num_nonnulls(json, bytes) = 1`)],
);

/** Outputs that are bytes and not JSON. Partitioned like `ended`. */
export const outputBytes = escapement.table("output_bytes", {
  runId: runId().primaryKey(),
  bytes: bytea().notNull(),
});

/** Runs that left logs or files in the output store; a row goes when its outputs have gone. */
export const output = escapement.table(
  "output",
  { runId: runId().primaryKey(), jobId: integer().notNull() },
  (t) => [index("output_job").on(t.jobId, t.runId)],
);

/** Children a running lease asked for, kept until it completes. `input` and the rest as in a run. */
export const staged = escapement.table(
  "staged",
  {
    ...runColumns,
    ...skipAt,
    /** The run whose lease with this secret asked for it. */
    parentId: runId().notNull(),
    secret: uuid().notNull(),
    /** The run that waits for all the others of the same call. */
    joins: integer(),
    call: integer().notNull(),
    wakeAt: instant(),
    /** Runs it waits for besides: until each has ended, or until all that each starts has ended, too. */
    afterIds: bigint({ mode: "bigint" }).array(),
    joinIds: bigint({ mode: "bigint" }).array(),
  },
  (t) => [index("staged_parent").on(t.parentId)],
);

export const dependency = escapement.table(
  "dependency",
  {
    onRunId: runId().notNull(),
    runId: runId().notNull(),
    /** AFTER: that run's end. JOIN: that of all that it starts, too, and its result. LINE: only what it starts. */
    kind: text().notNull().default("AFTER"),
  },
  (t) => [
    primaryKey({ name: "dependency_once", columns: [t.onRunId, t.runId] }),
    index("dependency_waiter").on(t.runId),
    check("dependency_kind", sql`kind in ('AFTER', 'JOIN', 'LINE')`),
  ],
);

/** Lets in so many runs at a time, for each key of its own; a job's are shared by all its versions. */
export const gate = escapement.table(
  "gate",
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    namespaceId: integer()
      .notNull()
      .references(() => namespace.id),
    name: text().notNull(),
    kind: text().notNull(),
    jobId: integer().references(() => job.id),
    /** The worker group whose runs it lets in. */
    group: text(),
    /** 2147483647: no limit any more. */
    capacity: integer().notNull(),
    policy: text(),
    /** Of a rate: the length of its interval. */
    everyMs: bigint({ mode: "number" }),
  },
  (t) => [
    uniqueIndex("gate_name_taken").on(t.namespaceId, t.name),
    index("gate_job").on(t.jobId).where(sql`job_id is not null`),
    index("gate_group").on(t.namespaceId, t.group).where(sql`"group" is not null`),
    check(
      "gate_kind",
      sql`kind in ('AFFINITY', 'OVERLAP', 'KEY_CONCURRENCY', 'CONCURRENCY', 'RATE', 'GROUP_CONCURRENCY')`,
    ),
    check("gate_capacity", sql`capacity >= 0`),
    check(
      "gate_policy",
      sql`policy in ('SERIAL_WAIT', 'SERIAL_DISCARD', 'SERIAL_PRIORITY', 'SERIAL_REPLACE')`,
    ),
  ],
);

/** Where a run stands at one of its gates; it passes them by `stage`. Rows change only under their key's stripe. */
export const place = escapement.table(
  "place",
  {
    runId: runId().notNull(),
    stage: smallint().notNull(),
    gateId: integer().notNull(),
    key: text().notNull(),
    /** As in core/gate. */
    rank: smallint().notNull(),
    state: text().notNull(),
  },
  (t) => [
    primaryKey({ name: "place_once", columns: [t.runId, t.stage] }),
    index("place_line")
      .on(t.gateId, t.key, sql`escapement.line_turn(${t.runId}, ${t.rank})`, t.runId)
      .where(sql`state = 'LINE'`),
    index("place_taken").on(t.gateId, t.key).where(sql`state = 'TAKEN'`),
    check("place_state", sql`state in ('AHEAD', 'LINE', 'TAKEN')`),
  ],
);

/** What counts at a rate: an attempt that was let in; `infinity` until it has begun. */
export const recentStart = escapement.table(
  "recent_start",
  {
    runId: runId().notNull(),
    /** The attempt's. */
    fence: integer().notNull(),
    gateId: integer().notNull(),
    key: text().notNull(),
    startedAt: instant().notNull(),
  },
  (t) => [
    primaryKey({ name: "recent_start_once", columns: [t.runId, t.fence] }),
    index("recent_start_window").on(t.gateId, t.key, t.startedAt),
  ],
);

/** When the first in line at a rate may be let in; one row for each key that has a line. */
export const rateWake = escapement.table(
  "rate_wake",
  {
    gateId: integer().notNull(),
    key: text().notNull(),
    wakeAt: instant().notNull(),
  },
  (t) => [
    primaryKey({ name: "rate_wake_once", columns: [t.gateId, t.key] }),
    index("rate_wake_due").on(t.wakeAt),
  ],
);

/** Whose runs may not start, by whom and why. */
export const pause = escapement.table(
  "pause",
  {
    namespaceId: integer().notNull(),
    kind: text().notNull(),
    /** A group's name, a job's or a run's id; '' for the namespace. */
    target: text().notNull(),
    pausedBy: text().notNull(),
    reason: text(),
    pausedAt: instant().notNull().default(sql`escapement.clock()`),
  },
  (t) => [
    primaryKey({ name: "pause_once", columns: [t.namespaceId, t.kind, t.target] }),
    check("pause_kind", sql`kind in ('NAMESPACE', 'GROUP', 'JOB', 'RUN')`),
  ],
);

/** What is locked before places of a key are counted: a fixed set of rows, a key's by hash. */
export const stripe = escapement.table("stripe", { id: integer().primaryKey() });

/** What a run of a job that goes by steps is, unless it is the first one. Partitioned by the run's id. */
export const part = escapement.table("part", { runId: runId().primaryKey(), step: text().notNull() }, () => [
  check("part_step", sql`step in ('PART', 'REDUCE')`),
]);

/** The runs whose results a join is given. Partitioned by the join's id. */
export const joined = escapement.table(
  "joined",
  { joinId: runId().notNull(), runId: runId().notNull() },
  (t) => [primaryKey({ name: "joined_once", columns: [t.joinId, t.runId] })],
);

export const idempotency = escapement.table(
  "idempotency",
  {
    namespaceId: integer().notNull(),
    key: text().notNull(),
    /** SHA-256 of what was asked: the same key with another request is a conflict. */
    hash: bytea().notNull(),
    runIds: bigint({ mode: "bigint" }).array().notNull(),
    createdAt: instant().notNull().default(sql`escapement.clock()`),
    touchedAt: instant().notNull().default(sql`escapement.clock()`),
  },
  (t) => [
    primaryKey({ name: "idempotency_once", columns: [t.namespaceId, t.key] }),
    index("idempotency_touched").on(t.touchedAt),
  ],
);

/** Changes that the SQL functions made in somebody else's transaction; the leader tells of them and deletes them. */
export const unannounced = escapement.table("unannounced", {
  id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
  runId: runId().notNull(),
  namespaceId: integer().notNull(),
  jobId: integer().notNull(),
  state: text().notNull(),
  /** It has ended, and others may wait for that. */
  awaited: boolean().notNull().default(false),
  /** It has gates: it stands in line from now on, or has left its places. */
  gated: boolean().notNull().default(false),
});

export const executor = escapement.table(
  "executor",
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    namespaceId: integer()
      .notNull()
      .references(() => namespace.id),
    name: text().notNull(),
    groups: text().array().notNull(),
    types: text().array(),
    capacity: integer(),
    countsItself: boolean().notNull().default(false),
    labels: jsonb(),
    load: jsonb(),
    /** When `load` was reported; an old report says nothing. */
    loadAt: instant(),
    /** {cpu?, memory?}: above these it gets no new leases. */
    maxLoad: jsonb(),
    /** Set by a person: no new leases until somebody lifts it. */
    drainingAt: instant(),
    drainReason: text(),
    /** Its silence was noticed and told; a sign of life clears it. */
    offlineAt: instant(),
    registeredAt: instant().notNull().default(sql`escapement.clock()`),
    lastHeartbeatAt: instant().notNull().default(sql`escapement.clock()`),
    leftAt: instant(),
    /** Namespaces whose runs it claims besides its own's, or instead of them. */
    serves: integer().array(),
  },
  (t) => [
    uniqueIndex("executor_name_taken").on(t.namespaceId, t.name),
    check("executor_capacity_positive", sql`capacity > 0`),
  ],
);

/**
 * One row per executor with a capacity. Each claim for it counts its leases and moves `claims` on, so of two that
 * counted the same, one finds that the other came first.
 */
export const seat = escapement.table("seat", {
  executorId: integer().primaryKey(),
  claims: bigint({ mode: "number" }).notNull().default(0),
});

/** The one row whose holder promotes triggers and sweeps leases. */
export const leader = escapement.table(
  "leader",
  {
    id: integer().primaryKey(),
    epoch: bigint({ mode: "number" }).notNull(),
    holder: uuid(),
    expiresAt: instant().notNull(),
    /** The time zone data that the triggers' next times were computed with, such as 2026a; null: not known. */
    timeZoneData: text(),
  },
  () => [check("leader_one_row", sql`id = 1`)],
);

/** The servers alive now, and what they want to hear of. */
export const server = escapement.table("server", {
  id: uuid().primaryKey(),
  startedAt: instant().notNull(),
  seenAt: instant().notNull(),
  parkedPolls: integer().notNull().default(0),
});

export const token = escapement.table(
  "token",
  {
    id: text().primaryKey(),
    name: text().notNull(),
    /** Null: every namespace. */
    namespaceId: integer().references(() => namespace.id),
    role: text().notNull(),
    /** Worker tokens only; null: every group. */
    groups: text().array(),
    /** SHA-256 of the secret half; the secret itself is random, so no slow hash is needed. */
    hash: bytea().notNull(),
    createdAt: instant().notNull().default(sql`escapement.clock()`),
    expiresAt: instant(),
    lastUsedAt: instant(),
    revokedAt: instant(),
  },
  () => [
    check("token_role", sql`role in ('VIEWER', 'OPERATOR', 'ADMIN', 'WORKER')`),
    check("token_groups_of_worker", sql`groups is null or role = 'WORKER'`),
    check("token_hash_sha256", sql`octet_length(hash) = 32`),
  ],
);

/** Counts by ten seconds, added to by whole batches; the overview's rates come from here. */
export const tally = escapement.table(
  "tally",
  {
    namespaceId: integer().notNull(),
    at: instant().notNull(),
    /** What was counted: STARTED or a final state. */
    what: text().notNull(),
    /** The server's lane that counted, so that no two transactions wait for one row. */
    source: text().notNull(),
    count: bigint({ mode: "number" }).notNull(),
  },
  (t) => [primaryKey({ name: "tally_once", columns: [t.at, t.namespaceId, t.what, t.source] })],
);
