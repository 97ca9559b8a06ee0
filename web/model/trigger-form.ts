/** A trigger as a form holds it: what creates it, what changes it, and what to ask for a preview. */
import {
  durationOf,
  durationTyped,
  type Faults,
  instantOf,
  localOf,
  type Reading,
  reading,
  same,
  wholeNumber,
} from "./forms.ts";
import { type Json, parseJson } from "./json.ts";
import type { Misfire, MisfirePolicy, OnExcluded } from "./schedule.ts";
import {
  BLANK_SCHEDULE,
  formOfSchedule,
  mayJitter,
  readSchedule,
  type Schedule,
  type ScheduleForm,
  type ScheduleValues,
} from "./schedule-form.ts";

export type TriggerForm = ScheduleForm & {
  name: string;
  job: string;
  group: string;
  calendars: readonly string[];
  onExcluded: OnExcluded;
  startAt: string;
  endAt: string;
  jitter: string;
  policy: MisfirePolicy;
  threshold: string;
  limit: string;
  window: string;
  priority: string;
  input: string;
};

export type TriggerValues = {
  name: string;
  job: string;
  group: string;
  schedule: ScheduleValues;
  onExcluded: OnExcluded;
  misfire: { policy: MisfirePolicy; threshold: string; limit: number; window?: string };
  calendars?: string[];
  startAt?: string;
  endAt?: string;
  jitter?: string;
  priority?: number;
  input?: Json;
};

/** What can be taken away from a trigger; null says so. */
const CLEARABLE = ["calendars", "startAt", "endAt", "jitter", "priority", "input"] as const;
type Clearable = (typeof CLEARABLE)[number];
export type TriggerPatch = Partial<Omit<TriggerValues, "name" | Clearable>> & {
  [Key in Clearable]?: TriggerValues[Key] | null;
};

/** The fields that a complaint of the server may point to. */
export const TRIGGER_FIELDS = [
  "name",
  "job",
  "group",
  "expression",
  "timeZone",
  "every",
  "at",
  "from",
  "until",
  "weekdays",
  "repeat",
  "calendars",
  "onExcluded",
  "startAt",
  "endAt",
  "jitter",
  "threshold",
  "limit",
  "window",
  "priority",
  "input",
] as const;

export const BLANK_TRIGGER: TriggerForm = {
  ...BLANK_SCHEDULE,
  name: "",
  job: "",
  group: "",
  calendars: [],
  onExcluded: "SKIP",
  startAt: "",
  endAt: "",
  jitter: "",
  policy: "FIRE_ONCE",
  threshold: "",
  limit: "",
  window: "",
  priority: "",
  input: "",
};

const DEFAULT = { group: "default", threshold: "PT1M", limit: 100 } as const;

/** A trigger as the API gives it. */
export type EditedTrigger = {
  name: string;
  group: string;
  job: { name: string };
  schedule: Schedule;
  calendars: readonly { name: string }[];
  onExcluded: OnExcluded;
  startAt: string | null;
  endAt: string | null;
  jitter: string | null;
  misfire: Misfire;
  priority: number | null;
  input: Json;
};

/** What the form shows for a trigger. */
export function formOfTrigger(trigger: EditedTrigger): TriggerForm {
  const { misfire, startAt, endAt, jitter, priority, input } = trigger;
  return {
    ...formOfSchedule(trigger.schedule),
    name: trigger.name,
    job: trigger.job.name,
    group: trigger.group,
    calendars: trigger.calendars.map(({ name }) => name),
    onExcluded: trigger.onExcluded,
    startAt: startAt === null ? "" : localOf(startAt),
    endAt: endAt === null ? "" : localOf(endAt),
    jitter: jitter === null ? "" : durationTyped(jitter),
    policy: misfire.policy,
    threshold: durationTyped(misfire.threshold),
    limit: String(misfire.limit),
    window: misfire.window === null ? "" : durationTyped(misfire.window),
    priority: priority === null ? "" : String(priority),
    input: input === null ? "" : JSON.stringify(input, null, 2),
  };
}

/** The whole trigger. What a kind of schedule does not know is left out, as are blank fields. */
export function readTrigger(form: TriggerForm): Reading<TriggerValues> {
  const { values: schedule, faults: unsound } = readSchedule(form);
  const faults: Faults = { ...unsound };
  const name = form.name.trim();
  const job = form.job.trim();
  if (name === "") faults.name = "Give the trigger a name.";
  if (job === "") faults.job = "Name the job that it starts.";
  const rest = { ...readTimes(form, faults), misfire: readMisfire(form, faults), ...readRun(form, faults) };
  if (schedule === null) return { values: null, faults };
  return reading({ name, job, group: form.group.trim() || DEFAULT.group, schedule, ...rest }, faults);
}

type Times = Pick<TriggerValues, "onExcluded" | "calendars" | "startAt" | "endAt" | "jitter">;

function readTimes(form: TriggerForm, faults: Faults): Times {
  const values: Times = { onExcluded: "SKIP" };
  if (form.calendars.length > 0) {
    values.calendars = [...form.calendars];
    values.onExcluded = form.onExcluded;
  }
  if (form.kind !== "once")
    for (const field of ["startAt", "endAt"] as const) {
      if (form[field] === "") continue;
      const at = instantOf(form[field]);
      if (at === null) faults[field] = "Choose a date and a time.";
      else values[field] = at;
    }
  if (form.jitter.trim() !== "" && mayJitter(form.kind)) {
    const jitter = durationOf(form.jitter);
    if (jitter === null) faults.jitter = "Write it like 30s or 5m.";
    else values.jitter = jitter;
  }
  return values;
}

function readMisfire(form: TriggerForm, faults: Faults): TriggerValues["misfire"] {
  const threshold = form.threshold.trim() === "" ? DEFAULT.threshold : durationOf(form.threshold);
  const limit = form.limit.trim() === "" ? DEFAULT.limit : wholeNumber(form.limit);
  const window = form.window.trim() === "" ? undefined : durationOf(form.window);
  if (threshold === null) faults.threshold = "Write it like 30s or 5m.";
  if (limit === null) faults.limit = "A whole number from 1 on.";
  if (window === null) faults.window = "Write it like 6h or 2d.";
  return {
    policy: form.policy,
    threshold: threshold ?? DEFAULT.threshold,
    limit: limit ?? DEFAULT.limit,
    ...(window == null ? {} : { window }),
  };
}

function readRun(form: TriggerForm, faults: Faults): Pick<TriggerValues, "priority" | "input"> {
  const values: Pick<TriggerValues, "priority" | "input"> = {};
  if (form.priority.trim() !== "") {
    const priority = wholeNumber(form.priority);
    if (priority === null) faults.priority = "A whole number; higher starts first.";
    else values.priority = priority;
  }
  const input = parseJson(form.input);
  if (!input.ok) faults.input = input.message;
  else if (input.value !== undefined) values.input = input.value;
  return values;
}

/** What a preview asks: the name, too, because H and jitter are hashed by it. */
export type PreviewValues = Times & { schedule: ScheduleValues; namespace: string; name: string };

/** The times alone; null while the schedule or its window is incomplete. */
export function readPreview(form: TriggerForm, namespace: string): PreviewValues | null {
  const { values: schedule } = readSchedule(form);
  const faults: Faults = {};
  const times = readTimes(form, faults);
  if (schedule === null || Object.keys(faults).length > 0) return null;
  return { schedule, ...times, namespace, name: form.name.trim() };
}

/** What differs between two readings of a trigger: what is the same is left out, what is gone is null. */
export function patchOf(before: Partial<TriggerValues>, after: TriggerValues): TriggerPatch {
  const { name: _name, ...wanted } = after;
  const cleared = CLEARABLE.filter((key) => before[key] !== undefined && after[key] === undefined);
  const changed = Object.entries(wanted).filter(
    ([key, value]) => !same(value, before[key as keyof TriggerValues]),
  );
  return { ...Object.fromEntries(changed), ...Object.fromEntries(cleared.map((key) => [key, null])) };
}
