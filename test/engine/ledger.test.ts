/** The ledger: what the ticker, pauses, calendars and changes leave in it, and the audit that compares it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Schedule } from "../../server/core/schedule/schedule.ts";
import { createFire } from "../../server/engine/fire.ts";
import { rezone } from "../../server/engine/rezone.ts";
import { auditTrigger } from "../../server/store/audit.ts";
import { createCalendar, updateCalendar } from "../../server/store/calendar-changes.ts";
import { listTimeZoneUpdates } from "../../server/store/time-zone-updates.ts";
import { createTrigger, updateTrigger } from "../../server/store/trigger-changes.ts";
import type { TriggerInput } from "../../server/store/trigger-content.ts";
import { repairCalendars } from "../../server/store/trigger-moves.ts";
import {
  pauseTrigger,
  pauseTriggers,
  repairTriggerPauses,
  resumeTrigger,
} from "../../server/store/trigger-pauses.ts";
import { findTrigger, type Trigger } from "../../server/store/triggers.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine;
let fire: () => Promise<{ due: number; fired: number }>;

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const BY = { by: "tester" };

beforeAll(async () => {
  t = await openTestEngine();
  await addJob(t, "work");
  // The database's clock as the test says.
  await t.sql`create table public.test_clock (offset_ms bigint not null)`;
  await t.sql`insert into public.test_clock values (0)`;
  await t.sql.unsafe(`
    create or replace function escapement.clock() returns timestamptz language sql volatile as
      'select clock_timestamp() + offset_ms * interval ''1 ms'' from public.test_clock'`);
  const promote = createFire(t.context);
  fire = async () => await promote(await t.lead());
});
beforeEach(async () => {
  await t.sql`delete from escapement.trigger`;
  await t.sql`delete from escapement.occurrence`;
  await t.sql`delete from escapement.trigger_pause`;
  await t.sql`delete from escapement.calendar`;
});
afterAll(() => t.close());

const now = async (): Promise<number> => {
  const [row] = await t.sql<{ now: Date }[]>`select escapement.clock() as now`;
  return row?.now.getTime() ?? 0;
};
const advance = (ms: number) => t.sql`update public.test_clock set offset_ms = offset_ms + ${ms}`;
const advanceTo = async (at: number) => advance(Math.ceil(at - (await now())));

async function create(schedule: Schedule, more: Partial<TriggerInput> = {}): Promise<Trigger> {
  return createTrigger(t.context, 1, { name: "subject", job: "work", schedule, ...more }, BY);
}
const subject = async (): Promise<Trigger> => {
  const trigger = await findTrigger(t.sql, 1, "subject");
  if (!trigger) throw new Error("the trigger is gone");
  return trigger;
};
async function fireAll(): Promise<void> {
  for (let due = 1; due > 0; ) due = (await fire()).due;
}
const rows = async () =>
  (
    await t.sql<{ outcome: string; count: number; ran: boolean; reason: string | null }[]>`
      select outcome, count, run_id is not null as ran, reason from escapement.occurrence order by scheduled_at`
  ).map((row) => ({ ...row }));
async function audit(from = 0, until?: number) {
  return auditTrigger({ sql: t.sql, catalog: t.context.catalog }, await subject(), {
    from,
    until: until ?? (await now()),
  });
}

const rate = (everyMs: number): Schedule => ({ kind: "fixedRate", everyMs });
const cron = (expression: string, more: object = {}): Schedule => ({
  kind: "cron",
  expression,
  timeZone: "UTC",
  dialect: "UNIX",
  gap: "SHIFT",
  overlap: "FIRST",
  ...more,
});

test("the audit is clean through fires, downtimes, pauses, changes and calendars", async () => {
  await createCalendar(
    t.context,
    1,
    { name: "nights", rule: { kind: "daily", from: "20:00", until: "06:00", invert: false } },
    {},
  );
  await create(cron("*/10 * * * *"), {
    calendars: ["nights"],
    misfire: { policy: "FIRE_ALL", thresholdMs: 60_000, limit: 5 },
  });
  for (let round = 0; round < 40; round++) {
    await advance(([7, 30, 600, 45][round % 4] as number) * 60_000);
    if (round % 3 !== 2) await fireAll();
    if (round % 8 === 3) await pauseTrigger(t.context, 1, "subject", { by: "me", reason: null, until: null });
    if (round % 8 === 6) await resumeTrigger(t.context, 1, "subject", round % 16 === 6 ? "SKIP" : null);
    if (round === 12) await updateTrigger(t.context, 1, "subject", { schedule: cron("*/15 * * * *") }, {});
    if (round === 20) {
      const rule = { kind: "daily" as const, from: "22:00", until: "05:00", invert: false };
      await updateCalendar(t.context, 1, "nights", { rule }, {});
    }
    if (round === 28) await updateTrigger(t.context, 1, "subject", { jitterMs: 120_000 }, {});
    const leases = await t.claim(1_000);
    await t.engine.settle(leases.map(({ leaseId }) => ({ leaseId, outcome: "succeeded" as const })));
  }
  await fireAll();
  const result = await audit();
  expect(result.differences).toEqual([]);
  expect(result.times).toBeGreaterThan(500);
  expect(result.runs).toBeGreaterThan(50);
  const outcomes = new Set((await rows()).map(({ outcome }) => outcome));
  expect([...outcomes].sort()).toEqual(
    ["EXCLUDED", "FIRED", "LATE", "MISFIRED", "PAUSED"].filter((one) => outcomes.has(one)),
  );
  for (const outcome of ["EXCLUDED", "MISFIRED", "PAUSED"]) expect(outcomes).toContain(outcome);
});

describe("the audit", () => {
  const spoiled: [string, () => Promise<unknown>, string][] = [
    [
      "a row is missing",
      () =>
        t.sql`delete from escapement.occurrence where scheduled_at = (select max(scheduled_at) from escapement.occurrence)`,
      "MISSING",
    ],
    [
      "a row is too many",
      () => t.sql`insert into escapement.occurrence (trigger_id, scheduled_at, outcome)
        select trigger_id, max(scheduled_at) - interval '7 minutes', 'PAUSED' from escapement.occurrence group by 1`,
      "UNEXPECTED",
    ],
    ["an outcome cannot be", () => t.sql`update escapement.occurrence set outcome = 'EXCLUDED'`, "WRONG"],
    ["a run is not there", () => t.sql`update escapement.occurrence set run_id = 1`, "RUN_MISSING"],
    [
      "the next time is another",
      () => t.sql`update escapement.trigger set next_at = next_at + interval '1 minute'`,
      "NEXT",
    ],
  ];
  test.each(spoiled)("says so when %s", async (_what, spoil, kind) => {
    await create(rate(HOUR));
    for (let hour = 0; hour < 3; hour++) {
      await fireAll();
      await advance(HOUR);
    }
    await fireAll();
    expect((await audit()).differences).toEqual([]);
    await spoil();
    const kinds = new Set((await audit()).differences.map((difference) => difference.kind));
    expect([...kinds]).toEqual([kind]);
  });

  test("says so when a range counts wrong", async () => {
    await create(rate(60_000), { misfire: { policy: "SKIP", thresholdMs: 60_000, limit: 1 } });
    await fireAll();
    await advance(3 * HOUR);
    await fireAll();
    expect((await audit()).differences).toEqual([]);
    await t.sql`update escapement.occurrence set count = count - 1 where count > 1`;
    expect((await audit()).differences).toMatchObject([{ kind: "WRONG" }]);
  });
});

test("a change does not lose what has just come due", async () => {
  const first = await create(rate(HOUR));
  await fireAll();
  await advanceTo((first.nextAt?.getTime() ?? 0) + HOUR + 20);
  await updateTrigger(t.context, 1, "subject", { schedule: rate(2 * HOUR) }, {});
  await fireAll();
  expect((await rows()).map(({ outcome }) => outcome)).toEqual(["FIRED", "FIRED"]);
  expect((await audit()).differences).toEqual([]);
});

test("what was due long before a change is noted as passed over by it", async () => {
  await create(rate(HOUR));
  await fireAll();
  await advance(2 * HOUR + HOUR / 2);
  await updateTrigger(t.context, 1, "subject", { schedule: rate(3 * HOUR) }, {});
  expect((await rows()).slice(1)).toEqual([
    { outcome: "MISFIRED", count: 1, ran: false, reason: "CHANGED" },
    { outcome: "MISFIRED", count: 1, ran: false, reason: "CHANGED" },
  ]);
  await advance(4 * HOUR);
  await fireAll();
  expect((await audit()).differences).toEqual([]);
});

test("a calendar that is replaced half way is carried through by the repair", async () => {
  const rule = { kind: "holidays" as const, dates: [{ date: "2020-01-01" }] };
  await createCalendar(t.context, 1, { name: "closed", rule }, {});
  await create(cron("0 12 * * *"), { calendars: ["closed"] });
  const due = (await subject()).nextAt?.getTime() ?? 0;
  const date = new Date(due).toISOString().slice(0, 10);
  // As if the server had died after the new version's commit.
  await t.sql`
    with made as (
      insert into escapement.calendar_version (calendar_id, version, name, rule)
      select id, 2, name, ${t.sql.json({ kind: "holidays", dates: [{ date }] })} from escapement.calendar returning id
    )
    update escapement.calendar set version_id = made.id, version = 2 from made`;
  expect((await subject()).nextAt?.getTime()).toBe(due);
  await repairCalendars(t.context);
  expect((await subject()).nextAt?.getTime()).toBe(due + DAY);
  const { version } = await subject();
  await repairCalendars(t.context);
  expect((await subject()).version).toBe(version);
  await advanceTo(due + DAY + 10);
  await fireAll();
  expect((await rows()).map(({ outcome, reason }) => [outcome, reason])).toEqual([
    ["EXCLUDED", "closed"],
    ["FIRED", null],
  ]);
  expect((await audit()).differences).toEqual([]);
});

test("a pause that did not reach its triggers, or left some behind, is carried through by the repair", async () => {
  await create(rate(HOUR));
  const scope = { namespaceId: 1, kind: "NAMESPACE" as const, target: "" };
  await t.sql`insert into escapement.trigger_pause (namespace_id, kind, target, paused_by) values (1, 'NAMESPACE', '', 'x')`;
  await repairTriggerPauses(t.context);
  expect((await subject()).state).toBe("PAUSED");
  await t.sql`delete from escapement.trigger_pause`;
  await repairTriggerPauses(t.context);
  expect((await subject()).state).toBe("NORMAL");
  await pauseTriggers(t.context, scope, { by: "x", reason: null, until: null });
  expect((await subject()).state).toBe("PAUSED");
});

test("newer time zone data moves what it moves, once, and reports it; older data does nothing", async () => {
  const berlin = { timeZone: "Europe/Berlin" };
  const inputs = [
    { name: "zoned", schedule: cron("30 7 * * *", berlin) },
    { name: "same", schedule: cron("45 7 * * *", berlin) },
    { name: "rate", schedule: rate(HOUR) },
  ];
  for (const input of inputs) await createTrigger(t.context, 1, { ...input, job: "work" }, BY);
  await t.sql`update escapement.leader set time_zone_data = null`;
  const guard = await t.lead();
  await rezone(t.context, guard, "2026a");
  expect(await listTimeZoneUpdates(t.sql)).toEqual([]);
  // As if the rules of before had put the clocks elsewhere.
  await t.sql`update escapement.trigger set next_at = next_at + interval '30 minutes' where name = 'zoned'`;
  const right = (await findTrigger(t.sql, 1, "zoned"))?.nextAt?.getTime() ?? 0;
  expect(await rezone(t.context, guard, "2025c")).toBe(false);
  expect(await listTimeZoneUpdates(t.sql)).toEqual([]);
  expect(await rezone(t.context, guard, "2026b")).toBe(false);
  const zoned = await findTrigger(t.sql, 1, "zoned");
  expect(zoned?.nextAt?.getTime()).toBe(right - 30 * 60_000);
  const [report, ...others] = await listTimeZoneUpdates(t.sql);
  expect(others).toEqual([]);
  expect(report).toMatchObject({
    before: "2026a",
    after: "2026b",
    endedAt: expect.any(Date),
    examined: 2,
    moved: 1,
    moves: [{ triggerId: zoned?.id, before: right, after: right - 30 * 60_000 }],
  });
  await rezone(t.context, guard, "2026b");
  expect(await listTimeZoneUpdates(t.sql)).toHaveLength(1);
});
