/** Guards that are not timings: the hot statements use their indexes whatever the table sizes, and heartbeats stay HOT. */
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createEngine } from "../../server/engine/arrows.ts";
import type { EngineContext } from "../../server/engine/context.ts";
import { createFire } from "../../server/engine/fire.ts";
import { takeUpDue } from "../../server/engine/gates/rate.ts";
import { releaseDependents, releaseDue } from "../../server/engine/release.ts";
import { skipLate } from "../../server/engine/skip.ts";
import { LASTING_PLANS } from "../../server/store/connection.ts";
import { readJoined } from "../../server/store/joined.ts";
import { readSecrets } from "../../server/store/secrets.ts";
import { readSecretiveInput } from "../../server/store/work.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine & { url: string };
/** The statements sent since the last call, as PostgreSQL got them. */
let sent: string[] = [];
let watched: postgres.Sql;
let context: EngineContext;
let supportsGenericPlan = false;

beforeAll(async () => {
  t = await openTestEngine();
  await addJob(t, "plain");
  await addJob(t, "sum", { execution: "MAP_REDUCE", group: "sums" });
  watched = postgres(t.url, {
    max: 1,
    onnotice: () => {},
    debug: (_, text) => sent.push(text),
    connection: LASTING_PLANS,
  });
  context = { ...t.context, sql: watched, heartbeatSql: watched };
  const [row] = await t.sql<{ n: number }[]>`select current_setting('server_version_num')::int as n`;
  supportsGenericPlan = (row?.n ?? 0) >= 160_000;
  await t.sql`
    insert into escapement.ready (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, ready_at)
    select n, 1, 1, 1, 1, n % 10, escapement.clock(), escapement.clock() from generate_series(1, 50000) n`;
  await t.sql`
    insert into escapement.waiting (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, wake_at, wake_kind)
    select n, 1, 1, 1, 1, 5, escapement.clock(), escapement.clock() + interval '1 day', 'TIME' from generate_series(60000, 90000) n`;
  await t.sql`
    insert into escapement.trigger (namespace_id, job_id, name, schedule, misfire, state, next_at)
    select 1, 1, 't' || n, '{"kind": "fixedRate", "everyMs": 1000}', '{"policy": "SKIP", "thresholdMs": 60000, "limit": 1}',
      'NORMAL', escapement.clock() + interval '1 day' from generate_series(1, 20000) n`;
  await t.sql`vacuum analyze escapement.ready, escapement.waiting, escapement.trigger`;
});
afterAll(async () => {
  await watched.end();
  await t.close();
});

async function planOf(work: () => Promise<unknown>, part: string): Promise<string> {
  sent = [];
  await work();
  const statement = sent.find((text) => text.includes(part));
  expect(statement, `a statement with "${part}"`).toBeDefined();
  const rows = await t.sql.unsafe(`explain (generic_plan) ${statement}`);
  return rows.map((row) => row["QUERY PLAN"]).join("\n");
}

test("the claim reads its index and walks no table, under a generic plan too", async ({ skip }) => {
  skip(!supportsGenericPlan, "PostgreSQL 16 and later can explain a generic plan");
  const engine = createEngine(context);
  const poll = { namespaceId: 1, executorId: 1, groups: ["default"], max: 10 };
  const plan = await planOf(() => engine.claim(poll), "for update skip locked");
  expect(plan).toContain("ready_claim");
  expect(plan).not.toContain("Seq Scan on ready");
});

test("a claim that counts an executor's leases reads indexes too", async ({ skip }) => {
  skip(!supportsGenericPlan, "PostgreSQL 16 and later can explain a generic plan");
  const engine = createEngine(context);
  const executor = { name: "tester", labels: {}, capacity: 5 };
  const poll = { namespaceId: 1, executorId: 1, executor, groups: ["default"], max: 10 };
  const plan = await planOf(() => engine.claim(poll), "seated as");
  expect(plan).toContain("ready_claim");
  expect(plan).toContain("lease_executor");
  expect(plan).not.toMatch(/Seq Scan on (ready|lease)/);
});

test("a claim for several namespaces reads the same index, and one for a single namespace none of its tags", async ({
  skip,
}) => {
  skip(!supportsGenericPlan, "PostgreSQL 16 and later can explain a generic plan");
  const engine = createEngine(context);
  const poll = { namespaceId: 1, executorId: 1, groups: ["default"], max: 10 };
  const plan = await planOf(() => engine.claim({ ...poll, namespaceIds: [1, 2] }), "tagged as");
  expect(plan).toContain("ready_claim");
  expect(plan).not.toContain("Seq Scan on ready");
  sent = [];
  await engine.claim(poll);
  expect(sent.some((text) => text.includes("tagged"))).toBe(false);
});

test("secrets of a batch, and what a log's lease refers to, are looked up", async ({ skip }) => {
  skip(!supportsGenericPlan, "PostgreSQL 16 and later can explain a generic plan");
  const place = { namespaceId: 1, namespace: "default", name: "a" };
  const values = await planOf(() => readSecrets(watched, [], [place]), "escapement.secret ");
  expect(values).toContain("secret_name_once");
  expect(values).not.toContain("Seq Scan on secret");
  const input = await planOf(() => readSecretiveInput(watched, "1"), "escapement.lease l");
  expect(input).toContain("lease_pkey");
  expect(input).not.toMatch(/Seq Scan on (lease|job_version|payload)/);
});

/** From now on nothing deleted can be removed; `read` counts the entries of the claim's index that were looked at. */
async function holdSnapshot() {
  const holder = await t.sql.reserve();
  await holder`begin isolation level repeatable read`;
  await holder`select 1`;
  const read = async () => {
    await watched`select pg_stat_force_next_flush()`;
    const [row] = await watched<{ n: number }[]>`
      select idx_tup_read::int as n from pg_stat_all_indexes where indexrelname = 'ready_claim'`;
    return row?.n ?? 0;
  };
  return { holder, read };
}

test("a claim does not walk over what was taken before, though a snapshot keeps it from being removed", async () => {
  const RUNS = 2_000;
  await t.sql`delete from escapement.ready`;
  await t.sql`vacuum escapement.ready`;
  await t.sql`
    insert into escapement.ready (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, ready_at)
    select 900000 + n, 1, 1, 1, 1, 5, escapement.clock(), escapement.clock() - (${RUNS} - n) * interval '1 s'
    from generate_series(1, ${RUNS}) n`;
  const { holder, read } = await holdSnapshot();
  const engine = createEngine(context);
  const before = await read();
  for (let claim = 0; claim < 20; claim++) {
    await engine.claim({ namespaceId: 1, executorId: 1, groups: ["default"], max: RUNS / 20 });
  }
  await holder`commit`;
  holder.release();
  // Each once, and once more where the queue was read whole; without floors it is ten times.
  expect((await read()) - before).toBeLessThan(RUNS * 4);
  await t.sql`delete from escapement.lease`;
});

test("runs of a higher priority are found without a walk over the lower ones that were taken", async () => {
  const RUNS = 2_000;
  await t.sql`delete from escapement.ready`;
  await t.sql`vacuum escapement.ready`;
  const engine = createEngine(context);
  const start = (priority: number, count: number) =>
    engine.start(Array.from({ length: count }, () => ({ namespace: "default", job: "plain", priority })));
  const take = async (max: number) =>
    (await engine.claim({ namespaceId: 1, executorId: 1, groups: ["default"], max })).length;
  await start(5, RUNS);
  const { holder, read } = await holdSnapshot();
  expect(await take(RUNS)).toBe(RUNS);
  const before = await read();
  for (let round = 0; round < 20; round++) {
    await start(9, 1);
    expect(await take(1)).toBe(1);
  }
  await holder`commit`;
  holder.release();
  // Whole reads come once a second; without ranges for them, each of the twenty walks over all that was taken.
  expect((await read()) - before).toBeLessThan(RUNS * 4);
  await t.sql`delete from escapement.lease`;
});

test("the due queries of the ticker read their indexes", async ({ skip }) => {
  skip(!supportsGenericPlan, "PostgreSQL 16 and later can explain a generic plan");
  const guard = await t.lead();
  // By condition: in the index's order alone, a look that finds nothing due would walk over all that waits.
  const due = await planOf(() => createFire(context)(guard), "order by next_at limit");
  expect(due).toMatch(/trigger_due on trigger[^\n]*\n *Index Cond: \(next_at <=/);
  const waiting = await planOf(() => releaseDue(context), "order by wake_at limit");
  expect(waiting).toMatch(/waiting_wake on waiting[^\n]*\n *Index Cond: \(wake_at <=/);
  const late = await planOf(() => skipLate(context), "order by skip_at limit");
  expect(late).toMatch(/ready_skip on ready[^\n]*\n *Index Cond: \(skip_at <=/);
  expect(late).toMatch(/waiting_skip on waiting[^\n]*\n *Index Cond: \(skip_at <=/);
  const rated = await planOf(() => takeUpDue(context), "order by wake_at limit");
  expect(rated).toMatch(/rate_wake_due on rate_wake[^\n]*\n *Index Cond: \(wake_at <=/);
});

test("a batch of any size is a fixed number of statements", async () => {
  const engine = createEngine(context);
  const item = { namespace: "default", job: "plain" };
  await engine.start([item]);
  const statements = async (n: number) => {
    sent = [];
    await engine.start(Array.from({ length: n }, () => item));
    const leases = await engine.claim({ namespaceId: 1, executorId: 1, groups: ["default"], max: n });
    await engine.settle(leases.map((lease) => ({ leaseId: lease.leaseId, outcome: "succeeded" as const })));
    return sent.length;
  };
  const one = await statements(1);
  expect(await statements(500)).toBe(one);
  expect(one).toBeLessThanOrEqual(4);
});

test("a join's hold is handed on by index, run by run, also by a plan made while all was small", async ({
  skip,
}) => {
  skip(!supportsGenericPlan, "PostgreSQL 16 and later can explain a generic plan");
  const small = await openTestEngine();
  const texts: string[] = [];
  const sql = postgres(small.url, {
    max: 1,
    onnotice: () => {},
    debug: (_, text) => texts.push(text),
    connection: LASTING_PLANS,
  });
  try {
    await releaseDependents({ ...small.context, sql }, ["17"]);
    const statement = texts.find((text) => text.includes("handed as"));
    const rows = await sql.unsafe(`explain (generic_plan) ${statement}`);
    const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
    for (const table of ["waiting", "ready", "lease"]) expect(plan).toContain(`${table}_parent`);
    expect(plan).toContain("Index Cond: ((parent_id = gone");
    // A join with all children there are would be read whole for every batch of ends.
    expect(plan).not.toContain("Hash Join");
  } finally {
    await sql.end();
    await small.close();
  }
});

test("requests that arrive together share their statements", async () => {
  const engine = createEngine(context);
  await engine.start([{ namespace: "default", job: "plain" }]);
  sent = [];
  await Promise.all(
    Array.from({ length: 200 }, () => engine.start([{ namespace: "default", job: "plain" }])),
  );
  expect(sent.length).toBeLessThanOrEqual(3);
});

test("heartbeats touch no index", async () => {
  const leases = await t.claim(200);
  await t.sql`vacuum escapement.lease`;
  const counters = async () => {
    const [row] = await t.sql<{ updates: number; hot: number }[]>`
      select n_tup_upd::int as updates, n_tup_hot_upd::int as hot from pg_stat_all_tables
      where schemaname = 'escapement' and relname = 'lease'`;
    return row ?? { updates: 0, hot: 0 };
  };
  const before = await counters();
  for (let beat = 0; beat < 5; beat++) {
    await t.engine.renew(leases.map((lease) => ({ leaseId: lease.leaseId, progress: beat / 5 })));
  }
  await expect.poll(async () => (await counters()).updates - before.updates, { timeout: 10_000 }).toBe(1_000);
  const after = await counters();
  // An index on what they write would make it none. Nearly all of them on a quiet machine; where others hold snapshots,
  // old versions stay on their page and some updates have to move.
  expect((after.hot - before.hot) / 1_000).toBeGreaterThan(0.5);
});

test("a run that is started, claimed and succeeds carries nothing of dead letters, redrives, unique keys and joins", async () => {
  const engine = createEngine(context);
  sent = [];
  await engine.start([{ namespace: "default", job: "plain" }]);
  const leases = await engine.claim({ namespaceId: 1, executorId: 1, groups: ["default"], max: 1 });
  await engine.settle(leases.map(({ leaseId }) => ({ leaseId, outcome: "succeeded" as const })));
  expect(leases).toHaveLength(1);
  expect(sent.length).toBeGreaterThanOrEqual(3);
  expect(
    sent.filter((text) =>
      /escapement\.(dead_letter|redrive|rerun|uniqueness|dependency|joined|part|staged)\b/.test(text),
    ),
  ).toEqual([]);
});

test("a fan-out of any size is a fixed number of statements, up to its reduce and its page of results", async () => {
  const statements = async (n: number) => {
    const engine = createEngine(context);
    await engine.start([{ namespace: "default", job: "sum" }]);
    sent = [];
    const poll = { namespaceId: 1, executorId: 1, groups: ["sums"], max: n };
    const [root] = await engine.claim(poll);
    const part = { namespace: "default", job: "sum" };
    await engine.startChildren(root?.leaseId ?? "", {
      runs: Array.from({ length: n }, () => part),
      now: false,
      requestId: "r",
    });
    await engine.settle([{ leaseId: root?.leaseId ?? "", outcome: "succeeded" }]);
    const leases = await engine.claim(poll);
    expect(leases).toHaveLength(n);
    await engine.settle(leases.map(({ leaseId }) => ({ leaseId, outcome: "succeeded" as const })));
    const [reduce] = await engine.claim(poll);
    expect(reduce?.step).toBe("REDUCE");
    expect((await readJoined(watched, reduce?.runId ?? "", null, 1_000)).results).toHaveLength(n);
    await engine.settle([{ leaseId: reduce?.leaseId ?? "", outcome: "succeeded" }]);
    return sent.length;
  };
  await statements(2);
  const few = await statements(2);
  expect(await statements(400)).toBe(few);
});
