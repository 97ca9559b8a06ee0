/** Where claims begin to read: nothing that is ready stays unseen below a floor, whatever its priority. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { turnOf } from "../../server/core/turn.ts";
import { createFloors } from "../../server/engine/claim/floors.ts";
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

test("a queue is read whole at first, then from the highest turn taken on, and where higher priorities arrive", () => {
  const START = 1_000_000_000;
  let now = 0;
  const floors = createFloors(() => now);
  const first = floors.ranges([7]);
  expect(first).toEqual({ ranges: { queueIds: [7], since: [-Infinity], until: [Infinity] }, whole: [7] });
  floors.note({
    taken: [
      { queueId: 7, priority: 9, readyAt: START - 50_000 },
      { queueId: 7, priority: 5, readyAt: START - 20_000 },
    ],
    whole: first.whole,
    readAt: START,
    tookMs: 1,
  });
  floors.expect(7, 6);
  floors.expect(7, 2);
  now = 500;
  const { ranges, whole } = floors.ranges([7]);
  expect(whole).toEqual([]);
  const at = (ms: number, priority: number) => turnOf(ms, priority) / 1000;
  expect(ranges.since).toEqual([at(START - 100, 9), at(START - 100, 6), at(START - 20_100, 5)]);
  expect(ranges.until).toEqual([at(START + 1_500, 9), at(START + 1_500, 6), Infinity]);
  now = 1_001;
  expect(floors.ranges([7]).whole).toEqual([7]);
});

test("reading a queue whole costs at most a tenth of the time", () => {
  let now = 0;
  const floors = createFloors(() => now);
  const { whole } = floors.ranges([7]);
  floors.note({ taken: [{ queueId: 7, priority: 5, readyAt: 1 }], whole, readAt: 1, tookMs: 500 });
  now = 4_999;
  expect(floors.ranges([7]).whole).toEqual([]);
  now = 5_001;
  expect(floors.ranges([7]).whole).toEqual([7]);
});

test("with more priorities than it remembers a queue is read whole", () => {
  const floors = createFloors(() => 0);
  const { whole } = floors.ranges([7]);
  const taken = Array.from({ length: 40 }, (_, priority) => ({ queueId: 7, priority, readyAt: 1 }));
  floors.note({ taken, whole, readAt: 1, tookMs: 1 });
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
