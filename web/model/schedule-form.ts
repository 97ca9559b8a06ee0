/** A schedule as a form holds it: read into what the API takes, and made of what the API gives. */
import {
  durationOf,
  durationTyped,
  type Faults,
  instantOf,
  localOf,
  type Reading,
  reading,
  wholeNumber,
} from "./forms.ts";
import { WEEKDAYS, type Weekday } from "./schedule.ts";

export type ScheduleKind =
  | "cron"
  | "fixedRate"
  | "fixedDelay"
  | "calendarInterval"
  | "dailyTimeInterval"
  | "once";
type Dialect = "UNIX" | "QUARTZ";
type Gap = "SHIFT" | "SKIP";
type Overlap = "FIRST" | "SECOND" | "BOTH";

export type ScheduleForm = {
  kind: ScheduleKind;
  expression: string;
  dialect: Dialect;
  timeZone: string;
  every: string;
  /** A local date and time as `<input type="datetime-local">` gives it. */
  at: string;
  /** Times of day as `<input type="time">` gives them. */
  from: string;
  until: string;
  weekdays: readonly Weekday[];
  gap: Gap;
  overlap: Overlap;
  missingDay: Gap;
  /** How often in all; blank: without end. */
  repeat: string;
};

type Repeated = { repeat?: number };
export type ScheduleValues =
  | { cron: { expression: string; dialect: Dialect; timeZone: string; gap: Gap; overlap: Overlap } }
  | { fixedRate: { every: string } & Repeated }
  | { fixedDelay: { every: string } & Repeated }
  | { calendarInterval: { every: string; timeZone: string; gap: Gap; overlap: Overlap; missingDay: Gap } }
  | {
      dailyTimeInterval: {
        every: string;
        from: string;
        until: string;
        weekdays: Weekday[];
        timeZone: string;
      } & Repeated;
    }
  | { once: { at: string } };

/** A schedule as the API gives it. */
export type Schedule =
  | { __typename: "OnceSchedule"; at: string }
  | {
      __typename: "CronSchedule";
      expression: string;
      timeZone: string;
      dialect: Dialect;
      gap: Gap;
      overlap: Overlap;
    }
  | { __typename: "FixedRateSchedule" | "FixedDelaySchedule"; every: string; repeat: number | null }
  | {
      __typename: "CalendarIntervalSchedule";
      every: string;
      timeZone: string;
      gap: Gap;
      overlap: Overlap;
      missingDay: Gap;
    }
  | {
      __typename: "DailyTimeIntervalSchedule";
      every: string;
      from: string;
      until: string;
      weekdays: readonly Weekday[];
      timeZone: string;
      repeat: number | null;
    };

export const BLANK_SCHEDULE: ScheduleForm = {
  kind: "cron",
  expression: "*/5 * * * *",
  dialect: "UNIX",
  timeZone: "UTC",
  every: "5m",
  at: "",
  from: "08:00",
  until: "18:00",
  weekdays: WEEKDAYS.slice(0, 5),
  gap: "SHIFT",
  overlap: "FIRST",
  missingDay: "SHIFT",
  repeat: "",
};

/** Whether the schedule goes by a wall clock, whose zone is asked for. */
export const hasZone = (kind: ScheduleKind): boolean =>
  kind === "cron" || kind === "calendarInterval" || kind === "dailyTimeInterval";

/** Whether it can end after so many fires. */
export const mayRepeat = (kind: ScheduleKind): boolean =>
  kind === "fixedRate" || kind === "fixedDelay" || kind === "dailyTimeInterval";

/** Whether it keeps to times of day, which the clocks may skip or show twice. */
export const meetsClockChanges = (kind: ScheduleKind): boolean =>
  kind === "cron" || kind === "calendarInterval";

/** Only what repeats by the clock can be put off. */
export const mayJitter = (kind: ScheduleKind): boolean => kind !== "once" && kind !== "fixedDelay";

/** The zone of a schedule's clock; undefined for one without. */
export const zoneOf = (schedule: Schedule): string | undefined =>
  "timeZone" in schedule ? schedule.timeZone : undefined;

/** What a form shows for a schedule; what its kind does not have is as in a blank form. */
export const formOfSchedule = (schedule: Schedule): ScheduleForm => ({
  ...BLANK_SCHEDULE,
  ...partsOf(schedule),
});

function partsOf(schedule: Schedule): Partial<ScheduleForm> {
  switch (schedule.__typename) {
    case "OnceSchedule":
      return { kind: "once", at: localOf(schedule.at) };
    case "CronSchedule": {
      const { expression, dialect, timeZone, gap, overlap } = schedule;
      return { kind: "cron", expression, dialect, timeZone, gap, overlap };
    }
    case "FixedRateSchedule":
    case "FixedDelaySchedule": {
      const kind = schedule.__typename === "FixedRateSchedule" ? "fixedRate" : "fixedDelay";
      return { kind, every: durationTyped(schedule.every), repeat: timesOf(schedule.repeat) };
    }
    case "CalendarIntervalSchedule": {
      const { timeZone, gap, overlap, missingDay } = schedule;
      const every = durationTyped(schedule.every);
      return { kind: "calendarInterval", every, timeZone, gap, overlap, missingDay };
    }
    case "DailyTimeIntervalSchedule": {
      const { from, until, timeZone } = schedule;
      const weekdays = WEEKDAYS.filter((weekday) => schedule.weekdays.includes(weekday));
      const every = durationTyped(schedule.every);
      const repeat = timesOf(schedule.repeat);
      return { kind: "dailyTimeInterval", every, from, until, weekdays, timeZone, repeat };
    }
  }
}

/** The API counts the fires after the first. */
const timesOf = (repeat: number | null): string => (repeat === null ? "" : String(repeat + 1));

/** The schedule alone. */
export function readSchedule(form: ScheduleForm): Reading<ScheduleValues> {
  const timeZone = form.timeZone.trim() || "UTC";
  const { kind, dialect, gap, overlap, missingDay } = form;
  if (kind === "cron") {
    const expression = form.expression.trim();
    if (expression === "") return { values: null, faults: { expression: "Write a cron expression." } };
    return reading({ cron: { expression, dialect, timeZone, gap, overlap } }, {});
  }
  if (kind === "once") {
    const at = instantOf(form.at);
    if (at === null) return { values: null, faults: { at: "Choose a date and a time." } };
    return reading({ once: { at } }, {});
  }
  const faults: Faults = {};
  const every = durationOf(form.every) ?? "";
  if (every === "") faults.every = "Write it like 30s, 5m, 2h, 1w or P1M.";
  if (kind === "calendarInterval")
    return reading({ calendarInterval: { every, timeZone, gap, overlap, missingDay } }, faults);
  const repeated = readRepeat(form.repeat, faults);
  if (kind === "fixedRate") return reading({ fixedRate: { every, ...repeated } }, faults);
  if (kind === "fixedDelay") return reading({ fixedDelay: { every, ...repeated } }, faults);
  const { from, until, weekdays } = form;
  if (from === "") faults.from = "Say when the window opens.";
  if (until === "") faults.until = "Say when the window closes.";
  if (weekdays.length === 0) faults.weekdays = "Choose a day at least.";
  return reading(
    { dailyTimeInterval: { every, from, until, weekdays: [...weekdays], timeZone, ...repeated } },
    faults,
  );
}

function readRepeat(text: string, faults: Faults): Repeated {
  if (text.trim() === "") return {};
  const times = wholeNumber(text);
  if (times !== null && times >= 1) return { repeat: times - 1 };
  faults.repeat = "A whole number from 1 on.";
  return {};
}
