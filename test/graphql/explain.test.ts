/** `run.explain` on a real server: each reason as it arises, and that what it says comes true. */
import { afterAll, beforeEach, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";

interface Explanation {
  summary: string;
  estimatedStartAt: string | null;
  blocker: { kind: string } | null;
  gates: {
    kind: string;
    verdict: string;
    message: string;
    until: string | null;
    links: { kind: string; id: string | null; name: string }[];
  }[];
}
type Lease = { id: string; run: string };

let server: TestServer | undefined;
let count = 0;
/** A group of its own for each test, so that no executor of another one counts. */
let group = "";
beforeEach(async () => {
  server ??= await startServer();
  group = `group-${++count}`;
});
afterAll(() => server?.close());

const graphql = <T>(query: string, variables?: Record<string, unknown>) =>
  (server as TestServer).graphql<T>(query, variables);
const call = (method: string, path: string, body?: unknown) =>
  (server as TestServer).call(method, path, body);
const explain = async (id: string): Promise<Explanation> => {
  const { run } = await graphql<{ run: { explain: Explanation } }>(
    `query ($id: ID!) { run(id: $id) { explain { summary estimatedStartAt blocker { kind }
      gates { kind verdict message until links { kind id name } } } } }`,
    { id },
  );
  return run.explain;
};
const makeJob = async (more: Record<string, unknown> = {}): Promise<string> => {
  const name = `job-${count}`;
  await graphql("mutation ($input: JobInput!) { createJob(input: $input) { id } }", {
    input: { name, type: "t", group, ...more },
  });
  return name;
};
const start = async (job: string, more: Record<string, unknown> = {}): Promise<string> => {
  const { startRun } = await graphql<{ startRun: { id: string } }>(
    "mutation ($input: StartRunInput!) { startRun(input: $input) { id } }",
    { input: { job, ...more } },
  );
  return startRun.id;
};
const register = (name: string, more: Record<string, unknown> = {}) =>
  call("PUT", `/v1/executors/${name}`, { groups: [group], ...more });
const claim = async (executor: string, max = 1): Promise<Lease[]> => {
  const { body } = await call("POST", "/v1/leases", { executor, groups: [group], max, waitSeconds: 5 });
  return body.leases as unknown as Lease[];
};
const complete = (lease: Lease | undefined) => call("POST", `/v1/leases/${lease?.id}/complete`);

test("a run that nobody could run says so, and goes on when somebody comes", async () => {
  const run = await start(await makeJob());
  expect(await explain(run)).toMatchObject({
    summary: `The run waits for an executor: none has polled group ${group} yet.`,
    blocker: { kind: "EXECUTORS" },
    estimatedStartAt: null,
  });
  await register("here");
  const { blocker, gates, estimatedStartAt } = await explain(run);
  expect(blocker).toBeNull();
  expect(estimatedStartAt).not.toBeNull();
  expect(gates.find(({ kind }) => kind === "EXECUTORS")?.links).toEqual([
    { kind: "GROUP", id: null, name: group },
    { kind: "EXECUTOR", id: expect.stringMatching(/^executor_\d+$/), name: "here" },
  ]);
  const [lease] = await claim("here");
  expect(lease?.run).toBe(run);
  expect((await explain(run)).summary).toBe("The run is running.");
  await complete(lease);
  expect(await explain(run)).toMatchObject({ summary: "The run has ended: SUCCEEDED.", gates: [] });
});

test("what it says of executors is what the claim does: drained, overloaded, of another type, without the labels", async () => {
  const run = await start(await makeJob());
  const reason = async () => (await explain(run)).summary.replace("The run waits for an executor: ", "");
  const gets = async (executor: string): Promise<number> => {
    const { body } = await call("POST", "/v1/leases", { executor, groups: [group], waitSeconds: 0 });
    return (body.leases as unknown as Lease[]).length;
  };
  await register(`x-${count}`, { types: ["other"] });
  expect(await reason()).toBe(`none of the 1 of group ${group} takes type t.`);
  await register(`x-${count}`);
  await graphql(`mutation { drainExecutor(name: "x-${count}") { id } }`);
  expect([await reason(), await gets(`x-${count}`)]).toEqual([`x-${count} is draining.`, 0]);
  await graphql(`mutation { undrainExecutor(name: "x-${count}") { id } }`);
  await register(`x-${count}`, { maxLoad: { memory: 0.5 }, load: { memory: 0.6 } });
  expect([await reason(), await gets(`x-${count}`)]).toEqual([`x-${count} is above its load limit.`, 0]);
  await register(`x-${count}`);
  const picky = await start(`job-${count}`, { requires: { gpu: "a100" } });
  expect((await explain(picky)).summary).toContain(`none of the 1 of group ${group} has the labels gpu=a100`);
  expect((await explain(run)).blocker).toBeNull();
  expect(await gets(`x-${count}`)).toBe(1);
});

test("a run behind others tells its place, and that executors are at capacity", async () => {
  await register(`full-${count}`, { capacity: 1 });
  const job = await makeJob();
  const [first, second, third] = [await start(job), await start(job), await start(job)];
  expect((await explain(third)).summary).toBe("The run is in its queue, with 2 runs before it.");
  const urgent = await start(job, { priority: 9 });
  expect((await explain(first)).summary).toBe("The run is in its queue, with 1 run before it.");
  expect((await explain(urgent)).blocker).toBeNull();
  const [lease] = await claim(`full-${count}`, 5);
  expect(lease?.run).toBe(urgent);
  expect((await explain(second)).summary).toBe(
    `The run is in its queue while full-${count} is at capacity, with 1 run before it.`,
  );
  await complete(lease);
  // One run has been measured: the second from now starts when the first has taken as long.
  const { estimatedStartAt } = await explain(third);
  expect(Date.parse(estimatedStartAt ?? "")).toBeGreaterThan(0);
});

test("time and dependencies come before executors, with links to the runs waited for", async () => {
  const job = await makeJob();
  await register(`w-${count}`);
  const before = await start(job, { delay: "PT1H" });
  const timed = await explain(before);
  expect(timed.blocker).toEqual({ kind: "TIME" });
  expect(timed.estimatedStartAt).toBe(timed.gates.find(({ kind }) => kind === "TIME")?.until);
  const after = await explain(await start(job, { after: [before] }));
  expect(after.summary).toBe(`The run waits for run ${before} to end.`);
  expect(after.gates.find(({ kind }) => kind === "DEPENDENCY")?.links).toEqual([
    { kind: "RUN", id: before, name: before },
  ]);
});

test("affinity, overlap and limits name their holders and count the line", async () => {
  await register(`w-${count}`);
  const job = await makeJob({ maxParallel: 1 });
  const affinity = { group: "customer", key: String(count) };
  const first = await start(job, { affinity });
  await expect.poll(async () => (await explain(first)).blocker).toBeNull();
  const second = await start(job, { affinity });
  const third = await start(job);
  const fourth = await start(job);
  const reasons = await Promise.all([second, third, fourth].map(explain));
  expect(reasons.map(({ summary }) => summary)).toEqual([
    `The run waits for run ${first}, which holds affinity customer ${count}.`,
    `The run waits for a place of ${job}, with 1 of 1 taken.`,
    `The run waits for a place of ${job}, with 1 of 1 taken and 1 run in line before it.`,
  ]);
  expect(reasons[0]?.gates.map(({ kind, verdict }) => `${kind} ${verdict}`)).toEqual([
    "TIME PASS",
    "AFFINITY BLOCK",
    "CONCURRENCY BLOCK",
    "EXECUTORS PASS",
  ]);
  const [lease] = await claim(`w-${count}`);
  expect(lease?.run).toBe(first);
  await complete(lease);
  await expect.poll(async () => (await explain(third)).blocker?.kind).not.toBe("CONCURRENCY");
});

test("a limit per key names the key, how many of it go on, and who they are", async () => {
  await register(`w-${count}`);
  const job = await makeJob({ maxParallel: 5, maxParallelPerKey: { key: "input.customer", max: 2 } });
  const [first, second, third, other] = [
    await start(job, { input: { customer: "acme" } }),
    await start(job, { input: { customer: "acme" } }),
    await start(job, { input: { customer: "acme" } }),
    await start(job, { input: { customer: "other" } }),
  ];
  const { summary, gates } = await explain(third);
  expect(summary).toBe(`The run waits for a place of ${job} for key "acme", with 2 of 2 taken.`);
  expect(gates.filter(({ kind }) => kind === "CONCURRENCY")).toMatchObject([
    {
      verdict: "BLOCK",
      links: [
        { kind: "RUN", id: first },
        { kind: "RUN", id: second },
      ],
    },
    { verdict: "PASS", message: `finds 3 of 5 places of ${job} taken` },
  ]);
  expect((await explain(other)).gates.map(({ message }) => message)).toContain(
    `has one of 2 places of ${job} for key "other"`,
  );
});

test("a group's limit names the group, how many of it go on, and who they are", async () => {
  await register(`w-${count}`);
  const job = await makeJob();
  await graphql(`mutation { updateGroup(name: "${group}", input: { maxParallel: 1 }) { name } }`);
  const [first, second] = [await start(job), await start(job)];
  const { summary, gates } = await explain(second);
  expect(summary).toBe(`The run waits for a place of group ${group}, with 1 of 1 taken.`);
  expect(gates.find(({ kind }) => kind === "CONCURRENCY")?.links).toEqual([
    { kind: "GROUP", id: null, name: group },
    { kind: "RUN", id: first, name: first },
  ]);
  expect((await explain(first)).gates.map(({ message }) => message)).toContain(
    `has one of 1 place of group ${group}`,
  );
});

test("a paused job's run says who paused it and why", async () => {
  await register(`w-${count}`);
  const job = await makeJob();
  await graphql(`mutation { pauseJob(name: "${job}", reason: "new disk") { id } }`);
  const run = await start(job);
  const { summary, gates } = await explain(run);
  expect(summary).toMatch(
    new RegExp(`^The run does not start while job ${job} is paused \\(by .+: new disk\\)\\.$`),
  );
  expect(gates.find(({ kind }) => kind === "PAUSED")?.links).toMatchObject([{ kind: "JOB", name: job }]);
  await graphql(`mutation { resumeJob(name: "${job}") { id } }`);
  await expect.poll(async () => (await explain(run)).blocker).toBeNull();
});

test("a run made by a trigger names it", async () => {
  const job = await makeJob();
  const trigger = `t-${count}`;
  await graphql("mutation ($input: TriggerInput!) { createTrigger(input: $input) { id } }", {
    input: { name: trigger, job, schedule: { fixedRate: { every: "PT1H" } } },
  });
  let id: string | undefined;
  await expect
    .poll(
      async () => {
        const { runs } = await graphql<{ runs: { nodes: { id: string }[] } }>(
          `query ($job: String) { runs(filter: { job: $job }) { nodes { id } } }`,
          { job },
        );
        id = runs.nodes[0]?.id;
        return id;
      },
      { timeout: 10_000 },
    )
    .toBeDefined();
  const { gates } = await explain(id ?? "");
  expect(gates.slice(0, 2).map(({ kind, verdict }) => `${kind} ${verdict}`)).toEqual([
    "TRIGGER PASS",
    "CALENDAR PASS",
  ]);
  expect(gates[0]?.links[0]).toMatchObject({ kind: "TRIGGER", name: trigger });
});
