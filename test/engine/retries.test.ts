/** Retry policies of runs, jobs, namespaces and the server, and what attempts save for the next one. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RetryPolicy } from "../../server/core/retry.ts";
import { expire } from "../../server/engine/expire.ts";
import { releaseDue } from "../../server/engine/release.ts";
import { createCatalog } from "../../server/store/catalog.ts";
import { updateNamespace } from "../../server/store/namespaces.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine;

beforeAll(async () => {
  t = await openTestEngine();
  await addJob(t, "once", { retry: { kind: "off" } });
  await addJob(t, "thrice", { retry: { kind: "fixed", delayMs: 60_000, max: 2 } });
  await addJob(t, "limited", { retry: { kind: "fixed", delayMs: 1_000, max: 9, maxElapsedMs: 60_000 } });
  await addJob(t, "brief", { retry: { kind: "off" }, timeoutMs: 1_000 });
  await addJob(t, "heir", { retry: null });
});
afterAll(() => t.close());

const only = <T>(list: T[]): T => {
  expect(list).toHaveLength(1);
  return list[0] as T;
};
const start = async (job: string, more: object = {}) =>
  only(await t.engine.start([{ namespace: "default", job, ...more }]));
const take = async () => only(await t.claim());
const settle = async (leaseId: string, outcome: "succeeded" | "failed" | "released", more: object = {}) =>
  only(await t.engine.settle([{ leaseId, outcome, ...more }]));
const fail = (leaseId: string, more: object = {}) =>
  settle(leaseId, "failed", { error: { message: "x" }, ...more });
/** Ends the pause before the retry. */
async function wake(runId: string): Promise<void> {
  await t.sql`update escapement.waiting set wake_at = escapement.clock() - interval '1 ms' where id = ${runId}`;
  await releaseDue(t.context);
}
async function lose(runId: string): Promise<void> {
  await t.sql`update escapement.lease set expires_at = escapement.clock() - interval '1 ms' where id = ${runId}`;
  await expire(t.context, await t.lead());
}
async function checkpointOf(runId: string): Promise<string | null> {
  const rows = await t.sql<{ checkpoint: string | null }[]>`
    select checkpoint from escapement.waiting where id = ${runId}
    union all select checkpoint from escapement.ready where id = ${runId}
    union all select checkpoint from escapement.lease where id = ${runId}
    union all select checkpoint from escapement.ended where id = ${runId}`;
  return only(rows).checkpoint;
}
const later: RetryPolicy = { kind: "fixed", delayMs: 7_000, max: 1 };

test("a run's own policy counts instead of its job's, wherever the run has been", async () => {
  const run = await start("once", { retry: later });
  const released = await take();
  expect(released.attempts).toEqual({ made: 0, max: 2 });
  await settle(released.leaseId, "released");
  await take();
  await lose(run.id);
  expect(await fail((await take()).leaseId)).toEqual({ status: "ok", state: "WAITING", retryInMs: 7_000 });
  await wake(run.id);
  expect(await fail((await take()).leaseId)).toEqual({ status: "ok", state: "FAILED" });
  await t.engine.redrive(run.id);
  expect(await fail((await take()).leaseId)).toMatchObject({ state: "WAITING" });
  await t.engine.cancel(run.id, null);
  await t.engine.redrive(run.id);
  expect(await fail((await take()).leaseId)).toMatchObject({ state: "WAITING" });
  await t.engine.cancel(run.id, null);
});

test("a run's own policy counts when an attempt's time is up, too", async () => {
  const run = await start("brief", { retry: later });
  await take();
  await t.sql`update escapement.lease set started_at = escapement.clock() - interval '2 s' where id = ${run.id}`;
  await expire(t.context, await t.lead());
  expect(await t.stateOf(run.id)).toBe("WAITING");
  await t.engine.cancel(run.id, null);
});

test("a run that is run again keeps its own policy", async () => {
  await start("once", { retry: later });
  const lease = await take();
  await settle(lease.leaseId, "succeeded");
  await t.engine.rerun(lease.runId);
  const again = await take();
  expect(again.attempts.max).toBe(2);
  await settle(again.leaseId, "succeeded");
});

test("runs with and without a policy of their own start in one list, delayed ones and children too", async () => {
  const [delayed, plain, own] = await t.engine.start([
    { namespace: "default", job: "once", retry: later, delayMs: 60_000 },
    { namespace: "default", job: "once" },
    { namespace: "default", job: "once", retry: later },
  ]);
  await wake(delayed?.id ?? "");
  const leases = new Map((await t.claim(3)).map((lease) => [lease.runId, lease]));
  expect(leases.get(delayed?.id ?? "")?.attempts.max).toBe(2);
  expect(leases.get(plain?.id ?? "")?.attempts.max).toBe(1);
  const parent = leases.get(own?.id ?? "");
  expect(parent?.attempts.max).toBe(2);
  await t.engine.startChildren(parent?.leaseId ?? "", {
    runs: [{ namespace: "default", job: "once", retry: later }],
    now: false,
  });
  await t.engine.settle(
    [...leases.values()].map(({ leaseId }) => ({ leaseId, outcome: "succeeded" as const })),
  );
  const child = await take();
  expect(child).toMatchObject({ parentId: own?.id, attempts: { max: 2 } });
  await settle(child.leaseId, "succeeded");
});

test("another policy under the same idempotency key is another request", async () => {
  const first = await start("once", { idempotencyKey: "policy", retry: later });
  expect(await start("once", { idempotencyKey: "policy", retry: later })).toEqual(first);
  await expect(start("once", { idempotencyKey: "policy" })).rejects.toMatchObject({ code: "CONFLICT" });
  await t.engine.cancel(first.id, null);
});

test("a job without a policy follows its namespace, and that the server, from the change on", async () => {
  const run = await start("heir");
  const lease = await take();
  expect(lease.attempts.max).toBe(4);
  await updateNamespace(t.context, 1, { retry: { fixed: { delay: "PT3S", max: 1 } } });
  expect(await fail(lease.leaseId)).toMatchObject({ state: "WAITING", retryInMs: 3_000 });
  expect(t.changes.at(-2)).toMatchObject({ kind: "namespace", id: 1 });
  await wake(run.id);
  await updateNamespace(t.context, 1, { retry: { inherit: true } });
  const second = await take();
  expect(second.attempts.max).toBe(4);
  expect(await fail(second.leaseId)).toMatchObject({ state: "WAITING" });
  await t.engine.cancel(run.id, null);

  const other = createCatalog(t.sql, { kind: "off" });
  expect((await other.currentVersion(1, "heir")).retry).toEqual({ kind: "off" });
  expect((await other.currentVersion(1, "thrice")).retry).toMatchObject({ kind: "fixed", max: 2 });
});

test("a version that was being read while its namespace changed is not kept", async () => {
  const catalog = createCatalog(t.sql);
  const reading = catalog.currentVersion(1, "heir");
  catalog.forgetSettings();
  await reading;
  await t.sql`update escapement.namespace set retry = ${t.sql.json(later)} where id = 1`;
  expect((await catalog.currentVersion(1, "heir")).retry).toEqual(later);
  await t.sql`update escapement.namespace set retry = null where id = 1`;
});

test("lost leases use up no retries, and a worker can tell its last attempt", async () => {
  const run = await start("thrice");
  await take();
  await lose(run.id);
  const isLast: boolean[] = [];
  for (const state of ["WAITING", "WAITING", "FAILED"]) {
    const lease = await take();
    isLast.push(lease.attempts.made + 1 === lease.attempts.max);
    expect(await fail(lease.leaseId)).toMatchObject({ state });
    if (state === "WAITING") await wake(run.id);
  }
  expect(isLast).toEqual([false, false, true]);
  await t.engine.redrive(run.id);
  expect((await take()).attempts).toEqual({ made: 4, max: 7 });
  await t.engine.cancel(run.id, null);
  await lose(run.id);
  expect(await t.stateOf(run.id)).toBe("CANCELLED");
});

test("three lost leases end a run whatever its policy still allows, and failures in between do not count", async () => {
  const run = await start("thrice");
  await take();
  await lose(run.id);
  expect(await fail((await take()).leaseId)).toMatchObject({ state: "WAITING" });
  await wake(run.id);
  await take();
  await lose(run.id);
  expect(await t.stateOf(run.id)).toBe("READY");
  await take();
  await lose(run.id);
  expect(await t.stateOf(run.id)).toBe("FAILED");
  const [ended] = await t.sql`select failures, lost, outcome from escapement.ended where id = ${run.id}`;
  expect(ended).toEqual({ failures: 1, lost: 3, outcome: "LOST" });
});

test("maxElapsed counts from the first start, and afresh after the run was put back", async () => {
  const run = await start("limited");
  const aged = async () =>
    t.sql`update escapement.attempt set started_at = started_at - interval '1 minute' where run_id = ${run.id}`;
  expect(await fail((await take()).leaseId)).toMatchObject({ state: "WAITING" });
  await wake(run.id);
  await aged();
  expect(await fail((await take()).leaseId)).toMatchObject({ state: "FAILED" });
  await t.engine.redrive(run.id);
  await aged();
  expect(await fail((await take()).leaseId)).toMatchObject({ state: "WAITING" });
  await t.engine.cancel(run.id, null);
});

test("what an attempt saves reaches the next one, however the attempt ended", async () => {
  const run = await start("thrice");
  const first = await take();
  expect(first.checkpoint).toBeNull();
  expect(await t.engine.renew([{ leaseId: first.leaseId, checkpoint: '{"row":1}' }])).toMatchObject([
    { status: "ok" },
  ]);
  await t.engine.renew([{ leaseId: first.leaseId, progress: 0.5 }]);
  await lose(run.id);
  const second = await take();
  expect(second.checkpoint).toBe('{"row":1}');
  await settle(second.leaseId, "released");
  const third = await take();
  expect(third.checkpoint).toBe('{"row":1}');
  await settle(third.leaseId, "released", { checkpoint: '{"row":2}' });
  const fourth = await take();
  expect(fourth.checkpoint).toBe('{"row":2}');
  await fail(fourth.leaseId, { checkpoint: '{"row":3}' });
  await wake(run.id);
  const fifth = await take();
  expect(fifth.checkpoint).toBe('{"row":3}');
  await fail(fifth.leaseId);
  await wake(run.id);
  await fail((await take()).leaseId);
  expect(await t.stateOf(run.id)).toBe("FAILED");
  await t.engine.redrive(run.id);
  const again = await take();
  expect(again.checkpoint).toBe('{"row":3}');
  await settle(again.leaseId, "succeeded");
  expect(await checkpointOf(run.id)).toBeNull();
});

test("a success forgets the checkpoint when children are born with it, too", async () => {
  const run = await start("thrice");
  const lease = await take();
  await t.engine.renew([{ leaseId: lease.leaseId, checkpoint: "1" }]);
  await t.engine.startChildren(lease.leaseId, { runs: [{ namespace: "default", job: "once" }], now: false });
  await settle(lease.leaseId, "succeeded");
  expect(await checkpointOf(run.id)).toBeNull();
  await settle((await take()).leaseId, "succeeded");
});

test("a checkpoint of null forgets what was saved", async () => {
  const run = await start("thrice");
  const lease = await take();
  await t.engine.renew([{ leaseId: lease.leaseId, checkpoint: "[1]" }]);
  await t.engine.renew([{ leaseId: lease.leaseId, checkpoint: "null" }]);
  expect(await checkpointOf(run.id)).toBeNull();
  await t.engine.renew([{ leaseId: lease.leaseId, checkpoint: "[2]" }]);
  await fail(lease.leaseId, { checkpoint: "null" });
  expect(await checkpointOf(run.id)).toBeNull();
  await t.engine.cancel(run.id, null);
});

test("an attempt that is over saves nothing", async () => {
  const run = await start("thrice");
  const stale = await take();
  await lose(run.id);
  expect(await t.engine.renew([{ leaseId: stale.leaseId, checkpoint: "1" }])).toEqual([{ status: "lost" }]);
  expect(await fail(stale.leaseId, { checkpoint: "2" })).toEqual({ status: "lost" });
  const lease = await take();
  expect(lease.checkpoint).toBeNull();
  await settle(lease.leaseId, "succeeded");
});

test("the same claim repeated brings the checkpoint again", async () => {
  const run = await start("thrice");
  await settle((await take()).leaseId, "released", { checkpoint: '"here"' });
  const first = only(await t.claim(1, "twice"));
  expect(only(await t.claim(1, "twice"))).toEqual(first);
  expect(first.checkpoint).toBe('"here"');
  await settle(first.leaseId, "succeeded");
  expect(await t.stateOf(run.id)).toBe("SUCCEEDED");
});
