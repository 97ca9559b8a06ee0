/** What people type into dialogs, turned into GraphQL inputs or into the fault to show. */
import { type Json, parseJson } from "./json.ts";
import type { Weekday } from "./schedule.ts";

/** Fields by name with what is wrong with each; empty when all is well. */
export type Faults = Record<string, string>;

/** What a form says: the values to send, or null and why not. */
export type Reading<Values> = { values: Values | null; faults: Faults };

const reading = <Values>(values: Values, faults: Faults): Reading<Values> => ({
  values: Object.keys(faults).length === 0 ? values : null,
  faults,
});

/** Tags separated by commas or blanks. */
export const tagsOf = (text: string): string[] => [
  ...new Set(text.split(/[\s,]+/).filter((tag) => tag !== "")),
];

const UNITS: Record<string, (amount: string) => string> = {
  ms: (amount) => `PT${Number(amount) / 1000}S`,
  s: (amount) => `PT${amount}S`,
  m: (amount) => `PT${amount}M`,
  h: (amount) => `PT${amount}H`,
  d: (amount) => `P${amount}D`,
  w: (amount) => `P${amount}W`,
  mo: (amount) => `P${amount}M`,
  y: (amount) => `P${amount}Y`,
};

/** A duration as people write it (`90s`, `5 m`, `1.5h`, `2d`, `1mo`, a bare number of seconds, or ISO 8601) as ISO 8601; null when it is none. */
export function durationOf(text: string): string | null {
  const trimmed = text.trim();
  if (/^P(?=.)/i.test(trimmed)) return trimmed.toUpperCase();
  const found = /^(\d+(?:\.\d+)?)\s*(ms|mo|s|m|h|d|w|y)?(?:ec|in|ours?|ays?|eeks?|nths?|ears?)?$/i.exec(
    trimmed,
  );
  const [, amount, unit = "s"] = found ?? [];
  return amount === undefined ? null : (UNITS[unit.toLowerCase()]?.(amount) ?? null);
}

const wholeNumber = (text: string): number | null => (/^-?\d+$/.test(text.trim()) ? Number(text) : null);

export type StartRunForm = {
  job: string;
  input: string;
  priority: string;
  delay: string;
  tags: string;
  idempotencyKey: string;
};
export type StartRunValues = {
  job: string;
  input?: Json;
  priority?: number;
  delay?: string;
  tags?: string[];
  idempotencyKey?: string;
};

/** Blank fields are left out, so that the job's own values hold. */
export function readStartRun(form: StartRunForm): Reading<StartRunValues> {
  const faults: Faults = {};
  const values: StartRunValues = { job: form.job.trim() };
  if (values.job === "") faults.job = "Name the job to run.";
  const input = parseJson(form.input);
  if (!input.ok) faults.input = input.message;
  else if (input.value !== undefined) values.input = input.value;
  if (form.priority.trim() !== "") {
    const priority = wholeNumber(form.priority);
    if (priority === null) faults.priority = "A whole number; higher starts first.";
    else values.priority = priority;
  }
  if (form.delay.trim() !== "") {
    const delay = durationOf(form.delay);
    if (delay === null) faults.delay = "Write it like 30s, 5m, 2h or PT30S.";
    else values.delay = delay;
  }
  const tags = tagsOf(form.tags);
  if (tags.length > 0) values.tags = tags;
  if (form.idempotencyKey.trim() !== "") values.idempotencyKey = form.idempotencyKey.trim();
  return reading(values, faults);
}

/** The input is sent only when it is another one. */
export function readRedrive(before: string, text: string): Reading<{ input?: Json }> {
  if (text === before) return reading({}, {});
  const input = parseJson(text);
  if (!input.ok) return reading({}, { input: input.message });
  if (input.value === undefined || input.value === null)
    return reading({}, { input: "Write the input, or leave it as it was." });
  return reading({ input: input.value }, {});
}

/** Runs per second; blank: all at once. The server's own bounds. */
export function readPace(text: string): Reading<{ perSecond: number | null }> {
  if (text.trim() === "") return reading({ perSecond: null }, {});
  const perSecond = Number(text.trim());
  const sound = perSecond >= 1 / 3600 && perSecond <= 10_000;
  return reading({ perSecond }, sound ? {} : { perSecond: "A number up to 10000, such as 5 or 0.5." });
}

export type JobForm = {
  name: string;
  description: string;
  type: string;
  group: string;
  input: string;
  timeout: string;
  priority: string;
  tags: string;
};
export type JobValues = {
  name: string;
  type: string;
  description?: string;
  group?: string;
  input?: Json;
  timeout?: string;
  priority?: number;
  tags?: string[];
};

/** Blank fields are left out, so that the server's defaults hold. */
export function readJob(form: JobForm): Reading<JobValues> {
  const faults: Faults = {};
  const values: JobValues = { name: form.name.trim(), type: form.type.trim() };
  if (values.name === "") faults.name = "Give the job a name.";
  if (values.type === "") faults.type = "Name the task type, such as http or shell.";
  if (form.description.trim() !== "") values.description = form.description.trim();
  if (form.group.trim() !== "") values.group = form.group.trim();
  const input = parseJson(form.input);
  if (!input.ok) faults.input = input.message;
  else if (input.value !== undefined) values.input = input.value;
  if (form.timeout.trim() !== "") {
    const timeout = durationOf(form.timeout);
    if (timeout === null) faults.timeout = "Write it like 30s, 5m or 2h.";
    else values.timeout = timeout;
  }
  if (form.priority.trim() !== "") {
    const priority = wholeNumber(form.priority);
    if (priority === null) faults.priority = "A whole number; higher starts first.";
    else values.priority = priority;
  }
  const tags = tagsOf(form.tags);
  if (tags.length > 0) values.tags = tags;
  return reading(values, faults);
}

export type ScheduleForm = {
  kind: "cron" | "fixedRate" | "fixedDelay" | "calendarInterval" | "dailyTimeInterval" | "once";
  expression: string;
  dialect: "UNIX" | "QUARTZ";
  timeZone: string;
  every: string;
  /** A local date and time as `<input type="datetime-local">` gives it. */
  at: string;
  /** Times of day as `<input type="time">` gives them. */
  from: string;
  until: string;
  weekdays: readonly Weekday[];
};
export type ScheduleValues =
  | { cron: { expression: string; dialect: "UNIX" | "QUARTZ"; timeZone: string } }
  | { fixedRate: { every: string } }
  | { fixedDelay: { every: string } }
  | { calendarInterval: { every: string; timeZone: string } }
  | {
      dailyTimeInterval: {
        every: string;
        from: string;
        until: string;
        weekdays: Weekday[];
        timeZone: string;
      };
    }
  | { once: { at: string } };

export type TriggerForm = ScheduleForm & { name: string; job: string; startAt: string; jitter: string };
export type TriggerValues = {
  name: string;
  job: string;
  schedule: ScheduleValues;
  startAt?: string;
  jitter?: string;
};

/** What a preview asks: the name, too, because H and jitter are hashed by it. */
export type PreviewValues = Omit<TriggerValues, "name" | "job"> & { namespace?: string; name?: string };

/** The times alone; null while the schedule is incomplete. */
export function readPreview(form: TriggerForm, namespace: string): PreviewValues | null {
  const { values: schedule } = readSchedule(form);
  const name = form.name.trim();
  if (schedule === null) return null;
  return { schedule, ...readWindow(form).values, ...(name === "" ? {} : { namespace, name }) };
}

/** The schedule alone. */
export function readSchedule(form: ScheduleForm): Reading<ScheduleValues> {
  const timeZone = form.timeZone.trim() || "UTC";
  if (form.kind === "cron") {
    const expression = form.expression.trim();
    if (expression === "") return { values: null, faults: { expression: "Write a cron expression." } };
    return { values: { cron: { expression, dialect: form.dialect, timeZone } }, faults: {} };
  }
  if (form.kind === "once") {
    const at = new Date(form.at);
    if (Number.isNaN(at.getTime())) return { values: null, faults: { at: "Choose a date and a time." } };
    return { values: { once: { at: at.toISOString() } }, faults: {} };
  }
  const every = durationOf(form.every);
  if (every === null) return { values: null, faults: { every: "Write it like 30s, 5m, 2h, 1w or P1M." } };
  switch (form.kind) {
    case "fixedRate":
      return reading({ fixedRate: { every } }, {});
    case "fixedDelay":
      return reading({ fixedDelay: { every } }, {});
    case "calendarInterval":
      return reading({ calendarInterval: { every, timeZone } }, {});
    case "dailyTimeInterval": {
      const { from, until, weekdays } = form;
      const faults: Faults = {};
      if (from === "") faults.from = "Say when the window opens.";
      if (until === "") faults.until = "Say when the window closes.";
      if (weekdays.length === 0) faults.weekdays = "Choose a day at least.";
      return reading(
        { dailyTimeInterval: { every, from, until, weekdays: [...weekdays], timeZone } },
        faults,
      );
    }
  }
}

/** What may be said beside a schedule of that kind: only what repeats by the clock can be put off. */
export const mayJitter = (kind: ScheduleForm["kind"]): boolean => kind !== "once" && kind !== "fixedDelay";

/** Start and jitter; blank fields are left out. */
export function readWindow(form: TriggerForm): Reading<Pick<TriggerValues, "startAt" | "jitter">> {
  const values: Pick<TriggerValues, "startAt" | "jitter"> = {};
  const faults: Faults = {};
  if (form.startAt !== "" && form.kind !== "once") {
    const startAt = new Date(form.startAt);
    if (Number.isNaN(startAt.getTime())) faults.startAt = "Choose a date and a time.";
    else values.startAt = startAt.toISOString();
  }
  if (form.jitter.trim() !== "" && mayJitter(form.kind)) {
    const jitter = durationOf(form.jitter);
    if (jitter === null) faults.jitter = "Write it like 30s or 5m.";
    else values.jitter = jitter;
  }
  return reading(values, faults);
}

/** The whole trigger. */
export function readTrigger(form: TriggerForm): Reading<TriggerValues> {
  const { values: schedule, faults: unsound } = readSchedule(form);
  const window = readWindow(form);
  const faults = { ...unsound, ...window.faults };
  if (form.name.trim() === "") faults.name = "Give the trigger a name.";
  if (form.job.trim() === "") faults.job = "Name the job that it starts.";
  if (schedule === null) return { values: null, faults };
  return reading({ name: form.name.trim(), job: form.job.trim(), schedule, ...window.values }, faults);
}

/** The form field that the server's `input.schedule.cron.expression` means: the last known word of the path. */
export function fieldAtFault(path: string | undefined, fields: readonly string[]): string | undefined {
  return path
    ?.split(".")
    .reverse()
    .find((word) => fields.includes(word));
}
