/** Other times for runs that no executor has yet, and times years ahead. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { LIMITS } from "../../server/config.ts";
import { releaseDue } from "../../server/engine/release.ts";
import { skipLate } from "../../server/engine/skip.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine;
beforeAll(async () => {
  t = await openTestEngine();
  await addJob(t, "plain");
  await addJob(t, "other");
  await addJob(t, "stubborn", { retry: { kind: "fixed", delayMs: 3_600_000, max: 3 } });
  await addJob(t, "strict", { startDeadlineMs: 60_000, late: "SKIP" });
});
afterAll(() => t.close());
beforeEach(async () => {
  for (const table of ["waiting", "ready", "lease", "ended", "dependency", "place", "attempt"]) {
    await t.sql`delete from escapement.${t.sql(table)}`;
  }
});

const start = async (job = "plain", more: object = {}): Promise<string> =>
  (await t.engine.start([{ namespace: "default", job, ...more }]))[0]?.id as string;
const all = (filter: object = {}) => ({ namespaceId: 1, filter });
const HOUR = 3_600_000;
const row = async (id: string) => {
  const [found] = await t.sql<
    { kind: string; wakeInMs: number; scheduledInMs: number; skipAfterMs: number | null }[]
  >`
    select wake_kind as kind, round(extract(epoch from wake_at - escapement.clock()) / 3600)::float8 * 3600000 as "wakeInMs",
      round(extract(epoch from scheduled_at - escapement.clock()) / 3600)::float8 * 3600000 as "scheduledInMs",
      extract(epoch from skip_at - scheduled_at)::float8 * 1000 as "skipAfterMs"
    from escapement.waiting where id = ${id}`;
  return found;
};

test("a ready run waits for its new time and becomes ready then; a waiting one gets another", async () => {
  const ready = await start("plain", { input: '{"a":1}', tags: ["x"] });
  expect(await t.engine.reschedule(ready, { delayMs: HOUR })).toEqual({ id: ready, state: "WAITING" });
  expect(await t.claim()).toEqual([]);
  expect(await row(ready)).toEqual({ kind: "TIME", wakeInMs: HOUR, scheduledInMs: HOUR, skipAfterMs: null });
  expect(t.changes.at(-1)).toMatchObject({ kind: "run", id: ready, state: "WAITING" });
  await t.engine.reschedule(ready, { runAt: Date.now() + 2 * HOUR });
  expect(await row(ready)).toMatchObject({ wakeInMs: 2 * HOUR, scheduledInMs: 2 * HOUR });
  expect(await t.engine.reschedule(ready, { delayMs: 0 })).toEqual({ id: ready, state: "READY" });
  expect(await t.claim()).toMatchObject([{ runId: ready, input: '{"a":1}' }]);
});

test("a retry put off stays a retry and keeps its nominal time, its count and its checkpoint", async () => {
  const run = await start("stubborn");
  const [lease] = await t.claim();
  await t.engine.settle([{ leaseId: lease?.leaseId ?? "", outcome: "failed", checkpoint: '"c"' }]);
  await t.engine.reschedule(run, { delayMs: 5 * HOUR });
  expect(await row(run)).toEqual({ kind: "RETRY", wakeInMs: 5 * HOUR, scheduledInMs: 0, skipAfterMs: null });
  await t.engine.reschedule(run, { runAt: 0 });
  expect(await t.claim()).toMatchObject([{ runId: run, attempt: 2, checkpoint: '"c"' }]);
});

test("the start deadline counts from the new time", async () => {
  const run = await start("strict");
  await t.engine.reschedule(run, { delayMs: 2 * HOUR });
  expect(await row(run)).toMatchObject({ scheduledInMs: 2 * HOUR, skipAfterMs: 60_000 });
  expect(await skipLate(t.context)).toBe(0);
  await t.sql`update escapement.waiting set trigger_id = 1, scheduled_at = scheduled_at - interval '2 hours' where id = ${run}`;
  await t.engine.reschedule(run, { delayMs: 3 * HOUR });
  // A trigger's nominal time stays, and the deadline moves all the same.
  expect(await row(run)).toMatchObject({
    scheduledInMs: 0,
    skipAfterMs: expect.closeTo(3 * HOUR + 60_000, -4),
  });
});

test("what else holds a run goes on holding it", async () => {
  const first = await start("plain");
  const held = await start("other", { after: [first] });
  await t.engine.reschedule(held, { delayMs: HOUR });
  const [lease] = await t.claim();
  await t.engine.settle([{ leaseId: lease?.leaseId ?? "", outcome: "succeeded" }]);
  expect(await t.stateOf(held)).toBe("WAITING");
  const later = await start("other", { after: [await start("plain")] });
  expect(await t.engine.reschedule(later, { delayMs: 0 })).toEqual({ id: later, state: "WAITING" });
  expect(await t.engine.reschedule(held, { delayMs: 0 })).toEqual({ id: held, state: "READY" });
});

test("a run that was put off keeps its turn among those with its affinity key", async () => {
  const affinity = { group: "g", key: "k" };
  const first = await start("plain", { affinity });
  const second = await start("plain", { affinity });
  expect(await t.stateOf(first)).toBe("READY");
  await t.engine.reschedule(first, { delayMs: HOUR });
  expect(await t.claim()).toEqual([]);
  await t.sql`update escapement.waiting set wake_at = escapement.clock() - interval '1 ms' where id = ${first}`;
  await releaseDue(t.context);
  const [lease] = await t.claim();
  expect(lease?.runId).toBe(first);
  await t.engine.settle([{ leaseId: lease?.leaseId ?? "", outcome: "succeeded" }]);
  await expect.poll(() => t.stateOf(second)).toBe("READY");
});

test("many are put off by a filter, after a count, in batches and parts; running ones are left alone", async () => {
  const count = LIMITS.bulkBatch + 20;
  await t.engine.start(Array.from({ length: count }, () => ({ namespace: "default", job: "plain" })));
  const [lease] = await t.claim();
  await start("other");
  const scope = all({ job: "plain" });
  expect(await t.engine.rescheduleRuns(scope, { delayMs: HOUR }, { dryRun: true })).toMatchObject({
    matched: count - 1,
    changed: 0,
  });
  const first = await t.engine.rescheduleRuns(scope, { delayMs: HOUR }, { limit: LIMITS.bulkBatch + 5 });
  expect(first).toMatchObject({ matched: count - 1, changed: LIMITS.bulkBatch + 5 });
  const rest = await t.engine.rescheduleRuns(scope, { delayMs: HOUR }, { after: first.cursor });
  expect(rest).toEqual({ matched: 14, changed: 14, cursor: null });
  expect(await t.stateOf(lease?.runId ?? "")).toBe("RUNNING");
  expect(await t.claim(10)).toHaveLength(1);
  const again = await t.engine.rescheduleRuns(all({ states: ["WAITING"] }), { runAt: 0 }, {});
  expect(again.changed).toBe(count - 1);
  await releaseDue(t.context);
  expect(await t.claim(count)).toHaveLength(count - 1);
});

test("many come back over a while, each at a moment of its own that a repetition does not move", async () => {
  await t.engine.start(Array.from({ length: 1_000 }, () => ({ namespace: "default", job: "strict" })));
  const runAt = Date.now() + HOUR;
  const spread = async () => {
    const time = { runAt, spreadMs: 600_000 };
    expect((await t.engine.rescheduleRuns(all(), time, {})).changed).toBe(1_000);
    return await t.sql<{ id: string; minute: number }[]>`
      select id, floor(extract(epoch from wake_at - to_timestamp(${runAt / 1000}::float8)) / 60)::int as minute
      from escapement.waiting
      where scheduled_at = wake_at and skip_at = wake_at + interval '1 minute' order by id`;
  };
  const rows = await spread();
  expect(rows).toHaveLength(1_000);
  const minutes = new Array<number>(10).fill(0);
  for (const { minute } of rows) minutes[minute] = (minutes[minute] ?? Number.NaN) + 1;
  // A hundred each on average; far from it is a crowd.
  expect(Math.min(...minutes)).toBeGreaterThan(50);
  expect(Math.max(...minutes)).toBeLessThan(160);
  expect(minutes).toHaveLength(10);
  expect(await spread()).toEqual(rows);
});

test("each run is either claimed or put off, however the two race", async () => {
  await t.engine.start(Array.from({ length: 400 }, () => ({ namespace: "default", job: "plain" })));
  const [one, other] = await Promise.all([
    t.claim(60),
    t.claim(60),
    t.engine.rescheduleRuns(all(), { delayMs: HOUR }, {}),
    t.engine.rescheduleRuns(all(), { delayMs: HOUR }, {}),
  ]);
  const claimed = [...one, ...other];
  const [counts] = await t.sql`
    select (select count(*) from escapement.waiting)::int as waiting, (select count(*) from escapement.ready)::int as ready,
      (select count(*) from escapement.lease)::int as lease`;
  expect(counts).toEqual({ waiting: 400 - claimed.length, ready: 0, lease: claimed.length });
});

test("what cannot be rescheduled is refused, and nothing changes", async () => {
  const run = await start("plain");
  await t.claim();
  await expect(t.engine.reschedule(run, { delayMs: 1 })).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
  await expect(t.engine.reschedule("17", { delayMs: 1 })).rejects.toMatchObject({ code: "NOT_FOUND" });
  for (const [time, field] of [
    [{}, "delay"],
    [{ delayMs: 1, runAt: 1 }, "delay"],
    [{ runAt: LIMITS.runAtLast + 1 }, "runAt"],
  ] as const) {
    await expect(t.engine.reschedule(run, time)).rejects.toMatchObject({ code: "BAD_INPUT", field });
  }
  await expect(
    t.engine.rescheduleRuns(all({ states: ["RUNNING"] }), { delayMs: 1 }, {}),
  ).rejects.toMatchObject({ code: "BAD_INPUT", field: "filter.states" });
  for (const spreadMs of [0, -1, LIMITS.spreadMs + 1, Number.NaN]) {
    await expect(t.engine.rescheduleRuns(all(), { delayMs: 1, spreadMs }, {})).rejects.toMatchObject({
      code: "BAD_INPUT",
      field: "spread",
    });
  }
});

test("a run can be years ahead, and not outside the calendar", async () => {
  const inTenYears = Date.now() + 10 * 365 * 24 * HOUR;
  const run = await start("plain", { runAt: inTenYears, input: JSON.stringify("x".repeat(5_000)) });
  const [waiting] = await t.sql<{ at: Date }[]>`
    select wake_at as at from escapement.waiting where id = ${run} and scheduled_at = wake_at`;
  expect(waiting?.at.getTime()).toBe(inTenYears);
  const { nextInMs } = await releaseDue(t.context);
  expect(nextInMs).toBeGreaterThan(9 * 365 * 24 * HOUR);
  const last = await start("plain", { runAt: LIMITS.runAtLast });
  await start("plain", { delayMs: 36_525 * 24 * HOUR });
  expect(
    (await t.sql<{ at: Date }[]>`select scheduled_at as at from escapement.run where id = ${last}`)[0]?.at,
  ).toEqual(new Date(LIMITS.runAtLast));
  for (const runAt of [-1, LIMITS.runAtLast + 1, Number.NaN]) {
    await expect(start("plain", { runAt })).rejects.toMatchObject({ code: "BAD_INPUT", field: "runAt" });
  }
});
