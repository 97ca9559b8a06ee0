/** A calendar as a form holds it: one text per kind of rule, read into what the API takes. */
import type { CalendarRule, Holiday, Period } from "./calendar.ts";
import { type Faults, instantOf, localOf, type Reading, reading, wholeNumber } from "./forms.ts";
import type { Weekday } from "./schedule.ts";

export type RuleKind = "weekly" | "holidays" | "annual" | "monthly" | "daily" | "periods" | "cron";

/** In the order in which a form offers them. */
export const RULE_KINDS: readonly { kind: RuleKind; word: string }[] = [
  { kind: "weekly", word: "days of the week" },
  { kind: "holidays", word: "holidays and other dates" },
  { kind: "annual", word: "days of every year" },
  { kind: "monthly", word: "days of every month" },
  { kind: "daily", word: "a time of every day" },
  { kind: "periods", word: "stretches of time" },
  { kind: "cron", word: "times of a cron expression" },
];

export type CalendarForm = {
  name: string;
  description: string;
  timeZone: string;
  base: string;
  kind: RuleKind;
  weekdays: readonly Weekday[];
  /** One per line: a date, then its label. */
  dates: string;
  /** Month and day, separated by commas or blanks. */
  annual: string;
  monthly: string;
  from: string;
  until: string;
  /** `inside`: from `from` to `until` is excluded; `outside`: everything but that. */
  side: "inside" | "outside";
  /** One per line: from, until, label. */
  periods: string;
  expression: string;
  dialect: "UNIX" | "QUARTZ";
};

export type RuleValues =
  | { weekly: { weekdays: Weekday[] } }
  | { holidays: { dates: { date: string; label?: string }[] } }
  | { annual: { days: string[] } }
  | { monthly: { days: number[] } }
  | { daily: { from: string; until: string; invert: boolean } }
  | { periods: { periods: { from: string; until: string; label?: string }[] } }
  | { cron: { expression: string; dialect: "UNIX" | "QUARTZ" } };

export type CalendarValues = {
  name: string;
  rule: RuleValues;
  description: string | null;
  timeZone: string | null;
  base: string | null;
};

/** The fields that a complaint of the server may point to; `days` is of two of them. */
export const CALENDAR_FIELDS = [
  "name",
  "description",
  "timeZone",
  "base",
  "weekdays",
  "dates",
  "annual",
  "monthly",
  "from",
  "until",
  "periods",
  "expression",
] as const;

export const BLANK_CALENDAR: CalendarForm = {
  name: "",
  description: "",
  timeZone: "",
  base: "",
  kind: "weekly",
  weekdays: ["SATURDAY", "SUNDAY"],
  dates: "",
  annual: "",
  monthly: "",
  from: "18:00",
  until: "08:00",
  side: "inside",
  periods: "",
  expression: "",
  dialect: "UNIX",
};

/** A calendar as the API gives it. */
export type EditedCalendar = {
  name: string;
  description: string | null;
  timeZone: string | null;
  base: { name: string } | null;
  rule: CalendarRule;
};

/** What the form shows for a calendar. */
export function formOfCalendar({ name, description, timeZone, base, rule }: EditedCalendar): CalendarForm {
  return {
    ...BLANK_CALENDAR,
    ...formOfRule(rule),
    name,
    description: description ?? "",
    timeZone: timeZone ?? "",
    base: base?.name ?? "",
  };
}

function formOfRule(rule: CalendarRule): Partial<CalendarForm> {
  switch (rule.__typename) {
    case "WeeklyCalendar":
      return { kind: "weekly", weekdays: rule.weekdays };
    case "HolidaysCalendar":
      return { kind: "holidays", dates: rule.dates.map(holidayLine).join("\n") };
    case "AnnualCalendar":
      return { kind: "annual", annual: rule.annualDays.join(", ") };
    case "MonthlyCalendar":
      return { kind: "monthly", monthly: rule.monthlyDays.join(", ") };
    case "DailyCalendar":
      return { kind: "daily", from: rule.from, until: rule.until, side: rule.invert ? "outside" : "inside" };
    case "PeriodsCalendar":
      return { kind: "periods", periods: rule.periods.map(periodLine).join("\n") };
    case "CronCalendar":
      return { kind: "cron", expression: rule.expression, dialect: rule.dialect };
  }
}

/** A line of the list of dates. */
export const holidayLine = ({ date, label }: Holiday): string => [date, label ?? ""].join(" ").trim();
/** A line of the list of periods, on this computer's clock. */
export const periodLine = ({ from, until, label }: Period): string =>
  [short(localOf(from)), short(localOf(until)), label ?? ""].join(" ").trim();
const short = (local: string): string => local.replace(/:00$/, "");

/** The whole calendar; null clears what may be absent. */
export function readCalendar(form: CalendarForm): Reading<CalendarValues> {
  const faults: Faults = {};
  const name = form.name.trim();
  if (name === "") faults.name = "Give the calendar a name.";
  const values: CalendarValues = {
    name,
    rule: readRule(form, faults),
    description: form.description.trim() || null,
    timeZone: form.timeZone.trim() || null,
    base: form.base || null,
  };
  return reading(values, faults);
}

function readRule(form: CalendarForm, faults: Faults): RuleValues {
  switch (form.kind) {
    case "weekly":
      if (form.weekdays.length === 0) faults.weekdays = "Choose a day at least.";
      return { weekly: { weekdays: [...form.weekdays] } };
    case "holidays":
      return { holidays: { dates: linesOf(form.dates, "dates", HOLIDAY, faults).map(dated) } };
    case "annual": {
      const days = wordsOf(form.annual);
      if (days.length === 0) faults.annual = "Write days such as 12-25.";
      return { annual: { days } };
    }
    case "monthly": {
      const days = wordsOf(form.monthly).map(wholeNumber);
      if (days.length === 0 || days.includes(null))
        faults.monthly = "Write days such as 1, 15 or -1 for the last.";
      return { monthly: { days: days.filter((day) => day !== null) } };
    }
    case "daily":
      if (form.from === "") faults.from = "Say when it begins.";
      if (form.until === "") faults.until = "Say when it ends.";
      return { daily: { from: form.from, until: form.until, invert: form.side === "outside" } };
    case "periods":
      return { periods: { periods: linesOf(form.periods, "periods", PERIOD, faults).map(timed(faults)) } };
    case "cron":
      if (form.expression.trim() === "") faults.expression = "Write a cron expression.";
      return { cron: { expression: form.expression.trim(), dialect: form.dialect } };
  }
}

const wordsOf = (text: string): string[] => text.split(/[\s,;]+/).filter((word) => word !== "");

const HOLIDAY = /^(\d{4}-\d\d-\d\d)(?:[\s,;]+(.*))?$/;
const PERIOD =
  /^(\d{4}-\d\d-\d\d[T ][\d:.]+\S*)[\s,;/–]+(\d{4}-\d\d-\d\d[T ][\d:.]+[^\s,;]*)(?:[\s,;]+(.*))?$/;

/** The lines that are not blank, taken apart; a line that does not fit is named. */
function linesOf(text: string, field: string, shape: RegExp, faults: Faults): RegExpExecArray[] {
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    const found = shape.exec(line.trim());
    if (found === null) faults[field] ??= `Line ${index + 1} does not fit: ${line.trim().slice(0, 60)}`;
    return found === null ? [] : [found];
  });
}

const labelled = (label: string | undefined) =>
  label === undefined || label === "" ? {} : { label: label.trim() };

const dated = ([, date = "", label]: RegExpExecArray) => ({ date, ...labelled(label) });

const timed =
  (faults: Faults) =>
  ([line, from = "", until = "", label]: RegExpExecArray) => {
    const [begin, end] = [instantOf(from.replace(" ", "T")), instantOf(until.replace(" ", "T"))];
    if (begin === null || end === null)
      faults.periods ??= `This line has no date and time: ${line.slice(0, 60)}`;
    return { from: begin ?? "", until: end ?? "", ...labelled(label) };
  };

/** Where a complaint about a rule belongs: `rule.annual.days` is the field `annual`. */
export const ruleField = (path: string | undefined): string | undefined =>
  path?.replace(/\b(annual|monthly)\.days\b/, "$1");
