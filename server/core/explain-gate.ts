/** What an explanation is made of, and the facts it is made from. */
import type { OverlapPolicy, GateKind as PlaceKind } from "./gate.ts";
import type { Claimant, Requirement } from "./placement.ts";
import type { HoldKind, RunState } from "./run.ts";

export const GATE_KINDS = [
  "TRIGGER",
  "CALENDAR",
  "TIME",
  "RETRY",
  "DEPENDENCY",
  "PAUSED",
  "AFFINITY",
  "OVERLAP",
  "CONCURRENCY",
  "RATE",
  "EXECUTORS",
  "QUEUE",
] as const satisfies readonly (HoldKind | "TRIGGER" | "CALENDAR" | "EXECUTORS" | "QUEUE")[];
export type GateKind = (typeof GATE_KINDS)[number];

export const LINK_KINDS = ["TRIGGER", "RUN", "JOB", "EXECUTOR", "GROUP", "NAMESPACE"] as const;
/** The object a gate is about; groups and namespaces have names only. */
export interface GateLink {
  kind: (typeof LINK_KINDS)[number];
  id: string | null;
  name: string;
}

export interface Gate {
  kind: GateKind;
  passes: boolean;
  /** What holds it, or why it does not: a clause that follows "the run". */
  message: string;
  /** When it opens, if that is known; epoch milliseconds. */
  until: number | null;
  links: GateLink[];
}

/** One of a run's places at gates that let in so many at a time. */
export interface PlaceFacts {
  kind: PlaceKind;
  policy: Exclude<OverlapPolicy, "PARALLEL"> | null;
  capacity: number;
  key: string;
  /** Null and AHEAD: it has not come to this gate yet. */
  state: "AHEAD" | "LINE" | "TAKEN" | null;
  taken: number;
  /** Runs that have its places, the oldest ten at most. */
  heldBy: string[];
  /** Runs in line before it. */
  ahead: number;
  /** Of a rate: the length of its interval. */
  everyMs: number | null;
  /** Of a rate: when it is let in if all before it begin at once; epoch milliseconds. */
  opensAt: number | null;
}

/** An executor of the run's group. */
export interface ExecutorFacts extends Claimant {
  id: number;
  live: boolean;
  /** Null: any. */
  types: string[] | null;
  running: number;
}

export interface RunFacts {
  id: string;
  state: RunState;
  namespace: string;
  now: number;
  job: { id: number; name: string };
  group: string;
  type: string;
  requirement: Requirement;
  /** The trigger that made it. */
  trigger: { id: number; name: string } | null;
  scheduledAt: number;
  wakeAt: number | null;
  wakeKind: "TIME" | "RETRY" | null;
  startedAt: number | null;
  /** Runs it waits for, ten at most, and how many there are. */
  dependencies: { ids: string[]; count: number };
  /** The pause that holds it. */
  pause: { kind: "NAMESPACE" | "GROUP" | "JOB" | "RUN"; by: string; reason: string | null } | null;
  places: PlaceFacts[];
  executors: ExecutorFacts[];
  /** Ready runs of its queue that go first; null unless it is ready. */
  ahead: number | null;
  /** How long runs of its job took of late, in ms. */
  meanMs: number | null;
}

/** Ahead of a run more than this many are not counted. */
export const AHEAD_COUNTED = 10_000;

/** What one kind of gate says of a run; nothing when it does not concern it. */
export type Rule = (run: RunFacts) => Gate[];

export const pass = (kind: GateKind, message: string, links: GateLink[] = []): Gate => ({
  kind,
  passes: true,
  message,
  until: null,
  links,
});
export const block = (
  kind: GateKind,
  message: string,
  links: GateLink[] = [],
  until: number | null = null,
): Gate => ({
  kind,
  passes: false,
  message,
  until,
  links,
});

export const runLink = (id: string): GateLink => ({ kind: "RUN", id, name: id });
export const instant = (at: number): string => new Date(at).toISOString();
export const plural = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? "" : "s"}`;
