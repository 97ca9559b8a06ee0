/** Where claims begin to read: nothing that is ready stays unseen below a floor, whatever its priority. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFloors } from "../../server/engine/floors.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine;
beforeAll(async () => {
  t = await openTestEngine();
  await addJob(t, "plain");
});
afterAll(() => t.close());

const start = async (priority = 5) =>
  (await t.engine.start([{ namespace: "default", job: "plain", priority }]))[0]?.id;
const succeed = (leaseId: string) => t.engine.settle([{ leaseId, outcome: "succeeded" }]);

test("a queue is read whole at first, then from what was taken last on, priority by priority", () => {
  let now = 0;
  const floors = createFloors(() => now);
  const first = floors.ranges([7]);
  expect(first).toEqual({
    ranges: { queueIds: [7], highest: [32_767], lowest: [-32_768], since: [Number.NEGATIVE_INFINITY] },
    whole: [7],
  });
  floors.note(
    [
      { queueId: 7, priority: 9, readyAt: 1_000_000 },
      { queueId: 7, priority: 5, readyAt: 2_000_000 },
    ],
    first.whole,
    1,
  );
  const { ranges, whole } = floors.ranges([7]);
  expect(whole).toEqual([]);
  expect(ranges.highest).toEqual([32_767, 9, 8, 5, 4]);
  expect(ranges.lowest).toEqual([10, 9, 6, 5, -32_768]);
  expect(ranges.since).toEqual([-Infinity, 999.9, -Infinity, 1999.9, -Infinity]);
  now = 1_001;
  expect(floors.ranges([7]).whole).toEqual([7]);
});

test("reading a queue whole costs at most a tenth of the time", () => {
  let now = 0;
  const floors = createFloors(() => now);
  floors.note([], floors.ranges([7]).whole, 500);
  now = 4_999;
  expect(floors.ranges([7]).whole).toEqual([]);
  now = 5_001;
  expect(floors.ranges([7]).whole).toEqual([7]);
});

test("with more priorities than it remembers a queue is read whole", () => {
  const floors = createFloors(() => 0);
  const { whole } = floors.ranges([7]);
  const taken = Array.from({ length: 40 }, (_, priority) => ({ queueId: 7, priority, readyAt: 1 }));
  floors.note(taken, whole, 1);
  expect(floors.ranges([7]).whole).toEqual([7]);
});

test("runs of any priority are seen at once, below and above those taken before", async () => {
  await start(5);
  const [first] = await t.claim();
  for (const priority of [5, 9, 1, 7]) await start(priority);
  const rest = await t.claim(10);
  const rows =
    await t.sql`select priority from escapement.lease where id = any(${rest.map((lease) => lease.runId)}::bigint[])`;
  expect(rows.map((row) => row.priority).sort()).toEqual([1, 5, 7, 9]);
  for (const { leaseId } of [...(first ? [first] : []), ...rest]) await succeed(leaseId);
});

test("a run that is given back is claimed again at once, in its old place", async () => {
  const old = await start();
  const [held] = await t.claim();
  await t.sql`update escapement.lease set ready_at = ready_at - interval '1 hour'`;
  await start();
  const [taken] = await t.claim();
  await t.engine.settle([{ leaseId: held?.leaseId ?? "", outcome: "released" }]);
  const [again] = await t.claim();
  expect(again?.runId).toBe(old);
  for (const lease of [taken, again]) await succeed(lease?.leaseId ?? "");
});

test("a run that becomes ready below the floor unheard of is found within moments", async () => {
  await start();
  const [taken] = await t.claim();
  await start();
  await t.sql`update escapement.ready set ready_at = ready_at - interval '1 hour'`;
  const found: string[] = [];
  await expect
    .poll(async () => {
      found.push(...(await t.claim()).map((lease) => lease.leaseId));
      return found.length;
    })
    .toBe(1);
  for (const leaseId of [taken?.leaseId ?? "", ...found]) await succeed(leaseId);
});
