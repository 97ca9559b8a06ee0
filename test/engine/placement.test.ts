/** Which executor gets which run: designated executors and required labels, without a look at foreign rows. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Rejection } from "../../server/core/rejection.ts";
import type { ClaimedLease } from "../../server/engine/engine.ts";
import { prune } from "../../server/engine/prune.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine & { url: string };
beforeAll(async () => {
  t = await openTestEngine();
  await addJob(t, "plain");
});
afterAll(() => t.close());
afterEach(async () => {
  await t.sql`truncate escapement.ready, escapement.lease, escapement.waiting`;
});

type Requires = { executor?: string; labels?: Record<string, string> };
const start = async (requires?: Requires, more: object = {}) => {
  const [run] = await t.engine.start([
    { namespace: "default", job: "plain", requires: requires ?? null, ...more },
  ]);
  return run?.id as string;
};
const claimAs = (name: string, labels: Record<string, string> = {}, max = 10): Promise<ClaimedLease[]> =>
  t.engine.claim({ namespaceId: 1, executorId: 1, executor: { name, labels }, groups: ["default"], max });
const runsOf = (leases: ClaimedLease[]) => leases.map((lease) => lease.runId);

test("a run for one executor is claimed by that one and nobody else", async () => {
  const run = await start({ executor: "left" });
  expect(await claimAs("right")).toEqual([]);
  expect(await t.claim(10)).toEqual([]);
  expect(runsOf(await claimAs("left"))).toEqual([run]);
});

test("a run that requires labels goes to an executor that has all of them, with these values", async () => {
  const run = await start({ labels: { gpu: "a100", zone: "eu" } });
  expect(await claimAs("one", { gpu: "a100" })).toEqual([]);
  expect(await claimAs("one", { gpu: "h100", zone: "eu" })).toEqual([]);
  expect(runsOf(await claimAs("one", { zone: "eu", gpu: "a100", more: "yes" }))).toEqual([run]);
});

test("an executor takes runs meant for it and for anybody in one order: priority, then the longest ready", async () => {
  const first = await start();
  const second = await start({ executor: "left" });
  const third = await start({ labels: { gpu: "a100" } });
  const urgent = await start({ executor: "left" }, { priority: 9 });
  expect(runsOf(await claimAs("left", { gpu: "a100" }))).toEqual([urgent, first, second, third]);
});

test("a run keeps its executor through release, failure and redrive", async () => {
  const run = await start({ executor: "left" });
  const [released] = await claimAs("left");
  await t.engine.settle([{ leaseId: released?.leaseId ?? "", outcome: "released" }]);
  expect(await claimAs("right")).toEqual([]);
  const [failed] = await claimAs("left");
  await t.engine.settle([
    { leaseId: failed?.leaseId ?? "", outcome: "failed", retry: false, error: { message: "no" } },
  ]);
  await t.engine.redrive(run);
  expect(await claimAs("right")).toEqual([]);
  expect(runsOf(await claimAs("left"))).toEqual([run]);
});

test("the same requirement, in whatever order of labels, is one queue", async () => {
  await start({ labels: { b: "2", a: "1" } });
  await start({ labels: { a: "1", b: "2" } });
  const rows = await t.sql`
    select distinct queue_id from escapement.ready`;
  expect(rows).toHaveLength(1);
});

test("polls share one statement whatever their executors, unless somebody is asked for", async () => {
  await start({ executor: "left" });
  await claimAs("left");
  const found = t.context.catalog.beginLook();
  t.context.catalog.sawWork(found, []);
  const ids = (name: string) => t.context.catalog.queueIds(1, ["default"], undefined, { name, labels: {} });
  expect(ids("left")).toEqual(ids("right"));
  await start({ executor: "left" });
  expect(ids("left")).not.toEqual(ids("right"));
});

test("a queue that wakes while a look is under way stays awake", async () => {
  const found = t.context.catalog.beginLook();
  const run = await start({ executor: "left" });
  t.context.catalog.sawWork(found, []);
  expect(runsOf(await claimAs("left"))).toEqual([run]);
});

test("another server finds the run that asks for an executor when it looks", async () => {
  const other = await openTestEngine(t.url);
  try {
    const run = await start({ executor: "left" });
    const { catalog } = other.context;
    const [row] = await t.sql<{ id: number }[]>`select queue_id as id from escapement.ready`;
    catalog.sawWork(catalog.beginLook(), [row?.id ?? 0]);
    await catalog.refreshQueues();
    const leases = await other.engine.claim({
      namespaceId: 1,
      executorId: 1,
      executor: { name: "left", labels: {} },
      groups: ["default"],
      max: 1,
    });
    expect(runsOf(leases)).toEqual([run]);
  } finally {
    await other.close();
  }
});

test("a name or label that cannot be is refused by its field, and nothing is started", async () => {
  const fieldOf = async (requires: Requires): Promise<unknown> =>
    t.engine
      .start([{ namespace: "default", job: "plain", requires }], { field: "runs" })
      .catch((error: unknown) => (error instanceof Rejection ? [error.code, error.field] : error));
  expect(await fieldOf({ executor: "no blanks" })).toEqual(["BAD_INPUT", "runs[0].executor"]);
  expect(await fieldOf({ labels: { gpu: "x\u0000" } })).toEqual(["BAD_INPUT", "runs[0].requires.gpu"]);
  expect(
    await fieldOf({ labels: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`l${n}`, ""])) }),
  ).toEqual(["BAD_INPUT", "runs[0].requires"]);
  expect(await claimAs("left")).toEqual([]);
});

test("a list of runs, each for another executor, makes its queues in one go", async () => {
  const items = Array.from({ length: 200 }, (_, n) => ({
    namespace: "default",
    job: "plain",
    requires: { executor: `pod-${n}` },
  }));
  const runs = await t.engine.start(items);
  expect(runsOf(await claimAs("pod-199"))).toEqual([runs[199]?.id]);
  expect(runsOf(await claimAs("pod-0"))).toEqual([runs[0]?.id]);
});

test("a queue for an executor goes when nobody has asked for it in a month, and not while a run or a job names it", async () => {
  await start({ executor: "kept" });
  const gone = await start({ executor: "gone" });
  await t.engine.cancel(gone, null);
  const names = async () => {
    const rows = await t.sql<{ name: string | null }[]>`
      select requirement->>'executor' as name from escapement.queue where requirement->>'executor' in ('kept', 'gone')`;
    return rows.map((row) => row.name).sort();
  };
  await prune(t.context);
  expect(await names()).toEqual(["gone", "kept"]);
  await t.sql`update escapement.queue set used_at = escapement.clock() - interval '32 days'`;
  await prune(t.context);
  expect(await names()).toEqual(["kept"]);
  expect(await t.sql`select from escapement.queue where requirement = '{}'`).not.toHaveLength(0);
});
