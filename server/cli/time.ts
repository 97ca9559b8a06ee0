/** Times and spans of time as people read them. */

const UNITS: [unit: Intl.RelativeTimeFormatUnit, ms: number][] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
];

const relative = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "short" });

/** `in 3 min.`, `2 days ago`, in the largest unit that there is at least one of. */
export function fromNow(at: string, now: number): string {
  const ms = Date.parse(at) - now;
  const [unit, unitMs] = UNITS.find(([, each]) => Math.abs(ms) >= each) ?? ["second", 1_000];
  return relative.format(Math.trunc(ms / unitMs), unit);
}

const local = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });

/** The wall clock of this machine: 2030-01-31 08:00:00. */
export const localTime = (at: string): string => local.format(Date.parse(at));

/** How long something took: `0.2 s`, `3 min 5 s`, `2 h 4 min`. */
export function spanText(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
}
