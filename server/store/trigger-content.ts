/** What a trigger says, and the checks of what is asked of it: from a request's words to what is stored. */
import { LIMITS } from "../config.ts";
import { checkName } from "../core/name.ts";
import { badInput } from "../core/rejection.ts";
import { checkJitter } from "../core/schedule/jitter.ts";
import { checkSchedule, countsFromStart, type Schedule } from "../core/schedule/schedule.ts";
import { checkOnExcluded, checkWindow, type OnExcluded } from "../core/trigger/definition.ts";
import { checkMisfire, DEFAULT_MISFIRE, type Misfire } from "../core/trigger/misfire.ts";
import { checkInput, checkPriority, under } from "./definitions.ts";
import { seedOf, type Trigger } from "./triggers.ts";

/** Times are epoch milliseconds, `input` is JSON text. What is absent or null takes its default. */
export interface TriggerInput extends TriggerPatch {
  name: string;
  job: string;
  schedule: Schedule;
  paused?: boolean | null | undefined;
}

/**
 * What is absent stays as it is; null clears it, except that a job, a group, a schedule, a misfire policy and
 * `onExcluded` are always there.
 */
export interface TriggerPatch {
  /** The job's name. */
  job?: string | null | undefined;
  group?: string | null | undefined;
  schedule?: Schedule | null | undefined;
  startAt?: number | null | undefined;
  endAt?: number | null | undefined;
  jitterMs?: number | null | undefined;
  misfire?: Misfire | null | undefined;
  /** Their names. */
  calendars?: string[] | null | undefined;
  onExcluded?: OnExcluded | null | undefined;
  priority?: number | null | undefined;
  input?: string | null | undefined;
}

export type Content = Pick<
  Trigger,
  "group" | "schedule" | "startAt" | "endAt" | "jitterMs" | "misfire" | "onExcluded" | "priority" | "input"
>;

/** Of a new trigger, before its request is read. */
export const BLANK: Omit<Content, "schedule"> = {
  group: "default",
  startAt: null,
  endAt: null,
  jitterMs: null,
  misfire: DEFAULT_MISFIRE,
  onExcluded: "SKIP",
  priority: null,
  input: null,
};

/** The content that `patch` leads to. Throws BAD_INPUT naming the field. */
export function patched(
  before: Content,
  patch: TriggerPatch,
  identity: { namespaceId: number; name: string },
  now: Date,
): Content {
  const { group, schedule = null, misfire = null, startAt, endAt, jitterMs, priority, input } = patch;
  const seed = seedOf(identity);
  if (schedule !== null) under(`schedule.${schedule.kind}`, () => checkSchedule(schedule, seed));
  if (misfire !== null) under("misfire", () => checkMisfire(misfire));
  if (patch.calendars != null) checkCalendarNames(patch.calendars);
  const content: Content = {
    group: group == null ? before.group : checkName(group, "group"),
    schedule: schedule ?? before.schedule,
    misfire: misfire ?? before.misfire,
    startAt: startAt === undefined ? before.startAt : instant(startAt),
    endAt: endAt === undefined ? before.endAt : instant(endAt),
    jitterMs: jitterMs === undefined ? before.jitterMs : jitterMs,
    onExcluded: patch.onExcluded ?? before.onExcluded,
    priority: priority == null ? keep(priority, before.priority) : checkPriority(priority),
    input: input == null ? keep(input, before.input) : checkInput(input),
  };
  if (content.jitterMs !== null) checkJitter(content.jitterMs, content.schedule);
  checkOnExcluded(content.onExcluded, content.schedule, seed);
  if (countsFromStart(content.schedule)) content.startAt ??= now;
  checkWindow(content.startAt?.getTime() ?? null, content.endAt?.getTime() ?? null);
  return content;
}

function checkCalendarNames(names: string[]): void {
  if (names.length > LIMITS.calendarsPerTrigger) {
    throw badInput(
      "calendars",
      `names ${names.length}; at most ${LIMITS.calendarsPerTrigger} are allowed: let one be the base of another`,
    );
  }
  for (const [at, name] of names.entries()) {
    if (names.indexOf(name) !== at) throw badInput(`calendars[${at}]`, `"${name}" stands twice`);
  }
}

const keep = <T>(given: null | undefined, before: T | null): T | null => (given === null ? null : before);

export const instant = (at: number | null): Date | null => (at === null ? null : new Date(at));

/** What the due times depend on, besides calendars, as `trigger_version` keeps it. */
export const timesOf = ({ schedule, startAt, endAt, jitterMs, onExcluded }: Content) => ({
  schedule: { ...schedule },
  startAt: startAt?.getTime() ?? null,
  endAt: endAt?.getTime() ?? null,
  jitterMs,
  onExcluded,
});

/** Whether the two have the same due times. */
export function sameTimes(one: Content, other: Content): boolean {
  const text = ({ schedule, ...rest }: ReturnType<typeof timesOf>) =>
    JSON.stringify([Object.entries(schedule).sort(), rest]);
  return text(timesOf(one)) === text(timesOf(other));
}

/** The pause after a run's end. */
export const delayOf = (schedule: Schedule): number | null =>
  schedule.kind === "fixedDelay" ? schedule.everyMs : null;

/** The fires that a fixed delay's `repeat` allows. */
export const firesOf = (schedule: Schedule): number | null =>
  schedule.kind === "fixedDelay" && schedule.repeat !== undefined ? schedule.repeat + 1 : null;
