/** What people type into dialogs, turned into GraphQL inputs or into the fault to show. */
import { type Json, parseJson } from "./json.ts";

/** Fields by name with what is wrong with each; empty when all is well. */
export type Faults = Record<string, string>;

/** What a form says: the values to send, or null and why not. */
export type Reading<Values> = { values: Values | null; faults: Faults };

/** The values, unless a field is at fault. */
export const reading = <Values>(values: Values, faults: Faults): Reading<Values> => ({
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

/** A whole number, or null for anything else. */
export const wholeNumber = (text: string): number | null =>
  /^-?\d+$/.test(text.trim()) ? Number(text) : null;

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

/** An instant as `<input type="datetime-local">` wants it: on this computer's clock. */
export function localOf(iso: string): string {
  const at = new Date(iso);
  const there = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return there.toISOString().replace(/(\.000)?Z$/, "");
}

/** The instant that a local date and time names, as ISO 8601; null when it names none. */
export function instantOf(local: string): string | null {
  const at = new Date(local.trim());
  return local.trim() === "" || Number.isNaN(at.getTime()) ? null : at.toISOString();
}

/** A duration from the server as people would type it: `PT5M` is `5m`; what has two units stays as it is. */
export function durationTyped(iso: string): string {
  const [, amount, letter] = /^PT?([\d.]+)([YMWDHS])$/.exec(iso) ?? [];
  if (amount === undefined || letter === undefined) return iso;
  const unit = letter === "M" ? (iso.startsWith("PT") ? "m" : "mo") : letter.toLowerCase();
  return `${amount}${unit}`;
}

/** Whether two values of forms say the same. */
export const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** The form on top of somebody else's change: a field that was edited stays, the others are as they are now. */
export function rebased<Form extends object>(edited: Form, before: Form, now: Form): Form {
  const kept = Object.entries(edited).filter(([key, value]) => !same(value, before[key as keyof Form]));
  return { ...now, ...Object.fromEntries(kept) };
}

/** The form field that the server's `input.schedule.cron.expression` means: the last known word of the path. */
export function fieldAtFault(path: string | undefined, fields: readonly string[]): string | undefined {
  return path
    ?.replaceAll(/\[\d+\]/g, "")
    .split(".")
    .reverse()
    .find((word) => fields.includes(word));
}
