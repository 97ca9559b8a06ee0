/** Runs that can only start after their deadline, under a job that wants them skipped. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { releaseDue } from "../../server/engine/release.ts";
import { skipLate } from "../../server/engine/skip.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine;
const DEADLINE_MS = 60_000;

beforeAll(async () => {
  t = await openTestEngine();
  await addJob(t, "strict", {
    startDeadlineMs: DEADLINE_MS,
    late: "SKIP",
    retry: { kind: "fixed", delayMs: 0, max: 3 },
  });
  await addJob(t, "lenient", { startDeadlineMs: DEADLINE_MS });
});
afterAll(() => t.close());

const only = <T>(list: T[]): T => {
  expect(list).toHaveLength(1);
  return list[0] as T;
};
const start = async (job: string, more: object = {}) =>
  only(await t.engine.start([{ namespace: "default", job, ...more }]));
const settle = async (leaseId: string, outcome: "succeeded" | "failed" | "released") =>
  only(await t.engine.settle([{ leaseId, outcome, error: { message: "x" } }]));
/** As if the run's deadline had been some milliseconds ago. */
const pass = async (table: "waiting" | "ready", runId: string) =>
  t.sql`update escapement.${t.sql(table)} set skip_at = escapement.clock() - interval '1 ms'
    where id = ${runId} and skip_at is not null returning id`;
const longAgo = () => Date.now() - 2 * DEADLINE_MS;

test("a late run of such a job is never claimed and ends skipped; the others run", async () => {
  const lenient = await start("lenient", { runAt: longAgo() });
  const strict = await start("strict", { runAt: longAgo() });
  const punctual = await start("strict");
  const leases = await t.claim(5);
  expect(leases.map(({ runId }) => runId)).toEqual([lenient.id, punctual.id]);
  expect(await t.stateOf(strict.id)).toBe("READY");
  expect(await skipLate(t.context)).toBe(1);
  expect(await skipLate(t.context)).toBe(0);
  const [ended] = await t.sql`
    select state, error, outcome, started_at, fence from escapement.ended where id = ${strict.id}`;
  expect(ended).toMatchObject({ state: "SKIPPED", outcome: null, started_at: null, fence: 0 });
  expect(ended?.error).toContain("startDeadline");
  expect(t.changes.at(-1)).toMatchObject({ kind: "run", id: strict.id, state: "SKIPPED" });
  const tallies = await t.sql`select sum(count)::int as n from escapement.tally where what = 'SKIPPED'`;
  expect(tallies[0]?.n).toBe(1);
  for (const { leaseId } of leases) await settle(leaseId, "succeeded");
});

test("the deadline counts from the scheduled time: a delayed run has all of it after its delay", async () => {
  const run = await start("strict", { delayMs: 3_600_000 });
  const [row] = await t.sql`
    select extract(epoch from skip_at - scheduled_at)::float8 * 1000 as ms, skip_at > wake_at as after
    from escapement.waiting where id = ${run.id}`;
  expect(row).toEqual({ ms: DEADLINE_MS, after: true });
  await t.sql`update escapement.waiting set wake_at = escapement.clock() - interval '1 ms' where id = ${run.id}`;
  await releaseDue(t.context);
  expect(await skipLate(t.context)).toBe(0);
  await settle(only(await t.claim()).leaseId, "succeeded");
});

test("whatever holds a run up, it is skipped when its time is over, and those who wait for it go on", async () => {
  const first = await start("lenient");
  const held = await start("strict", { after: [first.id] });
  const last = await start("lenient", { after: [held.id] });
  await pass("waiting", held.id);
  expect(await skipLate(t.context)).toBe(1);
  expect(await t.stateOf(held.id)).toBe("SKIPPED");
  expect(await t.stateOf(last.id)).toBe("READY");
  expect(await t.sql`select from escapement.dependency where run_id = ${held.id}`).toHaveLength(0);
  for (const { leaseId } of await t.claim(2)) await settle(leaseId, "succeeded");
});

test("a run that has started once is not skipped any more, nor one that somebody put back", async () => {
  const run = await start("strict");
  await settle(only(await t.claim()).leaseId, "released");
  expect(await pass("ready", run.id)).toHaveLength(0);
  await settle(only(await t.claim()).leaseId, "failed");
  expect(await pass("waiting", run.id)).toHaveLength(0);
  await t.engine.cancel(run.id, null);
  const late = await start("strict", { runAt: longAgo() });
  await skipLate(t.context);
  expect(await t.stateOf(late.id)).toBe("SKIPPED");
  await t.engine.redrive(late.id);
  expect(await skipLate(t.context)).toBe(0);
  await settle(only(await t.claim()).leaseId, "succeeded");
});

test("a child's deadline counts from its birth, not from when its parent asked for it", async () => {
  await start("lenient");
  const parent = only(await t.claim());
  const { runs } = await t.engine.startChildren(parent.leaseId, {
    runs: [{ namespace: "default", job: "strict" }],
    now: false,
  });
  await t.sql`
    update escapement.staged set scheduled_at = scheduled_at - interval '1 hour', skip_at = skip_at - interval '1 hour'`;
  await settle(parent.leaseId, "succeeded");
  expect(await skipLate(t.context)).toBe(0);
  const child = only(await t.claim());
  expect(child.runId).toBe(runs[0]);
  expect(Date.now() - child.scheduledAt).toBeLessThan(DEADLINE_MS);
  await settle(child.leaseId, "succeeded");
});

test("runs started and children born by the SQL functions have deadlines and policies, too", async () => {
  const [started] = await t.sql<{ id: string }[]>`
    select escapement.start_run('default', 'strict', '1', '{"runAt": "2020-01-01T00:00:00Z"}') as id`;
  expect(await t.claim()).toEqual([]);
  expect(await skipLate(t.context)).toBe(1);
  expect(await t.stateOf(started?.id ?? "")).toBe("SKIPPED");
  await start("lenient");
  const parent = only(await t.claim());
  await t.engine.startChildren(parent.leaseId, {
    runs: [{ namespace: "default", job: "strict", retry: { kind: "fixed", delayMs: 0, max: 8 } }],
    now: false,
  });
  await t.sql`
    update escapement.staged set scheduled_at = scheduled_at - interval '1 hour', skip_at = skip_at - interval '1 hour'`;
  await t.sql`select escapement.complete(${parent.leaseId})`;
  expect(await skipLate(t.context)).toBe(0);
  const child = only(await t.claim());
  expect(child.attempts.max).toBe(9);
  await settle(child.leaseId, "succeeded");
});

test("many late runs are skipped in batches, beside claims", async () => {
  const items = Array.from({ length: 1_500 }, () => ({
    namespace: "default",
    job: "strict",
    runAt: longAgo(),
  }));
  await t.engine.start(items);
  const good = await start("strict");
  const [leases, ...batches] = await Promise.all([t.claim(10), skipLate(t.context), skipLate(t.context)]);
  expect(leases.map(({ runId }) => runId)).toEqual([good.id]);
  let skipped = batches.reduce((sum, count) => sum + count, 0);
  for (let count = 1; count > 0; skipped += count) count = await skipLate(t.context);
  expect(skipped).toBe(1_500);
  await settle(only(leases).leaseId, "succeeded");
});
