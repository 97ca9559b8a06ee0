/** The limit of a worker group: at most so many runs for it at once, of whatever job. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { announceForeign } from "../../server/engine/announce.ts";
import type { StartItem } from "../../server/engine/engine.ts";
import { createFire } from "../../server/engine/fire.ts";
import { releaseDue } from "../../server/engine/release.ts";
import { createJob, type JobInput, updateJob } from "../../server/store/job-changes.ts";
import { openTestEngine, type TestEngine } from "../support/engine.ts";

/** Two servers on one database. */
let a: TestEngine & { url: string };
let b: TestEngine;
let group = "";
let count = 0;

beforeAll(async () => {
  a = await openTestEngine();
  b = await openTestEngine(a.url);
});
afterEach(async () => {
  await a.sql`truncate escapement.waiting, escapement.ready, escapement.lease, escapement.place`;
});
afterAll(async () => {
  expect([...a.gateErrors, ...b.gateErrors]).toEqual([]);
  await b.close();
  await a.close();
});

const definitions = () => ({ sql: a.sql, catalog: a.context.catalog, channel: a.context.channel });
/** A job in the group of this test. */
const addJob = async (more: Partial<JobInput> = {}): Promise<string> => {
  const name = `job-${++count}`;
  await createJob(definitions(), 1, { name, type: "work", group, retry: { off: true }, ...more });
  await Promise.all([a, b].map(({ context }) => context.catalog.refreshQueues()));
  return name;
};
const newGroup = () => {
  group = `group-${++count}`;
};
const limit = (maxParallel: number | null) => a.engine.limitGroup(1, group, maxParallel);
const item = (job: string, more: Partial<StartItem> = {}): StartItem => ({
  namespace: "default",
  job,
  ...more,
});
const startOn = async (server: TestEngine, job: string, more: Partial<StartItem> = {}) =>
  (await server.engine.start([item(job, more)]))[0] as { id: string; state: string };
const start = (job: string, more: Partial<StartItem> = {}) => startOn(a, job, more);
const take = (max = 10, on: TestEngine = a) =>
  on.engine.claim({ namespaceId: 1, executorId: 1, groups: [group], max });
const settle = (
  leaseId = "",
  outcome: "succeeded" | "failed" | "released" = "succeeded",
  on: TestEngine = a,
) => on.engine.settle([{ leaseId, outcome }]);
const statesOf = (runs: { id: string }[]) => Promise.all(runs.map((run) => a.stateOf(run.id)));
const becomes = (runId: string, state: string) => expect.poll(() => a.stateOf(runId)).toBe(state);

test("a group's limit counts the runs of all its jobs, and lets the highest priority in next", async () => {
  newGroup();
  const [one, other] = [await addJob(), await addJob({ maxParallel: 5 })];
  await limit(2);
  const runs = [await start(one), await start(other), await start(one), await start(other, { priority: 9 })];
  expect(runs.map((run) => run.state)).toEqual(["READY", "READY", "WAITING", "WAITING"]);
  const elsewhere = await start(await addJob({ group: "default" }));
  expect(elsewhere.state).toBe("READY");
  const [first] = await take(1);
  await settle(first?.leaseId);
  await becomes(runs[3]?.id ?? "", "READY");
  expect(await a.stateOf(runs[2]?.id ?? "")).toBe("WAITING");
});

test("a run takes no place of its group while its key or its job is full", async () => {
  newGroup();
  const [narrow, wide] = [
    await addJob({ maxParallel: 1, maxParallelPerKey: { key: "input", max: 1 } }),
    await addJob(),
  ];
  await limit(2);
  const runs = [
    await start(narrow, { input: "1" }),
    await start(narrow, { input: "1" }),
    await start(narrow, { input: "2" }),
    await start(wide),
    await start(wide),
  ];
  expect(runs.map((run) => run.state)).toEqual(["READY", "WAITING", "WAITING", "READY", "WAITING"]);
});

test("a run that its job's rate let in waits for a place of its group next", async () => {
  newGroup();
  const job = await addJob({ rate: { max: 2, every: "PT1H" } });
  await limit(1);
  const runs = [await start(job), await start(job), await start(job)];
  expect(runs.map((run) => run.state)).toEqual(["READY", "WAITING", "WAITING"]);
  await settle((await take())[0]?.leaseId);
  await becomes(runs[1]?.id ?? "", "READY");
  await settle((await take())[0]?.leaseId);
  await a.context.gates.work({ gates: [{ gateId: 0, key: "" }] });
  expect(await a.stateOf(runs[2]?.id ?? "")).toBe("WAITING");
});

test("a limit that is set holds ready runs back, counts running ones, and is asked by all that wait", async () => {
  newGroup();
  const job = await addJob({ retry: { fixed: { delay: "PT1H", max: 1 } } });
  const running = await start(job);
  const [lease] = await take();
  const ready = await a.engine.start([item(job), item(job)]);
  const later = await start(job, { delayMs: 3_600_000 });
  const dependent = await start(job, { after: [running.id] });
  const affinity = { group: "g", key: "k" };
  const inLine = [await start(job, { affinity }), await start(job, { affinity })];
  expect(await statesOf([...ready, ...inLine])).toEqual(["READY", "READY", "READY", "WAITING"]);
  await limit(2);
  expect(await statesOf([...ready, ...inLine])).toEqual(["READY", "WAITING", "WAITING", "WAITING"]);
  await settle(lease?.leaseId);
  await becomes(ready[1]?.id ?? "", "READY");
  await a.sql`update escapement.waiting set wake_at = escapement.clock() - interval '1 ms' where id = ${later.id}`;
  await releaseDue(a.context);
  const order: string[] = [];
  for (let at = 0; at < 6; at++) {
    await expect.poll(async () => order.push(...(await take(1)).map((next) => next.runId))).toBe(at + 1);
    const [held] =
      await a.sql`select count(*)::int as n from escapement.run where state in ('READY', 'RUNNING')`;
    expect(held?.n).toBeLessThanOrEqual(2);
    const [next] = await a.sql<{ id: string; secret: string }[]>`select id, secret from escapement.lease`;
    await settle(`${next?.id}-${next?.secret.replaceAll("-", "")}`);
  }
  expect(new Set(order)).toEqual(new Set([...ready, later, dependent, ...inLine].map((run) => run.id)));
});

test("a limit that is lowered leaves those in, one that is raised or taken away lets all in at once", async () => {
  newGroup();
  const job = await addJob();
  await limit(3);
  const runs = await a.engine.start(Array.from({ length: 6 }, () => item(job)));
  const ready = async () => (await statesOf(runs)).filter((state) => state === "READY").length;
  await limit(1);
  expect(await ready()).toBe(3);
  const [first] = await take(1);
  await settle(first?.leaseId);
  await a.context.gates.work({ gates: [{ gateId: 0, key: "" }] });
  expect(await ready()).toBe(2);
  await limit(4);
  expect(await ready()).toBe(4);
  await limit(null);
  expect(await ready()).toBe(5);
  const [plain] = await a.sql`select gates from escapement.ready where id = ${(await start(job)).id}`;
  expect(plain?.gates).toBeNull();
});

test("a run that waits for its retry leaves its place, one that is given back keeps it", async () => {
  newGroup();
  const job = await addJob({ retry: { fixed: { delay: "PT1H", max: 1 } } });
  const running = await start(job);
  const [lease] = await take();
  await limit(1);
  const next = await start(job);
  await settle(lease?.leaseId, "released");
  await a.context.gates.repair();
  expect(await statesOf([running, next])).toEqual(["READY", "WAITING"]);
  await settle((await take())[0]?.leaseId, "failed");
  await becomes(next.id, "READY");
  await a.sql`update escapement.waiting set wake_at = escapement.clock() - interval '1 ms' where id = ${running.id}`;
  await releaseDue(a.context);
  expect(await a.stateOf(running.id)).toBe("WAITING");
});

test("a paused run of a limited group gives its place back, and asks for one when it is resumed", async () => {
  newGroup();
  const job = await addJob();
  await limit(1);
  const [first, second] = [await start(job), await start(job)];
  await a.engine.suspendRun(first.id, "me", null);
  await becomes(second.id, "READY");
  await a.engine.resumeRun(first.id);
  expect(await a.stateOf(first.id)).toBe("WAITING");
  await settle((await take())[0]?.leaseId);
  await becomes(first.id, "READY");
});

test("the reduce that follows a root takes a place of the group like any other run", async () => {
  newGroup();
  const [reduced, plain] = [await addJob({ execution: "MAP_REDUCE" }), await addJob()];
  await limit(1);
  const root = await start(reduced);
  const [lease] = await take();
  const next = await start(plain);
  await settle(lease?.leaseId);
  const reduce = () => a.sql`
    select r.state, p.state as place from escapement.run r join escapement.place p on p.run_id = r.id
    where r.parent_id = ${root.id}`;
  // Older than the other, it comes first.
  await expect.poll(async () => (await reduce())[0]).toEqual({ state: "READY", place: "TAKEN" });
  expect(await a.stateOf(next.id)).toBe("WAITING");
});

test("a run that stood in line elsewhere when the limit came does not pass it, whatever was missed", async () => {
  newGroup();
  const job = await addJob();
  await limit(1);
  const affinity = { group: "g", key: "missed" };
  const [holder, last] = [await start(job, { affinity }), await start(job, { affinity })];
  const next = await start(job);
  await a.sql`delete from escapement.place where run_id = ${last.id} and stage = 1000`;
  const [lease] = await take();
  expect(lease?.runId).toBe(holder.id);
  await settle(lease?.leaseId);
  await becomes(next.id, "READY");
  const gates = async () =>
    (
      await a.sql<
        { state: string }[]
      >`select state from escapement.place where run_id = ${last.id} order by stage`
    ).map(({ state }) => state);
  await expect.poll(gates).toEqual(["TAKEN"]);
  expect(await a.stateOf(last.id)).toBe("WAITING");
  await a.context.gates.repair();
  expect([await a.stateOf(last.id), await gates()]).toEqual(["WAITING", ["TAKEN", "LINE"]]);
  await settle((await take())[0]?.leaseId);
  await becomes(last.id, "READY");
});

test("reruns, redrives, children, fires and start_run ask, too", async () => {
  newGroup();
  const job = await addJob();
  const [failed, parent] = [await start(job), await start(job)];
  const leases = await take();
  const leaseOf = (run: { id: string }) => leases.find((lease) => lease.runId === run.id)?.leaseId ?? "";
  await settle(leaseOf(failed), "failed");
  const early = await a.engine.startChildren(leaseOf(parent), { runs: [item(job)], now: false });
  await limit(1);
  const waiting: { id: string }[] = [await a.engine.rerun(failed.id), await a.engine.redrive(failed.id)];
  const [row] = await a.sql<{ id: string }[]>`select escapement.start_run('default', ${job}, '{}') as id`;
  await announceForeign(a.context);
  const schedule = { kind: "fixedRate", everyMs: 3_600_000 };
  await a.sql`
    insert into escapement.trigger (namespace_id, job_id, name, schedule, misfire, state, next_at)
    select 1, id, 'asking', ${a.sql.json(schedule)}, '{"policy": "FIRE_ALL", "thresholdMs": 60000, "limit": 100}',
      'NORMAL', escapement.clock() - interval '1 ms' from escapement.job where name = ${job}`;
  await createFire(a.context)(await a.lead());
  const [fired] = await a.sql<{ id: string }[]>`
    select o.run_id::text as id from escapement.occurrence o join escapement.trigger t on t.id = o.trigger_id where t.name = 'asking'`;
  await a.sql`delete from escapement.trigger`;
  const late = await a.engine.startChildren(leaseOf(parent), { runs: [item(job)], now: false });
  const now = await a.engine.startChildren(leaseOf(parent), { runs: [item(job)], now: true });
  for (const id of [row?.id, fired?.id, ...now.runs]) waiting.push({ id: id ?? "" });
  expect(await statesOf(waiting)).toEqual(waiting.map(() => "WAITING"));
  await settle(leaseOf(parent));
  // Staged before there was a limit, it comes to life ready; the repair puts it in line.
  await a.context.gates.repair();
  const all = [...waiting, ...[...early.runs, ...late.runs].map((id) => ({ id }))];
  await expect.poll(async () => (await statesOf(all)).filter((state) => state === "READY").length).toBe(1);
});

test("a job that moves into a limited group asks from then on, and one that is created there", async () => {
  newGroup();
  await limit(1);
  const [moved, created] = [await addJob({ group: "default" }), await addJob()];
  expect((await start(created)).state).toBe("READY");
  expect((await start(moved)).state).toBe("READY");
  await updateJob(definitions(), 1, moved, { group });
  expect((await start(moved)).state).toBe("WAITING");
});

test("a server that has not heard of the limit starts nothing past it", async () => {
  newGroup();
  const job = await addJob();
  expect((await startOn(b, job)).state).toBe("READY");
  await limit(1);
  expect((await startOn(b, job)).state).toBe("WAITING");
});

test("what became ready in the moment of the change is put in line by the repair", async () => {
  newGroup();
  const job = await addJob();
  await limit(1);
  const [first, second] = [await start(job), await start(job)];
  await a.sql`
    with gone as (delete from escapement.waiting where id = ${second.id} returning *),
    unplaced as (delete from escapement.place where run_id = ${second.id})
    insert into escapement.ready (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, ready_at)
    select id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, escapement.clock() from gone`;
  await a.context.gates.repair();
  expect(await statesOf([first, second])).toEqual(["READY", "WAITING"]);
});

test.each([0, -1, 1.5, 2_147_483_647])(
  "a limit of %s is refused and changes nothing",
  async (maxParallel) => {
    newGroup();
    await expect(limit(maxParallel)).rejects.toMatchObject({ code: "BAD_INPUT", field: "maxParallel" });
    expect(await a.sql`select from escapement.gate where "group" = ${group}`).toHaveLength(0);
  },
);

test("starts and ends on two servers while the limit changes never let more in than there are places, and all end", async () => {
  newGroup();
  const jobs = [await addJob(), await addJob({ maxParallel: 3 }), await addJob({ overlap: "SERIAL_WAIT" })];
  const [RUNS, MAX] = [300, 4];
  await limit(MAX);
  let active = 0;
  let most = 0;
  let over = 0;
  const starting = (async () => {
    for (let at = 0; at < RUNS; at += 30) {
      const items = Array.from({ length: 30 }, (_, n) => item(jobs[n % 3] as string));
      await (at % 60 ? a : b).engine.start(items);
      await limit(at % 90 ? MAX : 2);
    }
    await limit(MAX);
  })();
  const worker = async (server: TestEngine) => {
    while (over < RUNS) {
      const leases = await take(3, server);
      active += leases.length;
      most = Math.max(most, active);
      for (const { leaseId } of leases) {
        active--;
        over++;
        await settle(leaseId, "succeeded", server);
      }
      if (leases.length === 0) await new Promise(setImmediate);
    }
  };
  await Promise.all([starting, worker(a), worker(b), worker(a), worker(b)]);
  expect(most).toBeLessThanOrEqual(MAX);
  await expect.poll(async () => (await a.sql`select from escapement.place`).length).toBe(0);
});
