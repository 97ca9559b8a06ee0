/** The inputs of the control plane's own nodes: their shapes, and what of them is fixed when the workflow is written. */
import { z } from "zod";
import { durationMs } from "../duration.ts";
import { Rejection } from "../rejection.ts";
import { checkZone } from "../schedule/zone.ts";
import type { ConditionTree, Control, ControlType } from "./control.ts";
import { DATE_CYCLES } from "./date-cycle.ts";
import type { DependentTree } from "./dependent.ts";

/** A dynamic node's runs: as many as a start may ask for at once is far too many to look at. */
export const DYNAMIC_MAX = 1_000;
const DYNAMIC_PARALLEL_MAX = 100;
/** A tree that nobody could read any more is a mistake. */
const TREE_ITEMS = 200;

/** What makes one field of the rest, with a sentence for people. */
const checked = <T>(check: (text: string) => T) =>
  z.string().transform((text, context): T => {
    try {
      return check(text);
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });

const duration = checked((text) => durationMs(text));
const zone = checked((text) => {
  checkZone(text);
  return text;
});
const keys = z.array(z.string()).max(TREE_ITEMS);
const branch = z.union([keys, z.string().transform((key) => [key])]);
const name = z.string().min(1).max(128);

function treeOf<Leaf extends z.ZodType>(leaf: Leaf) {
  type Tree = { all: Tree[] } | { any: Tree[] } | z.infer<Leaf>;
  const tree: z.ZodType<Tree> = z.lazy(() =>
    z.union([
      z.strictObject({ all: z.array(tree).min(1).max(TREE_ITEMS) }),
      z.strictObject({ any: z.array(tree).min(1).max(TREE_ITEMS) }),
      leaf,
    ]),
  );
  return tree;
}

const conditionTree: z.ZodType<ConditionTree> = treeOf(
  z.strictObject({
    node: z.string(),
    is: z
      .string()
      .toUpperCase()
      .pipe(z.enum(["SUCCEEDED", "FAILED", "SKIPPED"])),
  }),
);

const dependentTree: z.ZodType<DependentTree> = treeOf(
  z.strictObject({ job: name, node: z.string().optional(), cycle: z.enum(DATE_CYCLES) }),
) as z.ZodType<DependentTree>;

/** Each of a node's own input, `{}` when it has none. */
export const CONTROL_INPUTS = {
  switch: z.strictObject({
    cases: z
      .array(z.strictObject({ when: z.string().min(1), to: branch }))
      .min(1)
      .max(TREE_ITEMS),
    default: branch.default([]),
  }),
  conditions: z.strictObject({
    when: conditionTree,
    success: branch.default([]),
    failure: branch.default([]),
  }),
  dynamic: z.strictObject({
    over: z
      .record(name, z.unknown())
      .refine((over) => Object.keys(over).length > 0, "must name at least one list"),
    input: z.unknown().optional(),
    filter: z.string().min(1).optional(),
    maxParallel: z.int().min(1).max(DYNAMIC_PARALLEL_MAX).default(10),
    max: z.int().min(1).max(DYNAMIC_MAX).default(100),
  }),
  join: z.strictObject({}),
  wait: z
    .strictObject({ for: z.string().optional(), until: z.string().optional(), signal: name.optional() })
    .refine(
      (given) => Object.values(given).filter((value) => value !== undefined).length === 1,
      "give one of for, until and signal",
    ),
  approval: z.strictObject({ message: z.string().max(2_000).optional() }),
  dependent: z.strictObject({
    require: dependentTree,
    timeZone: zone.optional(),
    waitOnFailure: duration.optional(),
    passOutputs: z.boolean().default(false),
  }),
} satisfies Partial<Record<ControlType, z.ZodType>>;

/** What is wrong with a node's input, each with its place in it. */
export interface InputFault {
  path: string;
  message: string;
}

/**
 * Reads a control node's own input. `job` is the node's. What may hold references is left to the input itself, which is
 * resolved when the node starts.
 */
export function readControl(
  type: ControlType,
  job: string | undefined,
  input: unknown,
): { control: Control } | { faults: InputFault[] } {
  const needsJob = type === "workflow" || type === "dynamic";
  if (needsJob && job === undefined)
    return { faults: [{ path: "job", message: `names the job that a ${type} node runs` }] };
  if (!needsJob && job !== undefined) {
    return { faults: [{ path: "job", message: "is for nodes of type workflow and dynamic" }] };
  }
  if (type === "workflow") return { control: { kind: "workflow", job: job ?? "" } };
  const read = CONTROL_INPUTS[type].safeParse(input ?? {});
  if (!read.success) {
    return {
      faults: read.error.issues.map(({ path, message }) => ({
        path: ["input", ...path].join("."),
        message: message.charAt(0).toLowerCase() + message.slice(1),
      })),
    };
  }
  return { control: controlOf(type, job ?? "", read.data) };
}

type Inputs = { [Type in keyof typeof CONTROL_INPUTS]: z.infer<(typeof CONTROL_INPUTS)[Type]> };

function controlOf(type: Exclude<ControlType, "workflow">, job: string, data: unknown): Control {
  const as = <Type extends keyof Inputs>(): Inputs[Type] => data as Inputs[Type];
  switch (type) {
    case "switch": {
      const { cases, default: otherwise } = as<"switch">();
      return { kind: "switch", cases, otherwise };
    }
    case "conditions":
      return { kind: "conditions", ...as<"conditions">() };
    case "dynamic": {
      const { filter, maxParallel, max } = as<"dynamic">();
      return { kind: "dynamic", job, maxParallel, max, ...(filter === undefined ? {} : { filter }) };
    }
    case "wait": {
      const { signal } = as<"wait">();
      return { kind: "wait", ...(signal === undefined ? {} : { signal }) };
    }
    case "dependent": {
      const { require: tree, timeZone, waitOnFailure, passOutputs } = as<"dependent">();
      return {
        kind: "dependent",
        tree,
        passOutputs,
        ...(timeZone === undefined ? {} : { timeZone }),
        ...(waitOnFailure === undefined ? {} : { waitOnFailureMs: waitOnFailure }),
      };
    }
    case "join":
    case "approval":
      return { kind: type };
  }
}
