/** What is said about a trigger's times beside the schedule itself, which the server puts into words. */
import { durationInWords } from "./time.ts";

/** From Monday on, as people plan. */
export const WEEKDAYS = [
  "MONDAY",
  "TUESDAY",
  "WEDNESDAY",
  "THURSDAY",
  "FRIDAY",
  "SATURDAY",
  "SUNDAY",
] as const;
export type Weekday = (typeof WEEKDAYS)[number];

export type Fire = { at: string; local: string; offset: string; note: string | null };

/** What the schedule's clock shows, with its offset: nothing when the reader's shows the same. */
export function clockThere({ local, offset }: Fire, readerOffsetMinutes: number): string | null {
  const [hours = 0, minutes = 0] = offset.slice(1).split(":").map(Number);
  const offsetMinutes = (hours * 60 + minutes) * (offset.startsWith("-") ? -1 : 1);
  return offsetMinutes === readerOffsetMinutes ? null : `${local.slice(11)} at ${offset}`;
}

/** A fire's note as sentences: whence a calendar moved it, and what the clocks do on that day. */
export function noteInWords(note: string): string {
  return note
    .split("; ")
    .map((part) => (part.startsWith("moved ") ? `Moved ${part.slice(6)}.` : `On that day ${part}.`))
    .join(" ");
}

export type MisfirePolicy = "SKIP" | "FIRE_ONCE" | "FIRE_ALL";
export type Misfire = { policy: MisfirePolicy; threshold: string; limit: number; window: string | null };

/** What happens to due times that nobody was there for. */
export function misfireInWords({ policy, threshold, limit, window }: Misfire): string {
  const later = `more than ${durationInWords(threshold)} late`;
  const within = window === null ? "" : `, unless missed by more than ${durationInWords(window)}`;
  if (policy === "SKIP") return `skipped when ${later}`;
  if (policy === "FIRE_ONCE") return `fired once for all that are ${later}${within}`;
  return `each fired, up to ${limit}, when ${later}${within}`;
}

/** The policies in the order in which a form offers them. */
export const MISFIRE_POLICIES: readonly { policy: MisfirePolicy; word: string }[] = [
  { policy: "FIRE_ONCE", word: "the latest one fires" },
  { policy: "FIRE_ALL", word: "all fire, up to the limit" },
  { policy: "SKIP", word: "none of them fires" },
];

export type OnExcluded = "SKIP" | "NEXT_DAY" | "PREVIOUS_DAY";

export const ON_EXCLUDED: readonly { value: OnExcluded; word: string }[] = [
  { value: "SKIP", word: "does not fire" },
  { value: "NEXT_DAY", word: "fires on the next included day" },
  { value: "PREVIOUS_DAY", word: "fires on the included day before" },
];

/** What becomes of excluded times, such as `an excluded time does not fire`. */
export const onExcludedInWords = (value: OnExcluded): string =>
  `an excluded time ${ON_EXCLUDED.find((each) => each.value === value)?.word ?? value}`;
