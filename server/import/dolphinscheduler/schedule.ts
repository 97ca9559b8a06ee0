/** The schedule of a process as a trigger. */
import { Rejection } from "../../core/rejection.ts";
import { checkSchedule } from "../../core/schedule/schedule.ts";
import { checkZone, firstInstantShowing } from "../../core/schedule/zone.ts";
import { numberOf } from "./json.ts";
import { text, word } from "./readers.ts";
import type { Members } from "./report.ts";
import type { SourceProcess } from "./source.ts";
import { FAILURE_STRATEGY, IS_ONLINE, PRIORITY, unless } from "./words.ts";

export interface ImportedSchedule {
  /** Without its kind, its name and its job. */
  trigger: Members;
  timeZone: string;
  /** A schedule says it there; here the workflow does. */
  failureStrategy: "END" | undefined;
}

/** Null when the process has none. `timeZone` is for schedules that name none. */
export function readSchedule(
  { schedule }: SourceProcess,
  timeZone: string,
  problem: (message: string) => void,
): ImportedSchedule | null {
  if (schedule === null) return null;
  const { fields, isFlat } = schedule;
  /** 1.x has these beside the process, all with one word before them. */
  const names = (...given: string[]) =>
    given.map((name) => (isFlat ? `schedule${name.charAt(0).toUpperCase()}${name.slice(1)}` : name));
  const zone = zoneOf(text(fields, names("timezoneId"), "schedule.cron.timeZone"), timeZone, problem);
  if (fields.peek(...names("timezoneId")) === undefined)
    fields.say(
      names("crontab"),
      "schedule.cron.timeZone",
      `names no time zone; ${zone} was said to the importer, or assumed`,
    );
  const expression = text(fields, names("crontab"), "schedule.cron.expression") ?? "";
  fields.say(
    names("crontab"),
    "misfire",
    "times that pass while nothing runs are all made up for there; here the last 100, see misfire.limit",
  );
  checkCron(expression, zone, problem);
  const time = (name: string, to: string) => {
    const note = isLocal(fields.peek(...names(name))) ? `read as the time of ${zone}` : undefined;
    const reader = (value: unknown) => instantOf(value, zone);
    return fields.read(names(name), to, reader, "a time", note);
  };
  const [startAt, endAt] = [time("startTime", "startAt"), time("endTime", "endAt")];
  const isOnline = word(fields, names("releaseState"), "paused", IS_ONLINE) ?? true;
  const strategy = word(fields, names("failureStrategy"), "workflow.failureStrategy", FAILURE_STRATEGY);
  const ends = strategy === "END";
  if (ends)
    fields.say(
      names("failureStrategy"),
      "workflow.failureStrategy",
      "holds for every start of the workflow, not only for those of its schedule",
    );
  const priority = unless(
    5,
    word(fields, names("processInstancePriority", "workflowInstancePriority"), "priority", PRIORITY),
  );
  leaveRest(schedule, names);
  return {
    timeZone: zone,
    failureStrategy: ends ? "END" : undefined,
    trigger: {
      schedule: { cron: { expression, dialect: "QUARTZ", timeZone: zone } },
      ...(startAt === undefined ? {} : { startAt }),
      ...(endAt === undefined ? {} : { endAt }),
      misfire: { policy: "FIRE_ALL" },
      ...(priority === undefined ? {} : { priority }),
      ...(isOnline ? {} : { paused: true }),
    },
  };
}

function zoneOf(given: string | undefined, otherwise: string, problem: (message: string) => void): string {
  if (given === undefined || given === "") return otherwise;
  try {
    checkZone(given);
    return given;
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    problem(`has a schedule in time zone "${given}", which is none here: ${otherwise} was taken`);
    return otherwise;
  }
}

function checkCron(expression: string, timeZone: string, problem: (message: string) => void): void {
  try {
    checkSchedule(
      { kind: "cron", expression, timeZone, dialect: "QUARTZ", gap: "SHIFT", overlap: "FIRST" },
      "import",
    );
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    problem(`has the schedule "${expression}": ${error.message}`);
  }
}

const LOCAL = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d+)?$/;
const isLocal = (value: unknown): boolean => typeof value === "string" && LOCAL.test(value);

/** RFC 3339 in UTC, from epoch milliseconds, a wall clock's time, or a time with its offset. */
function instantOf(value: unknown, timeZone: string): string | null {
  const [, day, clock] = typeof value === "string" ? (LOCAL.exec(value) ?? []) : [];
  const at =
    day === undefined
      ? (numberOf(value) ?? Date.parse(String(value).replace(/([+-]\d\d)(\d\d)$/, "$1:$2")))
      : firstInstantShowing(timeZone, Date.parse(`${day}T${clock}Z`));
  return Number.isFinite(at) && Math.abs(at) < 8e15 ? new Date(at).toISOString() : null;
}

const NOTIFY = "whom to tell, and how, is a job's matter: write one and name it in workflow.notify";

function leaveRest(
  { fields, isFlat }: NonNullable<SourceProcess["schedule"]>,
  names: (...given: string[]) => string[],
): void {
  const warning = fields.peek(...names("warningType"));
  fields.leave(names("warningType"), NOTIFY, ["NONE", 0, null].includes(warning as string));
  for (const name of ["warningGroupId", "warningGroupName"])
    fields.leave(names(name), NOTIFY, [0, -1, "0"].includes(fields.peek(...names(name)) as number));
  const group = fields.peek(...names("workerGroup", "workerGroupName"));
  fields.leave(
    names("workerGroup", "workerGroupName"),
    "each node names its group",
    ["default", null, ""].includes(group as string),
  );
  fields.leave(names("workerGroupId"), "each node names its group", true);
  fields.leave(
    names("tenantCode"),
    "commands run as the worker's user: start a worker as that one",
    fields.peek(...names("tenantCode")) === "default",
  );
  fields.leave(
    names("environmentCode"),
    "environments are the worker's",
    [-1, 0].includes(fields.peek(...names("environmentCode")) as number),
  );
  if (isFlat) return;
  fields.leave("projectName", "a process has it too", true);
  fields.finish();
}
