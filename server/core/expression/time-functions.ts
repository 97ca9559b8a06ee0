/**
 * CEL's functions of timestamps, by the time zones that schedules use. The library's go by way of the zone of the process,
 * and are an hour off at times that its clocks skip.
 */
import { type CelFunc, CelScalar, celMethod, objectType } from "@bufbuild/cel";
import { TimestampSchema, timestampMs } from "@bufbuild/protobuf/wkt";
import { DAY_MS } from "../duration.ts";
import { checkZone, localAt } from "../schedule/zone.ts";
import { pay } from "./budget.ts";

const { INT, STRING } = CelScalar;
const TIMESTAMP = objectType(TimestampSchema);
/** To look a zone up takes some 2 µs. */
const ZONE = 80;

/** Of a date whose UTC fields are the wall clock's. */
const FIELDS: Readonly<Record<string, (local: Date) => number>> = {
  getFullYear: (local) => local.getUTCFullYear(),
  getMonth: (local) => local.getUTCMonth(),
  getDate: (local) => local.getUTCDate(),
  getDayOfMonth: (local) => local.getUTCDate() - 1,
  getDayOfWeek: (local) => local.getUTCDay(),
  getDayOfYear: (local) =>
    Math.floor((local.getTime() - new Date(0).setUTCFullYear(local.getUTCFullYear(), 0, 1)) / DAY_MS),
  getHours: (local) => local.getUTCHours(),
  getMinutes: (local) => local.getUTCMinutes(),
  getSeconds: (local) => local.getUTCSeconds(),
  getMilliseconds: (local) => local.getUTCMilliseconds(),
};

export const TIME_FUNCTIONS: CelFunc[] = Object.entries(FIELDS).flatMap(([name, field]) => [
  celMethod(name, TIMESTAMP, [], INT, function () {
    return BigInt(field(new Date(timestampMs(this.message))));
  }),
  celMethod(name, TIMESTAMP, [STRING], INT, function (zone) {
    return BigInt(field(new Date(localIn(zone, timestampMs(this.message)))));
  }),
]);

/** A zone is a name such as Europe/Berlin or an offset such as +02:00. */
function localIn(zone: string, at: number): number {
  pay(ZONE);
  const [, sign, hours, minutes] = /^([+-]?)(\d\d):(\d\d)$/.exec(zone) ?? [];
  if (hours !== undefined) {
    const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000;
    return at + (sign === "-" ? -offsetMs : offsetMs);
  }
  checkZone(zone, "timeZone");
  return localAt(zone, at);
}
