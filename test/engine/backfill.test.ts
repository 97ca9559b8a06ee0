/** Backfills: which dates they run, so many at once, in order, once each, through failures, pauses and crashes. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { BackfillRequest } from "../../server/engine/backfill.ts";
import type { ClaimedLease } from "../../server/engine/engine.ts";
import {
  type Backfill,
  findBackfill,
  listBackfillDates,
  readProgress,
} from "../../server/store/backfills.ts";
import { createTrigger } from "../../server/store/trigger-changes.ts";
import { addJob, openTestEngine } from "../support/engine.ts";

let t: Awaited<ReturnType<typeof openTestEngine>>;
const DAY = 86_400_000;
const NO_RETRY = { kind: "off" as const };

beforeAll(async () => {
  t = await openTestEngine();
  await addJob(t, "daily", { retry: NO_RETRY });
  await addJob(t, "strict", { startDeadlineMs: 60_000, late: "SKIP" });
  const schedule = {
    kind: "cron" as const,
    expression: "0 6 * * MON-FRI",
    timeZone: "Europe/Berlin",
    dialect: "UNIX" as const,
    gap: "SHIFT" as const,
    overlap: "FIRST" as const,
  };
  await createTrigger(
    t.context,
    1,
    { name: "weekdays", job: "daily", schedule, input: '{"from":"trigger"}' },
    { by: "x" },
  );
});
beforeEach(async () => {
  await finish(await t.claim(1_000));
  await t.sql`delete from escapement.backfill`;
});
afterAll(() => t.close());

// Monday to Sunday, in winter: 6:00 in Berlin is 5:00.
const WEEK = { from: Date.parse("2026-01-05T00:00:00Z"), to: Date.parse("2026-01-11T23:59:59Z") };
const at = (day: number): number => Date.parse("2026-01-05T05:00:00Z") + (day - 1) * DAY;

const make = (request: Partial<BackfillRequest>): Promise<Backfill> =>
  t.engine.createBackfill({ namespaceId: 1, by: "tester", ...request });
async function finish(leases: ClaimedLease[], outcome: "succeeded" | "failed" = "succeeded"): Promise<void> {
  await t.engine.settle(leases.map(({ leaseId }) => ({ leaseId, outcome, error: { message: "no" } })));
}
const state = async ({ id }: Backfill) => (await findBackfill(t.sql, id))?.state;
const progress = async ({ id }: Backfill) => {
  const all: Record<string, number> = (await readProgress(t.sql, [id])).get(id) ?? {};
  return Object.fromEntries(Object.entries(all).filter(([, count]) => count > 0));
};
const dates = async (backfill: Backfill) =>
  (await listBackfillDates(t.sql, backfill, null, { first: 200 })).rows.map((date) =>
    date.scheduledAt.getTime(),
  );

test("one run per date goes after the other, with the trigger's input and the date as its time", async () => {
  const backfill = await make({ trigger: "weekdays", ...WEEK });
  expect(await dates(backfill)).toEqual([1, 2, 3, 4, 5].map(at));
  const seen: number[] = [];
  for (let day = 0; day < 5; day++) {
    const leases = await t.claim(10);
    expect(leases).toHaveLength(1);
    expect(leases[0]).toMatchObject({ job: "daily", input: '{"from":"trigger"}' });
    seen.push(leases[0]?.scheduledAt ?? 0);
    expect(await progress(backfill)).toMatchObject({ STARTED: 1 });
    await finish(leases);
  }
  expect(seen).toEqual([1, 2, 3, 4, 5].map(at));
  expect(await state(backfill)).toBe("COMPLETE");
  expect(await progress(backfill)).toEqual({ SUCCEEDED: 5 });
  expect(await t.claim()).toEqual([]);
});

test("so many at once as asked for, from the last date back", async () => {
  const backfill = await make({ job: "daily", ...WEEK, maxParallel: 3, order: "DESCENDING" });
  const first = await t.claim(10);
  expect(first.map(({ scheduledAt }) => new Date(scheduledAt).toISOString().slice(0, 10))).toEqual([
    "2026-01-11",
    "2026-01-10",
    "2026-01-09",
  ]);
  await finish(first.slice(0, 2));
  expect(await t.claim(10)).toHaveLength(2);
  expect(await progress(backfill)).toEqual({ SUCCEEDED: 2, STARTED: 3, PENDING: 2 });
});

test("days are those of a zone, also where the clocks change", async () => {
  const range = { from: Date.parse("2026-03-27T23:00:00Z"), to: Date.parse("2026-03-30T00:00:00Z") };
  const backfill = await make({ job: "daily", ...range, timeZone: "Europe/Berlin", dryRun: true });
  expect(backfill.dates?.map(({ scheduledAt }) => scheduledAt.toISOString())).toEqual([
    "2026-03-27T23:00:00.000Z",
    "2026-03-28T23:00:00.000Z",
    "2026-03-29T22:00:00.000Z",
  ]);
});

test("it goes on past a failure, or stops there until it is resumed", async () => {
  const list = [at(1), at(2), at(3)];
  const goesOn = await make({ job: "daily", dates: list });
  await finish(await t.claim(1), "failed");
  for (let rest = 0; rest < 2; rest++) await finish(await t.claim(1));
  expect(await state(goesOn)).toBe("COMPLETE");
  expect(await progress(goesOn)).toEqual({ FAILED: 1, SUCCEEDED: 2 });

  const stops = await make({ job: "daily", dates: list, onFailure: "STOP", reprocess: "ALL" });
  await finish(await t.claim(1), "failed");
  expect(await t.claim(1)).toEqual([]);
  expect(await findBackfill(t.sql, stops.id)).toMatchObject({ state: "STOPPED", reason: "a date failed" });
  expect(await t.engine.resumeBackfill(stops.id)).toMatchObject({ state: "RUNNING", reason: null });
  for (let rest = 0; rest < 2; rest++) await finish(await t.claim(1));
  expect(await state(stops)).toBe("COMPLETE");
});

test("a stop waits for the dates that are running", async () => {
  const backfill = await make({
    job: "daily",
    dates: [at(1), at(2), at(3)],
    maxParallel: 2,
    onFailure: "STOP",
  });
  const [one, other] = await t.claim(2);
  if (!one || !other) throw new Error("two should run");
  await finish([one], "failed");
  expect(await state(backfill)).toBe("RUNNING");
  expect(await t.claim(1)).toEqual([]);
  await finish([other]);
  expect(await state(backfill)).toBe("STOPPED");
  expect(await progress(backfill)).toEqual({ FAILED: 1, SUCCEEDED: 1, PENDING: 1 });
});

test("dates that have a run keep it, unless they are asked for", async () => {
  await make({ trigger: "weekdays", ...WEEK });
  await finish(await t.claim(1));
  await finish(await t.claim(1), "failed");
  for (let rest = 0; rest < 3; rest++) await finish(await t.claim(1));
  const planned = async (reprocess: "NONE" | "FAILED" | "ALL") =>
    (await make({ trigger: "weekdays", ...WEEK, reprocess, dryRun: true })).dates?.map(({ state }) => state);
  expect(await planned("NONE")).toEqual(Array(5).fill("KEPT"));
  expect(await planned("FAILED")).toEqual(["KEPT", "PENDING", "KEPT", "KEPT", "KEPT"]);
  expect(await planned("ALL")).toEqual(Array(5).fill("PENDING"));
  const again = await make({ trigger: "weekdays", ...WEEK, reprocess: "FAILED" });
  const leases = await t.claim(10);
  expect(leases.map(({ scheduledAt }) => scheduledAt)).toEqual([at(2)]);
  await finish(leases);
  expect(await state(again)).toBe("COMPLETE");
  expect(await planned("FAILED")).toEqual(Array(5).fill("KEPT"));
  expect(await state(await make({ trigger: "weekdays", ...WEEK }))).toBe("COMPLETE");
});

test("what the trigger itself has run counts, too", async () => {
  const [trigger] = await t.sql<{ id: number }[]>`select id from escapement.trigger where name = 'weekdays'`;
  const day = Date.parse("2026-02-02T05:00:00Z");
  const [run] = await t.engine.start([{ namespace: "default", job: "daily" }]);
  await t.sql`
    insert into escapement.occurrence (trigger_id, scheduled_at, outcome, fired_at, run_id)
    values (${trigger?.id ?? 0}, ${new Date(day)}, 'FIRED', ${new Date(day)}, ${run?.id ?? ""})`;
  const range = { from: day - DAY, to: day + DAY };
  const { dates: planned } = await make({ trigger: "weekdays", ...range, dryRun: true });
  expect(planned?.map(({ state, runId }) => [state, runId])).toEqual([
    ["KEPT", run?.id],
    ["PENDING", null],
  ]);
});

test("paused, nothing new starts; cancelled, its runs are, too", async () => {
  const backfill = await make({ job: "daily", ...WEEK, maxParallel: 2 });
  const running = await t.claim(1);
  expect(await t.engine.pauseBackfill(backfill.id, "wait")).toMatchObject({
    state: "PAUSED",
    reason: "wait",
  });
  await finish(running);
  expect(await t.claim(10)).toHaveLength(1);
  expect(await progress(backfill)).toEqual({ SUCCEEDED: 1, STARTED: 1, PENDING: 5 });
  await t.engine.resumeBackfill(backfill.id);
  expect(await progress(backfill)).toEqual({ SUCCEEDED: 1, STARTED: 2, PENDING: 4 });
  await t.engine.cancelBackfill(backfill.id, "enough");
  expect(await state(backfill)).toBe("CANCELLED");
  // One was ready and is cancelled at once, one is told to stop.
  expect(await progress(backfill)).toEqual({ SUCCEEDED: 1, STARTED: 1, CANCELLED: 5 });
  await expect(t.engine.resumeBackfill(backfill.id)).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
  await expect(t.engine.pauseBackfill(4711, null)).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test("runs of past dates are never too late", async () => {
  const backfill = await make({ job: "strict", dates: [at(1)] });
  const leases = await t.claim(1);
  expect(leases).toHaveLength(1);
  await finish(leases);
  expect(await progress(backfill)).toEqual({ SUCCEEDED: 1 });
});

test("a redriven date counts as what it ends as", async () => {
  const backfill = await make({ job: "daily", dates: [at(1)] });
  const [lease] = await t.claim(1);
  if (!lease) throw new Error("it should run");
  await finish([lease], "failed");
  expect(await progress(backfill)).toEqual({ FAILED: 1 });
  await t.engine.redrive(lease.runId);
  await finish(await t.claim(1));
  expect(await progress(backfill)).toEqual({ SUCCEEDED: 1 });
});

test("a crash between the mark and the start, or after an end, is mended, and no date runs twice", async () => {
  const backfill = await make({ job: "daily", dates: [at(1), at(2), at(3)] });
  // Marked, and started or not: the same run in either case.
  await t.sql`update escapement.backfill_date set run_id = null where state = 'STARTED'`;
  await t.engine.repairBackfills();
  expect(await t.claim(10)).toHaveLength(1);
  await t.sql`update escapement.backfill_date set state = 'STARTED', run_id = null where backfill_id = ${backfill.id} and position = 1`;
  await t.sql`update escapement.backfill set max_parallel = 2 where id = ${backfill.id}`;
  await t.engine.repairBackfills();
  const [second] = await t.claim(10);
  expect(second?.scheduledAt).toBe(at(2));
  // Its end was not told of.
  await t.sql`update escapement.lease set awaited = false where id = ${second?.runId ?? ""}`;
  if (second) await finish([second]);
  expect(await progress(backfill)).toEqual({ STARTED: 2, PENDING: 1 });
  await t.engine.repairBackfills();
  expect(await progress(backfill)).toEqual({ SUCCEEDED: 1, STARTED: 2 });
});

test("many that are started by several servers at once start each date once and no more than allowed at once", async () => {
  const others = await Promise.all([openTestEngine(t.url), openTestEngine(t.url)]);
  try {
    const backfill = await make({
      job: "daily",
      from: Date.parse("2025-01-01T00:00:00Z"),
      to: Date.parse("2025-03-31T00:00:00Z"),
      maxParallel: 7,
    });
    const engines = [t, ...others];
    const starts = new Map<number, number>();
    for (let round = 0; (await state(backfill)) === "RUNNING"; round++) {
      expect(round).toBeLessThan(200);
      const claimed = await Promise.all(engines.map((engine) => engine.claim(3)));
      const running = claimed.flat();
      expect(running.length).toBeLessThanOrEqual(7);
      for (const { scheduledAt } of running) starts.set(scheduledAt, (starts.get(scheduledAt) ?? 0) + 1);
      await Promise.all([
        ...claimed.map((leases, at) =>
          engines[at]?.engine.settle(leases.map(({ leaseId }) => ({ leaseId, outcome: "succeeded" }))),
        ),
        ...engines.map(({ engine }) => engine.repairBackfills()),
      ]);
    }
    expect(starts.size).toBe(90);
    expect([...starts.values()]).toEqual(Array(90).fill(1));
  } finally {
    await Promise.all(others.map((other) => other.close()));
  }
});

test.each<[Partial<BackfillRequest>, string]>([
  [{ ...WEEK }, "job"],
  [{ job: "daily", trigger: "weekdays", ...WEEK }, "job"],
  [{ job: "daily" }, "from"],
  [{ job: "daily", from: WEEK.from }, "to"],
  [{ job: "daily", from: WEEK.to, to: WEEK.from }, "to"],
  [{ job: "daily", from: WEEK.from, to: Date.now() + DAY }, "to"],
  [{ job: "daily", dates: [] }, "dates"],
  [{ job: "daily", dates: [at(1), Date.now() + DAY] }, "dates[1]"],
  [{ job: "daily", ...WEEK, maxParallel: 0 }, "maxParallel"],
  [{ job: "daily", ...WEEK, timeZone: "Mars/Olympus" }, "timeZone"],
  [{ trigger: "weekdays", from: WEEK.to - 2 * 3_600_000, to: WEEK.to }, "to"],
])("%j is refused, naming %s", async (request, field) => {
  await expect(make(request)).rejects.toMatchObject({ code: "BAD_INPUT", field });
  expect(await t.sql`select from escapement.backfill`).toHaveLength(0);
});
