/** Forecasts count the same fires as a walk through the triggers does. */
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Schedule } from "../../server/core/schedule/schedule.ts";
import type { TriggerCalendar, TriggerDef } from "../../server/core/trigger/definition.ts";
import { forecast } from "../../server/core/trigger/forecast.ts";
import { firstFire, nextFire } from "../../server/core/trigger.ts";

const T0 = Date.UTC(2027, 0, 1);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const cron = (expression: string): Schedule => ({
  kind: "cron",
  expression,
  timeZone: "Europe/Berlin",
  dialect: "UNIX",
  gap: "SHIFT",
  overlap: "FIRST",
});
const weekends: TriggerCalendar = {
  versionId: 1,
  name: "weekends",
  timeZone: null,
  rule: { kind: "weekly", weekdays: ["SATURDAY", "SUNDAY"] },
};
const def = (schedule: Schedule, more: Partial<TriggerDef> = {}): TriggerDef => ({
  schedule,
  startAt: null,
  endAt: null,
  anchorAt: T0,
  seed: "1/x",
  firedCount: 0,
  offsetMs: 0,
  calendars: [],
  onExcluded: "SKIP",
  ...more,
});
const upcoming = (trigger: TriggerDef) => ({ def: trigger, nextAt: firstFire(trigger, T0) });
const breathe = async () => {};

it("counts every fire in its bucket", async () => {
  const schedules = fc.oneof(
    fc.constantFrom(cron("*/7 * * * *"), cron("0 */3 * * *"), cron("30 4 * * 1,3"), cron("* * * * *")),
    fc.record({
      kind: fc.constant("fixedRate" as const),
      everyMs: fc.integer({ min: 1_000, max: 5 * HOUR }),
      repeat: fc.nat(3_000),
    }),
  );
  const triggers = fc.array(
    fc.record({
      schedule: schedules,
      offsetMs: fc.constantFrom(0, 0, 90_000),
      endAt: fc.constantFrom(null, null, T0 + 20 * HOUR + 1),
      calendars: fc.constantFrom<TriggerCalendar[]>([], [], [weekends]),
    }),
    { maxLength: 12 },
  );
  const until = T0 + 30 * HOUR;
  await fc.assert(
    fc.asyncProperty(triggers, fc.constantFrom(MINUTE, 15 * MINUTE, HOUR), async (given, bucketMs) => {
      const defs = given.map(({ schedule, ...more }) => def(schedule, more));
      const found = await forecast(defs.map(upcoming), { from: T0, until, bucketMs }, 1e9, breathe);
      const counts = new Array((until - T0) / bucketMs).fill(0);
      for (const trigger of defs) {
        for (let at = firstFire(trigger, T0); at !== null && at < until; at = nextFire(trigger, at)) {
          counts[Math.floor((at - T0) / bucketMs)]++;
        }
      }
      expect(found).toEqual({ counts, until });
    }),
    { numRuns: 60 },
  );
});

it("is whole up to where its budget lasted", async () => {
  const defs = ["* * * * *", "*/2 * * * *"].map((expression) => def(cron(expression)));
  const range = { from: T0, until: T0 + 24 * HOUR, bucketMs: MINUTE };
  const { counts, until } = await forecast(defs.map(upcoming), range, 150, breathe);
  expect(until).toBeGreaterThan(T0 + 90 * MINUTE);
  expect(until).toBeLessThan(T0 + 110 * MINUTE);
  const whole = Math.floor((until - T0) / MINUTE);
  expect(counts.slice(0, whole)).toEqual(Array.from({ length: whole }, (_, at) => (at % 2 === 0 ? 2 : 1)));
});

it("takes triggers of one schedule for one, and rates for as many steps as there are buckets", async () => {
  const many = Array.from({ length: 1_000 }, (_, at) => upcoming(def(cron("0 * * * *"), { offsetMs: at })));
  const rates = Array.from({ length: 10 }, () => upcoming(def({ kind: "fixedRate", everyMs: 100 })));
  const range = { from: T0, until: T0 + 24 * HOUR, bucketMs: HOUR };
  const { counts, until } = await forecast([...many, ...rates], range, 300, breathe);
  expect(until).toBe(range.until);
  expect(counts).toEqual(new Array(24).fill(1_000 + 10 * 36_000));
});

it("counts a fixed delay as if its runs took no time", async () => {
  const delayed = { def: def({ kind: "fixedDelay", everyMs: 10 * MINUTE, repeat: 5 }), nextAt: T0 };
  const { counts } = await forecast(
    [delayed],
    { from: T0, until: T0 + 2 * HOUR, bucketMs: HOUR },
    100,
    breathe,
  );
  expect(counts).toEqual([6, 0]);
});
