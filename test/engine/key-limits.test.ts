/** `maxParallelPerKey`: at most so many runs of a job at once whose input says the same. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { StartItem } from "../../server/engine/engine.ts";
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
});
afterAll(async () => {
  expect([...a.gateErrors, ...b.gateErrors]).toEqual([]);
  await b.close();
  await a.close();
});

const definitions = () => ({ sql: a.sql, catalog: a.context.catalog, channel: a.context.channel });
const addJob = async (name: string, more: Partial<JobInput> = {}, max = 1) => {
  const maxParallelPerKey = { key: "input.customer", max };
  await createJob(definitions(), 1, { name, type: name, retry: { off: true }, maxParallelPerKey, ...more });
  await Promise.all([a, b].map(({ context }) => context.catalog.refreshQueues()));
};
const of = (job: string, customer: unknown, more: Partial<StartItem> = {}): StartItem => ({
  namespace: "default",
  job,
  input: JSON.stringify({ customer }),
  ...more,
});
const startAll = (items: StartItem[], on: TestEngine = a) => on.engine.start(items, { field: "runs" });
const start = async (item: StartItem) => (await a.engine.start([item]))[0] as { id: string; state: string };
/** What tests have taken and not settled; `finish` does. */
const taken: string[] = [];
const take = async (type: string, max = 10, on: TestEngine = a) => {
  const leases = await on.engine.claim({
    namespaceId: 1,
    executorId: 1,
    groups: ["default"],
    types: [type],
    max,
  });
  taken.push(...leases.map((lease) => lease.leaseId));
  return leases;
};
const settle = (leaseId = "", outcome: "succeeded" | "failed" = "succeeded", on: TestEngine = a) =>
  on.engine.settle([{ leaseId, outcome }]);
const statesOf = (runs: { id: string }[]) => Promise.all(runs.map((run) => a.stateOf(run.id)));
const becomes = (runId: string, state: string) => expect.poll(() => a.stateOf(runId)).toBe(state);
const keyOf = async (runId: string): Promise<string | undefined> =>
  (await a.sql<{ key: string }[]>`select key from escapement.place where run_id = ${runId}`)[0]?.key;
const finish = () =>
  expect
    .poll(async () => {
      for (const lease of await a.claim(1000)) taken.push(lease.leaseId);
      for (const leaseId of taken.splice(0)) await settle(leaseId);
      const [row] = await a.sql<{ n: number }[]>`
        select (select count(*) from escapement.waiting) + (select count(*) from escapement.ready)
          + (select count(*) from escapement.lease) + (select count(*) from escapement.place) as n`;
      return Number(row?.n);
    })
    .toBe(0);

test("so many runs of each key are let in, higher priority first, and the next when one ends", async () => {
  await addJob("sync", {}, 2);
  const runs = await startAll([
    of("sync", 7),
    of("sync", 7),
    of("sync", 7),
    of("sync", 7, { priority: 9 }),
    of("sync", "7"),
  ]);
  expect(runs.map((run) => run.state)).toEqual(["READY", "WAITING", "WAITING", "READY", "READY"]);
  const leases = await take("sync");
  await settle(leases.find((lease) => lease.runId === runs[4]?.id)?.leaseId);
  expect(await statesOf(runs.slice(1, 3))).toEqual(["WAITING", "WAITING"]);
  await settle(leases.find((lease) => lease.runId === runs[0]?.id)?.leaseId);
  await becomes(runs[1]?.id ?? "", "READY");
  expect(await a.stateOf(runs[2]?.id ?? "")).toBe("WAITING");
  await finish();
});

test("equal values are one key however they are written, and the job's own input counts, too", async () => {
  await addJob("alike", { input: '{"customer": {"id": 1, "at": "x"}}' });
  const runs = await startAll([
    { namespace: "default", job: "alike" },
    of("alike", { at: "x", id: 1 }),
    of("alike", { at: "y", id: 1 }),
  ]);
  expect(runs.map((run) => run.state)).toEqual(["READY", "WAITING", "READY"]);
  await finish();
});

test("a run has to pass the limit of its key and that of its job, and takes no place of the job while its key is full", async () => {
  await addJob("both", { maxParallel: 2 });
  const runs = await startAll([of("both", 1), of("both", 1), of("both", 2), of("both", 3)]);
  expect(runs.map((run) => run.state)).toEqual(["READY", "WAITING", "READY", "WAITING"]);
  const [first] = await take("both", 1);
  await settle(first?.leaseId);
  await expect.poll(async () => (await statesOf(runs)).filter((state) => state === "READY").length).toBe(2);
  await finish();
});

test("a run that waits for its retry leaves its place to another of its key", async () => {
  await addJob("retrying", { retry: { fixed: { delay: "PT1H", max: 1 } } });
  const [first, second] = await startAll([of("retrying", 1), of("retrying", 1)]);
  await settle((await take("retrying"))[0]?.leaseId, "failed");
  await becomes(second?.id ?? "", "READY");
  await a.sql`update escapement.waiting set wake_at = escapement.clock() - interval '1 ms' where id = ${first?.id ?? ""}`;
  await releaseDue(a.context);
  expect(await a.stateOf(first?.id ?? "")).toBe("WAITING");
  await finish();
});

test("a limit that is raised or taken away lets in who waits; other keys are asked of new runs only", async () => {
  await addJob("changing");
  const runs = await startAll(Array.from({ length: 4 }, () => of("changing", 1)));
  const change = async (maxParallelPerKey: { key: string; max: number } | null) => {
    await updateJob(definitions(), 1, "changing", { maxParallelPerKey });
    await a.context.gates.repair();
  };
  await change({ key: "input.customer", max: 2 });
  expect(await statesOf(runs)).toEqual(["READY", "READY", "WAITING", "WAITING"]);
  await change({ key: "input.other", max: 2 });
  await expect(start(of("changing", 1))).rejects.toMatchObject({ code: "BAD_INPUT", field: "input" });
  await change(null);
  expect(await statesOf(runs)).toEqual(["READY", "READY", "READY", "READY"]);
  expect((await start(of("changing", 1))).state).toBe("READY");
  await finish();
});

test.each<[string, StartItem[]]>([
  ["runs[1].input", [of("strict", 1), { namespace: "default", job: "strict", input: '{"other": 1}' }]],
  ["runs[0].input", [{ namespace: "default", job: "strict" }]],
  ["runs[0].input", [{ namespace: "default", job: "strict", inputBytes: Buffer.from("{}") }]],
  ["runs[0].input", [{ namespace: "default", job: "strict", input: '{"customer": 9007199254740993}' }]],
])("a start whose input has no key is refused and nothing is started: %s", async (field, items) => {
  await addJob("strict").catch(() => {});
  await expect(startAll(items)).rejects.toMatchObject({ code: "BAD_INPUT", field });
  expect(await a.sql`select id from escapement.run where ended_at is null`).toHaveLength(0);
});

test.each([
  ["maxParallelPerKey.key", { key: "customer", max: 1 }],
  ["maxParallelPerKey.key", { key: "input[0]", max: 1 }],
  ["maxParallelPerKey.max", { key: "input.a", max: 0 }],
  ["maxParallelPerKey.max", { key: "input.a", max: -1 }],
  ["maxParallelPerKey.max", { key: "input.a", max: 1.5 }],
])("a limit that cannot be is refused and changes nothing: %s", async (field, maxParallelPerKey) => {
  await expect(addJob("wrong", { maxParallelPerKey })).rejects.toMatchObject({ code: "BAD_INPUT", field });
  expect(await a.sql`select id from escapement.job where name = 'wrong'`).toHaveLength(0);
});

test("the same limit again makes no version", async () => {
  await addJob("same");
  const again = { maxParallelPerKey: { max: 1, key: "input.customer" } };
  expect((await updateJob(definitions(), 1, "same", again)).version).toBe(1);
});

test("a run that is run again as a new one, or redriven, stands in line for its key", async () => {
  await addJob("again");
  const first = await start(of("again", 1));
  await settle((await take("again"))[0]?.leaseId, "failed");
  const holder = await start(of("again", 1));
  await becomes(holder.id, "READY");
  expect((await a.engine.rerun(first.id)).state).toBe("WAITING");
  expect((await a.engine.redrive(first.id)).state).toBe("WAITING");
  await finish();
});

test("a redriven run with another input has another key, even when its place is not free yet", async () => {
  await addJob("edited");
  const first = await start(of("edited", 1));
  const { leaseId = "" } = (await take("edited"))[0] ?? {};
  // As if the server died before it handed the place on.
  const soon = a.context.gates.soon;
  a.context.gates.soon = () => {};
  await settle(leaseId, "failed");
  a.context.gates.soon = soon;
  expect(await keyOf(first.id)).toBe("1");
  const redriven = await a.engine.redrive(first.id, { input: { json: '{"customer": 2}', bytes: null } });
  expect([redriven.state, await keyOf(first.id)]).toEqual(["READY", "2"]);
  expect((await start(of("edited", 1))).state).toBe("READY");
  expect((await start(of("edited", 2))).state).toBe("WAITING");
  await finish();
});

test("a waiting run that is started now with another input has another key, tried before or not", async () => {
  await addJob("hastened", { retry: { fixed: { delay: "PT1H", max: 1 } } });
  const tried = await start(of("hastened", 1));
  await settle((await take("hastened"))[0]?.leaseId, "failed");
  const fresh = await start(of("hastened", 1, { delayMs: 3_600_000 }));
  const holder = await start(of("hastened", 1));
  await becomes(holder.id, "READY");
  const input = (customer: number) => ({ json: JSON.stringify({ customer }), bytes: null });
  await expect(a.engine.hasten(fresh.id, { json: "{}", bytes: null })).rejects.toMatchObject({
    code: "BAD_INPUT",
    field: "input",
  });
  expect((await a.engine.hasten(tried.id, input(2))).state).toBe("READY");
  expect((await a.engine.hasten(fresh.id, input(2))).state).toBe("WAITING");
  expect([await keyOf(tried.id), await keyOf(fresh.id)]).toEqual(["2", "2"]);
  await finish();
});

test("children wait for a place of their key, and one without a key is refused with its place", async () => {
  await addJob("child");
  await addJob("parent", { maxParallelPerKey: null });
  await start({ namespace: "default", job: "parent" });
  const [parent] = await take("parent");
  const ask = (runs: StartItem[], now: boolean) =>
    a.engine.startChildren(parent?.leaseId ?? "", { runs, now });
  await expect(ask([of("child", 1), { namespace: "default", job: "child" }], false)).rejects.toMatchObject({
    code: "BAD_INPUT",
    field: "runs[1].input",
  });
  const staged = await ask([of("child", 1), of("child", 2)], false);
  const now = await ask([of("child", 1)], true);
  await becomes(now.runs[0] ?? "", "READY");
  await settle(parent?.leaseId);
  await becomes(staged.runs[1] ?? "", "READY");
  await expect.poll(() => keyOf(staged.runs[0] ?? "")).toBe("1");
  expect(await a.stateOf(staged.runs[0] ?? "")).toBe("WAITING");
  await finish();
});

test("a trigger's runs wait for a place of their key; one whose input has none stops and says so", async () => {
  await addJob("ticking");
  const holder = await start(of("ticking", 1));
  const schedule = { kind: "fixedRate", everyMs: 3_600_000 };
  await a.sql`
    insert into escapement.trigger (namespace_id, job_id, name, schedule, misfire, state, next_at, input)
    select 1, id, t.name, ${a.sql.json(schedule)}, '{"policy": "FIRE_ALL", "thresholdMs": 60000, "limit": 100}',
      'NORMAL', escapement.clock() - interval '1 ms', t.input
    from escapement.job, (values ('with', '{"customer": 1}'), ('without', '{}')) as t(name, input) where job.name = 'ticking'`;
  await createFire(a.context)(await a.lead());
  const triggers = await a.sql`select name, state, reason from escapement.trigger order by name`;
  expect([...triggers]).toEqual([
    { name: "with", state: "NORMAL", reason: null },
    {
      name: "without",
      state: "ERROR",
      reason: "its input has no value at input.customer, by which runs of this job are limited",
    },
  ]);
  const [fired] = await a.sql`
    select r.id, r.state from escapement.occurrence o join escapement.run r on r.id = o.run_id`;
  expect(fired?.state).toBe("WAITING");
  await a.engine.cancel(holder.id, null);
  await becomes(fired?.id, "READY");
  await a.sql`delete from escapement.trigger`;
  await finish();
});

test("start_run refuses such a job and says where to start it", async () => {
  await addJob("sql");
  await expect(a.sql`select escapement.start_run('default', 'sql', '{"customer": 1}')`).rejects.toMatchObject(
    {
      code: "S0005",
      message: expect.stringContaining("limits its runs by a key of their input"),
      hint: expect.stringContaining("POST /v1/runs"),
    },
  );
  await updateJob(definitions(), 1, "sql", { maxParallelPerKey: null, maxParallel: 1 });
  const [row] = await a.sql<{ id: string }[]>`select escapement.start_run('default', 'sql', '{}') as id`;
  const [run] = await a.sql`select gates from escapement.waiting where id = ${row?.id ?? ""}`;
  expect(JSON.parse(run?.gates)).toHaveLength(1);
  await a.context.gates.repair();
  await finish();
});

test("starts, ends and failures on two servers at once never let more in than a key has places, and all end", async () => {
  await addJob("racing", { retry: { fixed: { delay: "PT0.01S", max: 3 } } }, 2);
  const [RUNS, KEYS, MAX] = [300, 10, 2];
  const customerOf = (n: number) => n % KEYS;
  const active = new Map<number, number>();
  const tooMany: string[] = [];
  let over = 0;
  const starting = (async () => {
    for (let at = 0; at < RUNS; at += 30) {
      const items = Array.from({ length: 30 }, (_, n) => of("racing", customerOf(at + n)));
      await startAll(items, at % 60 ? a : b);
    }
  })();
  let turn = 0;
  const worker = async (server: TestEngine) => {
    while (over < RUNS) {
      await releaseDue(server.context);
      const leases = await take("racing", 3, server);
      const customers = leases.map((lease) => Number(JSON.parse(lease.input ?? "").customer));
      for (const customer of customers) {
        const now = (active.get(customer) ?? 0) + 1;
        active.set(customer, now);
        if (now > MAX) tooMany.push(`${now} of ${customer}`);
      }
      for (const [at, lease] of leases.entries()) {
        const customer = customers[at] as number;
        active.set(customer, (active.get(customer) as number) - 1);
        const fails = turn++ % 7 === 0 && lease.attempts.made < 2;
        await settle(lease.leaseId, fails ? "failed" : "succeeded", server);
        if (!fails) over++;
      }
      if (leases.length === 0) await new Promise(setImmediate);
    }
  };
  await Promise.all([starting, worker(a), worker(b), worker(a), worker(b)]);
  expect(tooMany).toEqual([]);
  await finish();
});
