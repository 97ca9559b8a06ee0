import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { jitterOffset } from "../../server/core/schedule/jitter.ts";
import type { Schedule } from "../../server/core/schedule/schedule.ts";
import { createFire } from "../../server/engine/fire.ts";
import { repairHolds } from "../../server/engine/release.ts";
import { skipLate } from "../../server/engine/skip.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine;
let fire: () => Promise<{ due: number; fired: number; nextInMs: number | null }>;

beforeAll(async () => {
  t = await openTestEngine();
  await addJob(t, "plain", { priority: 3 });
  await addJob(t, "strict", { startDeadlineMs: 60_000, late: "SKIP" });
  const promote = createFire(t.context);
  fire = async () => await promote(await t.lead());
});
beforeEach(async () => {
  await t.sql`delete from escapement.trigger`;
  await t.sql`delete from escapement.occurrence`;
  const leases = await t.claim(1000);
  await t.engine.settle(leases.map((lease) => ({ leaseId: lease.leaseId, outcome: "succeeded" as const })));
});
afterAll(() => t.close());

interface Given {
  job?: string;
  schedule: Schedule;
  /** How long ago it was due. */
  lateMs?: number;
  policy?: "SKIP" | "FIRE_ONCE" | "FIRE_ALL";
  input?: string;
  priority?: number;
  delayMs?: number;
  firesLeft?: number;
  endAt?: Date;
}

const EVERY_MINUTE: Extract<Schedule, { kind: "cron" }> = {
  kind: "cron",
  expression: "* * * * *",
  timeZone: "UTC",
  dialect: "UNIX",
  gap: "SHIFT",
  overlap: "FIRST",
};

async function addTrigger(given: Given): Promise<number> {
  const misfire = { policy: given.policy ?? "FIRE_ONCE", thresholdMs: 60_000, limit: 3 };
  const [row] = await t.sql<{ id: number }[]>`
    insert into escapement.trigger (namespace_id, job_id, name, schedule, misfire, state, next_at, noted_until, created_at, input,
      priority, delay_ms, fires_left, end_at)
    select 1, id, 'subject', ${t.sql.json(given.schedule as never)}, ${t.sql.json(misfire)}, 'NORMAL',
      date_trunc('second', escapement.clock()) - ${given.lateMs ?? 0} * interval '1 ms',
      date_trunc('second', escapement.clock()) - ${given.lateMs ?? 0} * interval '1 ms' - interval '1 ms',
      date_trunc('second', escapement.clock()) - ${given.lateMs ?? 0} * interval '1 ms', ${given.input ?? null},
      ${given.priority ?? null}, ${given.delayMs ?? null}, ${given.firesLeft ?? null}, ${given.endAt ?? null}
    from escapement.job where name = ${given.job ?? "plain"} returning id`;
  return row?.id ?? 0;
}
const trigger = async () => (await t.sql`select * from escapement.trigger`)[0];
const occurrences = async () =>
  await t.sql`select outcome, count, run_id is not null as ran from escapement.occurrence order by scheduled_at`;

test("a due trigger fires once, keeps its nominal time and moves on", async () => {
  await addTrigger({ schedule: { kind: "fixedRate", everyMs: 3_600_000 }, input: '{"x": 1}', priority: 8 });
  const before = await trigger();
  expect(await fire()).toMatchObject({ due: 1, fired: 1 });
  expect((await fire()).fired).toBe(0);
  const after = await trigger();
  expect(after?.next_at.getTime()).toBe(before?.next_at.getTime() + 3_600_000);
  expect(after).toMatchObject({ state: "NORMAL", fired_count: 1, last_at: before?.next_at });
  const [lease] = await t.claim();
  expect(lease).toMatchObject({ input: '{"x": 1}', scheduledAt: before?.next_at.getTime() });
  const [run] =
    await t.sql`select priority, trigger_id from escapement.lease where id = ${lease?.runId ?? ""}`;
  expect(run).toEqual({ priority: 8, trigger_id: before?.id });
  expect([...(await occurrences())]).toEqual([{ outcome: "FIRED", count: 1, ran: true }]);
});

test("a run fired too late for its job's deadline ends skipped, and a fixed delay goes on from there", async () => {
  await addTrigger({
    job: "strict",
    schedule: { kind: "fixedDelay", everyMs: 1_000 },
    lateMs: 120_000,
    delayMs: 1_000,
  });
  expect((await fire()).fired).toBe(1);
  expect(await t.claim()).toEqual([]);
  expect(await trigger()).toMatchObject({ state: "BLOCKED" });
  expect(await skipLate(t.context)).toBe(1);
  expect(await trigger()).toMatchObject({ state: "NORMAL" });
  await t.sql`delete from escapement.trigger`;
  await addTrigger({ job: "strict", schedule: { kind: "fixedRate", everyMs: 3_600_000 }, lateMs: 2_000 });
  await fire();
  expect(await skipLate(t.context)).toBe(0);
  expect(await t.claim()).toHaveLength(1);
});

test("a trigger with one time is complete after it", async () => {
  const at = Math.floor(Date.now() / 1000) * 1000 - 2_000;
  await addTrigger({ schedule: { kind: "once", at }, lateMs: 2_000 });
  expect((await fire()).fired).toBe(1);
  expect(await trigger()).toMatchObject({ state: "COMPLETE", next_at: null });
});

test("a fixed delay waits for the end of its run and then for its delay", async () => {
  await addTrigger({ schedule: { kind: "fixedDelay", everyMs: 60_000 }, delayMs: 60_000 });
  await fire();
  const [lease] = await t.claim();
  expect(await trigger()).toMatchObject({ state: "BLOCKED", next_at: null, blocked_by: lease?.runId });
  await t.engine.settle([{ leaseId: lease?.leaseId ?? "", outcome: "released" }]);
  expect((await trigger())?.state).toBe("BLOCKED");
  const [again] = await t.claim();
  await t.engine.settle([{ leaseId: again?.leaseId ?? "", outcome: "succeeded" }]);
  const after = await trigger();
  expect(after).toMatchObject({ state: "NORMAL", blocked_by: null });
  const [ended] = await t.sql`select ended_at from escapement.ended where id = ${lease?.runId ?? ""}`;
  expect(after?.next_at.getTime()).toBe(ended?.ended_at.getTime() + 60_000);
});

test("a fixed delay goes on after its run was cancelled, and ends with its last repeat", async () => {
  await addTrigger({
    schedule: { kind: "fixedDelay", everyMs: 1_000, repeat: 1 },
    delayMs: 1_000,
    firesLeft: 2,
  });
  await fire();
  await t.engine.cancel((await trigger())?.blocked_by, null);
  expect(await trigger()).toMatchObject({ state: "NORMAL", fires_left: 1 });
  await t.sql`update escapement.trigger set next_at = escapement.clock() - interval '1 ms'`;
  expect((await fire()).fired).toBe(1);
  const [lease] = await t.claim();
  await t.engine.settle([{ leaseId: lease?.leaseId ?? "", outcome: "succeeded" }]);
  expect(await trigger()).toMatchObject({ state: "COMPLETE", next_at: null, fires_left: 0 });
});

test("a fixed delay that was paused during its run knows when to go on, and a forgotten one is repaired", async () => {
  await addTrigger({ schedule: { kind: "fixedDelay", everyMs: 60_000 }, delayMs: 60_000 });
  await fire();
  await t.sql`update escapement.trigger set state = 'PAUSED', version = version + 1`;
  const [lease] = await t.claim();
  await t.engine.settle([{ leaseId: lease?.leaseId ?? "", outcome: "succeeded" }]);
  expect(await trigger()).toMatchObject({ state: "PAUSED", blocked_by: null, next_at: expect.any(Date) });

  await t.sql`update escapement.trigger set state = 'BLOCKED', next_at = null, blocked_by = ${lease?.runId ?? ""}`;
  await repairHolds(t.context);
  expect(await trigger()).toMatchObject({ state: "NORMAL", blocked_by: null });
});

test("after a downtime each policy does as it says, and no nominal time is silently missing", async () => {
  const hourly: Schedule = { kind: "fixedRate", everyMs: 3_600_000 };
  const down = { schedule: hourly, lateMs: 5 * 3_600_000 + 1_800_000 };
  await addTrigger({ ...down, policy: "FIRE_ONCE" });
  expect((await fire()).fired).toBe(1);
  expect([...(await occurrences())]).toEqual([
    ...Array.from({ length: 5 }, () => ({ outcome: "MISFIRED", count: 1, ran: false })),
    { outcome: "MISFIRED", count: 1, ran: true },
  ]);
  expect((await trigger())?.next_at.getTime()).toBeGreaterThan(Date.now());

  await t.sql`delete from escapement.trigger`;
  await addTrigger({ ...down, policy: "FIRE_ALL" });
  expect((await fire()).fired).toBe(3);

  await t.sql`delete from escapement.trigger`;
  await t.sql`delete from escapement.occurrence`;
  await addTrigger({ ...down, policy: "SKIP" });
  expect((await fire()).fired).toBe(0);
  expect([...(await occurrences())]).toEqual(
    Array.from({ length: 6 }, () => ({ outcome: "MISFIRED", count: 1, ran: false })),
  );
});

test("triggers of one schedule that share what is remembered are each put off by their own part of the jitter", async () => {
  const hourly: Schedule = { ...EVERY_MINUTE, expression: "0 * * * *" };
  for (const name of ["plain", "jittery-1", "jittery-2"]) {
    await addTrigger({ schedule: hourly });
    const jitterMs = name === "plain" ? null : 600_000;
    await t.sql`update escapement.trigger set name = ${name}, jitter_ms = ${jitterMs} where name = 'subject'`;
  }
  const before = await t.sql`select name, next_at from escapement.trigger`;
  expect((await fire()).fired).toBe(3);
  for (const { name, next_at: dueAt } of before) {
    const [after] = await t.sql`select next_at from escapement.trigger where name = ${name}`;
    const offsetMs = jitterOffset(`1/${name}`, name === "plain" ? null : 600_000);
    const hour = Math.floor((dueAt.getTime() - offsetMs) / 3_600_000) + 1;
    expect([name, after?.next_at.getTime()]).toEqual([name, hour * 3_600_000 + offsetMs]);
  }
});

test("intervals go on from their nominal time", async () => {
  await addTrigger({
    schedule: {
      kind: "calendarInterval",
      every: 1,
      unit: "DAY",
      timeZone: "UTC",
      missingDay: "SHIFT",
      gap: "SHIFT",
      overlap: "FIRST",
    },
    lateMs: 2_000,
  });
  const before = await trigger();
  await t.sql`update escapement.trigger set start_at = next_at - interval '3 days'`;
  expect((await fire()).fired).toBe(1);
  expect((await trigger())?.next_at.getTime()).toBe(before?.next_at.getTime() + 86_400_000);
});

test("a schedule that cannot be computed goes to ERROR alone", async () => {
  await addTrigger({
    schedule: { ...EVERY_MINUTE, expression: "nonsense" },
  });
  await t.sql`update escapement.trigger set name = 'broken'`;
  await addTrigger({ schedule: { kind: "fixedRate", everyMs: 60_000 } });
  expect(await fire()).toMatchObject({ due: 2, fired: 1 });
  const rows =
    await t.sql`select name, state, reason is not null as says_why from escapement.trigger order by name`;
  expect([...rows]).toEqual([
    { name: "broken", state: "ERROR", says_why: true },
    { name: "subject", state: "NORMAL", says_why: false },
  ]);
});

test("a trigger that was paused between the look and the write does not fire", async () => {
  const id = await addTrigger({ schedule: { kind: "fixedRate", everyMs: 60_000 } });
  const blocker = await t.sql.reserve();
  await blocker`begin`;
  await blocker`update escapement.trigger set state = 'PAUSED', version = version + 1 where id = ${id}`;
  const firing = fire();
  const blocked = async () =>
    (
      await t.sql`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
    ).length;
  await expect.poll(blocked).toBe(1);
  await blocker`commit`;
  blocker.release();
  expect((await firing).fired).toBe(0);
  expect([...(await occurrences())]).toEqual([]);
});

test("a thousand triggers of one moment are promoted in batches, each once", async () => {
  await addTrigger({ schedule: { kind: "fixedRate", everyMs: 60_000 } });
  await t.sql`
    insert into escapement.trigger (namespace_id, job_id, name, schedule, misfire, state, next_at, created_at)
    select namespace_id, job_id, 'n' || n, schedule, misfire, state, next_at, created_at
    from escapement.trigger, generate_series(1, 1199) n`;
  let fired = 0;
  for (let round = await fire(); ; round = await fire()) {
    fired += round.fired;
    if (round.due < 500) break;
  }
  expect(fired).toBe(1200);
  const [row] =
    await t.sql`select count(*)::int as n, count(distinct run_id)::int as runs from escapement.occurrence`;
  expect(row).toEqual({ n: 1200, runs: 1200 });
});
