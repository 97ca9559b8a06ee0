/** A fire as people see it: what the clock on the wall shows then, and what the clocks do on that day. */
import { DAY_MS } from "../duration.ts";
import { firstInstantShowing, localAt, segmentAt } from "./zone.ts";

export interface FireTime {
  at: number;
  /** Wall clock without zone: 2027-03-14T03:00:00. */
  local: string;
  /** From UTC: +01:00. */
  offset: string;
  /** On a day on which the clocks change, what they do. */
  note: string | null;
}

/** `timeZone` must have passed `checkZone`. */
export function fireTime(timeZone: string, at: number): FireTime {
  const local = localAt(timeZone, at);
  return { at, local: localText(local), offset: offsetText(local - at), note: noteOn(timeZone, local) };
}

/** The first change of the clock on the local day; it may also have ended the day before early. */
function noteOn(timeZone: string, local: number): string | null {
  const midnight = Math.floor(local / DAY_MS) * DAY_MS;
  const opens = firstInstantShowing(timeZone, midnight);
  const next = firstInstantShowing(timeZone, midnight + DAY_MS);
  // A day that begins with a gap begins with its change.
  const changeAt = localAt(timeZone, opens) > midnight ? opens : segmentAt(timeZone, opens).until;
  if (changeAt >= next) return null;
  const { from, offsetMs, offsetBeforeMs } = segmentAt(timeZone, changeAt);
  const [before, after] = [timeText(from + offsetBeforeMs), timeText(from + offsetMs)];
  return offsetMs > offsetBeforeMs
    ? `the clocks go forward from ${before} to ${after}`
    : `the clocks go back from ${before} to ${after}`;
}

/** To the second, or to the millisecond where there is one. */
const localText = (local: number): string => new Date(local).toISOString().replace(/(\.000)?Z$/, "");

const timeText = (local: number): string => new Date(local).toISOString().slice(11, 16);

function offsetText(offsetMs: number): string {
  const minutes = Math.round(Math.abs(offsetMs) / 60_000);
  const two = (number: number): string => String(number).padStart(2, "0");
  return `${offsetMs < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
