/** Nodes that the control plane runs itself: what each does (DolphinScheduler D5-D7). control-input.ts reads them. */
import type { Dependent } from "./dependent.ts";

/** Types of nodes that no worker takes. */
export const CONTROL_TYPES = [
  "workflow",
  "dependent",
  "conditions",
  "switch",
  "dynamic",
  "join",
  "wait",
  "approval",
] as const;
export type ControlType = (typeof CONTROL_TYPES)[number];

export const isControlType = (type: string): type is ControlType =>
  (CONTROL_TYPES as readonly string[]).includes(type);

export type Control =
  /** Runs a job, mostly another workflow, and has its output (D: SUB_PROCESS). The node's input is what it is started with. */
  | { kind: "workflow"; job: string }
  /** Waits until runs of other jobs have succeeded (D5). */
  | ({ kind: "dependent" } & Dependent)
  /** Goes on by what became of nodes before it (D6). */
  | { kind: "conditions"; when: ConditionTree; success: string[]; failure: string[] }
  /** Goes on with the first case whose expression is true (D6). */
  | { kind: "switch"; cases: { when: string; to: string[] }[]; otherwise: string[] }
  /** Runs a job once for each combination of parameters (D7). The node's input is its lists and what all runs share. */
  | { kind: "dynamic"; job: string; filter?: string; maxParallel: number; max: number }
  /** Goes on when all before it have ended, whatever as, and collects their outputs (DTF T7). */
  | { kind: "join" }
  /** Until a time has passed, which the node's input says, or until somebody sends a signal. */
  | { kind: "wait"; signal?: string }
  /** Until a person says yes. */
  | { kind: "approval" };

/** AND and OR over what nodes have ended as. */
export type ConditionTree =
  | { all: ConditionTree[] }
  | { any: ConditionTree[] }
  | { node: string; is: "SUCCEEDED" | "FAILED" | "SKIPPED" };
