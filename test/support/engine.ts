/** An engine over a database of the test's own, without HTTP: for tests of the arrows themselves. */
import { RHYTHM } from "../../server/config.ts";
import type { Execution } from "../../server/core/execution.ts";
import { DEFAULT_RETRY, type RetryPolicy } from "../../server/core/retry.ts";
import type { LatePolicy } from "../../server/core/run.ts";
import type { SecretKey } from "../../server/core/secret.ts";
import { createEngine, openContext } from "../../server/engine/arrows.ts";
import { type EngineContext, newServerId } from "../../server/engine/context.ts";
import { elect } from "../../server/engine/elect.ts";
import type { ClaimedLease, Engine } from "../../server/engine/engine.ts";
import type { LeaderGuard } from "../../server/engine/leave.ts";
import { ensurePartitions } from "../../server/engine/prune.ts";
import { createCatalog } from "../../server/store/catalog.ts";
import { type Change, openChannel } from "../../server/store/channel.ts";
import { connect } from "../../server/store/connection.ts";
import { createTestDatabase } from "./database.ts";

export interface TestEngine {
  context: EngineContext;
  engine: Engine;
  sql: EngineContext["sql"];
  /** Every change published, in order. */
  changes: Change[];
  /** What went wrong behind settles and was left to the repair. */
  gateErrors: unknown[];
  /** Claims for the executor that every test engine has. */
  claim(max?: number, requestId?: string): Promise<ClaimedLease[]>;
  /** The state of a run, or null when it is nowhere. */
  stateOf(runId: string): Promise<string | null>;
  /** Leads and gives what a leader's statement carries. */
  lead(): Promise<LeaderGuard>;
  close(): Promise<void>;
}

/** Opens another engine on the same database when `url` is given. */
export async function openTestEngine(
  url?: string,
  secretKeys: readonly SecretKey[] = [],
): Promise<TestEngine & { url: string }> {
  const test = url === undefined ? await createTestDatabase() : null;
  const databaseUrl = url ?? test?.url ?? "";
  const database = connect(databaseUrl, { poolSize: 8, deadlineMs: RHYTHM.queryDeadlineMs });
  const serverId = newServerId();
  const channel = await openChannel({ database, databaseUrl, serverId, onError: () => {} });
  const catalog = createCatalog(database.sql);
  const gateErrors: unknown[] = [];
  const { sql, arrowSql, heartbeatSql } = database;
  const context = openContext(
    { sql: arrowSql, heartbeatSql, catalog, channel, secretKeys, serverId, random: () => 0.5 },
    (error) => gateErrors.push(error),
  );
  const changes: Change[] = [];
  channel.on("changes", (batch) => changes.push(...batch));
  if (test) {
    await ensurePartitions(context);
    await sql`insert into escapement.executor (namespace_id, name, groups) values (1, 'tester', '{default}')`;
  }
  await catalog.refreshQueues();
  const engine = createEngine(context);
  return {
    url: databaseUrl,
    context,
    engine,
    sql,
    changes,
    gateErrors,
    claim: (max = 1, requestId) =>
      engine.claim({ namespaceId: 1, executorId: 1, groups: ["default"], max, requestId }),
    async stateOf(runId) {
      const [row] = await sql<{ state: string }[]>`select state from escapement.run where id = ${runId}`;
      return row?.state ?? null;
    },
    async lead() {
      const epoch = await elect(context);
      if (epoch === null) throw new Error("another server leads");
      return { epoch, holder: serverId, ttlMs: RHYTHM.leaderTtlMs };
    },
    async close() {
      await channel.close();
      await database.close();
      await test?.drop();
    },
  };
}

/** Adds a job; its type is its name unless said otherwise. */
export async function addJob(
  { sql, context }: Pick<TestEngine, "sql" | "context">,
  name: string,
  options: {
    /** Null: inherited. */
    retry?: RetryPolicy | null;
    timeoutMs?: number;
    priority?: number;
    type?: string;
    startDeadlineMs?: number;
    late?: LatePolicy;
    execution?: Execution;
    group?: string;
  } = {},
): Promise<void> {
  const retry = options.retry === undefined ? DEFAULT_RETRY : options.retry;
  await sql`
    with made_queue as (
      insert into escapement.queue (namespace_id, "group", type) values (1, ${options.group ?? "default"}, ${options.type ?? name})
      on conflict (namespace_id, "group", type, requirement) do update set type = excluded.type returning id
    ),
    made_job as (insert into escapement.job (namespace_id, name) values (1, ${name}) returning id),
    made_version as (
      insert into escapement.job_version (job_id, version, queue_id, priority, retry, timeout_ms, start_deadline_ms, late, execution)
      select j.id, 1, q.id, ${options.priority ?? 5}, ${retry && sql.json(retry)}::jsonb,
        ${options.timeoutMs ?? 300_000}, ${options.startDeadlineMs ?? 900_000}, ${options.late ?? "RUN"},
        ${options.execution ?? "SINGLE"}
      from made_job j, made_queue q returning id
    )
    select id from made_version`;
  await sql`
    update escapement.job j set version_id = v.id from escapement.job_version v where v.job_id = j.id and j.version_id is null`;
  await context.catalog.refreshQueues();
}
