/** Triggers: first and next due times of each kind, and what becomes of the times that were missed. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkJitter, jitterOffset } from "../../server/core/schedule/jitter.ts";
import { checkSchedule, type Schedule } from "../../server/core/schedule/schedule.ts";
import { checkWindow, type TriggerDef } from "../../server/core/trigger/definition.ts";
import { afterRunEnded, firstFire, memoKey, nextFire, nextFires } from "../../server/core/trigger.ts";

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

describe("a trigger that fires once", () => {
  it("is due at its time, also when that has passed", () => {
    expect(firstFire(def({ kind: "once", at: T0 + HOUR }), T0)).toBe(T0 + HOUR);
    expect(firstFire(def({ kind: "once", at: T0 - HOUR }), T0)).toBe(T0 - HOUR);
  });

  it("is never due again", () => {
    const once = def({ kind: "once", at: T0 });
    expect(nextFire(once, T0 - 1)).toBe(T0);
    expect(nextFire(once, T0)).toBeNull();
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
    expect(afterRunEnded(def(delayed, { firedCount: 1 }), T0 + 7)).toBe(T0 + 7 + HOUR);
    expect(afterRunEnded(def({ kind: "fixedRate", everyMs: HOUR }), T0)).toBeNull();
  });

  it("stops after its repeats and at its end", () => {
    const twice = (firedCount: number) => afterRunEnded(def({ ...delayed, repeat: 1 }, { firedCount }), T0);
    expect([twice(1), twice(2)]).toEqual([T0 + HOUR, null]);
    expect(afterRunEnded(def(delayed, { endAt: T0 + HOUR - 1 }), T0)).toBeNull();
    expect(firstFire(def({ ...delayed, repeat: 1 }, { firedCount: 2 }), T0)).toBeNull();
  });

  it("is previewed as if its runs took no time", () => {
    expect(nextFires(def(delayed), T0, 2)).toEqual([T0 + HOUR, T0 + 2 * HOUR]);
    expect(nextFires(def({ ...delayed, repeat: 2 }, { firedCount: 2 }), T0, 9)).toEqual([T0 + HOUR]);
    expect(nextFires(def(delayed, { startAt: T0 + 5 }), T0, 2)).toEqual([T0 + 5, T0 + 5 + HOUR]);
    expect(nextFires(def(delayed, { endAt: T0 + 2 * HOUR }), T0, 9)).toEqual([T0 + HOUR, T0 + 2 * HOUR]);
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
});
