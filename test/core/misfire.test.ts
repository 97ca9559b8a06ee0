/** What becomes of a due trigger: times that fire, that are passed over, that calendars exclude, that a pause withheld. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WEEKDAYS } from "../../server/core/schedule/daily-time-interval.ts";
import type { Schedule } from "../../server/core/schedule/schedule.ts";
import { excludedAt } from "../../server/core/trigger/allowed.ts";
import {
  nextScheduled,
  type TriggerCalendar,
  type TriggerDef,
} from "../../server/core/trigger/definition.ts";
import {
  checkMisfire,
  DEFAULT_MISFIRE,
  type Due,
  decideFire,
  type FireDecision,
  type Misfire,
  type Passed,
} from "../../server/core/trigger/misfire.ts";
import { firstFire, nextFire, nextFires } from "../../server/core/trigger.ts";

const T0 = Date.UTC(2027, 0, 1, 9);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const at = (clock: string): number => Date.parse(`2027-01-01T${clock}Z`);

const cron = (expression: string, more: object = {}): Schedule => ({
  kind: "cron",
  expression,
  timeZone: "UTC",
  dialect: "UNIX",
  gap: "SHIFT",
  overlap: "FIRST",
  ...more,
});
const everyDays = (every: number): Schedule => ({
  kind: "calendarInterval",
  every,
  unit: "DAY",
  timeZone: "Europe/Berlin",
  missingDay: "SHIFT",
  gap: "SHIFT",
  overlap: "FIRST",
});
const workingHours = (minutes: number, repeat?: number): Schedule => ({
  kind: "dailyTimeInterval",
  everyMs: minutes * MINUTE,
  from: "08:00",
  until: "17:00",
  weekdays: ["MONDAY", "FRIDAY", "SATURDAY"],
  timeZone: "Europe/Berlin",
  ...(repeat === undefined ? {} : { repeat }),
});
const aroundTheClock: Schedule = {
  kind: "dailyTimeInterval",
  everyMs: MINUTE / 2,
  from: "00:00",
  until: "23:59:59",
  weekdays: WEEKDAYS,
  timeZone: "UTC",
};
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
  seed: "default/nightly",
  firedCount: 0,
  offsetMs: 0,
  calendars: [],
  onExcluded: "SKIP",
  ...more,
});

const hourly = def(cron("0 * * * *"));
const misfire = (policy: Misfire["policy"], limit = 100): Misfire => ({ policy, thresholdMs: MINUTE, limit });

function decide(
  trigger: TriggerDef,
  dueAt: number,
  now: number,
  rule: Misfire,
  more: Partial<Due> = {},
): FireDecision {
  return decideFire(trigger, { dueAt, notedUntil: dueAt - 1, withheld: null, ...more }, now, rule);
}
const fired = ({ fires }: FireDecision) => fires.map(({ scheduledAt, outcome }) => [scheduledAt, outcome]);
const missed = (times: Passed["times"], reason: string): Passed => ({ times, outcome: "MISFIRED", reason });

describe("a due trigger", () => {
  it.each([
    [0, "FIRED", null],
    [1_000, "FIRED", null],
    [1_001, "LATE", null],
    [60_000, "LATE", null],
    [60_001, "MISFIRED", "FIRE_ONCE"],
  ])("that is %d ms late counts as %s", (lateMs, outcome, reason) => {
    expect(decide(hourly, T0, T0 + lateMs, DEFAULT_MISFIRE)).toEqual({
      fires: [{ scheduledAt: T0, outcome, reason }],
      passed: [],
      nextAt: T0 + HOUR,
      notedUntil: T0,
    });
  });

  it("does not fire early", () => {
    expect(decide(hourly, T0, T0 - 1, DEFAULT_MISFIRE)).toEqual({
      fires: [],
      passed: [],
      nextAt: T0,
      notedUntil: T0 - 1,
    });
  });

  it("fires every time within the threshold, all at once", () => {
    const everySecond = def(cron("* * * * * *"));
    const decision = decide(everySecond, T0, T0 + 30_500, DEFAULT_MISFIRE);
    expect(fired(decision)).toEqual(
      Array.from({ length: 31 }, (_, second) => [T0 + second * 1_000, second < 30 ? "LATE" : "FIRED"]),
    );
    expect(decision).toMatchObject({ passed: [], nextAt: T0 + 31_000, notedUntil: T0 + 30_000 });
  });

  it("catches up a hundred times at once, and then the next hundred", () => {
    const rapid = def({ kind: "fixedRate", everyMs: 100 });
    const decision = decide(rapid, T0, T0 + 30_000, DEFAULT_MISFIRE);
    expect(decision.fires).toHaveLength(100);
    expect(decision.nextAt).toBe(T0 + 10_000);
  });

  it("is told from a time that it stands in for when the clocks skip one", () => {
    // New York, 14 March 2027: 2:30 is not there.
    const nightly = def(cron("30 2 * * *", { timeZone: "America/New_York" }));
    const gap = Date.parse("2027-03-14T07:00:00Z");
    expect(nextFire(nightly, gap - 20 * HOUR)).toBe(gap);
    expect(fired(decide(nightly, gap, gap, DEFAULT_MISFIRE))).toEqual([[gap, "DST_SHIFTED"]]);
    expect(fired(decide(nightly, gap, gap + 5_000, DEFAULT_MISFIRE))).toEqual([[gap, "LATE"]]);
    const atThree = def(cron("0 3 * * *", { timeZone: "America/New_York" }));
    expect(fired(decide(atThree, gap, gap, DEFAULT_MISFIRE))).toEqual([[gap, "FIRED"]]);
    const every = def(
      {
        kind: "calendarInterval",
        every: 1,
        unit: "DAY",
        timeZone: "America/New_York",
        missingDay: "SHIFT",
        gap: "SHIFT",
        overlap: "FIRST",
      } as Schedule,
      { anchorAt: Date.parse("2027-03-10T07:30:00Z") },
    );
    expect(fired(decide(every, gap, gap, DEFAULT_MISFIRE))).toEqual([[gap, "DST_SHIFTED"]]);
  });
});

// Down from 9:30 to 11:27 (SEMANTICS Q8): 10:00 and 11:00 were missed.
describe("a trigger that was down from 9:30 to 11:27", () => {
  it("makes up for the latest missed time only, under FIRE_ONCE", () => {
    const decision = decide(hourly, at("10:00"), at("11:27"), misfire("FIRE_ONCE"));
    expect(fired(decision)).toEqual([[at("11:00"), "MISFIRED"]]);
    expect(decision.passed).toEqual([missed([at("10:00")], "FIRE_ONCE")]);
    expect(decision.nextAt).toBe(at("12:00"));
  });

  it("makes up for all missed times in order, under FIRE_ALL", () => {
    const decision = decide(hourly, at("10:00"), at("11:27"), misfire("FIRE_ALL"));
    expect(fired(decision)).toEqual([
      [at("10:00"), "MISFIRED"],
      [at("11:00"), "MISFIRED"],
    ]);
    expect(decision).toMatchObject({ passed: [], nextAt: at("12:00") });
  });

  it("makes up for none, under SKIP", () => {
    const decision = decide(hourly, at("10:00"), at("11:27"), misfire("SKIP"));
    expect(decision.passed).toEqual([missed([at("10:00"), at("11:00")], "SKIP")]);
    expect(decision).toMatchObject({ fires: [], nextAt: at("12:00"), notedUntil: at("11:00") });
  });

  // Quartz's NEXT_WITH_REMAINING_COUNT and NEXT_WITH_EXISTING_COUNT (Q8, 4 and 5) fire at 12:00 to 16:00, too.
  it("keeps the grid and the number of its repeats", () => {
    const eight = def({ kind: "fixedRate", everyMs: HOUR, repeat: 7 });
    for (const policy of ["SKIP", "FIRE_ONCE", "FIRE_ALL"] as const) {
      const { nextAt } = decide(eight, at("10:00"), at("11:27"), misfire(policy));
      expect(nextFires(eight, (nextAt ?? 0) - 1, 10)).toEqual(
        ["12:00", "13:00", "14:00", "15:00", "16:00"].map(at),
      );
    }
  });

  it("does not make up for what was missed before the window", () => {
    const within = (minutes: number) => ({ ...misfire("FIRE_ALL"), windowMs: minutes * MINUTE });
    const decision = decide(hourly, at("10:00"), at("11:27"), within(30));
    expect(fired(decision)).toEqual([[at("11:00"), "MISFIRED"]]);
    expect(decision.passed).toEqual([missed([at("10:00")], "FIRE_ALL")]);
    expect(decide(hourly, at("10:00"), at("11:27"), within(20)).fires).toEqual([]);
    const once = { ...misfire("FIRE_ONCE"), windowMs: 20 * MINUTE };
    expect(decide(hourly, at("10:00"), at("11:27"), once)).toMatchObject({ fires: [], nextAt: at("12:00") });
  });
});

describe("missed times", () => {
  it("within the threshold still fire, under SKIP", () => {
    expect(fired(decide(hourly, T0, T0 + MINUTE, misfire("SKIP")))).toEqual([[T0, "LATE"]]);
    const decision = decide(hourly, at("10:00"), at("12:00:30"), misfire("SKIP"));
    expect(decision.passed).toEqual([missed([at("10:00"), at("11:00")], "SKIP")]);
    expect(decision.nextAt).toBe(at("12:00"));
  });

  it("within the threshold stand for those before, under FIRE_ONCE", () => {
    const decision = decide(hourly, at("10:00"), at("12:00:30"), misfire("FIRE_ONCE"));
    expect(fired(decision)).toEqual([[at("12:00"), "LATE"]]);
    expect(decision).toMatchObject({
      passed: [missed([at("10:00"), at("11:00")], "FIRE_ONCE")],
      nextAt: at("13:00"),
    });
  });

  it("are made up for up to the limit, the latest ones, under FIRE_ALL", () => {
    const decision = decide(hourly, at("10:00"), at("15:27"), misfire("FIRE_ALL", 2));
    expect(fired(decision).map(([time]) => time)).toEqual([at("14:00"), at("15:00")]);
    expect(decision.passed).toEqual([missed(["10:00", "11:00", "12:00", "13:00"].map(at), "FIRE_ALL")]);
  });

  it("that lie before the end are made up for, also after it", () => {
    const ended = def(cron("0 * * * *"), { endAt: at("11:00") });
    const decision = decide(ended, at("10:00"), at("15:27"), misfire("FIRE_ONCE"));
    expect(fired(decision)).toEqual([[at("11:00"), "MISFIRED"]]);
    expect(decision).toMatchObject({ passed: [missed([at("10:00")], "FIRE_ONCE")], nextAt: null });
  });

  it("of a fixed delay are passed over, and it goes on from now", () => {
    const delayed = def({ kind: "fixedDelay", everyMs: HOUR });
    expect(decide(delayed, T0, T0, DEFAULT_MISFIRE).nextAt).toBeNull();
    expect(decide(delayed, T0, T0 + 5 * MINUTE, misfire("SKIP"))).toEqual({
      fires: [],
      passed: [missed([T0], "SKIP")],
      nextAt: T0 + 5 * MINUTE + HOUR,
      notedUntil: T0,
    });
  });

  it("of more than ten share a row that says how many they are", () => {
    const decision = decide(def(cron("*/5 * * * *")), T0, T0 + 3 * HOUR + MINUTE, misfire("SKIP"));
    expect(decision.passed).toEqual([
      missed({ from: T0, to: T0 + 3 * HOUR - 5 * MINUTE, count: 36, exact: true }, "SKIP"),
    ]);
  });

  it("of a fixed rate are counted exactly, however many", () => {
    const rapid = def({ kind: "fixedRate", everyMs: 100 });
    const year = 365 * DAY;
    const decision = decide(rapid, T0, T0 + year, misfire("FIRE_ALL", 3));
    expect(fired(decision)).toEqual([-200, -100, 0].map((back) => [T0 + year + back, "FIRED"]));
    expect(decision.passed).toEqual([
      missed({ from: T0, to: T0 + year - 300, count: year / 100 - 2, exact: true }, "FIRE_ALL"),
    ]);
    expect(decision.nextAt).toBe(T0 + year + 100);
  });

  it("of a year are not walked through one by one", () => {
    const everySecond = def(cron("* * * * * *"));
    const now = T0 + 365 * DAY + 400;
    const decision = decide(everySecond, T0, now, misfire("FIRE_ALL", 2));
    expect(decision.fires.map(({ scheduledAt }) => now - scheduledAt)).toEqual([1_400, 400]);
    expect(decision.passed[0]?.times).toMatchObject({ from: T0, to: now - 2_400, exact: false });
    expect(decision.nextAt).toBe(now + 600);
  });

  it("are found also where a schedule was busy long ago", () => {
    const january = def(cron("* * * 1 *"));
    const decision = decide(january, T0, Date.UTC(2027, 11, 24), misfire("FIRE_ONCE"));
    expect(fired(decision)).toEqual([[Date.UTC(2027, 0, 31, 23, 59), "MISFIRED"]]);
    expect(decision.nextAt).toBe(Date.UTC(2028, 0, 1));
  });

  it("are made up for from the latest back, however many there were before", () => {
    const busy = fc.constantFrom(
      ...["*/5 * * * * *", "7,23,24 * * * * *", "* * * * *"].map((expression) => cron(expression)),
      aroundTheClock,
    );
    const lateMs = fc.integer({ min: DAY, max: 900 * DAY });
    fc.assert(
      fc.property(busy, lateMs, fc.integer({ min: 1, max: 9 }), (schedule, down, limit) => {
        const trigger = def(schedule);
        const now = T0 + down;
        const recent = nextFires(trigger, now - 10 * MINUTE, 200).filter((time) => time <= now);
        const decision = decide(trigger, T0, now, misfire("FIRE_ALL", limit));
        expect(decision.fires.map(({ scheduledAt }) => scheduledAt)).toEqual(recent.slice(-limit));
        expect(decision.passed.map(({ times }) => times)).toEqual([
          { from: T0, to: recent.at(-1 - limit), count: 1_000 - limit, exact: false },
        ]);
      }),
    );
  });

  it("are asked for by the given function, so that a memory can stand in between", () => {
    const asked: number[] = [];
    const due = { dueAt: T0, notedUntil: T0 - 1, withheld: null };
    decideFire(hourly, due, T0, DEFAULT_MISFIRE, (trigger, after) => {
      asked.push(after);
      return nextFire(trigger, after);
    });
    expect(asked).toEqual([T0]);
  });
});

describe("times that calendars exclude", () => {
  // Friday, 1 January 2027.
  const working = def(cron("0 9 * * *"), { calendars: [weekends] });

  it("do not fire, and are noted with what follows them", () => {
    const monday = T0 + 3 * DAY;
    expect(decide(working, T0, T0, DEFAULT_MISFIRE)).toMatchObject({ nextAt: monday, passed: [] });
    const decision = decide(working, monday, monday, DEFAULT_MISFIRE, { notedUntil: T0 });
    expect(fired(decision)).toEqual([[monday, "FIRED"]]);
    expect(decision.passed).toEqual([
      { times: [T0 + DAY, T0 + 2 * DAY], outcome: "EXCLUDED", reason: "weekends" },
    ]);
  });

  it("share a row when they are many, counted without being walked through where they are a grid", () => {
    const rapid = def({ kind: "fixedRate", everyMs: 100 }, { calendars: [weekends] });
    const saturday = Date.UTC(2027, 0, 2);
    const monday = saturday + 2 * DAY;
    const decision = decide(rapid, monday, monday, DEFAULT_MISFIRE, { notedUntil: saturday - 100 });
    expect(decision.passed).toEqual([
      {
        times: { from: saturday, to: monday - 100, count: (2 * DAY) / 100, exact: true },
        outcome: "EXCLUDED",
        reason: "weekends",
      },
    ]);
  });

  it("put a fixed delay off until they are over", () => {
    const delayed = def({ kind: "fixedDelay", everyMs: HOUR }, { calendars: [weekends] });
    const saturday = Date.UTC(2027, 0, 2, 5);
    const decision = decide(delayed, saturday, saturday, DEFAULT_MISFIRE);
    expect(decision).toMatchObject({ fires: [], nextAt: Date.UTC(2027, 0, 4) });
    expect(decision.passed).toEqual([{ times: [saturday], outcome: "EXCLUDED", reason: "weekends" }]);
  });

  it("are made up for on another day, which the fire says", () => {
    const moved = def(cron("0 9 2 * *"), { calendars: [weekends], onExcluded: "NEXT_DAY" });
    const monday = Date.UTC(2027, 0, 4, 9);
    expect(nextFire(moved, T0)).toBe(monday);
    expect(decide(moved, monday, monday, DEFAULT_MISFIRE)).toMatchObject({
      fires: [{ scheduledAt: monday, outcome: "FIRED", reason: "moved from 2027-01-02T09:00:00.000Z" }],
      passed: [],
    });
  });
});

describe("times that a pause withheld", () => {
  const now = at("12:30");
  const paused = (policy: Misfire["policy"] | null = null) => ({ withheld: { until: now, policy } });

  it("are passed over as PAUSED, but for those that the policy makes up for", () => {
    const decision = decide(hourly, at("10:00"), now, misfire("FIRE_ONCE"), paused());
    expect(decision.fires).toEqual([{ scheduledAt: at("12:00"), outcome: "MISFIRED", reason: "FIRE_ONCE" }]);
    expect(decision.passed).toEqual([{ times: [at("10:00"), at("11:00")], outcome: "PAUSED", reason: null }]);
    expect(decision.nextAt).toBe(at("13:00"));
  });

  it("follow the policy that was asked for when it was lifted", () => {
    const skip = decide(hourly, at("10:00"), now, misfire("FIRE_ALL"), paused("SKIP"));
    expect(skip).toMatchObject({ fires: [], nextAt: at("13:00") });
    expect(skip.passed).toEqual([
      { times: [at("10:00"), at("11:00"), at("12:00")], outcome: "PAUSED", reason: null },
    ]);
    expect(decide(hourly, at("10:00"), now, misfire("SKIP"), paused("FIRE_ALL")).fires).toHaveLength(3);
  });

  it("are missed also when they are within the threshold; those after it are not", () => {
    const everySecond = def(cron("* * * * * *"));
    const withheld = { until: T0 + 5_000, policy: "SKIP" as const };
    const decision = decide(everySecond, T0, T0 + 7_000, DEFAULT_MISFIRE, { withheld });
    expect(decision.fires).toEqual([]);
    expect(decision.passed).toEqual([
      { times: [0, 1, 2, 3, 4].map((second) => T0 + second * 1_000), outcome: "PAUSED", reason: null },
    ]);
    expect(decision.nextAt).toBe(T0 + 5_000);
  });
});

describe("every time of the schedule", () => {
  it("is accounted for exactly once, under every policy, calendar and pause", () => {
    const schedules = fc.oneof(
      fc.constantFrom(cron("*/7 * * * *"), cron("0 */3 * * *"), cron("30 4 * * 1,3"), cron("15 9 * * *")),
      fc.constantFrom(everyDays(1), everyDays(3), workingHours(7), workingHours(25, 40)),
      fc.record({
        kind: fc.constant("fixedRate" as const),
        everyMs: fc.integer({ min: MINUTE, max: 5 * HOUR }),
        repeat: fc.nat(2_000),
      }),
    );
    const misfires = fc.record({
      policy: fc.constantFrom("SKIP" as const, "FIRE_ONCE" as const, "FIRE_ALL" as const),
      thresholdMs: fc.constantFrom(1_000, MINUTE, HOUR),
      limit: fc.integer({ min: 1, max: 20 }),
    });
    const nights: TriggerCalendar = {
      versionId: 2,
      name: "nights",
      timeZone: "UTC",
      rule: { kind: "daily", from: "18:00", until: "06:00", invert: false },
    };
    const calendars = fc.constantFrom<TriggerCalendar[]>([], [], [weekends], [nights], [weekends, nights]);
    const until = fc.option(fc.integer({ min: 0, max: 90 * HOUR }));
    const offset = fc.oneof(fc.constant(0), fc.nat(2 * HOUR));
    const withheldFor = fc.option(fc.nat(20 * HOUR));
    fc.assert(
      fc.property(
        schedules,
        misfires,
        fc.nat(80 * HOUR),
        until,
        offset,
        calendars,
        withheldFor,
        (schedule, policy, down, end, offsetMs, excluding, pausedMs) => {
          const trigger = def(schedule, {
            endAt: end === null ? null : T0 + end,
            offsetMs,
            calendars: excluding,
          });
          const dueAt = firstFire(trigger, T0);
          fc.pre(dueAt !== null);
          if (dueAt === null) return;
          const now = dueAt + down;
          const withheld =
            pausedMs === null ? null : { until: Math.min(dueAt + pausedMs, now), policy: null };
          const notedUntil = T0 - 1;
          const decision = decideFire(trigger, { dueAt, notedUntil, withheld }, now, policy);

          const times: number[] = [];
          for (let time = nextScheduled(trigger, notedUntil - offsetMs); ; ) {
            if (time === null || time + offsetMs > decision.notedUntil) break;
            times.push(time + offsetMs);
            time = nextScheduled(trigger, time);
          }
          const isExcluded = (time: number) => excludedAt(trigger, time - offsetMs) !== null;
          const noted = decision.passed.reduce(
            (sum, { times }) => sum + (Array.isArray(times) ? times.length : times.count),
            decision.fires.length,
          );
          // More than a thousand that calendars break up are counted as "at least".
          const exact = decision.passed.every(({ times }) => Array.isArray(times) || times.exact);
          if (exact) expect(noted).toBe(times.length);
          else expect(noted).toBeLessThanOrEqual(times.length);
          const excluded = decision.passed.filter(({ outcome }) => outcome === "EXCLUDED");
          const count = excluded.reduce(
            (sum, { times }) => sum + (Array.isArray(times) ? times.length : times.count),
            0,
          );
          if (exact) expect(count).toBe(times.filter(isExcluded).length);
          for (const { scheduledAt } of decision.fires) {
            expect(times).toContain(scheduledAt);
            expect(isExcluded(scheduledAt)).toBe(false);
          }
          expect(decision.nextAt).toBe(nextFire(trigger, decision.notedUntil));
          if (withheld === null && (policy.policy === "SKIP" || down <= policy.thresholdMs)) {
            expect(decision.fires.some(({ outcome }) => outcome === "MISFIRED")).toBe(false);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("a misfire rule", () => {
  it("has limits", () => {
    expect(() => checkMisfire(DEFAULT_MISFIRE)).not.toThrow();
    for (const [rule, field] of [
      [{ thresholdMs: 999 }, "threshold"],
      [{ thresholdMs: Number.NaN }, "threshold"],
      [{ limit: 0 }, "limit"],
      [{ limit: 1_001 }, "limit"],
      [{ windowMs: 59_999 }, "window"],
    ] as const) {
      expect(() => checkMisfire({ ...DEFAULT_MISFIRE, ...rule })).toThrow(expect.objectContaining({ field }));
    }
  });
});
