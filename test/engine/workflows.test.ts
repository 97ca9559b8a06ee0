/** Workflows on the engine: graphs worked off, and what people and failures do to them. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTestEngine, type TestEngine } from "../support/engine.ts";
import { node, own, type Workflows, workflowsOn } from "../support/workflow.ts";

let t: TestEngine;
let flows: Workflows;

beforeAll(async () => {
  t = await openTestEngine();
  flows = workflowsOn(t);
});
afterAll(() => t.close());

test("a diamond is worked off in its order, and its last node's output is the workflow's", async () => {
  await flows.make("diamond", [
    node("a"),
    node("b", ["a"], { input: JSON.stringify({ n: "${nodes.a.output.n}" }) }),
    node("c", ["a"]),
    node("d", ["b", "c"]),
  ]);
  const run = await flows.start("diamond");
  expect(await flows.states(run)).toEqual({ a: "STARTED", b: "PENDING", c: "PENDING", d: "PENDING" });
  expect((await flows.run(run)).state).toBe("RUNNING");
  const worked = await flows.work((key, lease) => {
    if (key === "b") expect(JSON.parse(lease.input ?? "")).toEqual({ n: 7 });
    return { output: key === "a" ? { n: 7 } : key };
  });
  expect(worked).toEqual(["a", "b", "c", "d"]);
  expect(await flows.states(run)).toEqual({ a: "SUCCEEDED", b: "SUCCEEDED", c: "SUCCEEDED", d: "SUCCEEDED" });
  expect(await flows.run(run)).toEqual({ state: "SUCCEEDED", output: { d: "d" }, error: null });
});

test("a failure is the workflow's, and says which node's it is", async () => {
  await flows.make("failing", [node("a"), node("b", ["a"]), node("c")]);
  const run = await flows.start("failing");
  expect(await flows.work((key) => (key === "a" ? { error: "no luck" } : undefined))).toEqual(["a", "c"]);
  expect(await flows.states(run)).toEqual({ a: "FAILED", b: "BLOCKED", c: "SUCCEEDED" });
  const { state, error } = await flows.run(run);
  expect([state, error]).toEqual(["FAILED", { message: 'node "a" failed; a: no luck', type: "NodeFailed" }]);
});

test("a switch goes on by what nodes before it have put out", async () => {
  await flows.make("choosing", [
    node("measure"),
    own("which", ["measure"], "switch", {
      cases: [{ when: "params.size > 10", to: ["big"] }],
      default: ["small"],
    }),
    node("big", ["which"]),
    node("small", ["which"]),
    own("end", ["big", "small"], "join"),
  ]);
  const run = await flows.start("choosing");
  expect(await flows.work((key) => (key === "measure" ? { output: { size: 12 } } : { output: key }))).toEqual(
    ["measure", "big"],
  );
  expect(await flows.states(run)).toMatchObject({ big: "SUCCEEDED", small: "SKIPPED" });
  expect((await flows.run(run)).output).toEqual({
    end: { big: { state: "SUCCEEDED", output: "big" }, small: { state: "SKIPPED" } },
  });
});
