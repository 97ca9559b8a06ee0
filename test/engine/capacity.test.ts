/** Executors that register a capacity, a load limit, or are drained: what the claim gives them. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Claimant } from "../../server/core/placement.ts";
import type { ClaimedLease } from "../../server/engine/engine.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine & { url: string };
beforeAll(async () => {
  t = await openTestEngine();
  await addJob(t, "plain");
  await t.sql`
    insert into escapement.executor (namespace_id, name, groups, capacity)
    select 1, 'capped-' || n, '{default}', n from generate_series(2, 5) n`;
  await t.sql`insert into escapement.seat (executor_id) select id from escapement.executor where capacity is not null`;
});
afterAll(() => t.close());
afterEach(async () => {
  await t.sql`truncate escapement.ready, escapement.lease`;
});

const fill = (runs: number) => t.engine.start(Array(runs).fill({ namespace: "default", job: "plain" }));
/** Executor n of the test database has the capacity n. */
const capped = (n: number): Claimant => ({ name: `capped-${n}`, labels: {}, capacity: n });
const claim = (n: number, max: number, engine = t.engine): Promise<ClaimedLease[]> =>
  engine.claim({ namespaceId: 1, executorId: n, executor: capped(n), groups: ["default"], max });
const held = async (n: number): Promise<number> => {
  const [row] = await t.sql<{ count: number }[]>`
    select count(*)::int as count from escapement.lease where executor_id = ${n}`;
  return row?.count ?? -1;
};

test("an executor with a capacity gets no more leases than it may hold, and more when it has settled some", async () => {
  await fill(10);
  const first = await claim(2, 10);
  expect(first).toHaveLength(2);
  expect(await claim(2, 10)).toEqual([]);
  await t.engine.settle([{ leaseId: first[0]?.leaseId ?? "", outcome: "succeeded" }]);
  expect(await claim(2, 10)).toHaveLength(1);
  expect(await held(2)).toBe(2);
});

test("polls of one statement each get their own share", async () => {
  await fill(20);
  const plain = t.engine.claim({ namespaceId: 1, executorId: 1, groups: ["default"], max: 4 });
  const answers = await Promise.all([claim(2, 10), plain, claim(3, 2), claim(5, 10)]);
  expect(answers.map((leases) => leases.length)).toEqual([2, 4, 2, 5]);
  expect(new Set(answers.flat().map((lease) => lease.runId)).size).toBe(13);
});

test("a capacity does not change who gets which run: the longest ready go first", async () => {
  const runs = await fill(3);
  const [first, second] = await Promise.all([claim(2, 2), claim(3, 1)]);
  expect(first.map((lease) => lease.runId)).toEqual([runs[0]?.id, runs[1]?.id]);
  expect(second.map((lease) => lease.runId)).toEqual([runs[2]?.id]);
});

test("two servers that claim for one executor at once never give it more than it may hold", async () => {
  const other = await openTestEngine(t.url);
  try {
    await fill(400);
    let most = 0;
    for (let round = 0; round < 60; round++) {
      const claims = [0, 1, 2, 3].flatMap(() => [claim(3, 3), claim(3, 3, other.engine)]);
      const leases = (await Promise.all(claims)).flat();
      const now = await held(3);
      most = Math.max(most, now);
      expect(now).toBe(leases.length);
      await t.engine.settle(leases.map(({ leaseId }) => ({ leaseId, outcome: "succeeded" as const })));
    }
    expect(most).toBe(3);
  } finally {
    await other.close();
  }
});

test("a claim that counted before another one committed gives nothing instead of too much", async () => {
  await fill(10);
  let release = (): void => {};
  const held2 = new Promise<void>((resolve) => {
    release = resolve;
  });
  let locked = (): void => {};
  const isLocked = new Promise<void>((resolve) => {
    locked = resolve;
  });
  const elsewhere = t.sql.begin(async (transaction) => {
    await transaction`update escapement.seat set claims = claims + 1 where executor_id = 4`;
    locked();
    await held2;
  });
  await isLocked;
  expect(await claim(4, 4)).toEqual([]);
  release();
  await elsewhere;
  expect(await claim(4, 4)).toHaveLength(4);
});

test("a full executor is marked, so that others' polls are served, and the mark goes when it has room", async () => {
  await fill(5);
  const executor = capped(2);
  const poll = { namespaceId: 1, executorId: 2, executor, groups: ["default"], max: 2 };
  const leases = await t.engine.claim(poll);
  await t.engine.claim(poll);
  expect(executor.full).toBe(true);
  await t.engine.settle(leases.map(({ leaseId }) => ({ leaseId, outcome: "succeeded" as const })));
  await t.engine.claim(poll);
  expect(executor.full).toBe(false);
});

test("an overloaded executor gets nothing", async () => {
  await fill(1);
  const take = (overloaded: boolean) => {
    const executor = { name: "busy", labels: {}, overloaded };
    return t.engine.claim({ namespaceId: 1, executorId: 1, executor, groups: ["default"], max: 1 });
  };
  expect(await take(true)).toEqual([]);
  expect(await take(false)).toHaveLength(1);
});

test("a draining executor gets nothing", async () => {
  await fill(1);
  const executor = { name: "leaving", labels: {}, draining: true };
  const poll = { namespaceId: 1, executorId: 1, executor, groups: ["default"], max: 1 };
  expect(await t.engine.claim(poll)).toEqual([]);
  executor.draining = false;
  expect(await t.engine.claim(poll)).toHaveLength(1);
});
