/** Rates: how many attempts begin in any interval. The database's clock is the test's own; nothing here waits for time. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { announceForeign } from "../../server/engine/announce.ts";
import type { ClaimedLease, StartItem } from "../../server/engine/engine.ts";
import { createFire } from "../../server/engine/fire.ts";
import { forgetStarts } from "../../server/engine/gates/rate.ts";
import { createJob, type JobInput, updateJob } from "../../server/store/job-changes.ts";
import { openTestEngine, type TestEngine } from "../support/engine.ts";

/** Two servers on one database. */
let a: TestEngine & { url: string };
let b: TestEngine;

beforeAll(async () => {
  a = await openTestEngine();
  b = await openTestEngine(a.url);
  await a.sql`create table public.virtual_clock (at timestamptz(3) not null)`;
  await a.sql`insert into public.virtual_clock values (now())`;
  await a.sql`create or replace function escapement.clock() returns timestamptz language sql volatile
    as 'select at from public.virtual_clock'`;
});
afterAll(async () => {
  expect([...a.gateErrors, ...b.gateErrors]).toEqual([]);
  await b.close();
  await a.close();
});

const definitions = () => ({ sql: a.sql, catalog: a.context.catalog, channel: a.context.channel });
const addJob = async (name: string, more: Partial<JobInput>) => {
  await createJob(definitions(), 1, { name, type: name, retry: { off: true }, ...more });
  await Promise.all([a, b].map(({ context }) => context.catalog.refreshQueues()));
};
const patch = (name: string, more: Partial<JobInput>) => updateJob(definitions(), 1, name, more);
const pass = async (ms: number) => {
  await a.sql`update public.virtual_clock set at = at + ${ms} * interval '1 millisecond'`;
};
const only = <T>(list: T[]): T => {
  expect(list).toHaveLength(1);
  return list[0] as T;
};
/** A millisecond later than the one before: within one, ids are in no order. */
const start = async (job: string, more: Partial<StartItem> = {}, on: TestEngine = a) => {
  await pass(1);
  return only(await on.engine.start([{ namespace: "default", job, ...more }]));
};
const take = (type: string, max = 10, on: TestEngine = a) =>
  on.engine.claim({ namespaceId: 1, executorId: 1, groups: ["default"], types: [type], max });
const settle = (leaseId: string, outcome: "succeeded" | "failed" | "released" = "succeeded") =>
  a.engine.settle([{ leaseId, outcome }]);
/** What servers do by themselves after a commit. */
const settled = async () => {
  for (const { context } of [a, b]) await context.gates.work({ gates: [{ gateId: 0, key: "" }] });
};
/** What the ticker of either server does. */
const tick = async (on: TestEngine = a) => {
  await settled();
  return (await on.context.gates.releaseRated()).nextInMs;
};
const states = (runs: { id: string }[]) => Promise.all(runs.map(({ id }) => a.stateOf(id)));
const wakes = async () => {
  const [row] = await a.sql<{ ms: number | null }[]>`
    select date_part('epoch', min(wake_at) - escapement.clock()) * 1000 as ms from escapement.rate_wake`;
  return row?.ms ?? null;
};

test("a rate lets in so many, and the next when the oldest start is an interval old", async () => {
  await addJob("steady", { rate: { max: 2, every: "PT10S" } });
  const runs = [];
  for (let i = 0; i < 4; i++) runs.push(await start("steady", {}, i % 2 ? a : b));
  expect(runs.map(({ state }) => state)).toEqual(["READY", "READY", "WAITING", "WAITING"]);
  for (const at of [0, 1]) {
    await settle(only(await take("steady", 1)).leaseId);
    await pass(at === 0 ? 4_000 : 5_999);
  }
  // An end frees nothing: only time does.
  await tick();
  expect(await states(runs)).toEqual(["SUCCEEDED", "SUCCEEDED", "WAITING", "WAITING"]);
  expect(await wakes()).toBe(1);
  await pass(1);
  await tick(b);
  expect(await states(runs.slice(2))).toEqual(["READY", "WAITING"]);
  await settle(only(await take("steady", 1)).leaseId);
  await tick();
  expect(await wakes()).toBe(4_000);
  await pass(4_000);
  await tick();
  await settle(only(await take("steady")).leaseId);
  await settled();
  expect(await wakes()).toBeNull();
});

test("what was let in and not taken counts, so that workers who come back find no more than the rate", async () => {
  await addJob("away", { rate: { max: 2, every: "PT1S" } });
  const runs = await a.engine.start(Array.from({ length: 5 }, () => ({ namespace: "default", job: "away" })));
  await pass(60_000);
  await tick();
  await a.context.gates.repair();
  expect((await states(runs)).filter((state) => state === "READY")).toHaveLength(2);
  for (const lease of await take("away")) await settle(lease.leaseId);
  await tick();
  expect(await take("away")).toEqual([]);
  await pass(1_000);
  await tick();
  expect(await take("away")).toHaveLength(2);
});

test("in no interval more attempts begin than the rate says, over two servers, idle workers, retries and crashes", async () => {
  const [max, everyMs] = [3, 10_000];
  await addJob("burst", {
    rate: { max, every: "PT10S" },
    maxParallel: 4,
    retry: { fixed: { delay: "PT2S", max: 2 } },
  });
  const runs = await b.engine.start(
    Array.from({ length: 15 }, () => ({ namespace: "default", job: "burst" })),
  );
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  const held: ClaimedLease[] = [];
  const open = async () =>
    (await states(runs)).filter((state) => state !== "SUCCEEDED" && state !== "FAILED");
  const attempts = async () => {
    const rows = await a.sql<{ at: Date }[]>`
      select started_at as at from escapement.attempt where run_id = any(${runs.map(({ id }) => id)}::bigint[])
      union all select started_at from escapement.run where id = any(${runs.map(({ id }) => id)}::bigint[]) and started_at is not null
      order by 1`;
    return rows.map(({ at }) => at.getTime());
  };
  for (let step = 0; (await open()).length > 0; step++) {
    expect(step).toBeLessThan(300);
    await pass(random(3_000));
    const on = [a, b][random(2)] as TestEngine;
    await a.sql`update escapement.waiting set wake_at = null, wake_kind = null where wake_at <= escapement.clock()`;
    await tick(on);
    if (random(4) > 0) held.push(...(await take("burst", 1 + random(4), on)));
    await settled();
    if (random(5) === 0) await a.sql`update escapement.recent_start set started_at = 'infinity'`;
    while (held.length > random(3)) {
      await settle((held.shift() as ClaimedLease).leaseId, random(3) === 0 ? "failed" : "succeeded");
    }
    await settled();
    await on.context.gates.repair();
  }
  const began = await attempts();
  expect(began.length).toBeGreaterThan(runs.length);
  for (const [at, time] of began.entries()) {
    const next = began[at + max];
    if (next !== undefined)
      expect(next - time, `attempts ${at} and ${at + max}`).toBeGreaterThanOrEqual(everyMs);
  }
});

test("higher priority goes first, and else the order of the starts", async () => {
  await addJob("order", { rate: { max: 1, every: "PT1S" } });
  const runs: { id: string }[] = [];
  for (const priority of [5, 1, 5, 9]) runs.push(await start("order", { priority }));
  const order: string[] = [];
  for (let n = 0; n < 4; n++) {
    const lease = only(await take("order"));
    order.push(lease.runId);
    await settle(lease.leaseId);
    await pass(1_000);
    await tick();
  }
  expect(order).toEqual([0, 3, 2, 1].map((at) => runs[at]?.id));
});

test("each key of the input has a rate of its own", async () => {
  await addJob("keyed", { rate: { max: 1, every: "PT1S", key: "input.customer" } });
  const of = (customer: unknown) => start("keyed", { input: JSON.stringify({ customer }) });
  const runs = [await of("x"), await of("y"), await of("x"), await of({ id: 1 })];
  expect(runs.map(({ state }) => state)).toEqual(["READY", "READY", "WAITING", "READY"]);
  await expect(start("keyed", { input: "{}" })).rejects.toMatchObject({ code: "BAD_INPUT", field: "input" });
  for (const lease of await take("keyed")) await settle(lease.leaseId);
  await settled();
  await pass(1_000);
  await tick();
  expect(await states(runs)).toEqual(["SUCCEEDED", "SUCCEEDED", "READY", "SUCCEEDED"]);
  await settle(only(await take("keyed")).leaseId);
});

test("runs that wait follow a rate that is changed or removed", async () => {
  await addJob("changed", { rate: { max: 1, every: "PT1H" } });
  const runs: { id: string }[] = [];
  for (let i = 0; i < 5; i++) runs.push(await start("changed"));
  const ready = async () => (await states(runs)).filter((state) => state === "READY").length;
  await settle(only(await take("changed")).leaseId);
  await tick();
  await patch("changed", { rate: { max: 2, every: "PT1H" } });
  await a.context.gates.repair();
  expect(await ready()).toBe(1);
  await settle(only(await take("changed")).leaseId);
  await pass(60_000);
  await patch("changed", { rate: { max: 1, every: "PT1M" } });
  await a.context.gates.repair();
  expect(await ready()).toBe(1);
  // Longer again: what began before counts for as long.
  await settle(only(await take("changed")).leaseId);
  await settled();
  await patch("changed", { rate: { max: 1, every: "PT1H" } });
  await pass(60_000);
  await tick();
  await a.context.gates.repair();
  expect(await ready()).toBe(0);
  await patch("changed", { rate: null });
  await a.context.gates.repair();
  expect(await ready()).toBe(2);
  expect((await start("changed")).state).toBe("READY");
  for (const lease of await take("changed")) await settle(lease.leaseId);
  await settled();
  await forgetStarts(a.context);
  const left = await a.sql`
    select from escapement.recent_start r join escapement.gate g on g.id = r.gate_id where g.name like 'job/%/RATE' and g.every_ms is null`;
  expect(left).toHaveLength(0);
});

test("a line of thousands goes in batch after batch when its rate is removed", async () => {
  await addJob("many", { rate: { max: 1, every: "PT1H" } });
  const runs = await a.engine.start(
    Array.from({ length: 2_500 }, () => ({ namespace: "default", job: "many" })),
  );
  await patch("many", { rate: null });
  await a.context.gates.repair();
  const ids = runs.map(({ id }) => id);
  const waiting = async () =>
    (await a.sql`select from escapement.waiting where id = any(${ids}::bigint[])`).length;
  expect(await waiting()).toBe(1_499);
  expect(await tick()).toBeLessThan(100);
  expect(await waiting()).toBe(499);
  await tick(b);
  expect(await waiting()).toBe(0);
  expect(await wakes()).toBeNull();
  while ((await take("many", 1_000)).length > 0);
});

test("a retry counts again, and a run that is given back goes on at once and counts", async () => {
  await addJob("again", {
    rate: { max: 1, every: "PT10S" },
    retry: { fixed: { delay: "PT0.001S", max: 3 } },
  });
  const run = await start("again");
  const next = await start("again");
  await settle(only(await take("again")).leaseId, "failed");
  await settled();
  await pass(5_000);
  await a.sql`update escapement.waiting set wake_at = null, wake_kind = null where id = ${run.id}`;
  await a.context.gates.work({ entering: [run.id] });
  expect(await states([run, next])).toEqual(["WAITING", "WAITING"]);
  await pass(5_000);
  await tick();
  expect(await states([run, next])).toEqual(["READY", "WAITING"]);
  await settle(only(await take("again")).leaseId, "released");
  await settled();
  await pass(4_000);
  await settle(only(await take("again")).leaseId);
  await settled();
  await pass(6_000);
  await tick();
  expect(await states([run, next])).toEqual(["SUCCEEDED", "WAITING"]);
  await pass(4_000);
  await tick();
  await settle(only(await take("again")).leaseId);
});

test("a run that is cancelled or paused before it began leaves its start to the next", async () => {
  await addJob("freed", { rate: { max: 1, every: "PT1H" } });
  const runs = [await start("freed"), await start("freed"), await start("freed")];
  const [first, second, third] = runs.map(({ id }) => id) as [string, string, string];
  await a.engine.cancel(second, null);
  await a.engine.cancel(first, null);
  await settled();
  expect(await a.stateOf(third)).toBe("READY");
  await a.engine.suspendRun(third, "ada", null);
  const other = await start("freed");
  expect(await states([{ id: third }, other])).toEqual(["WAITING", "READY"]);
  await a.engine.resumeRun(third);
  expect(await a.stateOf(third)).toBe("WAITING");
  await settle(only(await take("freed")).leaseId);
  await pass(3_600_000);
  await tick();
  expect(await a.stateOf(third)).toBe("READY");
  await settle(only(await take("freed")).leaseId);
});

test("a server that dies with a key's turn in its hands holds it up for a second", async () => {
  await addJob("dying", { rate: { max: 1, every: "PT1S" } });
  const runs = [await start("dying"), await start("dying")];
  await settle(only(await take("dying")).leaseId);
  await settled();
  await pass(1_000);
  await a.sql`update escapement.rate_wake set wake_at = escapement.clock() + interval '1 s'`;
  await tick(b);
  expect(await states(runs)).toEqual(["SUCCEEDED", "WAITING"]);
  await pass(1_000);
  await tick(b);
  expect(await a.stateOf(runs[1]?.id ?? "")).toBe("READY");
  await settle(only(await take("dying")).leaseId);
});

test("the repair finds a line that nobody wakes, and starts that nobody noted", async () => {
  await addJob("crashed", { rate: { max: 1, every: "PT1S" } });
  const runs = [await start("crashed"), await start("crashed")];
  const running = only(await take("crashed"));
  await settled();
  await a.sql`update escapement.recent_start set started_at = 'infinity'`;
  await a.sql`delete from escapement.rate_wake`;
  await a.context.gates.repair();
  expect(await wakes()).toBe(1_000);
  await pass(1_000);
  await tick();
  expect(await a.stateOf(runs[1]?.id ?? "")).toBe("READY");
  for (const { leaseId } of [running, only(await take("crashed"))]) await settle(leaseId);
});

test("triggers, redrives, children and SQL go through the same rate", async () => {
  await addJob("ways", { rate: { max: 1, every: "PT1H" } });
  await addJob("parent", {});
  const first = await start("ways");
  const [sql] = await a.sql<{ id: string }[]>`select escapement.start_run('default', 'ways') as id`;
  await announceForeign(a.context);
  await start("parent");
  const parent = only(await take("parent"));
  const children = await a.engine.startChildren(parent.leaseId, {
    runs: [{ namespace: "default", job: "ways" }],
    now: false,
  });
  await settle(parent.leaseId);
  await a.sql`
    insert into escapement.trigger (namespace_id, job_id, name, schedule, misfire, state, next_at)
    select 1, id, 'often', ${a.sql.json({ kind: "fixedRate", everyMs: 3_600_000 })},
      '{"policy": "FIRE_ALL", "thresholdMs": 60000, "limit": 100}', 'NORMAL', escapement.clock() - interval '1 ms'
    from escapement.job where name = 'ways'`;
  await createFire(a.context)(await a.lead());
  await settled();
  const rows = await a.sql<{ id: string; ready: boolean }[]>`
    select r.id, r.state = 'READY' as ready from escapement.run r join escapement.job j on j.id = r.job_id
    where j.name = 'ways' order by r.id`;
  expect(rows.map(({ id }) => id)).toEqual(expect.arrayContaining([first.id, sql?.id, children.runs[0]]));
  expect(rows.length).toBeGreaterThanOrEqual(4);
  expect(rows.filter(({ ready }) => ready).map(({ id }) => id)).toEqual([first.id]);
  await settle(only(await take("ways")).leaseId, "failed");
  await settled();
  expect(await a.engine.redrive(first.id)).toEqual({ id: first.id, state: "WAITING" });
});
