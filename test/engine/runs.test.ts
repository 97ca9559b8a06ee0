import { afterAll, beforeAll, expect, test } from "vitest";
import { LeaseLost } from "../../server/engine/engine.ts";
import { expire } from "../../server/engine/expire.ts";
import { leave } from "../../server/engine/leave.ts";
import { releaseDue, repairHolds } from "../../server/engine/release.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine;
const at = (job: string) => ({ namespace: "default", job });

beforeAll(async () => {
  t = await openTestEngine();
  await addJob(t, "plain");
  await addJob(t, "stubborn", { retry: { kind: "fixed", delayMs: 60_000, max: 1 } });
  await addJob(t, "once", { retry: { kind: "off" } });
  await addJob(t, "slow", { timeoutMs: 1_000, retry: { kind: "off" } });
});
afterAll(() => t.close());

const only = <T>(list: T[]): T => {
  expect(list).toHaveLength(1);
  return list[0] as T;
};
const start = async (job: string, more: object = {}) => only(await t.engine.start([{ ...at(job), ...more }]));
const take = async () => only(await t.claim());
const settle = async (leaseId: string, outcome: "succeeded" | "failed" | "released", more: object = {}) =>
  only(await t.engine.settle([{ leaseId, outcome, ...more }]));
const rowsOf = async (id: string) => {
  const [row] = await t.sql`
    select (select count(*) from escapement.waiting where id = ${id})::int as waiting,
      (select count(*) from escapement.ready where id = ${id})::int as ready,
      (select count(*) from escapement.lease where id = ${id})::int as lease,
      (select count(*) from escapement.ended where id = ${id})::int as ended`;
  return row;
};

test("a run is in exactly one table in each of its states", async () => {
  const run = await start("plain", { input: '{"a": 1}' });
  expect(run.state).toBe("READY");
  expect(await rowsOf(run.id)).toEqual({ waiting: 0, ready: 1, lease: 0, ended: 0 });
  const lease = await take();
  expect(lease).toMatchObject({
    runId: run.id,
    attempt: 1,
    input: '{"a": 1}',
    attempts: { made: 0, max: 4 },
  });
  expect(await rowsOf(run.id)).toEqual({ waiting: 0, ready: 0, lease: 1, ended: 0 });
  expect(await settle(lease.leaseId, "succeeded", { output: "42" })).toEqual({
    status: "ok",
    state: "SUCCEEDED",
  });
  expect(await rowsOf(run.id)).toEqual({ waiting: 0, ready: 0, lease: 0, ended: 1 });
});

test("a settling call that is repeated gets the same answer and changes nothing", async () => {
  const run = await start("stubborn");
  const first = await take();
  const answer = await settle(first.leaseId, "failed", { error: { message: "no" } });
  expect(answer).toEqual({ status: "ok", state: "WAITING", retryInMs: 60_000 });
  expect(await settle(first.leaseId, "failed", { error: { message: "no" } })).toEqual(answer);
  expect(await settle(first.leaseId, "succeeded")).toEqual({ status: "lost" });
  expect(await t.stateOf(run.id)).toBe("WAITING");
  await t.engine.cancel(run.id, null);
});

test("a retry is a waiting run with a hold, and the last failure ends it", async () => {
  const run = await start("stubborn");
  await settle((await take()).leaseId, "failed", { error: { message: "first" } });
  const [waiting] = await t.sql`select wake_kind, failures from escapement.waiting where id = ${run.id}`;
  expect(waiting).toEqual({ wake_kind: "RETRY", failures: 1 });
  expect((await releaseDue(t.context)).released).toBe(0);
  await t.sql`update escapement.waiting set wake_at = escapement.clock() - interval '1 ms' where id = ${run.id}`;
  expect((await releaseDue(t.context)).released).toBe(1);
  const second = await take();
  expect(second).toMatchObject({ runId: run.id, attempt: 2, fence: 2 });
  expect(await settle(second.leaseId, "failed", { error: { message: "second" } })).toMatchObject({
    state: "FAILED",
  });
  const [ended] = await t.sql`select error, failures from escapement.ended where id = ${run.id}`;
  expect(ended).toEqual({ error: '{"message":"second"}', failures: 2 });
});

test("the worker can forbid the retry or choose its time", async () => {
  await start("stubborn");
  expect(
    await settle((await take()).leaseId, "failed", { error: { message: "x" }, retry: false }),
  ).toMatchObject({
    state: "FAILED",
  });
  const run = await start("stubborn");
  expect(
    await settle((await take()).leaseId, "failed", { error: { message: "x" }, retryAfterMs: 5_000 }),
  ).toMatchObject({ state: "WAITING", retryInMs: 5_000 });
  await t.engine.cancel(run.id, null);
});

test("a released run is ready again at once and has spent no attempt", async () => {
  const run = await start("plain");
  const lease = await take();
  expect(await settle(lease.leaseId, "released")).toEqual({ status: "ok", state: "READY" });
  const again = await take();
  expect(again).toMatchObject({ runId: run.id, attempt: 1, fence: 2 });
  expect(await settle(lease.leaseId, "released")).toEqual({ status: "ok", state: "READY" });
  expect(await settle(lease.leaseId, "succeeded")).toEqual({ status: "lost" });
  expect(await t.stateOf(run.id)).toBe("RUNNING");
  await settle(again.leaseId, "succeeded");
});

test("higher priority is claimed first, then the longest ready", async () => {
  const low = await start("plain", { priority: 1 });
  const first = await start("plain", { priority: 9 });
  const second = await start("plain", { priority: 9 });
  const leases = await t.claim(3);
  expect(leases.map((lease) => lease.runId)).toEqual([first.id, second.id, low.id]);
  await t.engine.settle(leases.map((lease) => ({ leaseId: lease.leaseId, outcome: "succeeded" as const })));
});

test("a delayed run waits and becomes ready when its time has come", async () => {
  const run = await start("plain", { delayMs: 3_600_000 });
  expect(run.state).toBe("WAITING");
  expect(await t.claim()).toEqual([]);
  const { nextInMs } = await releaseDue(t.context);
  expect(nextInMs).toBeGreaterThan(3_500_000);
  await t.sql`update escapement.waiting set wake_at = escapement.clock() - interval '1 ms' where id = ${run.id}`;
  await releaseDue(t.context);
  await settle((await take()).leaseId, "succeeded");
});

test("a claim that is repeated with its request id gets the same leases", async () => {
  await t.engine.start([at("plain"), at("plain"), at("plain")]);
  const first = await t.claim(2, "request-1");
  const again = await t.claim(2, "request-1");
  expect(again.map((lease) => lease.leaseId).sort()).toEqual(first.map((lease) => lease.leaseId).sort());
  const rest = await t.claim(10, "request-2");
  expect(rest).toHaveLength(1);
  await t.engine.settle(
    [...first, ...rest].map((l) => ({ leaseId: l.leaseId, outcome: "succeeded" as const })),
  );
});

test("an expired lease goes to another executor, and the first one's report is refused", async () => {
  const run = await start("plain");
  const stale = await take();
  await t.sql`update escapement.lease set expires_at = escapement.clock() - interval '1 ms' where id = ${run.id}`;
  expect(await t.engine.renew([{ leaseId: stale.leaseId }])).toEqual([{ status: "lost" }]);
  expect(await expire(t.context, await t.lead())).toBe(1);
  const lease = await take();
  expect(lease).toMatchObject({ runId: run.id, attempt: 2, fence: 2 });
  expect(await settle(stale.leaseId, "succeeded", { output: '"stale"' })).toEqual({ status: "lost" });
  expect(await t.stateOf(run.id)).toBe("RUNNING");
  expect(await settle(lease.leaseId, "succeeded", { output: '"fresh"' })).toMatchObject({
    state: "SUCCEEDED",
  });
  expect(await settle(stale.leaseId, "succeeded")).toEqual({ status: "lost" });
  const [ended] = await t.sql`select output, lost, failures from escapement.ended where id = ${run.id}`;
  expect(ended).toEqual({ output: '"fresh"', lost: 1, failures: 0 });
});

test("an expired lease that nobody has taken away yet still settles", async () => {
  const run = await start("plain");
  const lease = await take();
  await t.sql`update escapement.lease set expires_at = escapement.clock() - interval '1 ms' where id = ${run.id}`;
  expect(await settle(lease.leaseId, "succeeded")).toMatchObject({ state: "SUCCEEDED" });
  expect(await expire(t.context, await t.lead())).toBe(0);
});

test("a heartbeat between the sweep's look and its write keeps the lease", async () => {
  const run = await start("plain");
  const lease = await take();
  const [row] = await t.sql<{ secret: string }[]>`select secret from escapement.lease where id = ${run.id}`;
  const seenAsExpired = {
    runId: run.id,
    secret: row?.secret ?? "",
    cancelSeen: false,
    onlyIfExpired: true,
    to: "READY" as const,
    outcome: "LOST" as const,
  };
  expect(await leave(t.context, [seenAsExpired], "test", await t.lead())).toEqual([]);
  expect(await t.engine.renew([{ leaseId: lease.leaseId }])).toMatchObject([{ status: "ok", cancel: false }]);
  await settle(lease.leaseId, "succeeded");
});

test("the third lost lease in turn ends the run as failed", async () => {
  const run = await start("plain");
  for (const expected of ["READY", "READY", "FAILED"]) {
    await take();
    await t.sql`update escapement.lease set expires_at = escapement.clock() - interval '1 ms' where id = ${run.id}`;
    await expire(t.context, await t.lead());
    expect(await t.stateOf(run.id)).toBe(expected);
  }
  const [ended] = await t.sql`select error, lost from escapement.ended where id = ${run.id}`;
  expect(ended?.lost).toBe(3);
  expect(ended?.error).toContain("stopped answering 3 times");
});

test("an attempt that runs longer than its timeout fails although heartbeats arrive", async () => {
  const run = await start("slow");
  const lease = await take();
  await t.engine.renew([{ leaseId: lease.leaseId }]);
  await t.sql`update escapement.lease set started_at = escapement.clock() - interval '2 s' where id = ${run.id}`;
  await expire(t.context, await t.lead());
  expect(await t.stateOf(run.id)).toBe("FAILED");
  expect(await settle(lease.leaseId, "succeeded")).toEqual({ status: "lost" });
  const [ended] = await t.sql`select error, outcome from escapement.ended where id = ${run.id}`;
  expect(ended).toMatchObject({ outcome: "TIMED_OUT" });
  expect(ended?.error).toContain("PT1S");
});

test("waiting and ready runs are cancelled at once, ended ones not at all", async () => {
  const waiting = await start("plain", { delayMs: 60_000 });
  const ready = await start("plain");
  expect(await t.engine.cancel(waiting.id, "not needed")).toEqual({ id: waiting.id, state: "CANCELLED" });
  expect(await t.engine.cancel(ready.id, null)).toEqual({ id: ready.id, state: "CANCELLED" });
  await expect(t.engine.cancel(ready.id, null)).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
  await expect(t.engine.cancel("17", null)).rejects.toMatchObject({ code: "NOT_FOUND" });
  const [ended] = await t.sql`select error from escapement.ended where id = ${waiting.id}`;
  expect(ended?.error).toContain("not needed");
});

test("a running run is told to stop by its heartbeat and ends cancelled whatever it reports", async () => {
  const run = await start("plain");
  const lease = await take();
  expect(await t.engine.cancel(run.id, "enough")).toEqual({ id: run.id, state: "RUNNING" });
  expect(await t.engine.cancel(run.id, "again")).toEqual({ id: run.id, state: "RUNNING" });
  expect(await t.engine.renew([{ leaseId: lease.leaseId }])).toMatchObject([{ status: "ok", cancel: true }]);
  expect(await settle(lease.leaseId, "succeeded", { output: "1" })).toEqual({
    status: "ok",
    state: "CANCELLED",
  });
  const [ended] = await t.sql`select output, error from escapement.ended where id = ${run.id}`;
  expect(ended?.output).toBeNull();
  expect(ended?.error).toContain("enough");
});

test("a cancelled run that does not stop within the grace time loses its lease", async () => {
  const run = await start("plain");
  const lease = await take();
  await t.engine.cancel(run.id, null);
  expect(await expire(t.context, await t.lead())).toBe(0);
  await t.sql`update escapement.lease set cancel_at = escapement.clock() - interval '31 s' where id = ${run.id}`;
  await expire(t.context, await t.lead());
  expect(await t.stateOf(run.id)).toBe("CANCELLED");
  expect(await settle(lease.leaseId, "succeeded")).toEqual({ status: "lost" });
});

test("a failed run is put back with a fresh budget and keeps its history", async () => {
  const run = await start("once");
  await settle((await take()).leaseId, "failed", { error: { message: "x" } });
  expect(await t.engine.redrive(run.id)).toEqual({ id: run.id, state: "READY" });
  await expect(t.engine.redrive(run.id)).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
  const lease = await take();
  expect(lease).toMatchObject({ runId: run.id, attempt: 2 });
  await settle(lease.leaseId, "succeeded");
  await expect(t.engine.redrive(run.id)).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
  const attempts = await t.sql`select number, outcome from escapement.attempt where run_id = ${run.id}`;
  expect([...attempts]).toEqual([{ number: 1, outcome: "FAILED" }]);
});

test("a run that waits for others starts when the last of them has ended, however they end", async () => {
  const [a, b] = await t.engine.start([at("plain"), at("once")]);
  const waiter = await start("plain", { after: [a?.id, b?.id] });
  expect(waiter.state).toBe("WAITING");
  const leases = await t.claim(2);
  await settle(leases[0]?.leaseId ?? "", "succeeded");
  expect(await t.stateOf(waiter.id)).toBe("WAITING");
  await settle(leases[1]?.leaseId ?? "", "failed", { error: { message: "x" } });
  expect(await t.stateOf(waiter.id)).toBe("READY");
  await settle((await take()).leaseId, "succeeded");
  expect((await start("plain", { after: [a?.id, b?.id] })).state).toBe("READY");
  await settle((await take()).leaseId, "succeeded");
  await expect(start("plain", { after: ["17"] })).rejects.toMatchObject({
    code: "BAD_INPUT",
    field: "after",
  });
});

test("a hold whose lifting was lost in a crash is repaired", async () => {
  const a = await start("plain");
  const waiter = await start("plain", { after: [a.id] });
  // The run ends as if the server died before it could look for waiters.
  await t.sql`update escapement.ready set awaited = false where id = ${a.id}`;
  await settle((await take()).leaseId, "succeeded");
  expect(await t.stateOf(waiter.id)).toBe("WAITING");
  await repairHolds(t.context);
  expect(await t.stateOf(waiter.id)).toBe("READY");
  await settle((await take()).leaseId, "succeeded");
});

test("children are created with their parent's completion, and only then", async () => {
  const failing = await start("stubborn");
  const lost = await take();
  await t.engine.startChildren(lost.leaseId, { runs: [at("plain")], now: false });
  await settle(lost.leaseId, "failed", { error: { message: "x" }, retry: false });
  expect(await t.claim()).toEqual([]);
  expect(await t.stateOf(failing.id)).toBe("FAILED");

  await start("plain");
  const lease = await take();
  const children = await t.engine.startChildren(lease.leaseId, {
    runs: [at("plain"), at("plain")],
    join: at("once"),
    now: false,
  });
  expect(await t.claim()).toEqual([]);
  await settle(lease.leaseId, "succeeded");
  const leases = await t.claim(5);
  expect(leases.map((child) => child.runId)).toEqual(children.runs);
  expect(leases.every((child) => child.parentId === lease.runId)).toBe(true);
  await settle(leases[0]?.leaseId ?? "", "succeeded");
  expect(await t.stateOf(children.join ?? "")).toBe("WAITING");
  await settle(leases[1]?.leaseId ?? "", "succeeded");
  const join = await take();
  expect(join.runId).toBe(children.join);
  await settle(join.leaseId, "succeeded");
  await expect(
    t.engine.startChildren(lease.leaseId, { runs: [at("plain")], now: false }),
  ).rejects.toBeInstanceOf(LeaseLost);
});

test("a key makes a start repeatable and refuses another request", async () => {
  const run = await start("plain", { idempotencyKey: "k1", input: "1" });
  expect(await start("plain", { idempotencyKey: "k1", input: "1" })).toEqual(run);
  await expect(start("plain", { idempotencyKey: "k1", input: "2" })).rejects.toMatchObject({
    code: "CONFLICT",
    field: "idempotencyKey",
  });
  const together = await Promise.all(
    Array.from({ length: 20 }, () => start("plain", { idempotencyKey: "k2", input: "1" })),
  );
  expect(new Set(together.map(({ id }) => id)).size).toBe(1);
  const list = await t.engine.start([at("plain"), at("plain")], { idempotencyKey: "k3" });
  expect(await t.engine.start([at("plain"), at("plain")], { idempotencyKey: "k3" })).toEqual(list);
  const leases = await t.claim(10);
  expect(leases).toHaveLength(4);
  await t.engine.settle(leases.map((lease) => ({ leaseId: lease.leaseId, outcome: "succeeded" as const })));
});

test("a list starts whole or not at all", async () => {
  const before = await t.sql`select count(*)::int as n from escapement.run`;
  await expect(t.engine.start([at("plain"), at("absent")], { field: "runs" })).rejects.toMatchObject({
    code: "NOT_FOUND",
    field: "runs[1].job",
  });
  await expect(
    t.engine.start([{ ...at("plain"), idempotencyKey: "k1" }, at("plain")], { field: "runs" }),
  ).rejects.toMatchObject({ code: "CONFLICT", field: "runs[0].idempotencyKey" });
  expect(await t.sql`select count(*)::int as n from escapement.run`).toEqual(before);
});

test("a mixed list is answered in its order, each run with what was asked for it", async () => {
  const asked = Array.from({ length: 60 }, (_, n) => ({
    ...at(["plain", "once", "stubborn"][n % 3] as string),
    priority: n % 5,
    input: n % 4 === 0 ? null : JSON.stringify({ n, text: '"\\{},' }),
    // Also what is inserted the long way.
    ...(n === 40 && { tags: ["a"] }),
  }));
  for (const items of [asked.slice(0, 40), asked.slice(40)]) {
    const started = await t.engine.start(items);
    const rows = await t.sql`
      select r.id, j.name as job, r.priority, r.input, r.version_id = j.version_id and r.queue_id = v.queue_id as fits
      from escapement.ready r join escapement.job j on j.id = r.job_id join escapement.job_version v on v.id = j.version_id
      where r.id = any(${started.map(({ id }) => id)}::bigint[]) order by r.id`;
    expect(rows.map(({ id }) => id)).toEqual(started.map(({ id }) => id));
    expect(rows.map(({ job, priority, input, fits }) => ({ job, priority, input, fits }))).toEqual(
      items.map(({ job, priority, input }) => ({ job, priority, input, fits: true })),
    );
  }
  await t.sql`delete from escapement.ready`;
});

test("of starts one after the other each has a greater id, whatever connection it takes", async () => {
  const ids: bigint[] = [];
  for (let n = 0; n < 200; n++) ids.push(BigInt((await start("plain")).id));
  expect(ids).toEqual([...ids].sort((a, b) => (a < b ? -1 : 1)));
  await t.sql`delete from escapement.ready`;
});

test("a large input is written once, beside the run, and arrives whole", async () => {
  const input = JSON.stringify({ text: "x".repeat(10_000) });
  await start("plain", { input });
  const bytes = Buffer.from([0, 255, 1, 254]);
  await start("plain", { inputBytes: bytes });
  const leases = await t.claim(2);
  expect(leases[0]?.input).toBe(input);
  expect(leases[1]?.inputBytes).toEqual(bytes);
  const [row] = await t.sql`select input, payload from escapement.lease where id = ${leases[0]?.runId ?? ""}`;
  expect(row).toEqual({ input: null, payload: 1 });
  await t.engine.settle(leases.map((lease) => ({ leaseId: lease.leaseId, outcome: "succeeded" as const })));
  await expect(start("plain", { input: JSON.stringify("x".repeat(300_000)) })).rejects.toMatchObject({
    code: "LIMIT_EXCEEDED",
    field: "input",
  });
});

test("each change of state is published once, in order", async () => {
  const run = await start("plain");
  await settle((await take()).leaseId, "succeeded");
  const states = t.changes.flatMap((c) => (c.kind === "run" && c.id === run.id ? [c.state] : []));
  expect(states).toEqual(["READY", "RUNNING", "SUCCEEDED"]);
});
