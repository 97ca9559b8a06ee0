/** MAP, MAP_REDUCE and BROADCAST (PowerJob P4): jobs of several steps, and what races with them. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { announceForeign } from "../../server/engine/announce.ts";
import type { ClaimedLease } from "../../server/engine/engine.ts";
import { expire } from "../../server/engine/expire.ts";
import { releaseDue, repairHolds } from "../../server/engine/release.ts";
import { failStranded } from "../../server/engine/stranded.ts";
import { readJoined } from "../../server/store/joined.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine;
const at = (job: string, more: object = {}) => ({ namespace: "default", job, ...more });
const once = { retry: { kind: "off" } } as const;

beforeAll(async () => {
  t = await openTestEngine();
  await addJob(t, "sum", { ...once, execution: "MAP_REDUCE" });
  await addJob(t, "walk", { ...once, execution: "MAP" });
  await addJob(t, "tell", { ...once, execution: "BROADCAST" });
  await addJob(t, "plain", once);
});
afterAll(() => t.close());
beforeEach(async () => {
  await t.sql`truncate escapement.waiting, escapement.ready, escapement.lease, escapement.staged, escapement.dependency`;
  await t.sql`delete from escapement.executor where id > 1`;
  await t.sql`update escapement.executor set last_heartbeat_at = escapement.clock(), left_at = null`;
});

const start = async (job: string, more: object = {}) => {
  const [run] = await t.engine.start([at(job, more)]);
  return run?.id ?? "";
};
const take = async (executor = { id: 1, name: "tester" }): Promise<ClaimedLease> => {
  const [lease] = await takeMany(1, executor);
  if (!lease) throw new Error("nothing is ready");
  return lease;
};
const takeMany = (max: number, { id, name } = { id: 1, name: "tester" }) =>
  t.engine.claim({
    namespaceId: 1,
    executorId: id,
    groups: ["default"],
    max,
    executor: { name, labels: {} },
  });
const finish = (lease: ClaimedLease, output?: string | null) =>
  t.engine.settle([{ leaseId: lease.leaseId, outcome: "succeeded", output }]);
const fail = (lease: ClaimedLease) =>
  t.engine.settle([{ leaseId: lease.leaseId, outcome: "failed", error: { message: "no" } }]);
const map = (lease: ClaimedLease, inputs: string[], now = false) =>
  t.engine.startChildren(lease.leaseId, { runs: inputs.map((input) => at(lease.job, { input })), now });
const resultsOf = async ({ runId }: ClaimedLease) =>
  (await readJoined(t.context.sql, runId, null, 1_000)).results.map(({ state, output }) => output ?? state);
const addExecutor = async (name: string) => {
  const [row] = await t.sql<{ id: number }[]>`
    insert into escapement.executor (namespace_id, name, groups) values (1, ${name}, '{default}') returning id`;
  return { id: row?.id ?? 0, name };
};

test("a map-reduce goes by steps: the reduce runs once, after all parts, and sees all of their results", async () => {
  await start("sum", { input: '"all"', priority: 7, tags: ["x"] });
  const root = await take();
  expect(root).toMatchObject({ step: "ROOT", input: '"all"' });
  await map(root, ["1", "2"]);
  await map(root, ["3"], true);
  await finish(root, '"dealt out"');
  const parts = await takeMany(5);
  expect(parts.map(({ step, input }) => [step, input])).toEqual(
    expect.arrayContaining([
      ["PART", "1"],
      ["PART", "2"],
      ["PART", "3"],
    ]),
  );
  const [one, two, three] = parts.sort((a, b) => Number(a.input) - Number(b.input));
  if (!one || !two || !three) throw new Error("there are three parts");
  // Any part may map more.
  await map(one, ["4"]);
  await finish(one, "10");
  await fail(two);
  await finish(three, "30");
  const four = await take();
  expect(four).toMatchObject({ step: "PART", input: "4" });
  await finish(four, "40");
  const reduce = await take();
  expect(reduce).toMatchObject({ step: "REDUCE", input: '"all"', parentId: root.runId });
  expect((await resultsOf(reduce)).sort()).toEqual(["10", "30", "40", "FAILED"]);
  const [row] = await t.sql`select priority, tags from escapement.lease where id = ${reduce.runId}`;
  expect(row).toEqual({ priority: 7, tags: ["x"] });
  await finish(reduce);
  expect(await takeMany(5)).toEqual([]);
});

test("a map-reduce of ten thousand parts reduces once and sees all of their results", async () => {
  const PARTS = 10_000;
  await start("sum");
  const root = await take();
  const inputs = Array.from({ length: PARTS }, (_, n) => String(n));
  await map(root, inputs.slice(0, PARTS / 2));
  await map(root, inputs.slice(PARTS / 2));
  await finish(root);
  const reduces: ClaimedLease[] = [];
  for (let done = 0; done < PARTS; ) {
    const parts = (await Promise.all([takeMany(250), takeMany(250)])).flat();
    expect(parts.length).toBeGreaterThan(0);
    reduces.push(...parts.filter(({ step }) => step !== "PART"));
    const results = parts.map(({ leaseId, input }) => ({
      leaseId,
      outcome: "succeeded" as const,
      output: input,
    }));
    // Two at once: either may see the last end.
    const half = results.length / 2;
    await Promise.all([t.engine.settle(results.slice(0, half)), t.engine.settle(results.slice(half))]);
    done += parts.length;
  }
  expect(reduces).toEqual([]);
  const [reduce, another] = await takeMany(2);
  expect(reduce).toMatchObject({ step: "REDUCE", parentId: root.runId });
  expect(another).toBeUndefined();
  const seen = new Set<string>();
  let pages = 0;
  for (let after: string | null = null, more = true; more; pages++) {
    const { results, next } = await readJoined(t.context.sql, reduce?.runId ?? "", after, 1_000);
    for (const { output } of results) seen.add(output ?? "");
    after = next;
    more = next !== null;
  }
  expect(pages).toBe(PARTS / 1_000);
  expect(seen).toEqual(new Set(inputs));
});

test("a map-reduce of nothing reduces at once", async () => {
  await start("sum");
  await finish(await take());
  const reduce = await take();
  expect(reduce.step).toBe("REDUCE");
  expect(await resultsOf(reduce)).toEqual([]);
});

test("a root that is tried again reduces once, and a failed one never", async () => {
  const guard = await t.lead();
  await start("sum");
  const lost = await take();
  await map(lost, ["1", "2"]);
  await t.sql`update escapement.lease set expires_at = escapement.clock() - interval '1 ms'`;
  await expire(t.context, guard);
  const again = await take();
  expect(again).toMatchObject({ runId: lost.runId, step: "ROOT" });
  await map(again, ["3"]);
  await finish(again);
  const part = await take();
  expect(part.input).toBe("3");
  await finish(part);
  expect((await take()).step).toBe("REDUCE");
  expect(await takeMany(5)).toEqual([]);

  await start("sum");
  const failing = await take();
  await map(failing, ["1"]);
  await fail(failing);
  expect(await takeMany(5)).toEqual([]);
});

test("a claim that comes again finds its root with one reduce", async () => {
  const poll = { namespaceId: 1, executorId: 1, groups: ["default"], max: 1, requestId: "again" };
  await start("sum");
  const [first] = await t.engine.claim(poll);
  const [second] = await t.engine.claim(poll);
  expect(second).toEqual(first);
  expect(await t.sql`select from escapement.staged`).toHaveLength(1);
});

test("a large input reaches every step", async () => {
  const input = JSON.stringify("x".repeat(10_000));
  await start("sum", { input });
  await finish(await take());
  expect(await take()).toMatchObject({ step: "REDUCE", input });
});

const reduceOf = async (root: ClaimedLease) => {
  const [row] = await t.sql<{ id: string; state: string; output: string | null; error: string | null }[]>`
    select r.id, r.state, r.output, r.error from escapement.run r join escapement.part p on p.run_id = r.id
    where p.step = 'REDUCE' and r.parent_id = ${root.runId}`;
  return row;
};

test("a map has succeeded when all its parts have: the server reduces, and no executor is asked", async () => {
  await start("walk");
  const root = await take();
  expect(root.step).toBe("ROOT");
  await map(root, ["1", "2"]);
  await t.engine.startChildren(root.leaseId, { runs: [at("plain")], now: false });
  expect(await reduceOf(root)).toBeUndefined();
  await finish(root);
  const leases = await takeMany(5);
  const [one, two] = leases.filter(({ step }) => step === "PART");
  const other = leases.find(({ job }) => job === "plain");
  if (!one || !two || !other) throw new Error("there are two parts and another run");
  await map(one, ["3"]);
  for (const lease of [one, two]) await finish(lease);
  // What a map starts of other jobs it waits for, and its failure is that run's own.
  await fail(other);
  expect(await reduceOf(root)).toMatchObject({ state: "WAITING" });
  await finish(await take());
  expect(await reduceOf(root)).toMatchObject({ state: "SUCCEEDED", output: '{"parts" : 3}', error: null });
  expect(await takeMany(5)).toEqual([]);
});

test("a map has failed when a part has, however deep; retried after the part has been, it looks anew", async () => {
  await start("walk");
  const root = await take();
  const [joining] = await t.engine.start([at("plain", { joins: [root.runId] })]);
  await map(root, ["1", "2"]);
  await finish(root);
  const [one, two] = await takeMany(2);
  if (!one || !two) throw new Error("there are two parts");
  await map(one, ["3"]);
  await finish(one);
  await finish(two);
  const deep = await take();
  await fail(deep);
  const reduce = await reduceOf(root);
  expect(reduce).toMatchObject({ state: "FAILED", output: null });
  expect(JSON.parse(reduce?.error ?? "")).toEqual({
    type: "PartsFailed",
    message: "1 of 3 parts did not succeed",
  });
  // Who waits for the whole sees it.
  const join = await take();
  expect(join.runId).toBe(joining?.id);
  expect((await resultsOf(join)).sort()).toEqual(["FAILED", "FAILED", ...new Array(3).fill("SUCCEEDED")]);
  await finish(join);
  // What is lost are the parts, not the look at them.
  const dead = await t.sql`select run_id as id from escapement.dead_letter where run_id >= ${root.runId}`;
  expect(dead).toEqual([{ id: deep.runId }]);
  await t.engine.redrive(deep.runId);
  await finish(await take());
  await t.engine.redrive(reduce?.id ?? "");
  await repairHolds(t.context);
  expect(await reduceOf(root)).toMatchObject({ state: "SUCCEEDED", output: '{"parts" : 3}' });
});

test("a map of nothing has succeeded, and one whose parts were cancelled has not", async () => {
  await start("walk");
  const empty = await take();
  await finish(empty);
  expect(await reduceOf(empty)).toMatchObject({ state: "SUCCEEDED", output: '{"parts" : 0}' });
  await start("walk");
  const root = await take();
  const { runs } = await map(root, ["1"]);
  await finish(root);
  await t.engine.cancel(runs[0] ?? "", null);
  expect(await reduceOf(root)).toMatchObject({ state: "FAILED" });
});

test("a map whose root is completed in SQL, and by a server that does not know its queue, ends all the same", async () => {
  await addJob(t, "stroll", { ...once, execution: "MAP" });
  const other = await openTestEngine((t as TestEngine & { url: string }).url);
  await start("stroll");
  const root = await take();
  await map(root, ["1"]);
  await t.sql`select escapement.complete(${root.leaseId})`;
  await announceForeign(other.context);
  const [part] = await other.claim();
  await other.engine.settle([{ leaseId: part?.leaseId ?? "", outcome: "succeeded" }]);
  expect(await reduceOf(root)).toMatchObject({ state: "SUCCEEDED" });
  await other.close();
});

test("what a reduce starts of its own job begins anew, and other jobs have no steps", async () => {
  await start("sum");
  await finish(await take());
  const reduce = await take();
  await t.engine.startChildren(reduce.leaseId, { runs: [at("sum"), at("plain")], now: false });
  await finish(reduce);
  expect((await takeMany(5)).map(({ job, step }) => [job, step])).toEqual([
    ["sum", "ROOT"],
    ["plain", undefined],
  ]);
});

test("a broadcast has a part for each executor that is alive, for it alone, and then a reduce", async () => {
  const [a, b] = [await addExecutor("a"), await addExecutor("b")];
  await addExecutor("left");
  await addExecutor("silent");
  await t.sql`update escapement.executor set left_at = escapement.clock() where name = 'left'`;
  await t.sql`update escapement.executor set last_heartbeat_at = escapement.clock() - interval '1 hour' where name = 'silent'`;
  await start("tell", { input: '"all"' });
  const root = await take(a);
  expect(root.step).toBe("ROOT");
  await finish(root);
  const [forA, none] = await takeMany(5, a);
  expect(forA).toMatchObject({ step: "PART", input: '"all"' });
  expect(none).toBeUndefined();
  const forB = await take(b);
  const forTester = await take();
  for (const lease of [forA, forB, forTester]) if (lease) await finish(lease, "1");
  const reduce = await take(b);
  expect(reduce.step).toBe("REDUCE");
  expect(await resultsOf(reduce)).toEqual(["1", "1", "1"]);
});

test("a part of a broadcast whose executor is lost fails and never moves", async () => {
  const guard = await t.lead();
  const [a, b] = [await addExecutor("a"), await addExecutor("b")];
  await start("tell");
  await finish(await take());
  const [forA, forTester] = [await take(a), await take()];
  await t.sql`update escapement.lease set expires_at = escapement.clock() - interval '1 ms' where id = ${forA.runId}`;
  await expire(t.context, guard);
  expect(await t.stateOf(forA.runId)).toBe("FAILED");
  await finish(forTester, "1");
  expect(await takeMany(5)).toEqual([]);
  // The other never took its part and is gone.
  await t.sql`update escapement.executor set left_at = escapement.clock() where id = ${b.id}`;
  expect(await failStranded(t.context, guard)).toBe(1);
  expect(await failStranded(t.context, guard)).toBe(0);
  const reduce = await take();
  expect((await resultsOf(reduce)).sort()).toEqual(["1", "FAILED", "FAILED"]);
  const dead = await t.sql`select from escapement.dead_letter`;
  expect(dead.length).toBeGreaterThanOrEqual(2);
});

test("parts do not stand in line behind an overlap policy, which is about the roots", async () => {
  await t.sql`update escapement.job_version set overlap = 'SERIAL_DISCARD' where job_id = (select id from escapement.job where name = 'sum')`;
  await t.sql`
    insert into escapement.gate (namespace_id, name, kind, job_id, capacity, policy)
    select 1, 'job/' || id || '/OVERLAP', 'OVERLAP', id, 1, 'SERIAL_DISCARD' from escapement.job where name = 'sum'`;
  const other = await openTestEngine((t as TestEngine & { url: string }).url);
  const [run] = await other.engine.start([at("sum")]);
  const [skipped] = await other.engine.start([at("sum")]);
  expect(skipped?.state).toBe("SKIPPED");
  const [root] = await other.claim();
  expect(root).toMatchObject({ runId: run?.id, step: "ROOT" });
  await other.engine.startChildren(root?.leaseId ?? "", { runs: [at("sum"), at("sum")], now: false });
  await other.engine.settle([{ leaseId: root?.leaseId ?? "", outcome: "succeeded" }]);
  expect((await other.claim(5)).map(({ step }) => step)).toEqual(["PART", "PART"]);
  await releaseDue(other.context);
  await other.close();
});

test("a part is run again alone: as a part, in no root's line, with nothing to reduce", async () => {
  await start("sum");
  const root = await take();
  await map(root, ["1"]);
  await finish(root);
  const part = await take();
  await finish(part, '"first"');
  const reduce = await take();
  await finish(reduce);
  const again = await t.engine.rerun(part.runId);
  const alone = await take();
  expect(alone).toMatchObject({ runId: again.id, step: "PART", input: "1", parentId: null });
  await finish(alone, '"second"');
  expect(await takeMany(5)).toEqual([]);
  expect(await resultsOf(reduce)).toEqual(['"first"']);
  await expect(t.engine.rerun(reduce.runId)).rejects.toMatchObject({
    code: "ILLEGAL_STATE",
    message: expect.stringContaining("run its root again"),
  });
  await t.engine.rerun(root.runId);
  expect((await take()).step).toBe("ROOT");
});

const blockedQueries = async () => {
  const [row] = await t.sql<{ n: number }[]>`
    select count(*)::int as n from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`;
  return row?.n;
};

test("with a root that has dealt out go its parts, theirs, and the reduce, which never runs", async () => {
  await addJob(t, "sturdy", {
    retry: { kind: "fixed", delayMs: 3_600_000, max: 3 },
    execution: "MAP_REDUCE",
  });
  await start("sturdy");
  const root = await take();
  const { runs } = await map(root, ["1", "2", "3", "4"]);
  const [other] = (await t.engine.startChildren(root.leaseId, { runs: [at("plain")], now: true })).runs;
  await finish(root);
  const leases = await takeMany(10);
  const of = (runId: string | undefined) => {
    const lease = leases.find((one) => one.runId === runId);
    if (!lease) throw new Error("it is not running");
    return lease;
  };
  // One has mapped more, one waits for its retry, one goes on, and one is given back.
  const deep = (await map(of(runs[0]), ["5"])).runs[0] ?? "";
  await finish(of(runs[0]));
  await fail(of(runs[1]));
  await t.engine.settle([{ leaseId: of(runs[3]).leaseId, outcome: "released" }]);
  expect(await t.engine.cancel(root.runId, "wrong shards")).toEqual({ id: root.runId, state: "SUCCEEDED" });
  const states = await Promise.all([...runs, deep].map((id) => t.stateOf(id)));
  expect(states).toEqual(["SUCCEEDED", "CANCELLED", "RUNNING", "CANCELLED", "CANCELLED"]);
  // What a root starts of other jobs is nobody's part.
  expect(await t.stateOf(other ?? "")).toBe("RUNNING");
  const [flagged] = await t.sql`select cancel_reason from escapement.lease where id = ${runs[2] ?? ""}`;
  expect(flagged).toEqual({ cancel_reason: "wrong shards" });
  await finish(of(runs[2]));
  await finish(of(other));
  expect(await takeMany(10)).toEqual([]);
  expect(await t.sql`select id from escapement.waiting`).toEqual([]);
  const [reduce] = await t.sql`
    select e.state from escapement.part p join escapement.ended e on e.id = p.run_id
    where p.step = 'REDUCE' and e.parent_id = ${root.runId}`;
  expect(reduce).toEqual({ state: "CANCELLED" });
  await expect(t.engine.cancel(root.runId, null)).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
});

test("with a running root go the parts that it started at once, and it can start no more", async () => {
  await start("sum");
  const root = await take();
  await map(root, ["1", "2"], true);
  await map(root, ["3"]);
  const part = await take();
  expect(await t.engine.cancel(root.runId, null)).toEqual({ id: root.runId, state: "RUNNING" });
  await expect(map(part, ["4"], true)).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
  await map(part, ["5"]);
  for (const lease of [part, root]) {
    expect(await finish(lease)).toEqual([{ status: "ok", state: "CANCELLED" }]);
  }
  expect(await takeMany(5)).toEqual([]);
  expect(await t.sql`select id from escapement.waiting`).toEqual([]);
});

test("parts that are started in the moment in which their root is cancelled are cancelled too", async () => {
  await start("sum");
  const root = await take();
  const gate = await t.sql.reserve();
  await gate`begin`;
  // Whoever notes parts waits here, with the parts in place.
  await gate`lock table escapement.part in share mode`;
  const mapping = map(root, ["1", "2"], true);
  await expect.poll(blockedQueries).toBe(1);
  const cancelling = t.engine.cancel(root.runId, null);
  await expect.poll(blockedQueries).toBe(2);
  await gate`commit`;
  gate.release();
  const [{ runs }] = await Promise.all([mapping, cancelling]);
  expect(await Promise.all(runs.map((id) => t.stateOf(id)))).toEqual(["CANCELLED", "CANCELLED"]);
});

test("a reduce that is cancelled takes the whole along, a part goes alone", async () => {
  await start("sum");
  const root = await take();
  const { runs } = await map(root, ["1", "2"]);
  await finish(root);
  const part = await take();
  const [below = ""] = (await map(part, ["3"], true)).runs;
  await t.engine.cancel(part.runId, null);
  expect(await t.stateOf(below)).toBe("READY");
  expect(await t.stateOf(runs[1] ?? "")).toBe("READY");
  const [reduce] = await t.sql<{ id: string }[]>`select id from escapement.waiting`;
  await t.engine.cancel(reduce?.id ?? "", null);
  expect(await t.stateOf(runs[1] ?? "")).toBe("CANCELLED");
  expect(await t.stateOf(below)).toBe("CANCELLED");
});

test("a broadcast is cancelled with its parts for all executors", async () => {
  for (const name of ["a", "b"]) await addExecutor(name);
  await start("tell");
  const root = await take();
  await finish(root);
  await t.engine.cancel(root.runId, null);
  const rows = await t.sql`
    select state, count(*)::int as n from escapement.run where parent_id = ${root.runId} group by 1`;
  expect(rows).toEqual([{ state: "CANCELLED", n: 4 }]);
});

test("roots that a filter finds take their parts along, in sets", async () => {
  const PARTS = 10_000;
  await start("sum", { tags: ["bad"] });
  const root = await take();
  await map(
    root,
    Array.from({ length: PARTS }, (_, n) => String(n)),
    true,
  );
  await takeMany(100);
  const scope = { namespaceId: 1, filter: { tags: ["bad"] } };
  expect(await t.engine.cancelRuns(scope, null, {})).toEqual({
    matched: 1,
    changed: PARTS + 1,
    cursor: null,
  });
  const rows = await t.sql`
    select state, count(*)::int as n from escapement.run where parent_id = ${root.runId} group by 1 order by 1`;
  expect(rows).toEqual([
    { state: "CANCELLED", n: PARTS - 100 },
    { state: "RUNNING", n: 100 },
  ]);
});

test("parts of a job that is paused wait until it goes on, an overlap policy or none", async () => {
  for (const job of ["sum", "walk"]) {
    const [row] = await t.sql<{ id: number }[]>`select id from escapement.job where name = ${job}`;
    const scope = { namespaceId: 1, kind: "JOB" as const, target: String(row?.id) };
    await start(job);
    const root = await take();
    await t.engine.pause(scope, "somebody", null);
    t.context.catalog.forget();
    const { runs } = await map(root, ["1"]);
    await finish(root);
    await expect.poll(() => t.stateOf(runs[0] ?? "")).toBe("WAITING");
    expect(await takeMany(5)).toEqual([]);
    await t.engine.resume(scope);
    await expect.poll(() => t.stateOf(runs[0] ?? "")).toBe("READY");
    await finish(await take());
    if (job !== "sum") continue;
    // It was dealt out before the pause, and asks at gates since then.
    const [reduce] = await t.sql<{ id: string }[]>`
      select run_id as id from escapement.part where step = 'REDUCE' order by run_id desc limit 1`;
    await expect.poll(() => t.stateOf(reduce?.id ?? "")).toBe("READY");
    await finish(await take());
  }
});
