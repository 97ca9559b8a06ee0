/** Runs that are born leased: what a parked poll gets by the statement that starts them, and what it does not. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { ClaimedLease, Reservation } from "../../server/engine/engine.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine;
/** What each reserved poll was answered with, in order. */
let answers: ClaimedLease[][];
const plain = { namespace: "default", job: "plain" };

beforeAll(async () => {
  t = await openTestEngine();
  await addJob(t, "plain");
});
afterAll(() => t.close());
beforeEach(() => {
  answers = [];
  t.changes.length = 0;
});

/** Parks polls that have room for so many runs each; each is reserved once. */
function park(...rooms: number[]): void {
  const waiting = rooms.map((room, at): Reservation => {
    const poll = { namespaceId: 1, executorId: 1, groups: ["default"], max: room, requestId: `r${at}` };
    return { poll, room, answer: (leases) => answers.push(leases) };
  });
  t.engine.handOverTo(async () => waiting.splice(0));
}

const runsOf = (leases: ClaimedLease[] | undefined) => leases?.map((lease) => lease.runId);

test("a run that a poll waits for is born leased, whole and settleable", async () => {
  park(1);
  const [run] = await t.engine.start([{ ...plain, input: '{"a":"\\"é"}', tags: ["x"] }]);
  expect(run?.state).toBe("RUNNING");
  const [lease] = answers[0] ?? [];
  expect(lease).toMatchObject({ runId: run?.id, job: "plain", attempt: 1, fence: 1, input: '{"a":"\\"é"}' });
  const [row] = await t.sql`
    select r.state, r.tags, l.request_id as "requestId" from escapement.run r join escapement.lease l using (id)
    where id = ${run?.id ?? ""}`;
  expect(row).toMatchObject({ state: "RUNNING", tags: ["x"], requestId: "r0" });
  expect(t.changes.map((change) => change.kind === "run" && change.state)).toEqual(["READY", "RUNNING"]);
  expect(await t.engine.settle([{ leaseId: lease?.leaseId ?? "", outcome: "succeeded" }])).toEqual([
    { status: "ok", state: "SUCCEEDED" },
  ]);
});

test("the lease is the one that a claim with the same request id finds", async () => {
  park(1);
  const [run] = await t.engine.start([plain]);
  const [again] = await t.claim(1, "r0");
  expect(again).toEqual(answers[0]?.[0]);
  expect(again?.runId).toBe(run?.id);
  await t.engine.settle([{ leaseId: again?.leaseId ?? "", outcome: "succeeded" }]);
});

test("polls take what they have room for, longest parked first, and the rest is ready", async () => {
  park(1, 2);
  const runs = await t.engine.start(Array.from({ length: 4 }, () => plain));
  expect(runs.map((run) => run.state)).toEqual(["RUNNING", "RUNNING", "RUNNING", "READY"]);
  expect(answers.map(runsOf)).toEqual([[runs[0]?.id], [runs[1]?.id, runs[2]?.id]]);
  const left = await t.claim(10);
  expect(runsOf(left)).toEqual([runs[3]?.id]);
  await t.engine.settle(
    [...answers.flat(), ...left].map(({ leaseId }) => ({ leaseId, outcome: "succeeded" })),
  );
});

test("a large input and bytes reach the poll as they were given", async () => {
  park(2);
  const input = JSON.stringify("x".repeat(10_000));
  await t.engine.start([
    { ...plain, input },
    { ...plain, inputBytes: Buffer.from([0, 255]) },
  ]);
  expect(answers[0]?.map((lease) => lease.input ?? lease.inputBytes)).toEqual([input, Buffer.from([0, 255])]);
  await t.engine.settle(answers.flat().map(({ leaseId }) => ({ leaseId, outcome: "released" })));
  const again = await t.claim(2);
  expect(again.map((lease) => lease.input ?? lease.inputBytes)).toEqual([input, Buffer.from([0, 255])]);
  await t.engine.settle(again.map(({ leaseId }) => ({ leaseId, outcome: "succeeded" })));
});

test("a run that has to wait is handed to nobody, and the poll is let go", async () => {
  park(1);
  const [run] = await t.engine.start([{ ...plain, delayMs: 60_000 }]);
  expect(run?.state).toBe("WAITING");
  expect(answers).toEqual([]);
  await t.engine.cancel(run?.id ?? "", null);
});

test("a repeated request gives its runs to no second poll", async () => {
  park(1);
  const keyed = { ...plain, idempotencyKey: "once" };
  const [first] = await t.engine.start([keyed]);
  park(1);
  const [second] = await t.engine.start([keyed]);
  expect(second).toEqual(first);
  expect(answers.map((leases) => leases.length)).toEqual([1, 0]);
  await t.engine.settle(answers.flat().map(({ leaseId }) => ({ leaseId, outcome: "succeeded" })));
});

test("a start that fails lets its polls go", async () => {
  park(1);
  await t.sql`alter table escapement.lease add constraint refuse check (namespace_id <> 1) not valid`;
  await expect(t.engine.start([plain])).rejects.toThrow();
  await t.sql`alter table escapement.lease drop constraint refuse`;
  expect(answers).toEqual([[]]);
});
