/** Triggers: first and next due times of each kind, and what becomes of the times that were missed. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WEEKDAYS } from "../../server/core/schedule/daily-time-interval.ts";
import { checkJitter, jitterOffset } from "../../server/core/schedule/jitter.ts";
import {
  afterRunEnded,
  checkMisfire,
  checkSchedule,
  checkWindow,
  DEFAULT_MISFIRE,
  decideFire,
  firstFire,
  type Misfire,
  memoKey,
  nextFire,
  nextFires,
  type Schedule,
  type TriggerDef,
} from "../../server/core/trigger.ts";

const T0 = Date.UTC(2027, 0, 1, 9);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
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
const def = (schedule: Schedule, more: Partial<TriggerDef> = {}): TriggerDef => ({
  schedule,
  startAt: null,
  endAt: null,
  anchorAt: T0,
  seed: "default/nightly",
  firedCount: 0,
  offsetMs: 0,
  ...more,
});

describe("a trigger that fires once", () => {
  it("is due at its time, also when that has passed", () => {
    expect(firstFire(def({ kind: "once", at: T0 + HOUR }), T0)).toBe(T0 + HOUR);
    expect(firstFire(def({ kind: "once", at: T0 - HOUR }), T0)).toBe(T0 - HOUR);
  });

  it("is never due again", () => {
    const once = def({ kind: "once", at: T0 });
    expect(nextFire(once, T0 - 1)).toBe(T0);
    expect(nextFire(once, T0)).toBeNull();
    expect(decideFire(once, T0, T0 + 5, DEFAULT_MISFIRE)).toEqual({
      fires: [{ scheduledAt: T0, outcome: "FIRED" }],
      skipped: null,
      nextAt: null,
    });
  });

  it("can never fire outside its window", () => {
    expect(firstFire(def({ kind: "once", at: T0 }, { startAt: T0 + 1 }), T0)).toBeNull();
    expect(firstFire(def({ kind: "once", at: T0 }, { endAt: T0 - 1 }), T0)).toBeNull();
  });
});

describe("a cron trigger", () => {
  it("is first due from now on, now included", () => {
    expect(firstFire(def(cron("0 * * * *")), T0)).toBe(T0);
    expect(firstFire(def(cron("0 * * * *")), T0 + 1)).toBe(T0 + HOUR);
  });

  it("keeps to start and end, both inclusive", () => {
    const bounded = def(cron("0 * * * *"), { startAt: at("12:00"), endAt: at("14:00") });
    expect(firstFire(bounded, T0)).toBe(at("12:00"));
    expect(nextFires(bounded, T0, 10)).toEqual([at("12:00"), at("13:00"), at("14:00")]);
    expect(nextFire(bounded, at("14:00"))).toBeNull();
  });

  it("hashes H by its seed", () => {
    const hashed = (seed: string) => nextFires(def(cron("H H * * *"), { seed }), T0, 3);
    expect(hashed("a")).toEqual(hashed("a"));
    expect(new Set(["a", "b", "c", "d"].map((seed) => hashed(seed)[0])).size).toBeGreaterThan(1);
  });

  it("shares its next fire with triggers of equal schedule, zone and policy only", () => {
    const key = memoKey(def(cron("0 3 * * *")));
    expect(key).not.toBeNull();
    expect(memoKey(def(cron("0 3 * * *"), { seed: "other", firedCount: 7 }))).toBe(key);
    for (const other of [
      cron("0 4 * * *"),
      cron("0 3 * * *", { timeZone: "Europe/Berlin" }),
      cron("0 3 * * *", { gap: "SKIP" }),
      cron("0 3 * * *", { overlap: "BOTH" }),
    ]) {
      expect(memoKey(def(other))).not.toBe(key);
    }
    expect(memoKey(def(cron("H 3 * * *"), { seed: "a" }))).not.toBe(
      memoKey(def(cron("H 3 * * *"), { seed: "b" })),
    );
    expect(memoKey(def(cron("0 3 * * *"), { endAt: T0 + 99 * HOUR }))).toBeNull();
    expect(memoKey(def({ kind: "fixedRate", everyMs: 1_000 }))).toBeNull();
  });
});

describe("a fixed rate", () => {
  const hourly: Schedule = { kind: "fixedRate", everyMs: HOUR };

  it("fires on the grid that begins at its start, or where it was set", () => {
    expect(firstFire(def(hourly), T0)).toBe(T0);
    expect(firstFire(def(hourly), T0 + 1)).toBe(T0 + HOUR);
    expect(firstFire(def(hourly, { startAt: at("09:20") }), at("11:00"))).toBe(at("11:20"));
    expect(firstFire(def(hourly, { startAt: at("12:20") }), T0)).toBe(at("12:20"));
  });

  it("keeps its grid wherever one looks from", () => {
    const grid = fc.integer({ min: 100, max: 100 * HOUR });
    fc.assert(
      fc.property(grid, fc.integer({ min: -HOUR, max: 1e12 }), (everyMs, offset) => {
        const next = nextFire(def({ kind: "fixedRate", everyMs }), T0 + offset) ?? 0;
        expect((next - T0) % everyMs).toBe(0);
        expect(next).toBeGreaterThan(T0 + offset);
        expect(next).toBeLessThanOrEqual(Math.max(T0, T0 + offset + everyMs));
      }),
    );
  });

  it("repeats so often after the first fire", () => {
    expect(nextFires(def({ ...hourly, repeat: 2 }), T0 - 1, 10)).toEqual([T0, T0 + HOUR, T0 + 2 * HOUR]);
    expect(nextFires(def({ ...hourly, repeat: 0 }), T0 - 1, 10)).toEqual([T0]);
    expect(firstFire(def({ ...hourly, repeat: 2 }), T0 + 2 * HOUR + 1)).toBeNull();
  });
});

describe("an interval", () => {
  it("begins at its start, which counts, and ends with its end, which counts, too", () => {
    const window = { startAt: T0, endAt: T0 + 2 * 24 * HOUR };
    const daily = def(everyDays(1), window);
    expect(firstFire(daily, T0 - HOUR)).toBe(T0);
    expect(nextFires(daily, T0 - 1, 10)).toEqual([T0, T0 + 24 * HOUR, T0 + 48 * HOUR]);
    // T0 is 10:00 in Berlin, on a Friday; 2 January is a Saturday, and no Sunday is chosen.
    const hourly = def(workingHours(60), { startAt: T0, endAt: T0 + 23 * HOUR });
    expect(nextFires(hourly, T0 - 1, 20)).toEqual([
      ...Array.from({ length: 8 }, (_, hours) => T0 + hours * HOUR),
      T0 + 22 * HOUR,
      T0 + 23 * HOUR,
    ]);
  });

  it("counts from when it was set, without a start", () => {
    expect(nextFire(def(everyDays(2)), T0)).toBe(T0 + 48 * HOUR);
    expect(nextFires(def(workingHours(60, 1)), T0 - 1, 9)).toEqual([T0, T0 + HOUR]);
  });
});

describe("jitter", () => {
  const offsetMs = 90_000;
  it.each<[Schedule]>([
    [cron("0 * * * *")],
    [{ kind: "fixedRate", everyMs: HOUR }],
    [everyDays(1)],
    [workingHours(60)],
  ])("puts every time of %j off by the same", (schedule) => {
    const plain = nextFires(def(schedule, { startAt: T0 }), T0 - 1, 5);
    const late = nextFires(def(schedule, { startAt: T0, offsetMs }), T0 - 1, 5);
    expect(late).toEqual(plain.map((time) => time + offsetMs));
    expect(nextFire(def(schedule, { startAt: T0, offsetMs }), (late[1] ?? 0) - 1)).toBe(late[1]);
  });

  it("never puts a time off past the end", () => {
    const endAt = at("11:00");
    expect(nextFires(def(cron("0 * * * *"), { endAt, offsetMs }), T0, 9)).toEqual([
      at("09:00") + offsetMs,
      at("10:00") + offsetMs,
    ]);
    expect(nextFires(def(cron("0 * * * *"), { endAt: endAt + offsetMs, offsetMs }), T0, 9)).toHaveLength(3);
  });

  it("is the same for the same trigger, and spread over the triggers", () => {
    expect(jitterOffset("1/a", null)).toBe(0);
    expect(jitterOffset("1/a", HOUR)).toBe(jitterOffset("1/a", HOUR));
    const quarters = [0, 0, 0, 0];
    for (let index = 0; index < 400; index++) {
      const quarter = Math.floor(jitterOffset(`1/trigger-${index}`, HOUR) / (HOUR / 4));
      quarters[quarter] = (quarters[quarter] ?? 0) + 1;
    }
    expect(quarters).toHaveLength(4);
    expect(Math.min(...quarters)).toBeGreaterThan(60);
  });

  it.each<[number, Schedule, string]>([
    [0, cron("0 * * * *"), "more than zero"],
    [25 * HOUR, cron("0 * * * *"), "at most P1D"],
    [MINUTE, { kind: "once", at: T0 }, "leave it out"],
    [MINUTE, { kind: "fixedDelay", everyMs: HOUR }, "leave it out"],
  ])("of %d ms for %j is refused: %s", (jitterMs, schedule, message) => {
    expect(() => checkJitter(jitterMs, schedule)).toThrow(
      expect.objectContaining({
        code: "BAD_INPUT",
        field: "jitter",
        message: expect.stringContaining(message),
      }),
    );
  });
});

describe("a fixed delay", () => {
  const delayed: Schedule = { kind: "fixedDelay", everyMs: HOUR };

  it("is first due now, or at its start", () => {
    expect(firstFire(def(delayed), T0 + 5)).toBe(T0 + 5);
    expect(firstFire(def(delayed, { startAt: T0 + HOUR }), T0)).toBe(T0 + HOUR);
  });

  it("has no next due time until its run has ended", () => {
    expect(decideFire(def(delayed), T0, T0, DEFAULT_MISFIRE).nextAt).toBeNull();
    expect(afterRunEnded(def(delayed, { firedCount: 1 }), T0 + 7)).toBe(T0 + 7 + HOUR);
    expect(afterRunEnded(def({ kind: "fixedRate", everyMs: HOUR }), T0)).toBeNull();
  });

  it("stops after its repeats and at its end", () => {
    const twice = (firedCount: number) => afterRunEnded(def({ ...delayed, repeat: 1 }, { firedCount }), T0);
    expect([twice(1), twice(2)]).toEqual([T0 + HOUR, null]);
    expect(afterRunEnded(def(delayed, { endAt: T0 + HOUR - 1 }), T0)).toBeNull();
    expect(firstFire(def({ ...delayed, repeat: 1 }, { firedCount: 2 }), T0)).toBeNull();
  });

  it("goes on after a missed time that is not made up for", () => {
    const decision = decideFire(def(delayed), T0, T0 + 5 * MINUTE, { ...DEFAULT_MISFIRE, policy: "SKIP" });
    expect(decision).toEqual({
      fires: [],
      skipped: { from: T0, to: T0, count: 1, exact: true },
      nextAt: T0 + 5 * MINUTE + HOUR,
    });
  });

  it("is previewed as if its runs took no time", () => {
    expect(nextFires(def(delayed), T0, 2)).toEqual([T0 + HOUR, T0 + 2 * HOUR]);
    expect(nextFires(def({ ...delayed, repeat: 2 }, { firedCount: 2 }), T0, 9)).toEqual([T0 + HOUR]);
    expect(nextFires(def(delayed, { startAt: T0 + 5 }), T0, 2)).toEqual([T0 + 5, T0 + 5 + HOUR]);
    expect(nextFires(def(delayed, { endAt: T0 + 2 * HOUR }), T0, 9)).toEqual([T0 + HOUR, T0 + 2 * HOUR]);
  });
});

describe("a due trigger", () => {
  const hourly = def(cron("0 * * * *"));
  const misfire = (policy: Misfire["policy"], limit = 100): Misfire => ({
    policy,
    thresholdMs: MINUTE,
    limit,
  });

  it.each([
    [0, "FIRED"],
    [1_000, "FIRED"],
    [1_001, "LATE"],
    [60_000, "LATE"],
    [60_001, "MISFIRED"],
  ])("that is %d ms late counts as %s", (lateMs, outcome) => {
    const decision = decideFire(hourly, T0, T0 + lateMs, DEFAULT_MISFIRE);
    expect(decision).toEqual({ fires: [{ scheduledAt: T0, outcome }], skipped: null, nextAt: T0 + HOUR });
  });

  it("does not fire early", () => {
    expect(decideFire(hourly, T0, T0 - 1, DEFAULT_MISFIRE)).toEqual({ fires: [], skipped: null, nextAt: T0 });
  });

  it("fires every time within the threshold, one after the other", () => {
    const everySecond = def(cron("* * * * * *"));
    const decision = decideFire(everySecond, T0, T0 + 30_000, DEFAULT_MISFIRE);
    expect(decision).toEqual({
      fires: [{ scheduledAt: T0, outcome: "LATE" }],
      skipped: null,
      nextAt: T0 + 1_000,
    });
  });

  // Down from 9:30 to 11:27 (SEMANTICS Q8): 10:00 and 11:00 were missed.
  it("makes up for the latest missed time only, under FIRE_ONCE", () => {
    expect(decideFire(hourly, at("10:00"), at("11:27"), misfire("FIRE_ONCE"))).toEqual({
      fires: [{ scheduledAt: at("11:00"), outcome: "MISFIRED" }],
      skipped: { from: at("10:00"), to: at("10:00"), count: 1, exact: true },
      nextAt: at("12:00"),
    });
  });

  it("makes up for all missed times in order, under FIRE_ALL", () => {
    expect(decideFire(hourly, at("10:00"), at("11:27"), misfire("FIRE_ALL"))).toEqual({
      fires: [
        { scheduledAt: at("10:00"), outcome: "MISFIRED" },
        { scheduledAt: at("11:00"), outcome: "MISFIRED" },
      ],
      skipped: null,
      nextAt: at("12:00"),
    });
  });

  it("makes up for none, under SKIP", () => {
    expect(decideFire(hourly, at("10:00"), at("11:27"), misfire("SKIP"))).toEqual({
      fires: [],
      skipped: { from: at("10:00"), to: at("11:00"), count: 2, exact: true },
      nextAt: at("12:00"),
    });
  });

  it("still fires when it is late by exactly the threshold, under SKIP", () => {
    const decision = decideFire(hourly, T0, T0 + MINUTE, misfire("SKIP"));
    expect(decision).toMatchObject({ fires: [{ scheduledAt: T0, outcome: "LATE" }], skipped: null });
  });

  it("keeps a time that is still within the threshold, under SKIP", () => {
    const decision = decideFire(hourly, at("10:00"), at("12:00:30"), misfire("SKIP"));
    expect(decision.skipped).toEqual({ from: at("10:00"), to: at("11:00"), count: 2, exact: true });
    expect(decision.nextAt).toBe(at("12:00"));
  });

  it("lets a time within the threshold stand for those before it, under FIRE_ONCE", () => {
    expect(decideFire(hourly, at("10:00"), at("12:00:30"), misfire("FIRE_ONCE"))).toEqual({
      fires: [{ scheduledAt: at("12:00"), outcome: "LATE" }],
      skipped: { from: at("10:00"), to: at("11:00"), count: 2, exact: true },
      nextAt: at("13:00"),
    });
  });

  it("makes up for no more than the limit, the latest ones, under FIRE_ALL", () => {
    const decision = decideFire(hourly, at("10:00"), at("15:27"), misfire("FIRE_ALL", 2));
    expect(decision.fires.map(({ scheduledAt }) => scheduledAt)).toEqual([at("14:00"), at("15:00")]);
    expect(decision.skipped).toEqual({ from: at("10:00"), to: at("13:00"), count: 4, exact: true });
  });

  it("makes up for missed times that lie before its end, also after it", () => {
    const ended = def(cron("0 * * * *"), { endAt: at("11:00") });
    expect(decideFire(ended, at("10:00"), at("15:27"), misfire("FIRE_ONCE"))).toEqual({
      fires: [{ scheduledAt: at("11:00"), outcome: "MISFIRED" }],
      skipped: { from: at("10:00"), to: at("10:00"), count: 1, exact: true },
      nextAt: null,
    });
  });

  it("counts the missed times of a fixed rate exactly, however many", () => {
    const rapid = def({ kind: "fixedRate", everyMs: 100 });
    const year = 365 * 24 * HOUR;
    expect(decideFire(rapid, T0, T0 + year, misfire("FIRE_ALL", 3))).toEqual({
      fires: [-200, -100, 0].map((back) => ({
        scheduledAt: T0 + year + back,
        outcome: "FIRED",
      })),
      skipped: { from: T0, to: T0 + year - 300, count: year / 100 - 2, exact: true },
      nextAt: T0 + year + 100,
    });
  });

  it("is decided after a year's downtime without walking through every missed second", () => {
    const everySecond = def(cron("* * * * * *"));
    const now = T0 + 365 * 24 * HOUR + 400;
    const decision = decideFire(everySecond, T0, now, misfire("FIRE_ALL", 2));
    expect(decision.fires.map(({ scheduledAt }) => now - scheduledAt)).toEqual([1_400, 400]);
    expect(decision.skipped).toMatchObject({ from: T0, to: now - 2_400, exact: false });
    expect(decision.nextAt).toBe(now + 600);
  });

  it("finds the latest missed time of a schedule that was busy long ago", () => {
    const january = def(cron("* * * 1 *"));
    const now = Date.UTC(2027, 11, 24);
    const decision = decideFire(january, T0, now, misfire("FIRE_ONCE"));
    expect(decision.fires).toEqual([{ scheduledAt: Date.UTC(2027, 0, 31, 23, 59), outcome: "MISFIRED" }]);
    expect(decision.nextAt).toBe(Date.UTC(2028, 0, 1));
  });

  it("makes up for the latest missed times, however many there were before", () => {
    const busy = fc.constantFrom(
      ...["*/5 * * * * *", "7,23,24 * * * * *", "* * * * *"].map((expression) => cron(expression)),
      aroundTheClock,
    );
    const lateMs = fc.integer({ min: 24 * HOUR, max: 900 * 24 * HOUR });
    fc.assert(
      fc.property(busy, lateMs, fc.integer({ min: 1, max: 9 }), (schedule, down, limit) => {
        const trigger = def(schedule);
        const now = T0 + down;
        const recent = nextFires(trigger, now - 10 * MINUTE, 200).filter((time) => time <= now);
        const decision = decideFire(trigger, T0, now, misfire("FIRE_ALL", limit));
        expect(decision.fires.map(({ scheduledAt }) => scheduledAt)).toEqual(recent.slice(-limit));
        expect(decision.skipped).toEqual({
          from: T0,
          to: recent.at(-1 - limit),
          count: 1_000 - limit,
          exact: false,
        });
      }),
    );
  });

  it("asks the given function for the next fire, so that a memory can stand in between", () => {
    const asked: number[] = [];
    decideFire(hourly, T0, T0, DEFAULT_MISFIRE, (trigger, after) => {
      asked.push(after);
      return nextFire(trigger, after);
    });
    expect(asked).toEqual([T0]);
  });

  it("accounts for every missed time exactly once, under every policy", () => {
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
    const until = fc.option(fc.integer({ min: 0, max: 90 * HOUR }));
    const offset = fc.oneof(fc.constant(0), fc.nat(2 * HOUR));
    fc.assert(
      fc.property(
        schedules,
        misfires,
        fc.nat(80 * HOUR),
        until,
        offset,
        (schedule, policy, down, end, offsetMs) => {
          const trigger = def(schedule, { endAt: end === null ? null : T0 + end, offsetMs });
          const dueAt = firstFire(trigger, T0);
          fc.pre(dueAt !== null);
          if (dueAt === null) return;
          const now = dueAt + down;
          const decision = decideFire(trigger, dueAt, now, policy);

          const chain: number[] = [];
          const last = Math.max(decision.nextAt ?? 0, now);
          for (let time: number | null = dueAt; time !== null && time <= last; time = nextFire(trigger, time))
            chain.push(time);
          const settled = chain.filter((time) => time < (decision.nextAt ?? Number.POSITIVE_INFINITY));
          const { fires, skipped } = decision;
          expect(fires.length + (skipped?.count ?? 0)).toBe(settled.length);
          expect(fires.map(({ scheduledAt }) => scheduledAt)).toEqual(
            settled.slice(settled.length - fires.length),
          );
          if (skipped) {
            const passed = settled.slice(0, settled.length - fires.length);
            expect([skipped.from, skipped.to]).toEqual([passed[0], passed.at(-1)]);
          }
          for (const { scheduledAt, outcome } of fires) {
            expect(outcome === "MISFIRED").toBe(now - scheduledAt > policy.thresholdMs);
          }
          if (policy.policy === "SKIP" || down <= policy.thresholdMs) {
            expect(fires.some(({ outcome }) => outcome === "MISFIRED")).toBe(false);
          } else {
            expect(fires).toHaveLength(
              Math.min(settled.length, policy.policy === "FIRE_ONCE" ? 1 : policy.limit),
            );
            if (decision.nextAt !== null) expect(decision.nextAt).toBeGreaterThan(now);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("a schedule as given", () => {
  it.each<[Schedule, string]>([
    [{ kind: "once", at: Number.NaN }, "at"],
    [{ kind: "once", at: -1 }, "at"],
    [{ kind: "once", at: 1e15 }, "at"],
    [cron("* * * *"), "expression"],
    [cron("0 0 30 2 *"), "expression"],
    [cron("0 0 * * *", { timeZone: "Mars/Olympus" }), "timeZone"],
    [{ kind: "fixedRate", everyMs: 99 }, "every"],
    [{ kind: "fixedDelay", everyMs: 0 }, "every"],
    [{ kind: "fixedRate", everyMs: 1e15 }, "every"],
    [{ kind: "fixedRate", everyMs: 1_000, repeat: -1 }, "repeat"],
    [{ kind: "fixedRate", everyMs: 1_000, repeat: 0.5 }, "repeat"],
  ])("%j is refused, naming %s", (schedule, field) => {
    expect(() => checkSchedule(schedule, "seed")).toThrow(
      expect.objectContaining({ code: "BAD_INPUT", field }),
    );
  });

  it.each<[Schedule]>([
    [{ kind: "once", at: 0 }],
    [cron("H 3 * * *", { timeZone: "Australia/Lord_Howe" })],
    [cron("0 0 12 ? * 6L 2030", { dialect: "QUARTZ" })],
    [{ kind: "fixedRate", everyMs: 100, repeat: 0 }],
    [{ kind: "fixedDelay", everyMs: HOUR }],
  ])("%j is accepted and survives the database", (schedule) => {
    expect(() => checkSchedule(schedule, "seed")).not.toThrow();
    expect(JSON.parse(JSON.stringify(schedule))).toEqual(schedule);
  });

  it("has a window that does not end before it starts", () => {
    expect(() => checkWindow(T0, T0)).not.toThrow();
    expect(() => checkWindow(null, T0)).not.toThrow();
    expect(() => checkWindow(T0, T0 - 1)).toThrow(
      expect.objectContaining({ code: "BAD_INPUT", field: "endAt" }),
    );
  });

  it("has a misfire rule within limits", () => {
    expect(() => checkMisfire(DEFAULT_MISFIRE)).not.toThrow();
    for (const [rule, field] of [
      [{ thresholdMs: 999 }, "threshold"],
      [{ thresholdMs: Number.NaN }, "threshold"],
      [{ limit: 0 }, "limit"],
      [{ limit: 1_001 }, "limit"],
    ] as const) {
      expect(() => checkMisfire({ ...DEFAULT_MISFIRE, ...rule })).toThrow(expect.objectContaining({ field }));
    }
  });
});
