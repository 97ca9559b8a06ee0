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

/** CPU and memory in use, as fractions of the machine. */
export interface Load {
  cpu?: number | undefined;
  memory?: number | undefined;
}

/** An executor that asks for runs. Absent members: no capacity, not overloaded, not draining. */
export interface Claimant extends Placeable {
  /** The most leases it may hold at once. */
  capacity?: number | null;
  draining?: boolean;
  /** It has just reported a load above its limit. */
  readonly overloaded?: boolean;
  /** A claim has just found it at its capacity; a hint for those who choose whom to serve. */
  full?: boolean;
}

/** True when some part of `load` is above its limit (DTF T8: busy nodes get nothing). */
export function isOverloaded(load: Load | null | undefined, maxLoad: Load | null | undefined): boolean {
  if (!load || !maxLoad) return false;
  const above = (used: number | undefined, max: number | undefined): boolean =>
    used !== undefined && max !== undefined && used > max;
  return above(load.cpu, maxLoad.cpu) || above(load.memory, maxLoad.memory);
}

/** Whether an executor may be given leases now; its capacity is the claim's to count. */
export function mayTake({ draining, overloaded }: Claimant): boolean {
  return draining !== true && overloaded !== true;
}

/** True for one whose poll had better not be served now: it gets nothing, while another's would. */
export function isPassedOver(claimant: Claimant | undefined): boolean {
  return claimant !== undefined && (claimant.full === true || !mayTake(claimant));
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

/** An executor as runs of another namespace see it: nobody there can name it. */
export function stranger({ labels }: Placeable): Placeable {
  return { name: "", labels };
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
  const sorted = labels && sortedLabels(labels);
  return JSON.stringify({
    ...(executor === undefined ? {} : { executor }),
    ...(sorted ? { labels: sorted } : {}),
  });
}

/** In one order, whoever wrote them down; null when there are none. */
export function sortedLabels(labels: Record<string, string>): Record<string, string> | null {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return sorted.length === 0 ? null : Object.fromEntries(sorted);
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
