/** Times, durations, rates and sizes in words short enough for a table cell. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A span in its two largest units: `840 ms`, `4.2 s`, `3m 20s`, `2h 5m`, `4d 1h`. */
export function formatSpan(spanMs: number): string {
  const ms = Math.max(0, spanMs);
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / SECOND).toFixed(1)} s`;
  const seconds = Math.round(ms / SECOND);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return twoUnits(Math.floor(seconds / 60), "m", seconds % 60, "s");
  const minutes = Math.round(ms / MINUTE);
  if (minutes < 24 * 60) return twoUnits(Math.floor(minutes / 60), "h", minutes % 60, "m");
  const hours = Math.round(ms / HOUR);
  return twoUnits(Math.floor(hours / 24), "d", hours % 24, "h");
}

const twoUnits = (major: number, majorUnit: string, minor: number, minorUnit: string): string =>
  minor === 0 ? `${major}${majorUnit}` : `${major}${majorUnit} ${minor}${minorUnit}`;

/** How far an instant is from now: `just now`, `12 s ago`, `in 3m 20s`. Past a minute only the larger unit counts for the past. */
export function relativeTime(at: string, nowMs: number): string {
  const aheadMs = Date.parse(at) - nowMs;
  if (Math.abs(aheadMs) < SECOND) return aheadMs > 0 ? "now" : "just now";
  if (aheadMs > 0) return `in ${aheadMs < MINUTE ? `${Math.ceil(aheadMs / SECOND)} s` : formatSpan(aheadMs)}`;
  return `${coarse(-aheadMs)} ago`;
}

const coarse = (ms: number): string => {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h`;
  return `${Math.floor(ms / DAY)} d`;
};

const SHAPES = {
  time: { timeStyle: "medium" },
  day: { day: "numeric", month: "short" },
  year: { year: "numeric" },
  precise: { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 },
  full: {
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
    timeZoneName: "short",
  },
} satisfies Record<string, Intl.DateTimeFormatOptions>;

/** Formatters are slow to make, and a page of runs asks for hundreds a second. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function format(shape: keyof typeof SHAPES, at: Date, timeZone: string | undefined): string {
  const key = `${shape} ${timeZone}`;
  const known = formatters.get(key);
  const formatter =
    known ??
    new Intl.DateTimeFormat("en-GB", { ...SHAPES[shape], ...(timeZone === undefined ? {} : { timeZone }) });
  if (known === undefined) formatters.set(key, formatter);
  return formatter.format(at);
}

/** An instant on the reader's clock: the time alone on the same day, the date before it on any other. */
export function clockTime(at: string, nowMs: number, timeZone?: string): string {
  const date = new Date(at);
  const now = new Date(nowMs);
  const time = format("time", date, timeZone);
  const day = format("day", date, timeZone);
  const year = format("year", date, timeZone);
  if (year !== format("year", now, timeZone)) return `${day} ${year} ${time}`;
  return day === format("day", now, timeZone) ? time : `${day} ${time}`;
}

/** The clock time of an instant to the millisecond, for a log. */
export const preciseTime = (at: string, timeZone?: string): string =>
  format("precise", new Date(at), timeZone);

/** An instant in full with its zone, for a tooltip. */
export const fullTime = (at: string, timeZone?: string): string => format("full", new Date(at), timeZone);

const UNITS = ["year", "month", "week", "day", "hour", "minute", "second"] as const;
const ISO =
  /^P(?:([\d.]+)Y)?(?:([\d.]+)M)?(?:([\d.]+)W)?(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?$/;

/** An ISO 8601 duration in words: `PT5M` is `5 minutes`. Anything else comes back as it is. */
export function durationInWords(iso: string): string {
  const found = ISO.exec(iso);
  if (!found) return iso;
  const words = UNITS.flatMap((unit, index) => {
    const text = found[index + 1];
    if (text === undefined || Number(text) === 0) return [];
    return [`${text} ${unit}${Number(text) === 1 ? "" : "s"}`];
  });
  return words.length === 0 ? "0 seconds" : words.join(" ");
}

/** The repetition of a duration: `PT1S` is `every second`, `PT90S` is `every 90 seconds`. */
export function everyInWords(iso: string): string {
  return `every ${durationInWords(iso).replace(/^1 (\w+)$/, "$1")}`;
}

/** A count with its word: `1 run`, `2 runs`. */
export const countOf = (count: number, [one, many]: readonly [one: string, many: string]): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`;

/** A whole number with separators; from a million on, in short. */
export function formatCount(count: number): string {
  return count < 1_000_000
    ? new Intl.NumberFormat("en-US").format(count)
    : new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 }).format(count);
}

/** Events per second, with as many digits as tell something. */
export function formatRate(perSecond: number): string {
  if (perSecond === 0) return "0";
  if (perSecond < 0.01) return "<0.01";
  if (perSecond < 10) return String(Number(perSecond.toFixed(2)));
  if (perSecond < 100) return String(Number(perSecond.toFixed(1)));
  return formatCount(Math.round(perSecond));
}

const SIZES = ["B", "kB", "MB", "GB", "TB"];

/** Bytes in decimal units: `980 B`, `12.3 kB`. */
export function formatBytes(bytes: number): string {
  const step = bytes < 1000 ? 0 : Math.min(SIZES.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** step;
  return `${step === 0 ? value : value.toFixed(value < 100 ? 1 : 0)} ${SIZES[step]}`;
}
