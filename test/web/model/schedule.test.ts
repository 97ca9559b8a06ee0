/** Schedules, misfires and retries in words. */
import { expect, test } from "vitest";
import { retryInWords } from "../../../web/model/retry.ts";
import {
  clockThere,
  cronInWords,
  misfireInWords,
  scheduleInWords,
  WEEKDAYS,
  type Weekday,
} from "../../../web/model/schedule.ts";

const NOW = Date.parse("2026-11-21T12:00:00.000Z");

test("cron is told in words with its zone", () => {
  expect(
    scheduleInWords(
      { __typename: "CronSchedule", expression: "30 7 * * 1-5", timeZone: "Europe/Berlin", dialect: "UNIX" },
      NOW,
    ),
  ).toBe("At 07:30, Monday through Friday · Europe/Berlin");
});

test("the two dialects number the days of the week differently", () => {
  expect(cronInWords("0 12 * * 1", "UNIX")).toContain("Monday");
  expect(cronInWords("0 0 12 ? * 2", "QUARTZ")).toContain("Monday");
});

test("seconds, last days and nearest weekdays have words", () => {
  expect(cronInWords("*/10 * * * * *", "UNIX")).toBe("Every 10 seconds");
  expect(cronInWords("0 0 18 ? * 6L", "QUARTZ")).toContain("last Friday");
  expect(cronInWords("0 0 15W * *", "UNIX")).toContain("weekday");
});

test("what has no words is shown as it is", () => {
  expect(cronInWords("H H * * *", "UNIX")).toContain("H H * * *");
  expect(cronInWords("nonsense", "UNIX")).toBe("nonsense");
});

test("rates, delays and single times are told in words", () => {
  expect(scheduleInWords({ __typename: "FixedRateSchedule", every: "PT1S", repeat: null }, NOW)).toBe(
    "Every second",
  );
  expect(scheduleInWords({ __typename: "FixedRateSchedule", every: "PT10S", repeat: 3 }, NOW)).toBe(
    "Every 10 seconds, 3 times",
  );
  expect(scheduleInWords({ __typename: "FixedDelaySchedule", every: "PT5M", repeat: null }, NOW)).toBe(
    "5 minutes after the previous run ends",
  );
  expect(scheduleInWords({ __typename: "OnceSchedule", at: "2026-11-22T08:00:00.000Z" }, NOW, "UTC")).toBe(
    "Once, at 22 Nov 08:00:00",
  );
});

test("intervals are told with their window, their days and their zone", () => {
  const timeZone = "Europe/Berlin";
  expect(scheduleInWords({ __typename: "CalendarIntervalSchedule", every: "P1M", timeZone }, NOW)).toBe(
    "Every month from its start · Europe/Berlin",
  );
  const daily = {
    __typename: "DailyTimeIntervalSchedule",
    every: "PT1H12M",
    from: "08:00",
    until: "11:00",
    timeZone,
    repeat: null,
  } as const;
  const told = (weekdays: readonly Weekday[], repeat: number | null = null) =>
    scheduleInWords({ ...daily, weekdays, repeat }, NOW);
  expect(told(WEEKDAYS)).toBe("Every 1 hour 12 minutes from 08:00 to 11:00 · Europe/Berlin");
  expect(told(WEEKDAYS.slice(0, 5), 3)).toBe(
    "Every 1 hour 12 minutes from 08:00 to 11:00, Monday through Friday, 3 times · Europe/Berlin",
  );
  expect(told(["SUNDAY", "FRIDAY"])).toContain(", on Friday, Sunday ·");
});

test("the schedule's clock is shown where it is not the reader's", () => {
  const fire = { at: "2030-03-31T01:00:00.000Z", local: "2030-03-31T03:00:00", offset: "+02:00", note: null };
  expect(clockThere(fire, 120)).toBeNull();
  expect(clockThere(fire, 0)).toBe("03:00:00 at +02:00");
  const newfoundland = { ...fire, local: "2030-03-30T22:30:00", offset: "-02:30" };
  expect(clockThere(newfoundland, -150)).toBeNull();
  expect(clockThere(newfoundland, 150)).toBe("22:30:00 at -02:30");
});

test("each misfire policy names its threshold", () => {
  for (const policy of ["SKIP", "FIRE_ONCE", "FIRE_ALL"] as const)
    expect(misfireInWords({ policy, threshold: "PT1M", limit: 100 })).toContain("1 minute");
  expect(misfireInWords({ policy: "FIRE_ALL", threshold: "PT1M", limit: 7 })).toContain("7");
});

test("retry policies are told with their numbers", () => {
  expect(retryInWords({ __typename: "RetryOff" })).toBe("never");
  expect(retryInWords({ __typename: "FixedRetry", fixedDelay: "PT10S", max: 1, maxElapsed: "PT1H" })).toBe(
    "up to 1 retry, 10 seconds apart, within 1 hour",
  );
  expect(
    retryInWords({
      __typename: "BackoffRetry",
      initialDelay: "PT10S",
      delay: "PT5S",
      factor: 2,
      cap: "PT1H",
      max: 3,
      maxElapsed: null,
    }),
  ).toBe("up to 3 retries: the first after 10 seconds, then 5 seconds growing ×2 up to 1 hour");
});
