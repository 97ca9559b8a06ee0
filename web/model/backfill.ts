/** Backfills: how far one is, and what a dialog asks for. */
import { type Faults, instantOf, type Reading, reading, wholeNumber } from "./forms.ts";
import { type Json, parseJson } from "./json.ts";
import {
  BACKFILL_DATE_STATES,
  type BackfillDateState,
  type BackfillState,
  backfillDateFace,
  type Tone,
} from "./state.ts";

export type Progress = {
  total: number;
  pending: number;
  started: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  skipped: number;
  kept: number;
};

export type Part = { state: BackfillDateState; word: string; tone: Tone; count: number; share: number };

/** The states that dates are in, none of them empty; shares add up to 1. */
export const partsOf = (progress: Progress): Part[] =>
  BACKFILL_DATE_STATES.map((state) => {
    const { word, tone } = backfillDateFace(state);
    const count = progress[state.toLowerCase() as keyof Progress];
    return { state, word, tone, count, share: progress.total === 0 ? 0 : count / progress.total };
  }).filter(({ count }) => count > 0);

/** Dates that have ended, as a share of all. */
export const doneShare = ({ total, pending, started }: Progress): number =>
  total === 0 ? 1 : (total - pending - started) / total;

/** Whether something can still happen by itself. */
export const isOpen = (state: BackfillState): boolean => state === "RUNNING";

export const canPause = (state: BackfillState): boolean => state === "RUNNING";
export const canResume = (state: BackfillState): boolean => state === "PAUSED" || state === "STOPPED";
export const canCancel = (state: BackfillState): boolean => canPause(state) || canResume(state);

export type BackfillForm = {
  of: "trigger" | "job";
  trigger: string;
  job: string;
  which: "range" | "list";
  from: string;
  to: string;
  dates: string;
  timeZone: string;
  order: "ASCENDING" | "DESCENDING";
  maxParallel: string;
  onFailure: "CONTINUE" | "STOP";
  reprocess: "NONE" | "FAILED" | "ALL";
  priority: string;
  input: string;
};

export type BackfillValues = {
  trigger?: string;
  job?: string;
  from?: string;
  to?: string;
  dates?: string[];
  timeZone?: string;
  order: BackfillForm["order"];
  maxParallel: number;
  onFailure: BackfillForm["onFailure"];
  reprocess: BackfillForm["reprocess"];
  priority?: number;
  input?: Json;
};

export const BACKFILL_FIELDS = [
  "trigger",
  "job",
  "from",
  "to",
  "dates",
  "timeZone",
  "maxParallel",
  "priority",
  "input",
] as const;

export const BLANK_BACKFILL: BackfillForm = {
  of: "trigger",
  trigger: "",
  job: "",
  which: "range",
  from: "",
  to: "",
  dates: "",
  timeZone: "UTC",
  order: "ASCENDING",
  maxParallel: "1",
  onFailure: "CONTINUE",
  reprocess: "NONE",
  priority: "",
  input: "",
};

/** Blank fields are left to the trigger or the job. */
export function readBackfill(form: BackfillForm): Reading<BackfillValues> {
  const faults: Faults = {};
  const { order, onFailure, reprocess } = form;
  const maxParallel = wholeNumber(form.maxParallel) ?? 0;
  if (maxParallel < 1) faults.maxParallel = "A whole number from 1 on.";
  const values: BackfillValues = { order, maxParallel, onFailure, reprocess };
  const subject = form[form.of].trim();
  if (subject === "") faults[form.of] = form.of === "trigger" ? "Name the trigger." : "Name the job.";
  values[form.of] = subject;
  readDates(form, values, faults);
  if (form.priority.trim() !== "") {
    const priority = wholeNumber(form.priority);
    if (priority === null) faults.priority = "A whole number; higher starts first.";
    else values.priority = priority;
  }
  const input = parseJson(form.input);
  if (!input.ok) faults.input = input.message;
  else if (input.value !== undefined) values.input = input.value;
  return reading(values, faults);
}

function readDates(form: BackfillForm, values: BackfillValues, faults: Faults): void {
  if (form.which === "list") {
    const lines = form.dates.split(/[\n,;]+/).filter((line) => line.trim() !== "");
    const dates = lines.map((line) => instantOf(line.trim().replace(/^(\S+) (\d)/, "$1T$2")));
    const wrong = dates.indexOf(null);
    if (lines.length === 0) faults.dates = "Write a date at least, such as 2026-01-31T08:00Z.";
    else if (wrong >= 0) faults.dates = `"${lines[wrong]?.trim()}" is not a date and time.`;
    else values.dates = dates.filter((date) => date !== null);
    return;
  }
  for (const field of ["from", "to"] as const) {
    const at = instantOf(form[field]);
    if (at === null) faults[field] = "Choose a date and a time.";
    else values[field] = at;
  }
  if (form.of === "job") values.timeZone = form.timeZone.trim() || "UTC";
}
