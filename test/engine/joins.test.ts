/** Joins: a run that waits for others and for all that they start, whatever races with what. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { ClaimedLease } from "../../server/engine/engine.ts";
import { expire } from "../../server/engine/expire.ts";
import { repairHolds } from "../../server/engine/release.ts";
import { readJoined } from "../../server/store/joined.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine;
const at = (job: string, more: object = {}) => ({ namespace: "default", job, ...more });

beforeAll(async () => {
  t = await openTestEngine();
  await addJob(t, "plain");
  await addJob(t, "once", { retry: { kind: "off" } });
});
afterAll(() => t.close());
beforeEach(async () => {
  await t.sql`truncate escapement.waiting, escapement.ready, escapement.lease, escapement.staged, escapement.dependency`;
});

const start = async (job: string, more: object = {}) => {
  const [run] = await t.engine.start([at(job, more)]);
  return run?.id ?? "";
};
const take = async (): Promise<ClaimedLease> => {
  const [lease] = await t.claim();
  if (!lease) throw new Error("nothing is ready");
  return lease;
};
const finish = (lease: ClaimedLease, output?: string) =>
  t.engine.settle([{ leaseId: lease.leaseId, outcome: "succeeded", output }]);
const fail = (lease: ClaimedLease) =>
  t.engine.settle([{ leaseId: lease.leaseId, outcome: "failed", error: { message: "no" }, retry: false }]);
const children = (lease: ClaimedLease, request: Partial<Parameters<typeof t.engine.startChildren>[1]>) =>
  t.engine.startChildren(lease.leaseId, { runs: [], now: false, ...request });
const resultsOf = async (joinId: string) =>
  (await readJoined(t.context.sql, joinId, null, 100)).results.map(({ id, state, output }) => ({
    id,
    state,
    output,
  }));
const rows = async () => {
  const [row] = await t.sql`
    select (select count(*) from escapement.staged)::int as staged,
      (select count(*) from escapement.dependency)::int as dependencies,
      (select count(*) from escapement.run where ended_at is null)::int as live`;
  return row;
};

test("a join waits for its runs and for all that they start, however deep, and is given all results", async () => {
  await start("plain");
  const root = await take();
  const { runs, join = "" } = await children(root, { runs: [at("once"), at("once")], join: at("plain") });
  await finish(root);
  const [first, second] = await t.claim(2);
  if (!first || !second) throw new Error("two children are ready");
  const { runs: grand } = await children(first, { runs: [at("once")] });
  await finish(first, "1");
  await fail(second);
  expect(await t.stateOf(join)).toBe("WAITING");
  const deeper = await take();
  const { runs: great } = await children(deeper, { runs: [at("once")], now: true });
  await finish(deeper, "2");
  expect(await t.stateOf(join)).toBe("WAITING");
  await finish(await take(), "3");
  expect(await t.stateOf(join)).toBe("READY");
  expect(await resultsOf(join)).toEqual([
    { id: runs[0], state: "SUCCEEDED", output: "1" },
    { id: runs[1], state: "FAILED", output: null },
    { id: grand[0], state: "SUCCEEDED", output: "2" },
    { id: great[0], state: "SUCCEEDED", output: "3" },
  ]);
  expect(await rows()).toEqual({ staged: 0, dependencies: 0, live: 1 });
});

test("a run that is only to start after another does not wait for what that one starts", async () => {
  await start("plain");
  const lease = await take();
  const after = await start("plain", { after: [lease.runId] });
  await children(lease, { runs: [at("once")] });
  await finish(lease);
  expect(await t.stateOf(after)).toBe("READY");
  expect(await resultsOf(after)).toEqual([]);
});

test.each([false, true])("a join of nothing runs at once (now: %s)", async (now) => {
  await start("plain");
  const lease = await take();
  const { join = "" } = await children(lease, { join: at("once"), now });
  await finish(lease);
  expect(await t.stateOf(join)).toBe("READY");
  expect(await t.stateOf(await start("once", { joins: [] }))).toBe("READY");
});

test("joins nest: one may wait for another, staged before it by the same lease", async () => {
  await start("plain");
  const lease = await take();
  const inner = await children(lease, { runs: [at("once")], join: at("plain") });
  const other = await children(lease, { runs: [at("once")] });
  const outer = await children(lease, {
    join: at("plain", { joins: [inner.join, ...other.runs] }),
  });
  await finish(lease);
  for (const child of await t.claim(2)) await finish(child);
  expect(await t.stateOf(outer.join ?? "")).toBe("WAITING");
  const innerLease = await take();
  expect(innerLease.runId).toBe(inner.join);
  const late = await children(innerLease, { runs: [at("once")] });
  await finish(innerLease);
  expect(await t.stateOf(outer.join ?? "")).toBe("WAITING");
  await finish(await take());
  expect((await take()).runId).toBe(outer.join);
  expect((await resultsOf(outer.join ?? "")).map(({ id }) => id)).toEqual([
    inner.join,
    other.runs[0],
    late.runs[0],
  ]);
});

test("a run can be in two joins", async () => {
  const [a, b, c] = [await start("once"), await start("once"), await start("once")];
  const [left, right] = [await start("plain", { joins: [a, b] }), await start("plain", { joins: [b, c] })];
  const [one, two, three] = await t.claim(3);
  if (!one || !two || !three) throw new Error("three are ready");
  await finish(one);
  await finish(two);
  expect([await t.stateOf(left), await t.stateOf(right)]).toEqual(["READY", "WAITING"]);
  await finish(three);
  expect(await t.stateOf(right)).toBe("READY");
  expect((await resultsOf(right)).map(({ id }) => id)).toEqual([b, c]);
});

test("two children that end at once release their join, once", async () => {
  for (let round = 0; round < 10; round++) {
    await start("plain");
    const root = await take();
    const { join = "" } = await children(root, { runs: [at("once"), at("once")], join: at("plain") });
    await finish(root);
    const other = await openTestEngine((t as TestEngine & { url: string }).url);
    const [one, two] = await t.claim(2);
    if (!one || !two) throw new Error("two children are ready");
    await Promise.all([
      finish(one),
      other.engine.settle([{ leaseId: two.leaseId, outcome: "succeeded" as const }]),
    ]);
    await other.close();
    const lease = await take();
    expect(lease.runId).toBe(join);
    expect(await t.claim()).toEqual([]);
    await finish(lease);
  }
});

test("a join on runs that have ended runs at once and has their results", async () => {
  await start("once");
  const done = await take();
  await finish(done, "7");
  const join = await start("plain", { joins: [done.runId] });
  expect(await t.stateOf(join)).toBe("READY");
  expect(await resultsOf(join)).toEqual([{ id: done.runId, state: "SUCCEEDED", output: "7" }]);
});

test("a join on a run that has ended waits for what it started", async () => {
  await start("plain");
  const lease = await take();
  await children(lease, { runs: [at("once")] });
  await finish(lease);
  const join = await start("plain", { joins: [lease.runId] });
  expect(await t.stateOf(join)).toBe("WAITING");
  await finish(await take());
  expect(await t.stateOf(join)).toBe("READY");
});

test("a join on a run that ends in the same moment neither starts early nor waits for good", async () => {
  for (let round = 0; round < 20; round++) {
    await start("plain");
    const lease = await take();
    const { runs } = await children(lease, { runs: [at("once")] });
    const [join] = await Promise.all([start("plain", { joins: [lease.runId] }), finish(lease)]);
    expect(await t.stateOf(join)).toBe("WAITING");
    const child = await take();
    expect(child.runId).toBe(runs[0]);
    await finish(child);
    await expect.poll(() => t.stateOf(join)).toBe("READY");
    await finish(await take());
  }
});

test("children of a parent whose lease is lost while it stages them never are", async () => {
  await start("plain");
  const lease = await take();
  const guard = await t.lead();
  await t.sql`update escapement.lease set expires_at = escapement.clock() - interval '1 ms'`;
  const [staged] = await Promise.allSettled([
    children(lease, { runs: [at("once"), at("once")], join: at("plain") }),
    expire(t.context, guard),
  ]);
  if (staged.status === "rejected") expect(staged.reason).toMatchObject({ name: "LeaseLost" });
  // The sweep steps around a lease that somebody holds; the next one finds it.
  await expire(t.context, guard);
  await repairHolds(t.context);
  const again = await take();
  expect(again.runId).toBe(lease.runId);
  await finish(again);
  expect(await rows()).toEqual({ staged: 0, dependencies: 0, live: 0 });
});

test("what was staged for a lease that is over is cleared away", async () => {
  await start("plain");
  const lease = await take();
  await children(lease, { runs: [at("once")] });
  await t.sql`update escapement.lease set secret = gen_random_uuid()`;
  await repairHolds(t.context);
  expect(await rows()).toMatchObject({ staged: 0 });
});

test.each([false, true])("a request that comes again starts nothing new (now: %s)", async (now) => {
  await start("plain");
  const lease = await take();
  const request = { runs: [at("once"), at("once")], join: at("plain"), now, requestId: "r1" };
  const answer = await children(lease, request);
  expect(answer.runs).toHaveLength(2);
  const together = await Promise.all([children(lease, request), children(lease, request)]);
  expect(together).toEqual([answer, answer]);
  await expect(children(lease, { ...request, runs: [at("once")] })).rejects.toMatchObject({
    code: "CONFLICT",
    field: "requestId",
  });
  await finish(lease);
  expect((await t.claim(5)).map(({ runId }) => runId)).toEqual(answer.runs);
});

test("requests of the same id that come at once start their runs once", async () => {
  await start("plain");
  const lease = await take();
  const request = { runs: [at("once")], now: true, requestId: "r2" };
  const answers = await Promise.all(Array.from({ length: 8 }, () => children(lease, request)));
  expect(new Set(answers.map(({ runs }) => runs[0])).size).toBe(1);
  expect(await t.claim(5)).toHaveLength(1);
});

test("another lease may use the same request id", async () => {
  await start("plain");
  await start("plain");
  const [one, two] = await t.claim(2);
  if (!one || !two) throw new Error("two are ready");
  const request = { runs: [at("once")], requestId: "r3" };
  expect(await children(one, request)).not.toEqual(await children(two, request));
});

test.each([
  ["runs[1].after", { runs: [at("once"), at("once", { after: ["17"] })] }],
  ["runs[0].joins", { runs: [at("once", { joins: ["17"] })] }],
  ["join.joins", { runs: [at("once")], join: at("plain", { joins: ["nonsense"] }) }],
  ["join.job", { runs: [at("once")], join: at("absent") }],
  ["join.idempotencyKey", { runs: [at("once")], join: at("plain", { idempotencyKey: "k" }) }],
])("what cannot be is refused by its field %s, and nothing is half created", async (field, request) => {
  await start("plain");
  const lease = await take();
  for (const now of [false, true]) {
    await expect(children(lease, { ...request, now, requestId: "half" })).rejects.toMatchObject({ field });
  }
  expect(await rows()).toEqual({ staged: 0, dependencies: 0, live: 1 });
  // Nor is the request's id used up.
  expect((await children(lease, { runs: [at("once")], requestId: "half" })).runs).toHaveLength(1);
});

test("a join on an unknown run is refused by its field", async () => {
  const join = t.engine.start([at("plain"), at("plain", { joins: ["17"] })], { field: "runs" });
  await expect(join).rejects.toMatchObject({ code: "BAD_INPUT", field: "runs[1].joins" });
  expect(await rows()).toEqual({ staged: 0, dependencies: 0, live: 0 });
});

test.each([false, true])(
  "a cycle is refused: a child that waits for a run which waits for it (now: %s)",
  async (now) => {
    await start("plain");
    const root = await take();
    const { join } = await children(root, { runs: [at("plain")], join: at("plain") });
    await finish(root);
    const behind = await start("once", { after: [join] });
    const child = await take();
    for (const after of [join, behind]) {
      await expect(children(child, { runs: [at("once", { after: [after] })], now })).rejects.toMatchObject({
        code: "BAD_INPUT",
        field: "runs[0].after",
      });
    }
    await expect(
      children(child, { runs: [at("once")], join: at("once", { joins: [child.runId] }), now }),
    ).rejects.toMatchObject({ code: "BAD_INPUT", field: "join.joins" });
    // What merely follows its own parent is none.
    await children(child, { runs: [at("once", { after: [child.runId] })], now });
    await finish(child);
    await finish(await take());
    expect((await take()).runId).toBe(join);
  },
);

test("a cancelled join leaves the outer one waiting for what the inner one waited for", async () => {
  await start("plain");
  const root = await take();
  const outer = await start("plain", { joins: [root.runId] });
  const inner = await children(root, { runs: [at("once")], join: at("plain") });
  await finish(root);
  await t.engine.cancel(inner.join ?? "", null);
  expect(await t.stateOf(outer)).toBe("WAITING");
  await finish(await take());
  expect(await t.stateOf(outer)).toBe("READY");
  expect((await resultsOf(outer)).map(({ state }) => state)).toEqual(["SUCCEEDED", "SUCCEEDED", "CANCELLED"]);
});

test("a hold that a crash left behind is handed on by the repair", async () => {
  await start("plain");
  const root = await take();
  const outer = await start("plain", { joins: [root.runId] });
  await children(root, { runs: [at("once")] });
  // The run ends as if the server died before it could look for waiters.
  await t.sql`update escapement.lease set awaited = false`;
  await finish(root);
  const child = await take();
  await repairHolds(t.context);
  expect(await t.stateOf(outer)).toBe("WAITING");
  await finish(child);
  expect(await t.stateOf(outer)).toBe("READY");
});

test("results come in pages by id, and long ones in shorter pages", async () => {
  await start("plain");
  const root = await take();
  const { join = "" } = await children(root, {
    runs: Array.from({ length: 25 }, () => at("once")),
    join: at("plain"),
  });
  await finish(root);
  const long = JSON.stringify("x".repeat(250_000));
  const leases = await t.claim(25);
  await t.engine.settle(
    leases.map(({ leaseId }) => ({ leaseId, outcome: "succeeded" as const, output: long })),
  );
  const seen: string[] = [];
  let pages = 0;
  for (let after: string | null = null; pages === 0 || after !== null; pages++) {
    const page = await readJoined(t.context.sql, join, after, 1_000);
    seen.push(...page.results.map(({ id }) => id));
    after = page.next;
  }
  expect(seen).toEqual(leases.map(({ runId }) => runId));
  expect(pages).toBe(2);
  const short = await readJoined(t.context.sql, join, seen[19] ?? null, 3);
  expect([short.results.length, short.next]).toEqual([3, seen[22]]);
});
