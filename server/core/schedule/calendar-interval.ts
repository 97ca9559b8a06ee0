/**
 * Every n calendar units from a start: the n-th fire is counted from the start itself and never from the fire before,
 * so that a short month does not pull all later fires to its last day, nor a clock change to another hour.
 *
 * Days and months keep to the wall clock of the zone; hours, minutes and seconds follow elapsed time (SEMANTICS X).
 */
import { DAY_MS, type Duration, formatDuration, HOUR_MS } from "../duration.ts";
import { badInput } from "../rejection.ts";
import { checkEvery, END_MS } from "./limits.ts";
import { checkZone, firstInstantShowing, instantsShowing, localAt } from "./zone.ts";

export type CalendarIntervalSchedule = {
  kind: "calendarInterval";
  every: number;
  unit: "MONTH" | "DAY" | "MS";
  timeZone: string;
  /** Of months that lack the start's day: their last day stands in for it, or they are left out. */
  missingDay: "SHIFT" | "SKIP";
  gap: "SHIFT" | "SKIP";
  overlap: "FIRST" | "SECOND" | "BOTH";
};

/** One interval as the schedule keeps it. Throws BAD_INPUT for zero and for a mixture such as P1MT1H. */
export function readInterval({
  months,
  days,
  ms,
}: Duration): Pick<CalendarIntervalSchedule, "every" | "unit"> {
  const parts = [
    { every: months, unit: "MONTH" as const },
    { every: days, unit: "DAY" as const },
    { every: ms, unit: "MS" as const },
  ].filter(({ every }) => every > 0);
  const [part, another] = parts;
  if (part && !another) return part;
  const given = parts.map(({ unit }) => ({ MONTH: "months", DAY: "days", MS: "hours" })[unit]).join(" and ");
  throw badInput(
    "every",
    `${given === "" ? "is zero" : `mixes ${given}`}, but must be years and months, or weeks and days, or hours, minutes and seconds: P1M, P2W or PT6H`,
  );
}

/** `readInterval` reads it back. */
export function formatInterval({ every, unit }: CalendarIntervalSchedule): string {
  if (unit === "MS") return formatElapsed(every);
  if (unit === "DAY") return `P${every}D`;
  return every % 12 === 0 ? `P${every / 12}Y` : `P${every}M`;
}

/** In hours at most: 24 of them are not the day that `P1D` means here. */
function formatElapsed(ms: number): string {
  const hours = Math.floor(ms / HOUR_MS);
  const rest = ms % HOUR_MS;
  if (hours === 0) return formatDuration(ms);
  return `PT${hours}H${rest === 0 ? "" : formatDuration(rest).slice("PT".length)}`;
}

/** Throws BAD_INPUT for `every` or `timeZone`. */
export function checkCalendarInterval({ every, unit, timeZone }: CalendarIntervalSchedule): void {
  checkZone(timeZone);
  if (unit === "MS") checkEvery(every);
  else if (!(Number.isInteger(every) && every >= 1)) throw badInput("every", "must be at least one");
}

/** The first fire strictly after `after`, the start `anchorAt` being the first of all; null past the end of 2199. */
export function nextCalendarInterval(
  schedule: CalendarIntervalSchedule,
  anchorAt: number,
  after: number,
): number | null {
  const { every, unit, timeZone } = schedule;
  if (after < anchorAt) return anchorAt;
  if (unit === "MS") return anchorAt + (Math.floor((after - anchorAt) / every) + 1) * every;
  const anchor = localAt(timeZone, anchorAt);
  // Two days back, because the wall clock at `after` may have been put back since the fire that is looked for.
  let index = Math.max(
    1,
    Math.floor(unitsBetween(unit, anchor, localAt(timeZone, after) - 2 * DAY_MS) / every),
  );
  for (; ; index++) {
    const local = unit === "DAY" ? anchor + index * every * DAY_MS : plusMonths(anchor, index * every);
    if (local >= END_MS) return null;
    const missing = unit === "MONTH" && dayOf(local) !== dayOf(anchor);
    if (missing && schedule.missingDay === "SKIP") continue;
    for (const at of instantsOf(schedule, local)) if (at > after) return at;
  }
}

/** Whole units, or one less. */
function unitsBetween(unit: "MONTH" | "DAY", from: number, to: number): number {
  if (unit === "DAY") return Math.floor((to - from) / DAY_MS);
  const [a, b] = [new Date(from), new Date(to)];
  return (b.getUTCFullYear() - a.getUTCFullYear()) * 12 + b.getUTCMonth() - a.getUTCMonth() - 1;
}

/** The same day and time so many months later, or that month's last day. */
function plusMonths(local: number, months: number): number {
  const date = new Date(local);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth() + months];
  const length = dayOf(Date.UTC(year, month + 1, 0));
  const midnight = Math.floor(local / DAY_MS) * DAY_MS;
  return Date.UTC(year, month, Math.min(dayOf(local), length)) + local - midnight;
}

const dayOf = (local: number): number => new Date(local).getUTCDate();

function instantsOf({ timeZone, gap, overlap }: CalendarIntervalSchedule, local: number): number[] {
  const instants = instantsShowing(timeZone, local);
  if (instants.length === 0) return gap === "SHIFT" ? [firstInstantShowing(timeZone, local)] : [];
  if (overlap === "BOTH") return instants;
  return overlap === "FIRST" ? instants.slice(0, 1) : instants.slice(-1);
}
