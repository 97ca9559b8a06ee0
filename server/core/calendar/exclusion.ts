/** From a stored rule to one that is ready to be asked, once for each rule object. */
import { cronSeconds, readSeconds } from "./cron.ts";
import { daily } from "./daily.ts";
import { annual, holidays, monthly, weekly } from "./days.ts";
import { periodsExclusion } from "./periods.ts";
import type { CalendarRule } from "./rule.ts";
import { type Exclusion, onWall } from "./wall.ts";

const known = new WeakMap<CalendarRule, Exclusion>();

/** `rule` must have passed `checkCalendar`; what is made of it is kept for as long as the object itself. */
export function exclusionOf(rule: CalendarRule): Exclusion {
  const read = known.get(rule);
  if (read) return read;
  const exclusion = readRule(rule);
  known.set(rule, exclusion);
  return exclusion;
}

function readRule(rule: CalendarRule): Exclusion {
  switch (rule.kind) {
    case "annual":
      return onWall(annual(rule.days));
    case "holidays":
      return onWall(holidays(rule.dates));
    case "weekly":
      return onWall(weekly(rule.weekdays));
    case "monthly":
      return onWall(monthly(rule.days));
    case "daily":
      return onWall(daily(rule));
    case "cron":
      return onWall(cronSeconds(readSeconds(rule.expression, rule.dialect)));
    case "periods":
      return periodsExclusion(rule.periods);
  }
}
