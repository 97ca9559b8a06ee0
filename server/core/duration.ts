/** ISO 8601 durations as the API speaks them: text to exact parts, and milliseconds back to text. */
import { durationFault } from "./duration-fault.ts";
import { badInput } from "./rejection.ts";

/** Years and months have no fixed length and days are not always 24 hours, so a calendar needs the parts apart. */
export interface Duration {
  /** Years count as 12 months. */
  months: number;
  /** Weeks count as 7 days. */
  days: number;
  /** Hours, minutes and seconds, in milliseconds. */
  ms: number;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** About a hundred years: far past any real wait, and its sum with any date stays a valid date. */
const MAX_DAYS = 36_525;
const MAX_MONTHS = 1_200;

const DATE_PART = /^(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?$/;
const TIME_PART = /^(?:(\d+)(?:[.,](\d{1,9}))?H)?(?:(\d+)(?:[.,](\d{1,9}))?M)?(?:(\d+)(?:[.,](\d{1,9}))?S)?$/;
const FRACTION_BEFORE_END = /[.,]\d+[HM]./;

/**
 * Reads a duration such as `PT10S`, `PT1.5H`, `P1DT12H`, `P2W` or `P1M`. A fraction may stand in the last part only,
 * down to milliseconds. Throws BAD_INPUT for anything else, for a negative duration and for more than 100 years.
 */
export function parseDuration(text: string, field = "duration"): Duration {
  if (/^[+-]?P.*-/.test(text) || text.startsWith("-")) throw badInput(field, `"${text}" is negative`);
  const [datePart = "", timePart, ...rest] =
    text.length <= 64 && text.startsWith("P") ? text.slice(1).split("T") : [];
  const date = DATE_PART.exec(datePart);
  const time = TIME_PART.exec(timePart ?? "");
  const empty = datePart === "" && timePart === undefined;
  if (!date || !time || empty || timePart === "" || rest.length > 0 || FRACTION_BEFORE_END.test(text)) {
    throw badInput(
      field,
      `"${text.slice(0, 64)}" is not an ISO 8601 duration such as PT10S, PT5M, PT1.5H or P1D: ${durationFault(text)}`,
    );
  }
  const [, years = "0", months = "0", weeks = "0", days = "0"] = date;
  const [, hours = "0", hourFraction, minutes = "0", minuteFraction, seconds = "0", secondFraction] = time;
  const duration: Duration = {
    months: Number(years) * 12 + Number(months),
    days: Number(weeks) * 7 + Number(days),
    ms:
      Number(hours) * HOUR_MS +
      Number(minutes) * MINUTE_MS +
      Number(seconds) * SECOND_MS +
      fractionMs(hourFraction, HOUR_MS, text, field) +
      fractionMs(minuteFraction, MINUTE_MS, text, field) +
      fractionMs(secondFraction, SECOND_MS, text, field),
  };
  if (duration.months > MAX_MONTHS || duration.days + duration.ms / DAY_MS > MAX_DAYS) {
    throw badInput(field, `"${text}" is more than 100 years`);
  }
  return duration;
}

/** Whole-number arithmetic: a float would make PT0.1H something other than 360,000 ms. */
function fractionMs(digits: string | undefined, unitMs: number, text: string, field: string): number {
  if (digits === undefined) return 0;
  const ms = (Number(digits) * unitMs) / 10 ** digits.length;
  if (!Number.isInteger(ms)) throw badInput(field, `"${text}" is finer than a millisecond`);
  return ms;
}

/** The exact length in milliseconds, a day being 24 hours. Throws BAD_INPUT for years and months, which have none. */
export function durationMs(text: string, field = "duration"): number {
  const { months, days, ms } = parseDuration(text, field);
  if (months > 0) {
    throw badInput(field, `"${text}" has no exact length; use weeks, days, hours, minutes and seconds`);
  }
  return days * DAY_MS + ms;
}

/** The canonical text of a length: `PT5M`, `PT0.1S`, `P1DT12H`, `PT0S`. `durationMs` reads it back. */
export function formatDuration(ms: number): string {
  const whole = Math.round(ms);
  if (whole === 0) return "PT0S";
  const part = (unitMs: number, limitMs: number, letter: string): string => {
    const count = Math.floor((Math.abs(whole) % limitMs) / unitMs);
    return count === 0 ? "" : `${count}${letter}`;
  };
  const seconds = (Math.abs(whole) % MINUTE_MS) / SECOND_MS;
  const time =
    part(HOUR_MS, DAY_MS, "H") + part(MINUTE_MS, HOUR_MS, "M") + (seconds === 0 ? "" : `${seconds}S`);
  return `${whole < 0 ? "-" : ""}P${part(DAY_MS, Number.POSITIVE_INFINITY, "D")}${time === "" ? "" : `T${time}`}`;
}
