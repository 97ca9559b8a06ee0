/**
 * Which executor may run what. A requirement is part of a queue, so a claim reads the queues its executor fits and
 * skips no run row by row. Unlike PowerJob's SPECIFY (P5), which falls back to anybody, a run that nobody fits waits.
 */
import { badInput } from "./rejection.ts";

/** What a run asks of its executor; without members: anybody will do. */
export interface Requirement {
  /** The name of the one executor that may run it. */
  executor?: string;
  /** Labels the executor must have, each with exactly this value. */
  labels?: Record<string, string>;
}

/** An executor as placement sees it. */
export interface Placeable {
  name: string;
  labels: Readonly<Record<string, string>>;
}

/** True when the requirement asks nothing. */
export function isOpen({ executor, labels }: Requirement): boolean {
  return executor === undefined && (labels === undefined || Object.keys(labels).length === 0);
}

/** True when `executor` has what is required. */
export function fits({ executor: name, labels }: Requirement, executor: Placeable): boolean {
  if (name !== undefined && name !== executor.name) return false;
  return Object.entries(labels ?? {}).every(
    ([label, value]) => Object.hasOwn(executor.labels, label) && executor.labels[label] === value,
  );
}

/** A job's requirement with what one run adds or says differently. */
export function narrowed(of: Requirement, more: Requirement): Requirement {
  const labels = { ...of.labels, ...more.labels };
  const executor = more.executor ?? of.executor;
  return {
    ...(executor === undefined ? {} : { executor }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
  };
}

/** The same text for the same requirement, whatever the order of its labels. */
export function requirementText({ executor, labels }: Requirement): string {
  const sorted = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return JSON.stringify({
    ...(executor === undefined ? {} : { executor }),
    ...(sorted.length === 0 ? {} : { labels: Object.fromEntries(sorted) }),
  });
}

/** Enough to describe a machine; each run's claim compares all of them. */
const MAX_LABELS = 20;
const MAX_LABEL = 100;
const MAX_VALUE = 200;
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

/** Checks required labels, which are a JSON object of texts. Throws BAD_INPUT saying which is wrong. */
export function checkLabels(value: unknown, field: string): Record<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badInput(field, 'must be an object of texts such as {"gpu": "a100"}');
  }
  const labels = Object.entries(value);
  if (labels.length > MAX_LABELS) {
    throw badInput(field, `${labels.length} labels are too many; at most ${MAX_LABELS} are allowed`);
  }
  const checked: [string, string][] = [];
  for (const [label, text] of labels) {
    const place = `${field}.${label}`;
    if (label === "" || label.length > MAX_LABEL)
      throw badInput(field, `a label has 1 to ${MAX_LABEL} characters`);
    if (typeof text !== "string") throw badInput(place, "must be a text");
    if (text.length > MAX_VALUE) throw badInput(place, `must have at most ${MAX_VALUE} characters`);
    if (UNPRINTABLE.test(label + text)) throw badInput(place, "must not hold control characters");
    checked.push([label, text]);
  }
  return Object.fromEntries(checked);
}
