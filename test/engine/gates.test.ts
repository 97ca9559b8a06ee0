import { afterAll, beforeAll, expect, test } from "vitest";
import { announceForeign } from "../../server/engine/announce.ts";
import type { StartItem } from "../../server/engine/engine.ts";
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
  await addJob("other");
});
afterAll(async () => {
  expect([...a.gateErrors, ...b.gateErrors]).toEqual([]);
  await b.close();
  await a.close();
});

const addJob = async (name: string, more: Partial<JobInput> = {}) => {
  await createJob(definitionsOf(a), 1, { name, type: name, retry: { off: true }, ...more });
  await Promise.all([a, b].map(({ context }) => context.catalog.refreshQueues()));
};
const definitionsOf = ({ context, sql }: TestEngine) => ({
  sql,
  catalog: context.catalog,
  channel: context.channel,
});
const only = <T>(list: T[]): T => {
  expect(list).toHaveLength(1);
  return list[0] as T;
};
const start = async (job: string, more: Partial<StartItem> = {}, on: TestEngine = a) =>
  only(await on.engine.start([{ namespace: "default", job, ...more }]));
const keyed = (key: string, more: Partial<StartItem> = {}): Partial<StartItem> => ({
  affinity: { group: "customer", key },
  ...more,
});
/** Claims runs of one job, as their own workers would. */
const take = async (type: string, max = 10, on = a) =>
  on.engine.claim({ namespaceId: 1, executorId: 1, groups: ["default"], types: [type], max });
const settle = async (leaseId: string, outcome: "succeeded" | "failed" | "released" = "succeeded", on = a) =>
  only(await on.engine.settle([{ leaseId, outcome }]));
const becomes = (runId: string, state: string) => expect.poll(() => a.stateOf(runId)).toBe(state);
const holdOf = async (runId: string) => {
  const [row] = await a.sql<{ kind: string }[]>`
    select g.kind from escapement.place p join escapement.gate g on g.id = p.gate_id
    where p.run_id = ${runId} and p.state = 'LINE'`;
  return row?.kind ?? null;
};
/** Ends everything and lets all gates come to rest. */
const finish = async () => {
  await expect
    .poll(async () => {
      for (const lease of await a.claim(1000)) await settle(lease.leaseId);
      const [row] = await a.sql<{ n: number }[]>`
        select (select count(*) from escapement.waiting) + (select count(*) from escapement.ready)
          + (select count(*) from escapement.lease) + (select count(*) from escapement.place) as n`;
      return Number(row?.n);
    })
    .toBe(0);
};

test("runs with equal affinity go one after the other, first come first served, across jobs", async () => {
  const runs = [
    await start("plain", keyed("one")),
    await start("other", keyed("one")),
    await start("plain", keyed("one")),
    await start("plain", keyed("two")),
  ];
  expect(runs.map((run) => run.state)).toEqual(["READY", "WAITING", "WAITING", "READY"]);
  expect(await holdOf(runs[1]?.id ?? "")).toBe("AFFINITY");
  const order: string[] = [];
  for (const { id } of runs.slice(0, 3)) {
    await becomes(id, "READY");
    const lease = only((await a.claim(10)).filter((claimed) => claimed.runId !== runs[3]?.id));
    order.push(lease.runId);
    await settle(lease.leaseId);
  }
  expect(order).toEqual(runs.slice(0, 3).map((run) => run.id));
  await a.sql`update escapement.lease set expires_at = escapement.clock() - interval '1 ms'`;
  await expire(a.context, await a.lead());
  await finish();
});

test("a run that waits for the holder of its key keeps its place before those that came later, however that ends", async () => {
  const claimed = async () => only(await take("plain")).leaseId;
  const ends: ((holder: string) => Promise<unknown>)[] = [
    async () => settle(await claimed()),
    async () => settle(await claimed(), "failed"),
    (holder) => a.engine.cancel(holder, null),
    async () => {
      await a.sql`select escapement.complete(${await claimed()}, null)`;
      await announceForeign(a.context);
    },
  ];
  for (const end of ends) {
    const holder = await start("plain", keyed("chain"));
    const waiter = await start("plain", keyed("chain", { after: [holder.id] }));
    const later = await start("plain", keyed("chain"));
    await end(holder.id);
    await becomes(waiter.id, "READY");
    expect(await a.stateOf(later.id)).toBe("WAITING");
    await finish();
  }
});

test("a list of runs is let in by the same rules, and its answer says who waits", async () => {
  const runs = await a.engine.start(
    ["x", "y", "x", "y", "x"].map((key) => ({ namespace: "default", job: "plain", ...keyed(key) })),
  );
  expect(runs.map((run) => run.state)).toEqual(["READY", "READY", "WAITING", "WAITING", "WAITING"]);
  await finish();
});

test("the same key in another affinity group or namespace is another key", async () => {
  const first = await start("plain", { affinity: { group: "g", key: "a:b" } });
  const second = await start("plain", { affinity: { group: "g:a", key: "b" } });
  expect([first.state, second.state]).toEqual(["READY", "READY"]);
  await finish();
});

test("a holder keeps its key while it waits for its retry and while it is given back", async () => {
  await addJob("stubborn", { retry: { fixed: { delay: "PT1H", max: 1 } } });
  const holder = await start("stubborn", keyed("kept"));
  const next = await start("plain", keyed("kept"));
  const [first] = await take("stubborn");
  expect(await settle(first?.leaseId ?? "", "released")).toEqual({ status: "ok", state: "READY" });
  const [second] = await take("stubborn");
  expect(await settle(second?.leaseId ?? "", "failed")).toMatchObject({ state: "WAITING" });
  await a.context.gates.repair();
  expect(await a.stateOf(next.id)).toBe("WAITING");
  await a.sql`update escapement.waiting set wake_at = escapement.clock() - interval '1 ms' where wake_at is not null`;
  await releaseDue(a.context);
  expect(await a.stateOf(holder.id)).toBe("READY");
  await finish();
});

test("a delayed run stands in line only from its time on", async () => {
  const later = await start("plain", keyed("late", { delayMs: 3_600_000 }));
  const now = await start("plain", keyed("late"));
  expect([later.state, now.state]).toEqual(["WAITING", "READY"]);
  expect(await holdOf(later.id)).toBeNull();
  await a.sql`update escapement.waiting set wake_at = escapement.clock() - interval '1 ms'`;
  await releaseDue(a.context);
  expect(await holdOf(later.id)).toBe("AFFINITY");
  await finish();
});

test("a run that waits for others stands in line when they have ended", async () => {
  const first = await start("plain");
  const after = await start("plain", keyed("after", { after: [first.id] }));
  const other = await start("plain", keyed("after"));
  expect([after.state, other.state]).toEqual(["WAITING", "READY"]);
  const leases = await take("plain");
  await settle(leases.find((lease) => lease.runId === first.id)?.leaseId ?? "");
  await expect.poll(() => holdOf(after.id)).toBe("AFFINITY");
  await settle(leases.find((lease) => lease.runId === other.id)?.leaseId ?? "");
  await becomes(after.id, "READY");
  await finish();
});

test("maxParallel bounds how many runs of a job are ready or running, higher priority first", async () => {
  await addJob("narrow", { maxParallel: 2 });
  const runs = await a.engine.start(
    [1, 1, 1, 9].map((priority) => ({ namespace: "default", job: "narrow", priority })),
  );
  // The list arrives as a whole: its highest priority is let in first.
  expect(runs.map((run) => run.state)).toEqual(["READY", "WAITING", "WAITING", "READY"]);
  expect(await holdOf(runs[1]?.id ?? "")).toBe("CONCURRENCY");
  const [first] = await take("narrow", 1);
  await settle(first?.leaseId ?? "");
  await becomes(runs[1]?.id ?? "", "READY");
  expect(await a.stateOf(runs[2]?.id ?? "")).toBe("WAITING");
  await finish();
});

test("a run that waits for its retry leaves its place among the parallel ones to another", async () => {
  await addJob("retrying", { maxParallel: 1, retry: { fixed: { delay: "PT1H", max: 1 } } });
  const first = await start("retrying");
  const second = await start("retrying");
  const [lease] = await take("retrying");
  await settle(lease?.leaseId ?? "", "failed");
  await becomes(second.id, "READY");
  await a.sql`update escapement.waiting set wake_at = escapement.clock() - interval '1 ms' where id = ${first.id}`;
  await releaseDue(a.context);
  expect(await holdOf(first.id)).toBe("CONCURRENCY");
  await finish();
});

test("a limit that is raised lets those in line in, and one that is taken away too", async () => {
  await addJob("raised", { maxParallel: 1 });
  const runs = await a.engine.start(
    Array.from({ length: 4 }, () => ({ namespace: "default", job: "raised" })),
  );
  const states = async () => Promise.all(runs.map((run) => a.stateOf(run.id)));
  await updateJob(definitionsOf(a), 1, "raised", { maxParallel: 2 });
  await a.context.gates.repair();
  expect(await states()).toEqual(["READY", "READY", "WAITING", "WAITING"]);
  await updateJob(definitionsOf(a), 1, "raised", { maxParallel: null });
  await a.context.gates.repair();
  expect(await states()).toEqual(["READY", "READY", "READY", "READY"]);
  expect((await start("raised")).state).toBe("READY");
  await finish();
});

test("SERIAL_WAIT keeps the runs of all versions of a job apart, in order", async () => {
  await addJob("serial", { overlap: "SERIAL_WAIT" });
  const first = await start("serial");
  await updateJob(definitionsOf(a), 1, "serial", { description: "another version" });
  b.context.catalog.forget();
  const second = await start("serial", { priority: 9 }, b);
  expect([first.state, second.state]).toEqual(["READY", "WAITING"]);
  expect(await holdOf(second.id)).toBe("OVERLAP");
  await settle((await take("serial"))[0]?.leaseId ?? "");
  await becomes(second.id, "READY");
  await finish();
});

test("SERIAL_PRIORITY lets the highest priority in next", async () => {
  await addJob("urgent", { overlap: "SERIAL_PRIORITY" });
  const [, low, high] = await a.engine.start(
    [5, 1, 9].map((priority) => ({ namespace: "default", job: "urgent", priority })),
  );
  // All three came together, so the one with the highest priority went in.
  expect(await a.stateOf(high?.id ?? "")).toBe("READY");
  const higher = await start("urgent", { priority: 10 });
  await settle((await take("urgent"))[0]?.leaseId ?? "");
  await becomes(higher.id, "READY");
  expect(await a.stateOf(low?.id ?? "")).toBe("WAITING");
  await finish();
});

test("SERIAL_DISCARD skips whoever comes while another has not ended, and those who wait for it go on", async () => {
  await addJob("discarding", { overlap: "SERIAL_DISCARD" });
  await start("discarding");
  const skipped = await start("discarding");
  expect(skipped.state).toBe("SKIPPED");
  const after = await start("plain", { after: [skipped.id] });
  expect(after.state).toBe("READY");
  await finish();
  expect((await start("discarding")).state).toBe("READY");
  await finish();
});

test("a fire that meets a running run under SERIAL_DISCARD is an occurrence DISCARDED", async () => {
  await addJob("ticking", { overlap: "SERIAL_DISCARD" });
  const running = await start("ticking");
  const schedule = { kind: "fixedRate", everyMs: 3_600_000 };
  await a.sql`
    insert into escapement.trigger (namespace_id, job_id, name, schedule, misfire, state, next_at)
    select 1, id, 'ticking', ${a.sql.json(schedule)}, '{"policy": "FIRE_ALL", "thresholdMs": 60000, "limit": 100}',
      'NORMAL', escapement.clock() - interval '1 ms' from escapement.job where name = 'ticking'`;
  await createFire(a.context)(await a.lead());
  const [occurrence] = await a.sql<{ outcome: string; state: string }[]>`
    select o.outcome, r.state from escapement.occurrence o join escapement.run r on r.id = o.run_id`;
  expect(occurrence).toEqual({ outcome: "DISCARDED", state: "SKIPPED" });
  expect(await a.stateOf(running.id)).toBe("READY");
  await finish();
  await a.sql`update escapement.trigger set next_at = escapement.clock() - interval '1 ms', created_at = created_at - interval '1 h'`;
  await createFire(a.context)(await a.lead());
  const [fired] = await a.sql<{ state: string }[]>`
    select r.state from escapement.occurrence o join escapement.run r on r.id = o.run_id where o.outcome <> 'DISCARDED'`;
  expect(fired?.state).toBe("READY");
  await a.sql`delete from escapement.trigger`;
  await finish();
});

test("SERIAL_REPLACE cancels the running run; the newest starts when it has stopped", async () => {
  await addJob("replacing", { overlap: "SERIAL_REPLACE" });
  const running = await start("replacing");
  const [lease] = await take("replacing");
  const second = await start("replacing");
  const third = await start("replacing");
  expect(await a.stateOf(second.id)).toBe("CANCELLED");
  expect([await a.stateOf(running.id), await a.stateOf(third.id)]).toEqual(["RUNNING", "WAITING"]);
  const [renewed] = await a.engine.renew([{ leaseId: lease?.leaseId ?? "" }]);
  expect(renewed).toMatchObject({ status: "ok", cancel: true });
  expect(await settle(lease?.leaseId ?? "")).toEqual({ status: "ok", state: "CANCELLED" });
  await becomes(third.id, "READY");
  await finish();
});

test("a redriven run stands in line again", async () => {
  const first = await start("plain", keyed("again"));
  const [lease] = await take("plain");
  await settle(lease?.leaseId ?? "", "failed");
  const second = await start("plain", keyed("again"));
  await becomes(second.id, "READY");
  expect(await a.engine.redrive(first.id)).toEqual({ id: first.id, state: "WAITING" });
  expect(await holdOf(first.id)).toBe("AFFINITY");
  await finish();
});

test("a run that is run again as a new one keeps its affinity", async () => {
  const first = await start("plain", keyed("rerun"));
  await settle((await take("plain"))[0]?.leaseId ?? "");
  const holder = await start("plain", keyed("rerun"));
  await becomes(holder.id, "READY");
  const again = await a.engine.rerun(first.id);
  expect([again.state, await holdOf(again.id)]).toEqual(["WAITING", "AFFINITY"]);
  await finish();
});

test("children with affinity wait for their key, whether staged or started at once", async () => {
  await start("other");
  const [parent] = await take("other");
  const child: StartItem = { namespace: "default", job: "plain", ...keyed("child") };
  const staged = await a.engine.startChildren(parent?.leaseId ?? "", { runs: [child, child], now: false });
  const now = await a.engine.startChildren(parent?.leaseId ?? "", { runs: [child], now: true });
  await becomes(now.runs[0] ?? "", "READY");
  await settle(parent?.leaseId ?? "");
  for (const id of staged.runs) await expect.poll(() => holdOf(id)).toBe("AFFINITY");
  await finish();
});

test("a repeated request with a key of its own finds the run where it is", async () => {
  const item = keyed("repeat", { idempotencyKey: "once" });
  const first = await start("plain", item);
  expect(await start("plain", item)).toEqual(first);
  await expect(start("plain", { ...item, affinity: null })).rejects.toMatchObject({ code: "CONFLICT" });
  await finish();
});

test.each([
  ["affinity.key", () => start("plain", { affinity: { group: "g", key: "" } })],
  ["affinity.group", () => start("plain", { affinity: { group: "g".repeat(201), key: "k" } })],
  ["affinity.key", () => start("plain", { affinity: { group: "g", key: "a\0b" } })],
  ["maxParallel", () => addJob("zero", { maxParallel: 0 })],
  ["maxParallel", () => addJob("half", { maxParallel: 1.5 })],
])("what cannot be is refused and changes nothing: %s", async (field, ask) => {
  await expect(ask()).rejects.toMatchObject({ code: "BAD_INPUT", field });
  const [row] =
    await a.sql`select count(*)::int as n from escapement.run where state <> 'SUCCEEDED' and ended_at is null`;
  expect(row?.n).toBe(0);
});
