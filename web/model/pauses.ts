/** Pauses of triggers: which ones each is about, what lifts it, and what is asked for in a dialog. */
import { type Faults, instantOf, type Reading, reading } from "./forms.ts";

export type PauseKind = "TRIGGER" | "GROUP" | "JOB" | "NAMESPACE" | "EVERYTHING";
export type TriggerPause = { kind: PauseKind; target: string; namespace: string | null };

/** What the API takes for several triggers; one alone has calls of its own. */
export type TriggerScope =
  | { group: { namespace: string; group: string } }
  | { job: { namespace: string; job: string } }
  | { namespace: string }
  | { everything: true };

/** `the group finance`, as the object of a sentence. */
export function pausedInWords({ kind, target, namespace }: TriggerPause): string {
  switch (kind) {
    case "TRIGGER":
      return target;
    case "GROUP":
      return `the group ${target}`;
    case "JOB":
      return `the triggers of ${target}`;
    case "NAMESPACE":
      return `all triggers of ${namespace}`;
    case "EVERYTHING":
      return "all triggers of every namespace";
  }
}

/** Null for a single trigger. */
export function scopeOf({ kind, target, namespace }: TriggerPause): TriggerScope | null {
  if (kind === "EVERYTHING") return { everything: true };
  if (namespace === null || kind === "TRIGGER") return null;
  if (kind === "GROUP") return { group: { namespace, group: target } };
  return kind === "JOB" ? { job: { namespace, job: target } } : { namespace };
}

/** The key of a pause in a list. */
export const pauseKey = ({ kind, target, namespace }: TriggerPause): string =>
  `${kind} ${namespace} ${target}`;

export type PauseForm = { reason: string; until: string };
export type PauseValues = { reason?: string; until?: string };

/** Blank: no reason, and until somebody resumes. */
export function readPause({ reason, until }: PauseForm): Reading<PauseValues> {
  const values: PauseValues = {};
  const faults: Faults = {};
  if (reason.trim() !== "") values.reason = reason.trim();
  if (until !== "") {
    const at = instantOf(until);
    if (at === null) faults.until = "Choose a date and a time, or leave it blank.";
    else values.until = at;
  }
  return reading(values, faults);
}

/** What of a namespace a dialog can pause together. */
export type ManyForm = PauseForm & { kind: Exclude<PauseKind, "TRIGGER">; group: string; job: string };

/** The pause that a dialog asks for, or why it cannot be. */
export function readMany(
  form: ManyForm,
  namespace: string,
): Reading<PauseValues & { pause: TriggerPause; scope: TriggerScope }> {
  const { values, faults } = readPause(form);
  const target = form.kind === "GROUP" ? form.group.trim() : form.kind === "JOB" ? form.job.trim() : "";
  const missing: Faults = {};
  if (form.kind === "GROUP" && target === "") missing.group = "Name the group.";
  if (form.kind === "JOB" && target === "") missing.job = "Name the job.";
  const pause = { kind: form.kind, target, namespace: form.kind === "EVERYTHING" ? null : namespace };
  const scope = scopeOf(pause);
  if (scope === null) return { values: null, faults };
  return reading({ ...values, pause, scope }, { ...faults, ...missing });
}
