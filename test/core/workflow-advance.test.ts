/** What workflows do next: DolphinScheduler's rules by name, and random graphs against a reference interpreter. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { advance, type Step } from "../../server/core/workflow/advance.ts";
import type { Control } from "../../server/core/workflow/control.ts";
import type { FailureStrategy, Workflow, WorkflowNode } from "../../server/core/workflow/graph.ts";
import { wiringOf } from "../../server/core/workflow/graph.ts";
import { hasPassed, type NodeState } from "../../server/core/workflow/state.ts";
import { type ReferenceNode, referenceFails, referenceRun } from "./workflow-reference.ts";

const task = (key: string, after: string[] = [], more: Partial<WorkflowNode> = {}): WorkflowNode => ({
  key,
  after,
  type: "t",
  ...more,
});
const control = (key: string, after: string[], given: Control): WorkflowNode => ({
  key,
  after,
  type: given.kind,
  control: given,
});
const conditions = (key: string, after: string[], success: string[], failure: string[]): WorkflowNode =>
  control(key, after, {
    kind: "conditions",
    when: { all: after.map((node) => ({ node, is: "SUCCEEDED" as const })) },
    success,
    failure,
  });
const join = (key: string, after: string[]): WorkflowNode => control(key, after, { kind: "join" });
const switching = (key: string, after: string[], then: string[], otherwise: string[]): WorkflowNode =>
  control(key, after, { kind: "switch", cases: [{ when: "true", to: then }], otherwise });

const workflow = (nodes: WorkflowNode[], failureStrategy: FailureStrategy = "CONTINUE"): Workflow => ({
  nodes,
  failureStrategy,
  params: {},
  notify: [],
  timeZone: "UTC",
  defaults: { group: "default", requires: null, retry: null, timeoutMs: 300_000 },
  onTimeout: "FAIL",
});

/** A run in memory: what each node ends as is said by `outcomes`; ends come in an order that `pick` chooses. */
function run(
  given: Workflow,
  outcomes: Record<string, "SUCCEEDED" | "FAILED" | "CANCELLED"> = {},
  choices: Record<string, string[]> = {},
  pick: (running: number[]) => number = (running) => running[0] as number,
) {
  const { nodes } = given;
  const { indexOf } = wiringOf(given);
  const states: NodeState[] = nodes.map(() => "PENDING");
  const chosen = new Map<number, number[]>();
  const started: string[] = [];
  let cancelled = 0;
  for (let rounds = 0; ; rounds++) {
    if (rounds > nodes.length * 3 + 3) throw new Error("it goes on for ever");
    const step: Step = advance(given, {
      states,
      chosen,
      suspended: false,
      cancelled: false,
      failureStrategy: given.failureStrategy,
    });
    for (const { index, state } of step.settle) states[index] = state;
    for (const index of step.start) {
      states[index] = "STARTED";
      started.push(nodes[index]?.key ?? "");
    }
    const running = states.flatMap((state, index) => (state === "STARTED" ? [index] : []));
    if (step.stop) {
      for (const index of running) states[index] = "CANCELLED";
      cancelled += running.length;
      continue;
    }
    if (step.end !== null) {
      const named = Object.fromEntries(nodes.map(({ key }, index) => [key, states[index]]));
      return { states: named, started, cancelled, end: step.end };
    }
    const index = pick(running);
    const node = nodes[index] as WorkflowNode;
    const outcome = outcomes[node.key] ?? "SUCCEEDED";
    states[index] = outcome === "FAILED" && node.onFailure === "IGNORE" ? "IGNORED" : outcome;
    const branches = choices[node.key];
    if (branches && outcome === "SUCCEEDED") {
      chosen.set(
        index,
        branches.map((key) => indexOf.get(key) as number),
      );
    } else if (node.control?.kind === "conditions" && outcome === "SUCCEEDED") {
      const before = wiringOf(given).before[index] ?? [];
      const good = before.every((place) => hasPassed(states[place] as NodeState));
      const keys = good ? node.control.success : node.control.failure;
      chosen.set(
        index,
        keys.map((key) => indexOf.get(key) as number),
      );
    }
  }
}

describe("DolphinScheduler D2", () => {
  const parallel = [task("a"), task("b"), task("a2", ["a"]), task("b2", ["b"])];

  it("CONTINUE: branches that are not behind the failure run on, and the instance fails", () => {
    const { states, end } = run(workflow(parallel), { a: "FAILED" });
    expect(states).toEqual({ a: "FAILED", b: "SUCCEEDED", a2: "BLOCKED", b2: "SUCCEEDED" });
    expect(end).toBe("FAILED");
  });

  it("END: what runs is cancelled, and nothing more starts", () => {
    const { states, started, cancelled, end } = run(workflow(parallel, "END"), { a: "FAILED" });
    expect(states).toEqual({ a: "FAILED", b: "CANCELLED", a2: "PENDING", b2: "PENDING" });
    expect({ started, cancelled, end }).toEqual({ started: ["a", "b"], cancelled: 1, end: "FAILED" });
  });

  it("if all tasks fail, it terminates", () => {
    const { states, end } = run(workflow(parallel), { a: "FAILED", b: "FAILED" });
    expect(states).toEqual({ a: "FAILED", b: "FAILED", a2: "BLOCKED", b2: "BLOCKED" });
    expect(end).toBe("FAILED");
  });

  it("a forbidden node is not run and counts as passed", () => {
    const { states, started } = run(
      workflow([task("a"), task("b", ["a"], { forbidden: true }), task("c", ["b"])]),
    );
    expect(states).toEqual({ a: "SUCCEEDED", b: "PASSED", c: "SUCCEEDED" });
    expect(started).toEqual(["a", "c"]);
  });

  it("a failure that is ignored counts as passed (1A.17)", () => {
    const { states, end } = run(workflow([task("a", [], { onFailure: "IGNORE" }), task("b", ["a"])]), {
      a: "FAILED",
    });
    expect(states).toEqual({ a: "IGNORED", b: "SUCCEEDED" });
    expect(end).toBe("SUCCEEDED");
  });
});

describe("DolphinScheduler D4", () => {
  it("a node is ready when all before it are finished and none failed", () => {
    const diamond = [task("a"), task("b", ["a"]), task("c", ["a"]), task("d", ["b", "c"])];
    expect(run(workflow(diamond)).started).toEqual(["a", "b", "c", "d"]);
    expect(run(workflow(diamond), { c: "FAILED" }).states).toMatchObject({ b: "SUCCEEDED", d: "BLOCKED" });
    expect(run(workflow(diamond), { c: "CANCELLED" }).states).toMatchObject({ d: "BLOCKED" });
  });

  it("skipped and forbidden count as finished", () => {
    const nodes = [
      switching("s", [], ["a"], ["b"]),
      task("a", ["s"]),
      task("b", ["s"]),
      task("f", [], { forbidden: true }),
      task("d", ["a", "b", "f"]),
    ];
    const { states } = run(workflow(nodes), {}, { s: ["a"] });
    expect(states).toEqual({ s: "SUCCEEDED", a: "SUCCEEDED", b: "SKIPPED", f: "PASSED", d: "SUCCEEDED" });
  });

  it("a node is skipped only if all before it are", () => {
    const nodes = [
      switching("s", [], ["a"], ["b"]),
      task("a", ["s"]),
      task("b", ["s"]),
      task("b2", ["b"]),
      task("b3", ["b2"]),
      task("both", ["a", "b3"]),
    ];
    const { states, end } = run(workflow(nodes), {}, { s: ["a"] });
    expect(states).toMatchObject({ b: "SKIPPED", b2: "SKIPPED", b3: "SKIPPED", both: "SUCCEEDED" });
    expect(end).toBe("SUCCEEDED");
  });

  it("a failed node all of whose successors are conditions does not fail the instance", () => {
    const nodes = [
      task("a"),
      conditions("c", ["a"], ["good"], ["bad"]),
      task("good", ["c"]),
      task("bad", ["c"]),
    ];
    const { states, end } = run(workflow(nodes), { a: "FAILED" });
    expect(states).toEqual({ a: "FAILED", c: "SUCCEEDED", good: "SKIPPED", bad: "SUCCEEDED" });
    expect(end).toBe("SUCCEEDED");
    const more = run(workflow([...nodes, task("other", ["a"])]), { a: "FAILED" });
    expect(more).toMatchObject({ states: { other: "BLOCKED", bad: "SUCCEEDED" }, end: "FAILED" });
    expect(run(workflow(nodes, "END"), { a: "FAILED" }).end).toBe("SUCCEEDED");
  });
});

describe("DolphinScheduler D6", () => {
  it("conditions go one way or the other by what became of those before them; the other way is skipped", () => {
    const nodes = [
      task("a"),
      task("b"),
      conditions("c", ["a", "b"], ["good"], ["bad"]),
      task("good", ["c"]),
      task("bad", ["c"]),
      task("end", ["good", "bad"]),
    ];
    expect(run(workflow(nodes)).states).toMatchObject({
      good: "SUCCEEDED",
      bad: "SKIPPED",
      end: "SUCCEEDED",
    });
    expect(run(workflow(nodes), { b: "FAILED" }).states).toMatchObject({ good: "SKIPPED", bad: "SUCCEEDED" });
  });

  it("a switch goes on with what it chose", () => {
    const nodes = [
      switching("s", [], ["a"], ["b", "c"]),
      task("a", ["s"]),
      task("b", ["s"]),
      task("c", ["s"]),
    ];
    expect(run(workflow(nodes), {}, { s: ["b", "c"] }).states).toMatchObject({
      a: "SKIPPED",
      b: "SUCCEEDED",
      c: "SUCCEEDED",
    });
    expect(run(workflow(nodes), { s: "FAILED" }).states).toMatchObject({ a: "BLOCKED", b: "BLOCKED" });
  });
});

describe("a join (DTF T7)", () => {
  it("runs when all before it have ended, successfully or not", () => {
    const nodes = [task("a"), task("b"), join("j", ["a", "b"]), task("after", ["j"])];
    const { states, end } = run(workflow(nodes), { b: "FAILED" });
    expect(states).toEqual({ a: "SUCCEEDED", b: "FAILED", j: "SUCCEEDED", after: "SUCCEEDED" });
    expect(end).toBe("FAILED");
  });

  it("does not run when nothing before it was run", () => {
    const nodes = [task("a"), task("b", ["a"]), join("j", ["b"])];
    expect(run(workflow(nodes), { a: "FAILED" }).states).toMatchObject({ b: "BLOCKED", j: "BLOCKED" });
  });
});

describe("a workflow that somebody stops", () => {
  const given = workflow([task("a"), task("b", ["a"])]);

  it("starts nothing while it is suspended, and goes on afterwards", () => {
    const progress = {
      states: ["SUCCEEDED", "PENDING"] as const,
      chosen: new Map(),
      cancelled: false,
      failureStrategy: "CONTINUE" as const,
    };
    expect(advance(given, { ...progress, suspended: true })).toEqual({
      start: [],
      settle: [],
      stop: false,
      end: null,
    });
    expect(advance(given, { ...progress, suspended: false }).start).toEqual([1]);
  });

  it("cancels what runs, and ends when that has ended", () => {
    const cancelled = {
      chosen: new Map(),
      suspended: false,
      cancelled: true,
      failureStrategy: "CONTINUE" as const,
    };
    expect(advance(given, { ...cancelled, states: ["STARTED", "PENDING"] })).toMatchObject({
      stop: true,
      end: null,
    });
    expect(advance(given, { ...cancelled, states: ["CANCELLED", "PENDING"] })).toMatchObject({
      end: "CANCELLED",
    });
  });
});

/** Acyclic: each node comes after some of those before it in the list. */
const graphs = fc.integer({ min: 1, max: 200 }).chain((size) =>
  fc.array(
    fc.record({
      picks: fc.array(fc.nat(), { maxLength: 4 }),
      kind: fc.constantFrom<ReferenceNode["kind"]>(
        "task",
        "task",
        "task",
        "task",
        "switch",
        "conditions",
        "join",
      ),
      forbidden: fc.integer({ min: 0, max: 19 }).map((n) => n === 0),
      ignoresFailure: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
      outcome: fc
        .integer({ min: 0, max: 7 })
        .map((n) => (n === 0 ? ("FAILED" as const) : ("SUCCEEDED" as const))),
      split: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
    }),
    { minLength: size, maxLength: size },
  ),
);

describe("random graphs of up to 200 nodes", () => {
  it("end with the states of the reference interpreter, in whichever order their runs end", () => {
    fc.assert(
      fc.property(graphs, fc.array(fc.nat(), { minLength: 1, maxLength: 50 }), (drafts, order) => {
        const reference: ReferenceNode[] = drafts.map(({ picks, split: _split, ...rest }, index) => ({
          ...rest,
          key: `n${index}`,
          after: index === 0 ? [] : [...new Set(picks.map((pick) => `n${pick % index}`))],
          branches: { success: [], failure: [] },
        }));
        for (const [index, node] of reference.entries()) {
          // Logic nodes do not fail by themselves here.
          if (node.kind !== "task") node.outcome = "SUCCEEDED";
          const next = reference.filter(({ after }) => after.includes(node.key)).map(({ key }) => key);
          const split = drafts[index]?.split ?? [];
          node.branches = {
            success: next.filter((_, at) => split[at % split.length]),
            failure: next.filter((_, at) => !split[at % split.length]),
          };
        }
        const nodes = reference.map((node): WorkflowNode => {
          const { key, after, forbidden, branches } = node;
          const made =
            node.kind === "switch"
              ? switching(key, after, branches.success, branches.failure)
              : node.kind === "conditions"
                ? conditions(key, after, branches.success, branches.failure)
                : node.kind === "join"
                  ? join(key, after)
                  : task(key, after, node.ignoresFailure ? { onFailure: "IGNORE" } : {});
          return { ...made, forbidden };
        });
        const outcomes = Object.fromEntries(reference.map(({ key, outcome }) => [key, outcome]));
        const choices = Object.fromEntries(
          reference.flatMap(({ key, kind, branches }) =>
            kind === "switch" ? [[key, branches.success]] : [],
          ),
        );
        let turn = 0;
        const pick = (running: number[]) =>
          running[(order[turn++ % order.length] ?? 0) % running.length] as number;
        const { states, end } = run(workflow(nodes), outcomes, choices, pick);
        const expected = referenceRun(reference);
        expect(states).toEqual(Object.fromEntries(expected));
        expect(end).toBe(referenceFails(reference, expected) ? "FAILED" : "SUCCEEDED");
      }),
      { numRuns: 300 },
    );
  });
});
