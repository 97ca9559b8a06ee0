/** Which calendars are accepted, and the one form in which a rule is stored. */
import { badInput, Rejection } from "../rejection.ts";
import { timeOfDayMs, WEEKDAYS } from "../schedule/daily-time-interval.ts";
import { checkZone } from "../schedule/zone.ts";
import { checkCount, checkDates, checkPeriods, isDate, shown } from "./check-entries.ts";
import { cronSeconds, readSeconds } from "./cron.ts";
import { annual, excludesEveryDay, monthly } from "./days.ts";
import type { CalendarRule } from "./rule.ts";

/**
 * A rule as it is stored: sorted and without repetitions; dates that are there twice become one with both labels.
 * Throws BAD_INPUT naming the field inside the rule, such as `annual.days`, `holidays.dates[3].date` or
 * `cron.expression`, or `timeZone`. Dates and periods may be empty, since they run out as time goes by; a rule of
 * another kind that would exclude nothing, or everything, is refused.
 */
export function checkCalendar(rule: CalendarRule, timeZone: string | null): CalendarRule {
  if (timeZone !== null) checkZone(timeZone);
  switch (rule.kind) {
    case "annual":
      return checkAnnual(rule.days);
    case "holidays":
      return { kind: "holidays", dates: checkDates(rule.dates) };
    case "weekly":
      return checkWeekly(rule.weekdays);
    case "monthly":
      return checkMonthly(rule.days);
    case "daily":
      return checkDaily(rule);
    case "cron":
      return checkCron(rule);
    case "periods":
      return { kind: "periods", periods: checkPeriods(rule.periods) };
  }
}

function checkAnnual(days: readonly string[]): CalendarRule {
  const field = "annual.days";
  checkCount(days, 366, field, "as many as a year has");
  if (days.length === 0)
    throw badInput(field, "is empty, so it would exclude nothing; write days such as 12-25");
  for (const day of days) {
    // 2028 has a February 29th.
    if (!isDate(`2028-${day}`)) {
      throw badInput(field, `"${shown(day)}" is not a day of the year; write month and day, such as 12-25`);
    }
  }
  if (excludesEveryDay(annual(days))) throw badInput(field, EVERY_DAY);
  return { kind: "annual", days: [...new Set(days)].sort() };
}

function checkWeekly(weekdays: readonly string[]): CalendarRule {
  const field = "weekly.weekdays";
  checkCount(weekdays, 7, field, "as many as a week has");
  if (weekdays.length === 0)
    throw badInput(field, "is empty, so it would exclude nothing; name the days off");
  const wrong = weekdays.find((day) => !WEEKDAYS.some((weekday) => weekday === day));
  if (wrong !== undefined) {
    throw badInput(field, `"${shown(wrong)}" is not a weekday; write ${WEEKDAYS.join(", ")}`);
  }
  const excluded = WEEKDAYS.filter((weekday) => weekdays.includes(weekday));
  if (excluded.length === WEEKDAYS.length) throw badInput(field, EVERY_DAY);
  return { kind: "weekly", weekdays: excluded };
}

function checkMonthly(days: readonly number[]): CalendarRule {
  const field = "monthly.days";
  checkCount(days, 62, field, "31 counted from each end");
  if (days.length === 0)
    throw badInput(field, "is empty, so it would exclude nothing; write days such as 1 or -1");
  for (const day of days) {
    if (Number.isInteger(day) && day !== 0 && Math.abs(day) <= 31) continue;
    throw badInput(
      field,
      `${day} is not a day of the month; write 1 to 31, or -1 for the last day to -31, counted from the end`,
    );
  }
  if (excludesEveryDay(monthly(days))) throw badInput(field, EVERY_DAY);
  return { kind: "monthly", days: [...new Set(days)].sort((a, b) => a - b) };
}

function checkDaily(rule: Extract<CalendarRule, { kind: "daily" }>): CalendarRule {
  const { from, until, invert } = rule;
  if (timeOfDayMs(from, "daily.from") === timeOfDayMs(until, "daily.until")) {
    throw badInput(
      "daily.until",
      `is the same as from, and so would exclude ${invert ? "everything" : "nothing"}; up to midnight is 00:00`,
    );
  }
  return { kind: "daily", from, until, invert };
}

function checkCron(rule: Extract<CalendarRule, { kind: "cron" }>): CalendarRule {
  const field = "cron.expression";
  const expression = rule.expression.trim();
  const spec = under(field, () => readSeconds(expression, rule.dialect));
  if (/(^|[\s,])H/i.test(expression)) {
    throw badInput(field, `"${shown(expression)}" holds H, which spreads fires; write out what to exclude`);
  }
  const wholeDays = spec.seconds.length === 60 && spec.minutes.length === 60 && spec.hours.length === 24;
  if (wholeDays && spec.years === null && excludesEveryDay(cronSeconds(spec))) {
    throw badInput(field, "matches every second, so no trigger under it would ever fire");
  }
  return { kind: "cron", expression, dialect: rule.dialect };
}

const EVERY_DAY = "excludes every day, so no trigger under it would ever fire; leave a day over";

/** Names the field as it is called inside the rule. */
function under<T>(field: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw error instanceof Rejection ? badInput(field, error.message) : error;
  }
}
