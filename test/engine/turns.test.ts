/** The claim's order: priority, and what waiting is worth against it, so that no flood starves what is below it. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { AGING_STEP_MS, turnOf } from "../../server/core/turn.ts";
import { createJob } from "../../server/store/job-changes.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine;
beforeAll(async () => {
  t = await openTestEngine();
  await addJob(t, "plain");
  await addJob(t, "edge");
});
afterAll(() => t.close());

const start = async (job: string, priority: number) =>
  (await t.engine.start([{ namespace: "default", job, priority }]))[0]?.id ?? "";
const succeed = (leaseId: string) => t.engine.settle([{ leaseId, outcome: "succeeded" }]);

test("PostgreSQL gives a run the turn that the server reckons with, at the ends of what a priority may be", async () => {
  for (const priority of [-32_000, -1, 0, 5, 32_000]) await start("edge", priority);
  await t.sql`
    insert into escapement.ready (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, ready_at)
    select 17, namespace_id, job_id, version_id, queue_id, -32768, scheduled_at, '2400-01-01' from escapement.ready limit 1`;
  const rows = await t.sql<{ priority: number; readyAt: Date; turn: Date }[]>`
    select priority, ready_at as "readyAt", turn from escapement.ready`;
  expect(rows).toHaveLength(6);
  for (const { priority, readyAt, turn } of rows)
    expect(turn.getTime()).toBe(turnOf(readyAt.getTime(), priority));
  await t.sql`delete from escapement.ready`;
});

test("a run is overtaken by a flood of higher priority for as many hours as that has more points, and no longer", async () => {
  const POINTS = 2;
  const low = await start("plain", 3);
  await t.engine.start(
    Array.from({ length: 30 }, () => ({ namespace: "default", job: "plain", priority: 3 + POINTS })),
  );
  // The flood: one every ten minutes, from an hour before the low one to four hours after it.
  await t.sql`
    update escapement.ready r set ready_at = escapement.clock() - interval '6 hours' + case when r.id = ${low}
      then interval '1 hour' else (f.n - 1) * interval '10 minutes' end
    from (select id, row_number() over (order by id <> ${low}, id) - 1 as n from escapement.ready) f where f.id = r.id`;
  const [own] = await t.sql<{ at: Date }[]>`select ready_at as at from escapement.ready where id = ${low}`;
  const bound = (own?.at.getTime() ?? 0) + POINTS * AGING_STEP_MS;
  const order: { id: string; readyAt: Date }[] = [];
  for (let n = 0; n < 31; n++) {
    const [lease] = await t.claim();
    const [row] = await t.sql<{ readyAt: Date }[]>`
      select ready_at as "readyAt" from escapement.lease where id = ${lease?.runId ?? ""}`;
    order.push({ id: lease?.runId ?? "", readyAt: row?.readyAt ?? new Date(0) });
    await succeed(lease?.leaseId ?? "");
  }
  const place = order.findIndex(({ id }) => id === low);
  const others = order.filter(({ id }) => id !== low).map(({ readyAt }) => readyAt.getTime());
  expect(others).toEqual(others.toSorted((a, b) => a - b));
  // At the very bound both have the same turn, and the one that was made first goes first.
  expect(others.slice(0, place).every((at) => at < bound)).toBe(true);
  expect(others.slice(place).every((at) => at >= bound)).toBe(true);
  expect(place).toBe(18);
});

test("a place of maxParallel goes to the run that was made hours before runs of higher priority", async () => {
  const { context, sql } = t;
  await createJob({ sql, catalog: context.catalog, channel: context.channel }, 1, {
    name: "single",
    type: "single",
    maxParallel: 1,
  });
  await context.catalog.refreshQueues();
  const begin = async (priority: number) => (await start("single", priority)) as string;
  const first = await begin(5);
  const waiting = [await begin(4), await begin(5), await begin(6)] as const;
  // The low one was made an hour and some minutes before the second, but less than two before the third.
  const older = (BigInt(waiting[0]) - (BigInt(AGING_STEP_MS + 600_000) << 22n)).toString();
  await sql`update escapement.place set run_id = ${older} where run_id = ${waiting[0]}`;
  await sql`update escapement.waiting set id = ${older} where id = ${waiting[0]}`;
  const order: string[] = [];
  for (const expected of [first, waiting[2], older, waiting[1]]) {
    await expect.poll(() => t.stateOf(expected)).toBe("READY");
    const [lease] = await t.claim();
    order.push(lease?.runId ?? "");
    await succeed(lease?.leaseId ?? "");
  }
  expect(order).toEqual([first, waiting[2], older, waiting[1]]);
});
