/**
 * Gates: one mechanism for everything that lets only so many runs go on at a time. A gate has a capacity for each of
 * its keys; a run passes its gates one after the other, in the order of `STAGES`, and waits at one at a time. Since all
 * runs pass them in that order, no two can wait for each other.
 */
import { checkInputKey, requiredKey } from "./input-key.ts";
import { badInput } from "./rejection.ts";
import type { HoldKind } from "./run.ts";

/** What a job says about runs of it that would overlap (SEMANTICS D3). */
export const OVERLAP_POLICIES = [
  "PARALLEL",
  "SERIAL_WAIT",
  "SERIAL_DISCARD",
  "SERIAL_PRIORITY",
  "SERIAL_REPLACE",
] as const;
export type OverlapPolicy = (typeof OVERLAP_POLICIES)[number];

/**
 * The order in which gates are passed, and so the kind of place a run keeps: what is kept from the first attempt to
 * the run's end comes first, what is given back between attempts last. Of these the narrow come before the wide, so
 * that nobody has one of the places that many want while it waits for one that few want. A rate is the last of a job's own:
 * what it lets in may begin at any moment, and counts as if it did.
 */
const STAGES = [
  "AFFINITY",
  "OVERLAP",
  "KEY_CONCURRENCY",
  "CONCURRENCY",
  "RATE",
  "GROUP_CONCURRENCY",
] as const;
export type GateKind = (typeof STAGES)[number];

/** Kinds whose place a run gives back while it waits for its retry. */
export const COUNTED_KINDS: readonly GateKind[] = [
  "KEY_CONCURRENCY",
  "CONCURRENCY",
  "RATE",
  "GROUP_CONCURRENCY",
];

/**
 * The place of a run at the gate of its group. The gate is not among those that a run names: it is looked up when the
 * run asks, as a pause is, so that a new limit holds for those that wait already. It comes after all others.
 */
export const GROUP_STAGE = 1_000;

/** What a run is held by that stands in line at a gate. */
export const HOLD_OF = {
  AFFINITY: "AFFINITY",
  OVERLAP: "OVERLAP",
  KEY_CONCURRENCY: "CONCURRENCY",
  CONCURRENCY: "CONCURRENCY",
  RATE: "RATE",
  GROUP_CONCURRENCY: "CONCURRENCY",
} as const satisfies Record<GateKind, HoldKind>;

/** A capacity that never fills. */
export const UNLIMITED = 2_147_483_647;

/** A gate of a job, as its version names it. */
export interface JobGate {
  id: number;
  kind: GateKind;
  policy: Exclude<OverlapPolicy, "PARALLEL"> | null;
  /** The path into the input that a run's key is at; null: it has one key for all. */
  keyPath: string | null;
}

/** At most `max` runs go on at once that have the same value at `key` (core/input-key). */
export interface KeyLimit {
  key: string;
  max: number;
}

/** One gate that a run has to pass. */
export interface RunGate {
  gate: number;
  key: string;
  /** In hours: the run goes before those made less than so much later (core/turn.ts). */
  rank: number;
}

/** Runs with the same group and key go one after the other, across jobs (DTF T5). */
export interface Affinity {
  group: string;
  key: string;
}

const AFFINITY_MAX = 200;

/** Throws BAD_INPUT naming the field. */
export function checkAffinity({ group, key }: Affinity, field: string): Affinity {
  for (const [name, text] of Object.entries({ group, key })) {
    if (text === "" || text.length > AFFINITY_MAX) {
      throw badInput(`${field}.${name}`, `must have 1 to ${AFFINITY_MAX} characters`);
    }
    if (text.includes("\0")) throw badInput(`${field}.${name}`, "the character U+0000 cannot be stored");
  }
  return { group, key };
}

const keyOf = ({ group, key }: Affinity): string => JSON.stringify([group, key]);

/** The affinity behind the key of a gate. */
export function affinityOf(key: string | null): Affinity | null {
  if (key === null) return null;
  const [group, own] = JSON.parse(key) as [string, string];
  return { group, key: own };
}

/** Throws BAD_INPUT unless it is a whole number from 1. */
export function checkLimit(limit: number, field: string): number {
  if (Number.isInteger(limit) && limit >= 1 && limit < UNLIMITED) return limit;
  throw badInput(field, `must be a whole number from 1 to ${UNLIMITED - 1}; null means no limit`);
}

/** Throws BAD_INPUT naming the field. */
export function checkKeyLimit({ key, max }: KeyLimit, field: string): KeyLimit {
  return { key: checkInputKey(key, `${field}.key`), max: checkLimit(max, `${field}.max`) };
}

/**
 * The gates of a run in the order of passing; null when it has none, which is what makes it free of charge. Throws
 * BAD_INPUT naming `field` when a gate's key is not in the input (JSON text).
 */
export function gatesOf(
  jobGates: JobGate[],
  priority: number,
  affinity: { gateId: number; value: Affinity } | null,
  input: string | null,
  field: string,
): RunGate[] | null {
  if (jobGates.length === 0 && affinity === null) return null;
  const byPriority = -priority;
  const gates = jobGates.map(({ id, kind, policy, keyPath }) => ({
    kind,
    gate: id,
    key: keyIn(input, keyPath, field),
    rank: COUNTED_KINDS.includes(kind) || policy === "SERIAL_PRIORITY" ? byPriority : 0,
  }));
  if (affinity !== null) {
    gates.push({ kind: "AFFINITY", gate: affinity.gateId, key: keyOf(affinity.value), rank: 0 });
  }
  return gates
    .sort((one, other) => STAGES.indexOf(one.kind) - STAGES.indexOf(other.kind))
    .map(({ gate, key, rank }) => ({ gate, key, rank }));
}

const keyIn = (input: string | null, keyPath: string | null, field: string): string =>
  keyPath === null ? "" : requiredKey(keyPath, input, field, "limited");

/** A run's gates, as JSON text, with the keys that another input gives them. Throws BAD_INPUT as `gatesOf` does. */
export function withInput(
  gates: string | null,
  jobGates: JobGate[],
  input: string | null,
  field: string,
): string | null {
  const keyed = new Map(
    jobGates.flatMap(({ id, keyPath }) => (keyPath === null ? [] : [[id, keyPath] as const])),
  );
  if (gates === null || keyed.size === 0) return gates;
  return JSON.stringify(
    (JSON.parse(gates) as RunGate[]).map((one) => {
      const keyPath = keyed.get(one.gate);
      return keyPath === undefined ? one : { ...one, key: keyIn(input, keyPath, field) };
    }),
  );
}

/** A run's gates, as JSON text, without the overlap policies among `jobGates`; null when none is left. */
export function withoutOverlap(gates: string | null, jobGates: JobGate[]): string | null {
  if (gates === null) return null;
  const overlap = new Set(jobGates.filter(({ kind }) => kind === "OVERLAP").map(({ id }) => id));
  const left = (JSON.parse(gates) as RunGate[]).filter(({ gate }) => !overlap.has(gate));
  return left.length === 0 ? null : JSON.stringify(left);
}
