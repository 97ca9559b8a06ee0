/** What the wall clock of a time zone shows at an instant, and days counted by it. */

const DAY_MS = 86_400_000;

/** Formatters are slow to make, and a list of a thousand fires asks one zone. */
const formatters = new Map<string | undefined, Intl.DateTimeFormat>();

function formatterOf(timeZone: string | undefined): Intl.DateTimeFormat {
  const known = formatters.get(timeZone);
  if (known !== undefined) return known;
  const formatter = new Intl.DateTimeFormat("en-GB", {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
    ...(timeZone === undefined ? {} : { timeZone }),
  });
  formatters.set(timeZone, formatter);
  return formatter;
}

/** `date` as 2030-01-06; `time` as 09:00, with its seconds where it has any; `day` counts days since 1970. */
export type WallClock = { date: string; time: string; day: number };

/** Without a zone: the reader's own. */
export function wallClock(at: string | number, timeZone?: string): WallClock {
  const parts: Record<string, string> = {};
  for (const { type, value } of formatterOf(timeZone).formatToParts(new Date(at))) parts[type] = value;
  const { year = "", month = "", day = "", hour = "", minute = "", second = "" } = parts;
  const date = `${year.padStart(4, "0")}-${month}-${day}`;
  return {
    date,
    time: second === "00" ? `${hour}:${minute}` : `${hour}:${minute}:${second}`,
    day: dayOf(date),
  };
}

/** Days since 1970 of a date such as 2030-01-06. */
export const dayOf = (date: string): number => Date.parse(`${date}T00:00:00Z`) / DAY_MS;

const DAY = new Intl.DateTimeFormat("en-GB", {
  weekday: "short",
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
});

/** A day since 1970 in words: `Sun, 6 Jan 2030`. */
export const dayInWords = (day: number): string => DAY.format(new Date(day * DAY_MS));

/** The zone by which a reader without one of their own sees times. */
export const readersZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;
