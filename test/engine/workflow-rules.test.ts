/** DolphinScheduler's rules (SEMANTICS D1 to D9), one test each, named after the rule, on a real engine. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { releaseDue } from "../../server/engine/release.ts";
import { openTestEngine, type TestEngine } from "../support/engine.ts";
import { node, own, type Workflows, workflowsOn } from "../support/workflow.ts";

let t: TestEngine;
let flows: Workflows;
let count = 0;
let name = "";

beforeAll(async () => {
  t = await openTestEngine();
  flows = workflowsOn(t);
});
afterAll(() => t.close());
beforeEach(() => {
  name = `flow-${count++}`;
});

const fails =
  (...keys: string[]) =>
  (key: string) =>
    keys.includes(key) ? { error: `${key} failed` } : { output: key };
/** Lets time holds end that are over `ms` from now. */
const pass = async (ms: number): Promise<void> => {
  await t.sql`update escapement.waiting set wake_at = wake_at - ${ms} * interval '1 millisecond' where wake_at is not null`;
  await releaseDue(t.context);
  await t.engine.conductReady();
};

describe("D1 commands", () => {
  const chain = () => [node("a"), node("b", ["a"]), node("c", ["b"])];

  test("START with start nodes: TASK_ONLY runs just them", async () => {
    await flows.make(name, chain());
    const run = await flows.start(name, undefined, { workflow: { nodes: ["b"], nodeScope: "ONLY" } });
    expect(await flows.work()).toEqual(["b"]);
    expect(await flows.states(run)).toEqual({ a: "PASSED", b: "SUCCEEDED", c: "PASSED" });
    expect((await flows.run(run)).state).toBe("SUCCEEDED");
  });

  test("START with start nodes: TASK_POST runs them and what comes after", async () => {
    await flows.make(name, chain());
    await flows.start(name, undefined, { workflow: { nodes: ["b"], nodeScope: "FORWARD" } });
    expect(await flows.work()).toEqual(["b", "c"]);
  });

  test("START with start nodes: TASK_PRE runs them and what comes before", async () => {
    await flows.make(name, chain());
    await flows.start(name, undefined, { workflow: { nodes: ["b"], nodeScope: "BACKWARD" } });
    expect(await flows.work()).toEqual(["a", "b"]);
  });

  test("START with a node that is not there is refused, and starts nothing", async () => {
    await flows.make(name, chain());
    await expect(flows.start(name, undefined, { workflow: { nodes: ["x"] } })).rejects.toMatchObject({
      code: "BAD_INPUT",
      field: "nodes[0]",
    });
    expect(await flows.work()).toEqual([]);
  });

  test("START_FAILURE_TASK runs the failed nodes and what comes after them, in the same run", async () => {
    await flows.make(name, [...chain(), node("d")]);
    const run = await flows.start(name);
    expect((await flows.work(fails("b"))).sort()).toEqual(["a", "b", "d"]);
    await t.engine.recover(run, "FAILED");
    await t.engine.conductReady();
    expect(await flows.work()).toEqual(["b", "c"]);
    expect((await flows.run(run)).state).toBe("SUCCEEDED");
    expect((await flows.nodeRun(run, "b")).state).toBe("SUCCEEDED");
  });

  test("PAUSE lets running nodes finish and starts none, RECOVER_SUSPENDED goes on", async () => {
    await flows.make(name, chain());
    const run = await flows.start(name);
    const a = await flows.claim();
    await t.engine.suspendRun(run, "somebody", null);
    await flows.settle(a);
    expect(await flows.work()).toEqual([]);
    expect(await flows.states(run)).toEqual({ a: "SUCCEEDED", b: "PENDING", c: "PENDING" });
    expect((await flows.run(run)).state).toBe("RUNNING");
    await t.engine.recover(run, "SUSPENDED");
    expect(await flows.work()).toEqual(["b", "c"]);
    expect((await flows.run(run)).state).toBe("SUCCEEDED");
  });

  test("STOP cancels what runs, and RECOVER_SUSPENDED goes on from there", async () => {
    await flows.make(name, [...chain(), node("d")]);
    const run = await flows.start(name);
    const [a] = await t.claim(1);
    await t.engine.cancel(run, "enough");
    // d was ready and ends at once; a has a worker, which is told.
    expect(await flows.states(run)).toMatchObject({ a: "STARTED", d: "CANCELLED" });
    expect((await flows.run(run)).state).toBe("RUNNING");
    await flows.settle(a as NonNullable<typeof a>);
    expect(await flows.states(run)).toEqual({ a: "CANCELLED", b: "PENDING", c: "PENDING", d: "CANCELLED" });
    expect(await flows.run(run)).toMatchObject({ state: "CANCELLED", error: { message: "enough" } });
    await t.engine.recover(run, "SUSPENDED");
    await t.engine.conductReady();
    expect((await flows.work()).sort()).toEqual(["a", "b", "c", "d"]);
    expect((await flows.run(run)).state).toBe("SUCCEEDED");
  });

  test("REPEAT_RUNNING is a new run from the roots", async () => {
    await flows.make(name, chain());
    const run = await flows.start(name, { n: 1 });
    await flows.work();
    const again = await t.engine.rerun(run);
    await t.engine.conductReady();
    expect(again.id).not.toBe(run);
    expect(await flows.work()).toEqual(["a", "b", "c"]);
  });

  test("EXECUTE_TASK runs one node of an ended instance once more", async () => {
    await flows.make(name, chain());
    const run = await flows.start(name);
    await flows.work(() => ({ output: 1 }));
    await t.engine.executeNode(run, "b", "ONLY");
    await t.engine.conductReady();
    expect(await flows.work(() => ({ output: 2 }))).toEqual(["b"]);
    expect([(await flows.run(run)).state, (await flows.nodeRun(run, "b")).output]).toEqual(["SUCCEEDED", 2]);
    await t.engine.executeNode(run, "b", "FORWARD");
    await t.engine.conductReady();
    expect(await flows.work()).toEqual(["b", "c"]);
  });

  test("FORCED_SUCCESS turns a failed node to success, and its workflow goes on", async () => {
    await flows.make(name, [
      ...chain().slice(0, 2),
      node("c", ["b"], { input: JSON.stringify("${nodes.b.output}") }),
    ]);
    const run = await flows.start(name);
    await flows.work(fails("b"));
    expect((await flows.run(run)).state).toBe("FAILED");
    await t.engine.forceSuccess((await flows.nodeRun(run, "b")).id, '"given"');
    await t.engine.conductReady();
    expect(await flows.work()).toEqual(["c"]);
    expect(await flows.states(run)).toEqual({ a: "SUCCEEDED", b: "FORCED", c: "SUCCEEDED" });
    expect([(await flows.run(run)).state, (await flows.nodeRun(run, "c")).input]).toEqual([
      "SUCCEEDED",
      "given",
    ]);
  });

  test("a command in the wrong state is refused and changes nothing", async () => {
    await flows.make(name, chain());
    const run = await flows.start(name);
    for (const command of [
      () => t.engine.recover(run, "FAILED"),
      () => t.engine.recover(run, "SUSPENDED"),
      () => t.engine.rerun(run),
      () => t.engine.executeNode(run, "a", "ONLY"),
    ]) {
      await expect(command()).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
    }
    await flows.work();
    await expect(t.engine.recover(run, "FAILED")).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
    await expect(t.engine.suspendRun(run, "me", null)).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
    await expect(t.engine.redrive((await flows.nodeRun(run, "a")).id)).rejects.toMatchObject({
      code: "ILLEGAL_STATE",
    });
  });
});

describe("D2 workflows and their nodes", () => {
  test("priority of the instance comes before that of its nodes", async () => {
    await flows.make(`${name}-low`, [node("x", [], { priority: 9 })], {}, { priority: 5 });
    await flows.make(`${name}-high`, [node("y", [], { priority: 1 })], {}, { priority: 6 });
    await flows.start(`${name}-low`);
    await flows.start(`${name}-high`);
    expect(await flows.work()).toEqual(["y", "x"]);
  });

  test("among nodes that can start at once, the more important one does first", async () => {
    await flows.make(name, [node("a", [], { priority: 2 }), node("b"), node("c", [], { priority: 8 })]);
    await flows.start(name);
    expect(await flows.work()).toEqual(["c", "b", "a"]);
  });

  test("CONTINUE: branches not behind the failure run on, and the instance fails", async () => {
    await flows.make(name, [node("a"), node("b"), node("c", ["b"]), node("d", ["a"])]);
    const run = await flows.start(name);
    expect(await flows.work(fails("a"))).toEqual(["a", "b", "c"]);
    expect((await flows.run(run)).state).toBe("FAILED");
  });

  test("END: a failure cancels the rest", async () => {
    await flows.make(name, [node("a"), node("b"), node("c", ["b"])], { failureStrategy: "END" });
    const run = await flows.start(name);
    expect(await flows.work(fails("a"))).toEqual(["a"]);
    expect(await flows.states(run)).toEqual({ a: "FAILED", b: "CANCELLED", c: "PENDING" });
    expect((await flows.run(run)).state).toBe("FAILED");
  });

  test("all nodes failed: the workflow ends", async () => {
    await flows.make(name, [node("a"), node("b")]);
    const run = await flows.start(name);
    await flows.work(fails("a", "b"));
    expect(await flows.run(run)).toMatchObject({
      state: "FAILED",
      error: { message: '2 nodes failed: "a", "b"; a: a failed' },
    });
  });

  test("a start may ask for another failure strategy", async () => {
    await flows.make(name, [node("a"), node("b")]);
    const run = await flows.start(name, undefined, { workflow: { failureStrategy: "END" } });
    expect(await flows.work(fails("a"))).toEqual(["a"]);
    expect(await flows.states(run)).toMatchObject({ b: "CANCELLED" });
  });

  test("retries: a node that is tried again does not fail the workflow before they are used up", async () => {
    await flows.make(name, [
      node("a", [], { retry: { fixed: { delay: "PT1M", max: 1 } } }),
      node("b", ["a"]),
    ]);
    const run = await flows.start(name);
    expect(await flows.work(fails("a"))).toEqual(["a"]);
    expect(await flows.states(run)).toEqual({ a: "STARTED", b: "PENDING" });
    await pass(60_000);
    expect(await flows.work()).toEqual(["a", "b"]);
  });

  test("a FORBIDDEN node is not run and counts as passed", async () => {
    await flows.make(name, [node("a"), node("b", ["a"], { forbidden: true }), node("c", ["b"])]);
    const run = await flows.start(name);
    expect(await flows.work()).toEqual(["a", "c"]);
    expect(await flows.states(run)).toMatchObject({ b: "PASSED" });
  });

  test("a failure that is ignored counts as passed", async () => {
    await flows.make(name, [node("a", [], { onFailure: "IGNORE" }), node("b", ["a"])]);
    const run = await flows.start(name);
    expect(await flows.work(fails("a"))).toEqual(["a", "b"]);
    expect([await flows.states(run), (await flows.run(run)).state]).toEqual([
      { a: "IGNORED", b: "SUCCEEDED" },
      "SUCCEEDED",
    ]);
  });

  test("delay: a node starts so long after it could", async () => {
    await flows.make(name, [node("a"), node("b", ["a"], { delay: "PT10M" })]);
    await flows.start(name);
    expect(await flows.work()).toEqual(["a"]);
    await pass(599_000);
    expect(await flows.work()).toEqual([]);
    await pass(1_000);
    expect(await flows.work()).toEqual(["b"]);
  });

  test("timeout FAILED: a workflow that runs too long is stopped, and has failed", async () => {
    await flows.make(name, [node("a"), node("b", ["a"])], { timeout: "PT1H" });
    const run = await flows.start(name);
    const a = await flows.claim();
    await t.sql`update escapement.lease set started_at = started_at - interval '61 min' where id = ${run}`;
    await t.engine.sweepWorkflows();
    expect((await flows.run(run)).state).toBe("RUNNING");
    await flows.settle(a);
    expect(await flows.run(run)).toMatchObject({ state: "FAILED", error: { type: "TimedOut" } });
    expect(await flows.work()).toEqual([]);
  });

  test("timeout WARN: somebody is told, once, and it goes on", async () => {
    await flows.make(`${name}-tell`, [node("told")]);
    await flows.make(name, [node("a", [], { timeout: "PT1H", onTimeout: "WARN" })], {
      notify: [{ on: ["TIMEOUT"], job: `${name}-tell` }],
    });
    const run = await flows.start(name);
    const a = await flows.claim();
    await t.sql`update escapement.lease set started_at = started_at - interval '61 min' where id = ${a.runId}`;
    await t.engine.sweepWorkflows();
    await t.engine.sweepWorkflows();
    await t.engine.conductReady();
    const told: unknown[] = [];
    await flows.work(() => undefined);
    const rows = await t.sql<{ input: string }[]>`
      select r.input from escapement.run r join escapement.job j on j.id = r.job_id where j.name = ${`${name}-tell`}`;
    told.push(...rows.map(({ input }) => JSON.parse(input)));
    expect(told).toEqual([expect.objectContaining({ event: "TIMEOUT", run, workflow: name, node: "a" })]);
    await flows.settle(a);
    expect((await flows.run(run)).state).toBe("SUCCEEDED");
  });

  test("dry run: the states are walked through and nothing is run", async () => {
    await flows.make(name, [
      node("a"),
      own("choose", ["a"], "switch", { cases: [{ when: "params.n > 1", to: ["b"] }], default: ["c"] }),
      node("b", ["choose"]),
      node("c", ["choose"]),
    ]);
    const run = await flows.start(name, { n: 2 }, { workflow: { dryRun: true } });
    expect(await flows.work()).toEqual([]);
    expect(await flows.states(run)).toEqual({
      a: "SUCCEEDED",
      choose: "SUCCEEDED",
      b: "SUCCEEDED",
      c: "SKIPPED",
    });
    expect((await flows.run(run)).state).toBe("SUCCEEDED");
  });

  test("task cache: the same node with the same input is answered with what it led to", async () => {
    await flows.make(name, [node("a", [], { cache: true, input: JSON.stringify({ day: "${params.day}" }) })]);
    await flows.start(name, { day: 1 });
    expect(await flows.work(() => ({ output: { rows: 3 } }))).toEqual(["a"]);
    const again = await flows.start(name, { day: 1 });
    expect(await flows.work()).toEqual([]);
    expect(await flows.run(again)).toMatchObject({ state: "SUCCEEDED", output: { a: { rows: 3 } } });
    await flows.start(name, { day: 2 });
    expect(await flows.work()).toEqual(["a"]);
  });

  test("notification: of success, failure and a failed node, to a job of one's own", async () => {
    await flows.make(`${name}-tell`, [node("told")]);
    const notify = [
      {
        on: ["STARTED" as const, "SUCCEEDED" as const, "FAILED" as const, "NODE_FAILED" as const],
        job: `${name}-tell`,
      },
    ];
    await flows.make(name, [node("a")], { notify });
    const good = await flows.start(name);
    await flows.work();
    const bad = await flows.start(name);
    await flows.work(fails("a"));
    const rows = await t.sql<{ input: string }[]>`
      select r.input from escapement.run r join escapement.job j on j.id = r.job_id where j.name = ${`${name}-tell`} order by r.id`;
    expect(
      rows.map(({ input }) => JSON.parse(input)).map(({ event, run, node: key }) => [event, run, key]),
    ).toEqual([
      ["STARTED", good, undefined],
      ["SUCCEEDED", good, undefined],
      ["STARTED", bad, undefined],
      ["NODE_FAILED", bad, "a"],
      ["FAILED", bad, undefined],
    ]);
  });
});

describe("D3 overlap", () => {
  test("SERIAL_WAIT: the next instance begins when the one before has ended", async () => {
    await flows.make(name, [node("a")], {}, { overlap: "SERIAL_WAIT" });
    const [first, second] = [await flows.start(name), await flows.start(name)];
    expect([(await flows.run(first)).state, (await flows.run(second)).state]).toEqual(["RUNNING", "WAITING"]);
    await flows.settle(await flows.claim());
    await t.engine.conductReady();
    await expect.poll(async () => (await flows.run(second)).state).not.toBe("WAITING");
    await t.engine.conductReady();
    expect(await flows.work()).toEqual(["a"]);
  });

  test("SERIAL_DISCARD: the newcomer ends", async () => {
    await flows.make(name, [node("a")], {}, { overlap: "SERIAL_DISCARD" });
    await flows.start(name);
    const second = await flows.start(name);
    expect((await flows.run(second)).state).toBe("SKIPPED");
    await flows.work();
  });

  test("SERIAL_REPLACE: the running one is cancelled with its nodes, and the newcomer starts", async () => {
    await flows.make(name, [node("a")], {}, { overlap: "SERIAL_REPLACE" });
    const first = await flows.start(name);
    const second = await flows.start(name);
    await expect.poll(async () => (await flows.run(first)).state).toBe("CANCELLED");
    await expect.poll(async () => (await flows.run(second)).state).not.toBe("WAITING");
    await t.engine.conductReady();
    expect(await flows.work()).toEqual(["a"]);
    expect((await flows.run(second)).state).toBe("SUCCEEDED");
  });
});

describe("D4 the graph", () => {
  test("a node is skipped only if all before it are", async () => {
    await flows.make(name, [
      own("s", [], "switch", { cases: [{ when: "true", to: ["a"] }], default: ["b"] }),
      node("a", ["s"]),
      node("b", ["s"]),
      node("c", ["b"]),
      node("d", ["a", "c"]),
    ]);
    const run = await flows.start(name);
    expect(await flows.work()).toEqual(["a", "d"]);
    expect(await flows.states(run)).toMatchObject({ b: "SKIPPED", c: "SKIPPED", d: "SUCCEEDED" });
  });

  test("a failed node whose successors are all CONDITIONS does not fail the instance", async () => {
    await flows.make(name, [
      node("a"),
      own("ok", ["a"], "conditions", {
        when: { node: "a", is: "SUCCEEDED" },
        success: ["yes"],
        failure: ["no"],
      }),
      node("yes", ["ok"]),
      node("no", ["ok"]),
    ]);
    const run = await flows.start(name);
    expect(await flows.work(fails("a"))).toEqual(["a", "no"]);
    expect([await flows.states(run), (await flows.run(run)).state]).toEqual([
      { a: "FAILED", ok: "SUCCEEDED", yes: "SKIPPED", no: "SUCCEEDED" },
      "SUCCEEDED",
    ]);
  });
});

describe("D5 dependent nodes", () => {
  const dependent = (cycle: string, more: object = {}) =>
    own("wait", [], "dependent", { require: { job: `${name}-up`, cycle }, ...more });

  test("it waits for a success within the cycle, and checks again", async () => {
    await flows.make(`${name}-up`, [node("load")]);
    await flows.make(name, [dependent("today", { passOutputs: true }), node("after", ["wait"])]);
    const run = await flows.start(name);
    expect(await flows.states(run)).toEqual({ wait: "STARTED", after: "PENDING" });
    await flows.start(`${name}-up`);
    await flows.work(() => ({ output: { rows: 4 } }));
    await t.engine.checkDependents();
    expect(await flows.work()).toEqual(["after"]);
    expect((await flows.nodeRun(run, "wait")).output).toEqual({ load: { rows: 4 } });
  });

  test("a failure of it fails the node, at once or after a while", async () => {
    await flows.make(`${name}-up`, [node("load")]);
    await flows.make(name, [dependent("today")]);
    await flows.make(`${name}-patient`, [dependent("today", { waitOnFailure: "PT1H" })]);
    await flows.start(`${name}-up`);
    await flows.work(fails("load"));
    const [run, patient] = [await flows.start(name), await flows.start(`${name}-patient`)];
    expect((await flows.run(run)).state).toBe("FAILED");
    expect((await flows.run(patient)).state).toBe("RUNNING");
    await flows.start(`${name}-up`);
    await flows.work();
    await t.engine.checkDependents();
    expect((await flows.run(patient)).state).toBe("SUCCEEDED");
  });

  test("one node of it may be enough", async () => {
    await flows.make(`${name}-up`, [node("load"), node("more", ["load"])]);
    await flows.make(name, [
      own("wait", [], "dependent", { require: { job: `${name}-up`, node: "load", cycle: "today" } }),
    ]);
    await flows.start(`${name}-up`);
    await flows.settle(await flows.claim());
    const run = await flows.start(name);
    expect((await flows.run(run)).state).toBe("SUCCEEDED");
    await flows.work();
  });

  test("dependence on itself succeeds on the first instance, then waits for the one before", async () => {
    await flows.make(name, [
      own("wait", [], "dependent", { require: { job: name, cycle: "last1Days" } }),
      node("a", ["wait"]),
    ]);
    const first = await flows.start(name);
    expect(await flows.work()).toEqual(["a"]);
    expect((await flows.run(first)).state).toBe("SUCCEEDED");
    const second = await flows.start(name);
    expect((await flows.run(second)).state).toBe("RUNNING");
    await t.engine.cancel(second, null);
    expect((await flows.run(second)).state).toBe("CANCELLED");
  });
});

describe("D6 branches", () => {
  test("CONDITIONS: AND and OR over the states of those before it", async () => {
    await flows.make(name, [
      node("a"),
      node("b"),
      own("both", ["a", "b"], "conditions", {
        when: {
          all: [
            { node: "a", is: "SUCCEEDED" },
            {
              any: [
                { node: "b", is: "failed" },
                { node: "b", is: "skipped" },
              ],
            },
          ],
        },
        success: "yes",
        failure: "no",
      }),
      node("yes", ["both"]),
      node("no", ["both"]),
    ]);
    await flows.start(name);
    expect(await flows.work(fails("b"))).toEqual(["a", "b", "yes"]);
  });

  test("SWITCH: the first case that holds, else the default; unchosen branches are skipped", async () => {
    await flows.make(name, [
      own("s", [], "switch", {
        cases: [
          { when: "params.n > 10", to: ["a"] },
          { when: "params.n > 5", to: ["b"] },
        ],
        default: ["c"],
      }),
      node("a", ["s"]),
      node("b", ["s"]),
      node("c", ["s"]),
    ]);
    const which = async (n: number): Promise<string[]> => {
      await flows.start(name, { n });
      return await flows.work();
    };
    expect([await which(11), await which(7), await which(1)]).toEqual([["a"], ["b"], ["c"]]);
  });

  test("an expression that cannot be evaluated fails its node, and says why", async () => {
    await flows.make(name, [
      own("s", [], "switch", { cases: [{ when: "params.n > 10", to: ["a"] }], default: ["a"] }),
      node("a", ["s"]),
    ]);
    const run = await flows.start(name, {});
    expect([(await flows.run(run)).state, (await flows.nodeRun(run, "s")).error?.message]).toEqual([
      "FAILED",
      expect.stringContaining("input.cases[0].when"),
    ]);
  });
});

describe("D7 dynamic nodes", () => {
  const dynamic = (more: object = {}, node_: object = {}) =>
    own(
      "each",
      [],
      "dynamic",
      { over: { day: [1, 2], city: ["a", "b"] }, ...more },
      { job: `${name}-one`, ...node_ },
    );

  test("one run for each combination, so many at a time, and their outputs together", async () => {
    await flows.make(`${name}-one`, [
      node("work", [], { input: JSON.stringify({ day: "${params.day}", city: "${params.city}" }) }),
    ]);
    await flows.make(name, [dynamic({ maxParallel: 3 })]);
    const run = await flows.start(name);
    await t.engine.conductReady();
    const running = await t.sql`
      select from escapement.lease l join escapement.job j on j.id = l.job_id where j.name = ${`${name}-one`}`;
    expect(running).toHaveLength(3);
    expect(
      await flows.work((_key, { input }) => ({ output: Object.values(JSON.parse(input ?? "")).join("") })),
    ).toHaveLength(4);
    expect((await flows.run(run)).output).toEqual({
      each: [
        { dynParams: { day: 1, city: "a" }, outputValue: { work: "1a" }, mappedTimes: 1 },
        { dynParams: { day: 1, city: "b" }, outputValue: { work: "1b" }, mappedTimes: 2 },
        { dynParams: { day: 2, city: "a" }, outputValue: { work: "2a" }, mappedTimes: 3 },
        { dynParams: { day: 2, city: "b" }, outputValue: { work: "2b" }, mappedTimes: 4 },
      ],
    });
  });

  test("a filter leaves combinations out, and max bounds what is left", async () => {
    await flows.make(`${name}-one`, [node("work")]);
    await flows.make(name, [dynamic({ filter: "params.day == 2 && params.city == 'b'" })]);
    await flows.make(`${name}-many`, [dynamic({ max: 3 })]);
    const run = await flows.start(name);
    expect(await flows.work()).toEqual(["work"]);
    expect((await flows.run(run)).state).toBe("SUCCEEDED");
    const many = await flows.start(`${name}-many`);
    expect((await flows.nodeRun(many, "each")).error?.message).toContain("more than 3 combinations");
  });

  test("it succeeds only if all do", async () => {
    await flows.make(`${name}-one`, [node("work")]);
    await flows.make(name, [dynamic({ maxParallel: 1 })]);
    const run = await flows.start(name);
    let n = 0;
    expect(await flows.work(() => (n++ === 1 ? { error: "no" } : undefined))).toEqual(["work", "work"]);
    expect([(await flows.run(run)).state, (await flows.nodeRun(run, "each")).error?.message]).toEqual([
      "FAILED",
      expect.stringContaining("runs did not succeed"),
    ]);
  });
});

describe("sub-workflows", () => {
  test("one runs as a node, with parameters in and its output back", async () => {
    await flows.make(`${name}-sub`, [node("in", [], { input: JSON.stringify("${params.n}") })], {
      output: JSON.stringify({ doubled: "${nodes.in.output}" }),
    });
    await flows.make(name, [
      own("sub", [], "workflow", { n: 21 }, { job: `${name}-sub` }),
      node("after", ["sub"], { input: JSON.stringify("${nodes.sub.output.doubled}") }),
    ]);
    const run = await flows.start(name);
    expect(
      await flows.work((key, { input }) => ({ output: key === "in" ? 2 * Number(input) : Number(input) })),
    ).toEqual(["in", "after"]);
    expect((await flows.run(run)).output).toEqual({ after: 42 });
  });

  test("its failure is the node's; cancelling the outer one cancels it", async () => {
    await flows.make(`${name}-sub`, [node("in")]);
    await flows.make(name, [own("sub", [], "workflow", undefined, { job: `${name}-sub` })]);
    const failing = await flows.start(name);
    await flows.work(fails("in"));
    expect(await flows.run(failing)).toMatchObject({ state: "FAILED" });
    const cancelled = await flows.start(name);
    await t.engine.conductReady();
    await t.engine.cancel(cancelled, null);
    expect((await flows.run(cancelled)).state).toBe("CANCELLED");
    expect(await flows.work()).toEqual([]);
  });

  test("suspending the outer one suspends it, resuming wakes it", async () => {
    await flows.make(`${name}-sub`, [node("in"), node("out", ["in"])]);
    await flows.make(name, [own("sub", [], "workflow", undefined, { job: `${name}-sub` })]);
    const run = await flows.start(name);
    await t.engine.conductReady();
    await t.engine.suspendRun(run, "me", null);
    expect(await flows.work()).toEqual(["in"]);
    await t.engine.resumeRun(run);
    expect(await flows.work()).toEqual(["out"]);
    expect((await flows.run(run)).state).toBe("SUCCEEDED");
  });

  test("one whose job is not there fails, and says so", async () => {
    await flows.make(name, [own("sub", [], "workflow", undefined, { job: "nowhere" })]);
    const run = await flows.start(name);
    await t.engine.repairWorkflows();
    expect([(await flows.run(run)).state, (await flows.nodeRun(run, "sub")).error?.message]).toEqual([
      "FAILED",
      expect.stringContaining('job "nowhere" cannot be started'),
    ]);
  });
});

describe("D8 parameters", () => {
  test("start-up comes before local, that before upstream, that before global", async () => {
    await flows.make(
      name,
      [
        node("first"),
        node("second", ["first"], {
          params: JSON.stringify({ b: "local", c: "local" }),
          input: JSON.stringify(["${a}", "${b}", "${c}", "${d}", "${e}"]),
        }),
      ],
      { params: JSON.stringify({ a: "global", b: "global", c: "global", d: "global", e: "global" }) },
    );
    const run = await flows.start(name, { a: "startup", b: "startup" });
    await flows.work((key) => (key === "first" ? { output: { a: "up", c: "up", d: "up" } } : undefined));
    expect((await flows.nodeRun(run, "second")).input).toEqual([
      "startup",
      "startup",
      "local",
      "up",
      "global",
    ]);
  });

  test("what a node puts out is handed on past those in between, and the nearest counts", async () => {
    await flows.make(name, [
      node("a"),
      node("b", ["a"]),
      node("skipped", ["b"], { forbidden: true }),
      node("c", ["skipped"], { input: JSON.stringify("${x} ${y}") }),
    ]);
    const run = await flows.start(name);
    await flows.work((key) => ({ output: key === "a" ? { x: 1, y: 1 } : key === "b" ? { y: 2 } : null }));
    expect((await flows.nodeRun(run, "c")).input).toBe("1 2");
  });

  test("times are computed from the schedule time, in the workflow's zone", async () => {
    await flows.make(
      name,
      [node("a", [], { input: JSON.stringify("$[yyyy-MM-dd HH] ${system.biz.date}") })],
      {
        timeZone: "Asia/Tokyo",
      },
    );
    const run = await flows.start(name, undefined, { nominalAt: Date.parse("2026-03-01T20:30:00Z") });
    await flows.work();
    expect((await flows.nodeRun(run, "a")).input).toBe("2026-03-02 05 20260301");
  });

  test("a reference without a value fails its node before anything is run", async () => {
    await flows.make(name, [node("a", [], { input: JSON.stringify("${params.missing}") }), node("b", ["a"])]);
    const run = await flows.start(name);
    expect(await flows.work()).toEqual([]);
    expect([await flows.states(run), (await flows.nodeRun(run, "a")).error?.message]).toEqual([
      { a: "FAILED", b: "BLOCKED" },
      expect.stringContaining("${params.missing} has no value"),
    ]);
  });
});

describe("waiting", () => {
  test("a WAIT for a time passes when it has come", async () => {
    await flows.make(name, [own("w", [], "wait", { for: "PT1H" }), node("a", ["w"])]);
    await flows.start(name);
    expect(await flows.work()).toEqual([]);
    await pass(3_600_000);
    expect(await flows.work()).toEqual(["a"]);
  });

  test("a WAIT for a signal passes when that is sent, before or after", async () => {
    await flows.make(name, [
      own("w", [], "wait", { signal: "go" }),
      node("a", ["w"]),
      own("w2", ["a"], "wait", { signal: "go" }),
    ]);
    const run = await flows.start(name);
    expect(await flows.work()).toEqual([]);
    await t.engine.signalRun(run, { name: "other", payload: null, by: "me" });
    expect(await flows.work()).toEqual([]);
    await t.engine.signalRun(run, { name: "go", payload: '{"by": "mail"}', by: "me" });
    expect(await flows.work()).toEqual(["a"]);
    expect([(await flows.run(run)).state, (await flows.nodeRun(run, "w")).output]).toEqual([
      "SUCCEEDED",
      { by: "mail" },
    ]);
    await expect(t.engine.signalRun(run, { name: "go", payload: null, by: "me" })).rejects.toMatchObject({
      code: "ILLEGAL_STATE",
    });
  });

  test("an APPROVAL waits for a person, who says yes or no", async () => {
    await flows.make(name, [
      own("ask", [], "approval", { message: "Deploy ${params.version}?" }),
      node("a", ["ask"]),
    ]);
    const run = await flows.start(name, { version: "1.2" });
    const asked = await flows.nodeRun(run, "ask");
    expect([asked.state, asked.input]).toEqual(["RUNNING", { message: "Deploy 1.2?" }]);
    await t.engine.answerApproval(asked.id, { approved: true, comment: "fine", by: "ann" });
    expect(await flows.work()).toEqual(["a"]);
    expect((await flows.nodeRun(run, "ask")).output).toEqual({ approved: true, by: "ann", comment: "fine" });
    const other = await flows.start(name, { version: "1.3" });
    await t.engine.answerApproval((await flows.nodeRun(other, "ask")).id, {
      approved: false,
      comment: null,
      by: "bob",
    });
    expect(await flows.run(other)).toMatchObject({ state: "FAILED" });
    await expect(
      t.engine.answerApproval(asked.id, { approved: true, comment: null, by: "ann" }),
    ).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
  });

  test("a node that waits for too long fails", async () => {
    await flows.make(name, [own("ask", [], "approval", undefined, { timeout: "P1D" })]);
    const run = await flows.start(name);
    await t.sql`update escapement.lease set started_at = started_at - interval '25 h' where id = ${(await flows.nodeRun(run, "ask")).id}`;
    await t.engine.sweepWorkflows();
    expect(await flows.run(run)).toMatchObject({
      state: "FAILED",
      error: { message: expect.stringContaining("timeout") },
    });
  });
});

test("a secret is named by the workflow's author alone, and kept nowhere", async () => {
  await flows.make(name, [
    node("a", [], { input: JSON.stringify({ key: "${secrets.key}", sly: "${params.sly}" }) }),
    node("b", [], { input: JSON.stringify({ sly: "${params.sly}" }) }),
  ]);
  const sly = "${secrets.key} $${secrets.key}";
  const run = await flows.start(name, { sly });
  const inputs = await t.sql<{ input: string }[]>`
    select input from escapement.ready where parent_id = ${run} order by id`;
  expect(inputs.map(({ input }) => JSON.parse(input))).toEqual([
    { key: "${secrets.key}", sly: "$${secrets.key} $$$${secrets.key}" },
    { sly: "$${secrets.key} $$$${secrets.key}" },
  ]);
  await flows.work();
});

test("an expression may walk over all nodes that have ended", async () => {
  await flows.make(name, [
    node("a", [], { onFailure: "IGNORE" }),
    node("b", ["a"]),
    own("s", ["b"], "switch", {
      cases: [{ when: 'states.exists(key, states[key] == "FAILED")', to: ["c"] }],
      default: ["d"],
    }),
    node("c", ["s"]),
    node("d", ["s"]),
  ]);
  await flows.start(name);
  expect(await flows.work(fails("a"))).toEqual(["a", "b", "c"]);
});
