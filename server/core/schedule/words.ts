/** A schedule as people say it: `At 07:30, Monday through Friday (Europe/Berlin)`. */
import cronstrue from "cronstrue";
import { formatDuration } from "../duration.ts";
import { formatInterval } from "./calendar-interval.ts";
import { type CronFields, splitCron } from "./cron-fields.ts";
import { WEEKDAYS, type Weekday } from "./daily-time-interval.ts";
import { type CronSchedule, cronSpec, type Schedule } from "./schedule.ts";

/** One sentence without a full stop. `seed` is what H hashes. The schedule must have passed `checkSchedule`. */
export function scheduleInWords(schedule: Schedule, seed: string): string {
  switch (schedule.kind) {
    case "once":
      return `Once, at ${new Date(schedule.at).toISOString().replace(/(:00)?\.000Z$/, "Z")}`;
    case "cron":
      return `${cronInWords(schedule, seed)} (${schedule.timeZone})`;
    case "fixedRate":
      return `${everyInWords(formatDuration(schedule.everyMs))}${repeated(schedule.repeat)}`;
    case "fixedDelay":
      return `${durationInWords(formatDuration(schedule.everyMs))} after the previous run's end${repeated(schedule.repeat)}`;
    case "calendarInterval":
      return `${everyInWords(formatInterval(schedule))} from its start (${schedule.timeZone})`;
    case "dailyTimeInterval": {
      const { everyMs, from, until, weekdays, repeat, timeZone } = schedule;
      const words = `${everyInWords(formatDuration(everyMs))} from ${from} to ${until}${onWeekdays(weekdays)}`;
      return `${words}${repeated(repeat)} (${timeZone})`;
    }
  }
}

/** The expression itself where there are no words for it. */
function cronInWords(schedule: CronSchedule, seed: string): string {
  try {
    return cronstrue.toString(withoutHash(schedule, seed), {
      use24HourTimeFormat: true,
      dayOfWeekStartIndexZero: schedule.dialect === "UNIX",
    });
  } catch {
    return schedule.expression;
  }
}

/** H as the number that the seed chose: there is no word for it, and people ask when. */
function withoutHash(schedule: CronSchedule, seed: string): string {
  if (!/(^|[\s,])H/i.test(schedule.expression)) return schedule.expression;
  const fields: CronFields = splitCron(schedule.expression, schedule.dialect);
  const { seconds, minutes, hours, months, dates, weekdays } = cronSpec(schedule, seed);
  const chosen = {
    second: seconds,
    minute: minutes,
    hour: hours,
    "day of month": dates?.days ?? [],
    month: months,
    "day of week": weekdays?.days ?? [],
  };
  return Object.entries(chosen)
    .map(([name, numbers]) => {
      const { text } = fields[name as keyof typeof chosen];
      return /(^|,)H/.test(text) ? numbers.join() : text;
    })
    .join(" ");
}

const repeated = (repeat: number | undefined): string =>
  repeat === undefined ? "" : `, ${repeat + 1} ${repeat === 0 ? "time" : "times"}`;

/** `, Monday through Friday`; nothing for every day. */
function onWeekdays(weekdays: readonly Weekday[]): string {
  const chosen = [...WEEKDAYS.slice(1), WEEKDAYS[0]].filter((weekday) => weekdays.includes(weekday));
  if (chosen.length === WEEKDAYS.length) return "";
  if (chosen.length === 5 && !weekdays.includes("SATURDAY") && !weekdays.includes("SUNDAY")) {
    return ", Monday through Friday";
  }
  return `, on ${chosen.map((weekday) => weekday.charAt(0) + weekday.slice(1).toLowerCase()).join(", ")}`;
}

const UNITS = { Y: "year", M: "month", W: "week", D: "day" } as const;
const TIME_UNITS = { H: "hour", M: "minute", S: "second" } as const;

/** `1 hour 30 minutes`. */
function durationInWords(iso: string): string {
  const [date = "", time = ""] = iso.slice(1).split("T");
  const words = (part: string, units: Record<string, string>): string[] =>
    [...part.matchAll(/([\d.]+)([A-Z])/g)].map(
      ([, count = "", letter = ""]) => `${count} ${units[letter]}${count === "1" ? "" : "s"}`,
    );
  return [...words(date, UNITS), ...words(time, TIME_UNITS)].join(" ");
}

/** `Every second`, `Every 90 seconds`. */
const everyInWords = (iso: string): string => `Every ${durationInWords(iso).replace(/^1 (\w+)$/, "$1")}`;
