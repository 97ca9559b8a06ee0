/** What people do to runs: cancel many, run now, run again. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { LIMITS } from "../../server/config.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine;
beforeAll(async () => {
  t = await openTestEngine();
  await addJob(t, "plain");
  await addJob(t, "other");
  await addJob(t, "stubborn", { retry: { kind: "fixed", delayMs: 3_600_000, max: 3 } });
});
afterAll(() => t.close());
beforeEach(async () => {
  for (const table of [
    "waiting",
    "ready",
    "lease",
    "ended",
    "dependency",
    "rerun",
    "idempotency",
    "payload",
  ]) {
    await t.sql`delete from escapement.${t.sql(table)}`;
  }
});

const startAll = async (count: number, job = "plain", more: object = {}): Promise<string[]> => {
  const items = Array.from({ length: count }, () => ({ namespace: "default", job, ...more }));
  return (await t.engine.start(items)).map(({ id }) => id);
};
const start = async (job = "plain", more: object = {}): Promise<string> =>
  (await startAll(1, job, more))[0] as string;
const all = (filter: object = {}) => ({ namespaceId: 1, filter });
const states = async () => {
  const rows = await t.sql<{ state: string; n: number }[]>`
    select state, count(*)::int as n from escapement.run group by 1 order by 1`;
  return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
};

test("many are cancelled by a filter: waiting and ready ones at once, running ones are told", async () => {
  await startAll(3);
  const leases = await t.claim(2);
  await startAll(2, "plain", { delayMs: 60_000 });
  await startAll(2, "other");
  expect(await t.engine.cancelRuns(all({ job: "plain" }), "stop", { dryRun: true })).toMatchObject({
    matched: 5,
    changed: 0,
  });
  expect(await states()).toEqual({ READY: 3, RUNNING: 2, WAITING: 2 });
  expect(await t.engine.cancelRuns(all({ job: "plain" }), "stop", {})).toEqual({
    matched: 5,
    changed: 5,
    cursor: null,
  });
  expect(await states()).toEqual({ CANCELLED: 3, READY: 2, RUNNING: 2 });
  const told = await t.engine.renew(leases.map(({ leaseId }) => ({ leaseId })));
  expect(told).toMatchObject([{ cancel: true }, { cancel: true }]);
  // Those told already are not found again.
  expect(await t.engine.cancelRuns(all({ job: "plain" }), "stop", {})).toMatchObject({ matched: 0 });
  const [row] = await t.sql`select error from escapement.ended where state = 'CANCELLED' limit 1`;
  expect(JSON.parse(row?.error)).toEqual({ message: "stop", type: "Cancelled" });
});

test("a change of many goes on where the last call ended, through several statements", async () => {
  const count = LIMITS.bulkBatch + 30;
  await startAll(count);
  const first = await t.engine.cancelRuns(all(), null, { limit: LIMITS.bulkBatch + 10 });
  expect(first).toMatchObject({ matched: count, changed: LIMITS.bulkBatch + 10 });
  const second = await t.engine.cancelRuns(all(), null, { after: first.cursor });
  expect(second).toEqual({ matched: 20, changed: 20, cursor: null });
  expect(await states()).toEqual({ CANCELLED: count });
});

test("the filter takes what it says: state, tags, parent, times, namespace", async () => {
  const [parent] = await startAll(1, "plain", { tags: ["a", "b"] });
  await startAll(1, "plain", { delayMs: 60_000 });
  await t.engine.start([{ namespace: "default", job: "plain" }], { parentId: parent ?? null });
  const found = async (filter: object, namespaceId: number | null = 1) =>
    (await t.engine.cancelRuns({ namespaceId, filter }, null, { dryRun: true })).matched;
  expect(await found({})).toBe(3);
  expect(await found({ states: ["WAITING"] })).toBe(1);
  expect(await found({ states: [] })).toBe(0);
  expect(await found({ tags: ["b"] })).toBe(1);
  expect(await found({ parent })).toBe(1);
  expect(await found({ job: "nobody" })).toBe(0);
  expect(await found({ trigger: "nobody" })).toBe(0);
  expect(await found({ createdAfter: Date.UTC(2099, 0, 1) })).toBe(0);
  expect(await found({ createdBefore: Date.UTC(2099, 0, 1) })).toBe(3);
  expect(await found({}, 2)).toBe(0);
  expect(await found({}, null)).toBe(3);
  await expect(found({ states: ["READY", "FAILED"] })).rejects.toMatchObject({
    code: "BAD_INPUT",
    field: "filter.states",
  });
});

test("who waits for a run that is cancelled among many goes on", async () => {
  const first = await start();
  const waiter = await start("other", { after: [first] });
  await t.engine.cancelRuns(all({ job: "plain" }), null, {});
  expect(await t.stateOf(waiter)).toBe("READY");
});

test("many cancelled while workers claim them are all cancelled or told to stop", async () => {
  await startAll(200);
  const claims = Array.from({ length: 20 }, () => t.claim(5));
  const cancelled = t.engine.cancelRuns(all(), null, {});
  await Promise.all([...claims, cancelled]);
  const [untold] = await t.sql`
    select count(*)::int as n from escapement.lease where cancel_at is null`;
  const [ready] = await t.sql`select count(*)::int as n from escapement.ready`;
  expect([untold?.n, ready?.n]).toEqual([0, 0]);
});

test("a run that is claimed just under a change of many is found where it went", async () => {
  const id = await start();
  const others = await startAll(2);
  let cancelled: Promise<unknown> | null = null;
  await t.sql.begin(async (claiming) => {
    await claiming`
      with gone as (delete from escapement.ready where id = ${id} returning *)
      insert into escapement.lease (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, ready_at,
        fence, secret, executor_id, started_at, expires_at)
      select id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, ready_at, 1, gen_random_uuid(), 1,
        escapement.clock(), escapement.clock() + interval '1 min' from gone`;
    cancelled = t.engine.cancelRuns(all(), "stop", {});
    // The change waits for the claim's row.
    await expect
      .poll(async () => {
        const [row] = await t.sql`
          select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
        return row?.n;
      })
      .toBe(1);
  });
  expect(await cancelled).toMatchObject({ matched: 3, changed: 3 });
  const [row] = await t.sql`select cancel_reason from escapement.lease where id = ${id}`;
  expect(row?.cancel_reason).toBe("stop");
  expect(await Promise.all(others.map((run) => t.stateOf(run)))).toEqual(["CANCELLED", "CANCELLED"]);
});

test("a run that waits for its time or its next try is started now, with another input if wanted", async () => {
  const delayed = await start("plain", { delayMs: 3_600_000, input: JSON.stringify("x".repeat(5_000)) });
  expect(await t.engine.hasten(delayed, { json: '"y"', bytes: null })).toEqual({
    id: delayed,
    state: "READY",
  });
  const [lease] = await t.claim();
  expect(lease).toMatchObject({ runId: delayed, input: '"y"' });
  const large = JSON.stringify("z".repeat(5_000));
  const failing = await start("stubborn");
  await t.engine.settle((await t.claim()).map(({ leaseId }) => ({ leaseId, outcome: "failed" })));
  await t.engine.hasten(failing, { json: large, bytes: null });
  expect((await t.claim())[0]).toMatchObject({
    runId: failing,
    input: large,
    attempt: 2,
    attempts: { made: 1 },
  });
});

test("a run that waits for others, is ready or has ended is not started now", async () => {
  const first = await start();
  const held = await start("plain", { after: [first] });
  for (const id of [first, held]) {
    await expect(t.engine.hasten(id)).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
  }
  await t.engine.cancel(first, null);
  await expect(t.engine.hasten(first)).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
  await expect(t.engine.hasten("17")).rejects.toMatchObject({ code: "NOT_FOUND" });
  // With both holds, only the time goes.
  const other = await start();
  const both = await start("plain", { after: [other], delayMs: 3_600_000 });
  expect(await t.engine.hasten(both)).toEqual({ id: both, state: "WAITING" });
  await t.engine.cancel(other, null);
  expect(await t.stateOf(both)).toBe("READY");
});

test("a run that succeeded is run again as a new one that names it; its own result stays", async () => {
  const id = await start("plain", { input: '{"a":1}', priority: 7, tags: ["x"] });
  await t.engine.settle(
    (await t.claim()).map(({ leaseId }) => ({ leaseId, outcome: "succeeded", output: "1" })),
  );
  const again = await t.engine.rerun(id);
  expect(again.id).not.toBe(id);
  const [row] = await t.sql`
    select r.input, r.priority, r.tags, o.of_run_id as "of" from escapement.run r
    join escapement.rerun o on o.run_id = r.id where r.id = ${again.id}`;
  expect(row).toEqual({ input: '{"a":1}', priority: 7, tags: ["x"], of: id });
  const [origin] = await t.sql`select state, output from escapement.run where id = ${id}`;
  expect(origin).toEqual({ state: "SUCCEEDED", output: "1" });
  const changed = await t.engine.rerun(id, { input: { json: '{"a":2}', bytes: null } });
  const [other] = await t.sql`select input from escapement.run where id = ${changed.id}`;
  expect(other?.input).toBe('{"a":2}');
});

test("the same rerun with the same key starts one run; another request with the key is refused", async () => {
  const [one, two] = [await start(), await start()];
  await t.engine.settle((await t.claim(2)).map(({ leaseId }) => ({ leaseId, outcome: "succeeded" })));
  const runs = await Promise.all([1, 2, 3].map(() => t.engine.rerun(one, { idempotencyKey: "k" })));
  expect(new Set(runs.map(({ id }) => id)).size).toBe(1);
  await expect(t.engine.rerun(two, { idempotencyKey: "k" })).rejects.toMatchObject({ code: "CONFLICT" });
  const [row] = await t.sql`select count(*)::int as n from escapement.rerun`;
  expect(row?.n).toBe(1);
});

test("a run that goes on is not run again", async () => {
  await expect(t.engine.rerun(await start())).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
  await expect(t.engine.rerun("17")).rejects.toMatchObject({ code: "NOT_FOUND" });
});
