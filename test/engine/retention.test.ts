/** Outputs go when their job lets them go, or when their run has gone; never those of a run that goes on. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LIMITS } from "../../server/config.ts";
import { ensurePartitions, prune } from "../../server/engine/prune.ts";
import { diskStore } from "../../server/store/output-disk.ts";
import { createOutputIndex } from "../../server/store/output-index.ts";
import { createOutputs, type Outputs } from "../../server/store/outputs.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine;
let outputs: Outputs;
let folder: string;

beforeAll(async () => {
  t = await openTestEngine();
  folder = mkdtempSync(join(tmpdir(), "escapement-retention-"));
  outputs = createOutputs(diskStore(folder), createOutputIndex(t.sql), t.context.channel);
});
afterAll(async () => {
  await t.close();
  rmSync(folder, { recursive: true, force: true });
});

const jobs = new Map<string, number>();
const leases = new Map<string, string>();
async function addJobWith(name: string, retention: { ageMs: number | null; count: number | null } | null) {
  await addJob(t, name);
  const [job] = await t.sql<{ id: number }[]>`
    update escapement.job set retention = ${retention && t.sql.json(retention)}::jsonb where name = ${name} returning id`;
  jobs.set(name, job?.id ?? 0);
}

/** Runs that left a log and a file, in the order of their ids; ended unless said otherwise. */
async function runsWithOutputs(job: string, count: number, ended = true): Promise<string[]> {
  await t.engine.start(Array.from({ length: count }, () => ({ namespace: "default", job })));
  const claimed = await t.claim(count);
  for (const { runId, attempt, leaseId } of claimed) {
    leases.set(runId, leaseId);
    const owner = { runId, attempt, namespaceId: 1, jobId: jobs.get(job) ?? 0 };
    await outputs.appendLog(owner, [{ time: 0, level: "info", message: "x" }]);
    await outputs.putFile(owner, "a", (async function* () {})());
  }
  const runIds = claimed.map(({ runId }) => runId).sort();
  if (ended) await end(runIds);
  return runIds;
}

const end = (runIds: string[]) =>
  t.engine.settle(runIds.map((id) => ({ leaseId: leases.get(id) ?? "", outcome: "succeeded" as const })));

const left = async (runIds: string[]) => {
  const found = await Promise.all(
    runIds.map(
      async (id) => (await outputs.listFiles(id)).length + ((await outputs.readLog(id, {})) ? 1 : 0),
    ),
  );
  return found.map((things) => things === 2);
};
const noted = async (runIds: string[]) =>
  (await t.sql`select from escapement.output where run_id = any(${runIds}::bigint[])`).length;
/** The database's clock, moved. */
const shiftClock = (days: number) =>
  t.sql.unsafe(`create or replace function escapement.clock() returns timestamptz language sql volatile
    as $$ select clock_timestamp() + interval '${days} days' $$`);

test("only the newest runs of a job keep their outputs, and one that goes on keeps its own", async () => {
  await addJobWith("counted", { ageMs: null, count: 2 });
  const [first] = await runsWithOutputs("counted", 1, false);
  const rest = await runsWithOutputs("counted", 4);
  expect((await outputs.removeExpired("0")).removed).toBe(2);
  expect(await left([first ?? "", ...rest])).toEqual([true, false, false, true, true]);
  expect(await noted(rest)).toBe(2);
  expect((await outputs.removeExpired("0")).removed).toBe(0);
  await t.engine.cancel(first ?? "", null);
});

test("outputs that are older than their job keeps them go, whatever the other jobs say", async () => {
  await addJobWith("aged", { ageMs: 86_400_000, count: null });
  await addJobWith("unlimited", null);
  const [aged, unlimited] = [await runsWithOutputs("aged", 3), await runsWithOutputs("unlimited", 2)];
  const long = await runsWithOutputs("aged", 1, false);
  expect((await outputs.removeExpired("0")).removed).toBe(0);
  await shiftClock(2);
  const young = await runsWithOutputs("aged", 1);
  // It began two days ago and ended just now.
  await end(long);
  expect((await outputs.removeExpired("0")).removed).toBe(3);
  expect(await left([...aged, ...young, ...long])).toEqual([false, false, false, true, true]);
  expect(await left(unlimited)).toEqual([true, true]);
  await shiftClock(0);
});

test("a job that says nothing follows its namespace", async () => {
  await addJobWith("follows", null);
  await addJobWith("insists", { ageMs: null, count: 5 });
  const [follows, insists] = [await runsWithOutputs("follows", 3), await runsWithOutputs("insists", 3)];
  await t.sql`update escapement.namespace set retention = '{"ageMs": null, "count": 1}' where id = 1`;
  await outputs.removeExpired("0");
  await t.sql`update escapement.namespace set retention = null where id = 1`;
  expect(await left(follows)).toEqual([false, false, true]);
  expect(await left(insists)).toEqual([true, true, true]);
});

test("what cannot be deleted now is deleted the next time", async () => {
  await addJobWith("stubborn", { ageMs: 0, count: null });
  const runs = await runsWithOutputs("stubborn", 2);
  const disk = diskStore(folder);
  const broken = createOutputs(
    { ...disk, remove: () => Promise.reject(new Error("away")) },
    createOutputIndex(t.sql),
    t.context.channel,
  );
  await expect(broken.removeExpired("0")).rejects.toThrow("away");
  expect(await noted(runs)).toBe(2);
  await outputs.removeExpired("0");
  expect([await left(runs), await noted(runs)]).toEqual([[false, false], 0]);
});

test("batches are bounded, and a run that comes back leaves outputs that are found again", async () => {
  await addJobWith("many", { ageMs: 0, count: null });
  const ids = Array.from({ length: LIMITS.retentionBatch + 1 }, (_, at) => String(at + 1));
  await t.sql`insert into escapement.output (run_id, job_id) select id, 1 from unnest(${ids}::bigint[]) id`;
  expect((await outputs.removeExpired("1000000")).removed).toBe(LIMITS.retentionBatch);
  expect((await outputs.removeExpired("1000000")).removed).toBe(1);

  const [run] = await runsWithOutputs("many", 1);
  await outputs.removeExpired("0");
  const owner = { runId: run ?? "", attempt: 2, namespaceId: 1, jobId: jobs.get("many") ?? 0 };
  await outputs.appendLog(owner, [{ time: 0, level: "info", message: "again" }]);
  expect(await noted([run ?? ""])).toBe(1);
});

test("outputs follow their runs when history is dropped, but not those of runs that are still there", async () => {
  await addJobWith("history", null);
  const [waits] = await runsWithOutputs("history", 1, false);
  const ended = await runsWithOutputs("history", 2);
  await shiftClock(40);
  try {
    await ensurePartitions(t.context);
    const { runsBefore } = await prune(t.context);
    for (let more = true; more; ) more = (await outputs.removeExpired(runsBefore)).more;
    expect(await left(ended)).toEqual([false, false]);
    expect(await left([waits ?? ""])).toEqual([true]);
    await t.engine.cancel(waits ?? "", null);
    await t.sql`delete from escapement.lease`;
    await shiftClock(80);
    await ensurePartitions(t.context);
    const later = await prune(t.context);
    for (let more = true; more; ) more = (await outputs.removeExpired(later.runsBefore)).more;
    expect(readdirSync(join(folder, "outputs"))).toEqual([]);
  } finally {
    await shiftClock(0);
  }
});
