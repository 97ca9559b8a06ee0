/** What people type into dialogs, turned into GraphQL inputs or into the fault to show. */
import { type Json, parseJson } from "./json.ts";

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
};

/** A duration as people write it (`90s`, `5 m`, `1.5h`, `2d`, a bare number of seconds, or ISO 8601) as ISO 8601; null when it is none. */
export function durationOf(text: string): string | null {
  const trimmed = text.trim();
  if (/^P(?=.)/i.test(trimmed)) return trimmed.toUpperCase();
  const found = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?(?:ec|in|ours?|ays?)?$/i.exec(trimmed);
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
  kind: "cron" | "fixedRate" | "fixedDelay" | "once";
  expression: string;
  timeZone: string;
  every: string;
  /** A local date and time as `<input type="datetime-local">` gives it. */
  at: string;
};
export type ScheduleValues =
  | { cron: { expression: string; timeZone: string } }
  | { fixedRate: { every: string } }
  | { fixedDelay: { every: string } }
  | { once: { at: string } };

export type TriggerForm = ScheduleForm & { name: string; job: string };
export type TriggerValues = { name: string; job: string; schedule: ScheduleValues };

/** The schedule alone, for a preview. */
export function readSchedule(form: ScheduleForm): Reading<ScheduleValues> {
  if (form.kind === "cron") {
    const expression = form.expression.trim();
    if (expression === "") return { values: null, faults: { expression: "Write a cron expression." } };
    return { values: { cron: { expression, timeZone: form.timeZone.trim() || "UTC" } }, faults: {} };
  }
  if (form.kind === "once") {
    const at = new Date(form.at);
    if (Number.isNaN(at.getTime())) return { values: null, faults: { at: "Choose a date and a time." } };
    return { values: { once: { at: at.toISOString() } }, faults: {} };
  }
  const every = durationOf(form.every);
  if (every === null) return { values: null, faults: { every: "Write it like 30s, 5m, 2h or P1D." } };
  return {
    values: form.kind === "fixedRate" ? { fixedRate: { every } } : { fixedDelay: { every } },
    faults: {},
  };
}

/** The whole trigger. */
export function readTrigger(form: TriggerForm): Reading<TriggerValues> {
  const { values: schedule, faults: unsound } = readSchedule(form);
  const faults = { ...unsound };
  if (form.name.trim() === "") faults.name = "Give the trigger a name.";
  if (form.job.trim() === "") faults.job = "Name the job that it starts.";
  if (schedule === null) return { values: null, faults };
  return reading({ name: form.name.trim(), job: form.job.trim(), schedule }, faults);
}

/** The form field that the server's `input.schedule.cron.expression` means: the last known word of the path. */
export function fieldAtFault(path: string | undefined, fields: readonly string[]): string | undefined {
  return path
    ?.split(".")
    .reverse()
    .find((word) => fields.includes(word));
}
