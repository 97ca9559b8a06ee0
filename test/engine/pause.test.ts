import { afterAll, beforeAll, expect, test } from "vitest";
import { expire } from "../../server/engine/expire.ts";
import { createFire } from "../../server/engine/fire.ts";
import { releaseDue } from "../../server/engine/release.ts";
import { createJob, type JobInput, updateJob } from "../../server/store/job-changes.ts";
import { openTestEngine, type TestEngine } from "../support/engine.ts";

/** Two servers on one database. */
let a: TestEngine & { url: string };
let b: TestEngine;

beforeAll(async () => {
  a = await openTestEngine();
  b = await openTestEngine(a.url);
  await addJob("plain");
  await addJob("far", { group: "far" });
});
afterAll(async () => {
  await b.close();
  await a.close();
});

const definitions = () => ({ sql: a.sql, catalog: a.context.catalog, channel: a.context.channel });
const addJob = async (name: string, more: Partial<JobInput> = {}) => {
  await createJob(definitions(), 1, { name, type: name, retry: { off: true }, ...more });
  await Promise.all([a, b].map(({ context }) => context.catalog.refreshQueues()));
};
const start = async (job: string, more: object = {}, on: TestEngine = a) => {
  const [run] = await on.engine.start([{ namespace: "default", job, ...more }]);
  return run as { id: string; state: string };
};
const jobScope = async (name: string) => {
  const [job] = await a.sql<{ id: number }[]>`select id from escapement.job where name = ${name}`;
  return { namespaceId: 1, kind: "JOB" as const, target: String(job?.id) };
};
const namespace = { namespaceId: 1, kind: "NAMESPACE" as const, target: "" };
const far = { namespaceId: 1, kind: "GROUP" as const, target: "far" };
const settle = (leaseId: string, outcome: "succeeded" | "failed" | "released" = "succeeded") =>
  a.engine.settle([{ leaseId, outcome }]);
const stateOf = (id: string) => a.stateOf(id);
const finish = async () => {
  await a.sql`update escapement.waiting set wake_at = escapement.clock() - interval '1 ms' where wake_at is not null`;
  await releaseDue(a.context);
  await expect
    .poll(async () => {
      const leases = await a.engine.claim({
        namespaceId: 1,
        executorId: 1,
        groups: ["default", "far"],
        max: 100,
      });
      for (const lease of leases) await settle(lease.leaseId);
      const [row] = await a.sql<{ n: number }[]>`
        select (select count(*) from escapement.waiting) + (select count(*) from escapement.ready)
          + (select count(*) from escapement.lease) + (select count(*) from escapement.place) as n`;
      return Number(row?.n);
    })
    .toBe(0);
};

test("a suspended run does not start until it is resumed, whoever else does", async () => {
  const held = await start("plain");
  const other = await start("plain");
  await a.engine.suspendRun(held.id, "anybody", "look at it first");
  expect([await stateOf(held.id), await stateOf(other.id)]).toEqual(["WAITING", "READY"]);
  await a.context.gates.repair();
  expect(await stateOf(held.id)).toBe("WAITING");
  await b.engine.resumeRun(held.id);
  expect(await stateOf(held.id)).toBe("READY");
  await finish();
});

test("a suspended delayed run stays held when its time has come", async () => {
  const run = await start("plain", { delayMs: 3_600_000 });
  await a.engine.suspendRun(run.id, "anybody", null);
  await a.sql`update escapement.waiting set wake_at = escapement.clock() - interval '1 ms'`;
  await releaseDue(a.context);
  expect(await stateOf(run.id)).toBe("WAITING");
  await a.engine.resumeRun(run.id);
  expect(await stateOf(run.id)).toBe("READY");
  await finish();
});

test("a paused job holds what is there and what comes, on every server; running runs go on", async () => {
  const running = await start("plain");
  const [lease] = await a.claim();
  const ready = await start("plain");
  // The other server knows the job, and not that it is paused.
  await b.engine.start([{ namespace: "default", job: "plain", delayMs: 3_600_000 }]);
  await a.engine.pause(await jobScope("plain"), "anybody", null);
  expect(await stateOf(ready.id)).toBe("WAITING");
  const [here, there] = [await start("plain"), await start("plain", {}, b)];
  expect([here.state, there.state]).toEqual(["WAITING", "WAITING"]);
  await settle(lease?.leaseId ?? "");
  expect(await stateOf(running.id)).toBe("SUCCEEDED");
  expect((await start("far")).state).toBe("READY");
  await updateJob(definitions(), 1, "plain", { description: "another version" });
  expect((await start("plain")).state).toBe("WAITING");
  await b.engine.resume(await jobScope("plain"));
  expect(await Promise.all([ready, here, there].map((run) => stateOf(run.id)))).toEqual([
    "READY",
    "READY",
    "READY",
  ]);
  expect([(await start("plain")).state, (await start("plain", {}, b)).state]).toEqual(["READY", "READY"]);
  await finish();
});

test("a trigger goes on while its job is paused, and what it fires waits", async () => {
  await a.engine.pause(await jobScope("plain"), "anybody", null);
  const schedule = { kind: "fixedRate", everyMs: 3_600_000 };
  await a.sql`
    insert into escapement.trigger (namespace_id, job_id, name, schedule, misfire, state, next_at)
    select 1, id, 'hourly', ${a.sql.json(schedule)}, '{"policy": "FIRE_ALL", "thresholdMs": 60000, "limit": 100}',
      'NORMAL', escapement.clock() - interval '1 ms' from escapement.job where name = 'plain'`;
  await createFire(a.context)(await a.lead());
  const [run] = await a.sql<{ id: string }[]>`select id from escapement.run where trigger_id is not null`;
  expect(await stateOf(run?.id ?? "")).toBe("WAITING");
  await a.engine.resume(await jobScope("plain"));
  expect(await stateOf(run?.id ?? "")).toBe("READY");
  await a.sql`delete from escapement.trigger`;
  await finish();
});

test("a group and a namespace are paused with all jobs that they have and get", async () => {
  const [plain, distant] = [await start("plain"), await start("far")];
  await a.engine.pause(far, "anybody", null);
  expect([await stateOf(plain.id), await stateOf(distant.id)]).toEqual(["READY", "WAITING"]);
  await addJob("farther", { group: "far" });
  expect((await start("farther")).state).toBe("WAITING");
  await a.engine.pause(namespace, "anybody", null);
  expect(await stateOf(plain.id)).toBe("WAITING");
  await a.engine.resume(far);
  expect([await stateOf(plain.id), await stateOf(distant.id)]).toEqual(["WAITING", "WAITING"]);
  await a.engine.resume(namespace);
  expect([await stateOf(plain.id), await stateOf(distant.id)]).toEqual(["READY", "READY"]);
  await finish();
});

test("children that a running lease asked for before the pause wait when they come to life", async () => {
  await addJob("child");
  await addJob("grouped", { group: "far" });
  await start("plain");
  const [lease] = await a.claim();
  const child = (job: string) => ({ namespace: "default", job });
  const { runs } = await a.engine.startChildren(lease?.leaseId ?? "", {
    runs: [child("child"), child("grouped")],
    now: false,
  });
  await a.engine.pause(await jobScope("child"), "ada", null);
  await a.engine.limitGroup(1, "far", 1);
  const grouped = await start("grouped");
  expect(grouped.state).toBe("READY");
  await settle(lease?.leaseId ?? "");
  await expect.poll(() => Promise.all(runs.map(stateOf))).toEqual(["WAITING", "WAITING"]);
  await a.engine.limitGroup(1, "far", null);
  await a.engine.resume(await jobScope("child"));
  await expect.poll(() => Promise.all(runs.map(stateOf))).toEqual(["READY", "READY"]);
  await finish();
});

test("a run that is given back or lost under a pause is held by the next repair", async () => {
  const runs = [await start("plain"), await start("plain")];
  const [first, second] = await a.claim(2);
  await a.engine.pause(namespace, "anybody", null);
  await settle(first?.leaseId ?? "", "released");
  await a.sql`update escapement.lease set expires_at = escapement.clock() - interval '1 ms' where secret is not null`;
  await expire(a.context, await a.lead());
  expect(second).toBeDefined();
  await a.context.gates.repair();
  expect(await Promise.all(runs.map((run) => stateOf(run.id)))).toEqual(["WAITING", "WAITING"]);
  await a.engine.resume(namespace);
  expect(await Promise.all(runs.map((run) => stateOf(run.id)))).toEqual(["READY", "READY"]);
  await finish();
});

test("a paused run gives back its place among the parallel ones and keeps that for its key", async () => {
  await addJob("narrow", { maxParallel: 1 });
  const first = await start("narrow");
  const second = await start("narrow");
  await a.engine.suspendRun(first.id, "anybody", null);
  await expect.poll(() => stateOf(second.id)).toBe("READY");
  const affinity = { group: "g", key: "k" };
  const [holder, next] = [await start("plain", { affinity }), await start("plain", { affinity })];
  await a.engine.suspendRun(holder.id, "anybody", null);
  await a.context.gates.repair();
  expect([await stateOf(holder.id), await stateOf(next.id)]).toEqual(["WAITING", "WAITING"]);
  await a.engine.resumeRun(holder.id);
  expect(await stateOf(holder.id)).toBe("READY");
  await a.engine.resumeRun(first.id);
  expect(await stateOf(first.id)).toBe("WAITING");
  await finish();
});

test("a suspended run that gets its key takes no place among the parallel ones until it is resumed", async () => {
  await addJob("slim", { maxParallel: 1 });
  const affinity = { group: "g", key: "slim" };
  await start("plain", { affinity });
  const [holder] = await a.claim();
  const held = await start("slim", { affinity });
  await a.engine.suspendRun(held.id, "anybody", null);
  await settle(holder?.leaseId ?? "");
  await a.context.gates.repair();
  const other = await start("slim");
  expect([other.state, await stateOf(held.id)]).toEqual(["READY", "WAITING"]);
  await a.engine.resumeRun(held.id);
  expect(await stateOf(held.id)).toBe("WAITING");
  const [lease] = await a.claim();
  await settle(lease?.leaseId ?? "");
  await expect.poll(() => stateOf(held.id)).toBe("READY");
  await finish();
});

test("a suspended run can be cancelled, its pause is forgotten, and an ended run cannot be suspended", async () => {
  const run = await start("plain");
  await a.engine.suspendRun(run.id, "anybody", null);
  await a.engine.cancel(run.id, null);
  await a.engine.pause(namespace, "anybody", null);
  await a.context.gates.repair();
  const pauses = await a.sql<{ kind: string }[]>`select kind from escapement.pause`;
  expect(pauses.map((row) => row.kind)).toEqual(["NAMESPACE"]);
  await a.engine.resume(namespace);
  await expect(a.engine.suspendRun(run.id, "anybody", null)).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
  await expect(a.engine.suspendRun("1", "anybody", null)).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test("starts and a pause at the same moment leave nothing ready after the repair", async () => {
  const scope = await jobScope("plain");
  for (let round = 0; round < 10; round++) {
    const started = Promise.all(Array.from({ length: 20 }, (_, at) => start("plain", {}, at % 2 ? b : a)));
    const [runs] = await Promise.all([started, a.engine.pause(scope, "anybody", null)]);
    await a.context.gates.repair();
    expect(new Set(await Promise.all(runs.map((run) => stateOf(run.id))))).toEqual(new Set(["WAITING"]));
    await b.engine.resume(scope);
    expect(new Set(await Promise.all(runs.map((run) => stateOf(run.id))))).toEqual(new Set(["READY"]));
    await finish();
  }
});
