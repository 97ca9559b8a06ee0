/** Jobs whose runs are unique by a key: singleton, throttle and debounce, also under races. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Unique } from "../../server/core/unique.ts";
import { createFire } from "../../server/engine/fire.ts";
import { releaseDue } from "../../server/engine/release.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine & { url: string };
let other: TestEngine;
beforeAll(async () => {
  t = await openTestEngine();
  const jobs: Record<string, Unique | null> = {
    plain: null,
    single: { kind: "singleton", key: "input.customer" },
    only: { kind: "singleton", key: null },
    throttled: { kind: "throttle", key: "input.customer", everyMs: 3_600_000 },
    debounced: { kind: "debounce", key: "input.customer", delayMs: 60_000, maxWaitMs: null },
    flaky: { kind: "debounce", key: null, delayMs: 60_000, maxWaitMs: null },
    mapped: { kind: "singleton", key: "input.customer" },
    bounded: { kind: "debounce", key: null, delayMs: 60_000, maxWaitMs: 90_000 },
  };
  for (const [name, unique] of Object.entries(jobs)) {
    await addJob(t, name, {
      execution: name === "mapped" ? "MAP" : "SINGLE",
      retry: name === "flaky" ? { kind: "fixed", delayMs: 60_000, max: 3 } : { kind: "off" },
    });
    await t.sql`update escapement.job_version v set "unique" = ${unique === null ? null : t.sql.json(unique)}
      from escapement.job j where j.id = v.job_id and j.name = ${name}`;
  }
  other = await openTestEngine(t.url);
});
afterAll(async () => {
  await other.close();
  await t.close();
});
beforeEach(async () => {
  const tables = [
    "waiting",
    "ready",
    "lease",
    "ended",
    "uniqueness",
    "idempotency",
    "payload",
    "dead_letter",
  ];
  for (const table of [...tables, "trigger", "occurrence", "redrive", "rerun", "dependency"]) {
    await t.sql`delete from escapement.${t.sql(table)}`;
  }
});

const item = (job: string, customer: unknown, more: object = {}) => ({
  namespace: "default",
  job,
  input: JSON.stringify({ customer, ...more }),
});
const start = async (job: string, customer: unknown, more: object = {}) => {
  const [run] = await t.engine.start([item(job, customer, more)]);
  if (!run) throw new Error("nothing started");
  return run;
};
const count = async () => (await t.sql`select count(*)::int as n from escapement.run`)[0]?.n;
const finish = async (outcome: "succeeded" | "failed") =>
  t.engine.settle((await t.claim(100)).map(({ leaseId }) => ({ leaseId, outcome })));

test("a singleton's second start is answered with the run that has not ended, wherever that is", async () => {
  const first = await start("single", 7);
  expect(await start("single", 7)).toEqual(first);
  expect((await start("single", 8)).id).not.toBe(first.id);
  expect((await start("single", "7")).id).not.toBe(first.id);
  await t.claim(100);
  expect(await start("single", 7)).toEqual({ id: first.id, state: "RUNNING" });
  await t.sql`delete from escapement.lease where id <> ${first.id}`;
  await t.engine.cancel(first.id, null);
  expect((await start("single", 7)).id).toBe(first.id);
});

test("a singleton that has ended makes room for the next, whatever it ended as", async () => {
  const ids = new Set<string>();
  for (const outcome of ["succeeded", "failed"] as const) {
    ids.add((await start("single", 7)).id);
    await finish(outcome);
  }
  const cancelled = await start("single", 7);
  await t.engine.cancel(cancelled.id, null);
  ids.add(cancelled.id);
  ids.add((await start("single", 7)).id);
  expect(ids.size).toBe(4);
});

test("a hundred starts of one singleton at once, on two servers, make one run", async () => {
  const engines = [t.engine, other.engine];
  const starts = Array.from({ length: 100 }, (_, n) =>
    (engines[n % 2] ?? t.engine).start([item("single", "same")]),
  );
  const ids = new Set((await Promise.all(starts)).map(([run]) => run?.id));
  expect(ids.size).toBe(1);
  expect(await count()).toBe(1);
});

test("starts that race with the end of the run before never make two that go on", async () => {
  for (let round = 0; round < 20; round++) {
    await start("only", null);
    const leases = await t.claim(10);
    const settles = leases.map(({ leaseId }) => t.engine.settle([{ leaseId, outcome: "succeeded" }]));
    const starts = [t.engine, other.engine, t.engine, other.engine].map((engine) =>
      engine.start([item("only", null)]),
    );
    await Promise.all([...settles, ...starts]);
    const [row] = await t.sql`
      select count(*)::int as n from escapement.run where state in ('WAITING', 'READY', 'RUNNING')`;
    expect(row?.n).toBeLessThanOrEqual(1);
  }
});

test("one request with the same key twice makes one run, and others beside it", async () => {
  const runs = await t.engine.start([
    item("single", 1),
    item("plain", 1),
    item("single", 1),
    item("single", 2),
    item("plain", 1),
  ]);
  expect(runs[2]).toEqual(runs[0]);
  expect(new Set(runs.map(({ id }) => id)).size).toBe(4);
  expect(await count()).toBe(4);
});

test("a throttled job starts once per interval and key", async () => {
  const first = await start("throttled", 1);
  await finish("succeeded");
  expect(await start("throttled", 1)).toEqual({ id: first.id, state: "SUCCEEDED" });
  expect((await start("throttled", 2)).id).not.toBe(first.id);
  await t.sql`update escapement.uniqueness set until_at = escapement.clock() - interval '1 ms'`;
  const next = await start("throttled", 1);
  expect(next.id).not.toBe(first.id);
  expect(await start("throttled", 1)).toEqual(next);
});

test("each start of a debounced job puts the waiting run off and gives it its input", async () => {
  const first = await start("debounced", 1, { n: 1 });
  expect(first.state).toBe("WAITING");
  const wakeAt = async () =>
    (await t.sql`select wake_at, input, payload from escapement.waiting where id = ${first.id}`)[0];
  await t.sql`update escapement.waiting set wake_at = wake_at - interval '30 s'`;
  const before = await wakeAt();
  expect(await start("debounced", 1, { n: 2 })).toEqual(first);
  const after = await wakeAt();
  expect(after?.input).toBe('{"customer":1,"n":2}');
  expect(Number(after?.wake_at) - Number(before?.wake_at)).toBeGreaterThan(29_000);
  // A large input goes to its own table, and away again.
  await start("debounced", 1, { n: "x".repeat(5_000) });
  expect(await wakeAt()).toMatchObject({ input: null, payload: 1 });
  await start("debounced", 1, { n: 3 });
  expect(await wakeAt()).toMatchObject({ input: '{"customer":1,"n":3}', payload: 0 });
  expect((await t.sql`select count(*)::int as n from escapement.payload`)[0]?.n).toBe(0);
  expect(await count()).toBe(1);
});

test("a debounced run whose time has come is on its way, and the next start makes another", async () => {
  const first = await start("debounced", 1);
  await t.engine.hasten(first.id);
  const second = await start("debounced", 1);
  expect(second.id).not.toBe(first.id);
  expect(await t.stateOf(first.id)).toBe("READY");
});

test("a debounced run that waits for its next try keeps its input, and the next start makes another", async () => {
  const first = await start("flaky", 1);
  await t.engine.hasten(first.id);
  await finish("failed");
  expect(await t.stateOf(first.id)).toBe("WAITING");
  const second = await start("flaky", 2);
  expect(second.id).not.toBe(first.id);
  const [row] = await t.sql`select input, wake_kind from escapement.waiting where id = ${first.id}`;
  expect(row).toEqual({ input: '{"customer":1}', wake_kind: "RETRY" });
});

test("a debounced run is not put off past its bound", async () => {
  const first = await start("bounded", 1);
  await t.sql`update escapement.uniqueness set until_at = escapement.clock() + interval '10 s'`;
  expect(await start("bounded", 2)).toEqual(first);
  const [row] = await t.sql`
    select extract(epoch from wake_at - escapement.clock())::float8 as s from escapement.waiting where id = ${first.id}`;
  expect(row?.s).toBeLessThanOrEqual(10.1);
  await t.sql`update escapement.uniqueness set until_at = escapement.clock() - interval '1 s'`;
  await start("bounded", 3);
  await t.sql`update escapement.waiting set wake_at = wake_at - interval '1 ms'`;
  await releaseDue(t.context);
  const [lease] = await t.claim();
  expect(lease?.input).toBe('{"customer":3}');
});

test("debounced starts that race with the release make each start's input run", async () => {
  for (let round = 0; round < 10; round++) {
    const first = await start("debounced", "r", { n: 0 });
    await t.sql`update escapement.waiting set wake_at = escapement.clock() - interval '1 ms'`;
    const [second] = (await Promise.all([start("debounced", "r", { n: 1 }), releaseDue(t.context)])) as [
      { id: string },
      unknown,
    ];
    const rows = await t.sql<{ id: string; state: string; input: string }[]>`
      select id, state, input from escapement.run where state in ('READY', 'WAITING') order by id`;
    const holder = rows.find((row) => row.id === second.id);
    expect(JSON.parse(holder?.input ?? "{}").n).toBe(1);
    if (second.id !== first.id) expect(rows.map(({ state }) => state).sort()).toEqual(["READY", "WAITING"]);
    else expect(rows).toHaveLength(1);
    await t.engine.cancelRuns({ namespaceId: 1, filter: {} }, null, {});
  }
});

test("the last of several debounced starts in one request wins", async () => {
  const runs = await t.engine.start([item("debounced", 1, { n: 1 }), item("debounced", 1, { n: 2 })]);
  expect(runs[0]).toEqual(runs[1]);
  await t.engine.start([item("debounced", 1, { n: 3 }), item("debounced", 1, { n: 4 })]);
  const rows = await t.sql`select input from escapement.waiting`;
  expect(rows).toMatchObject([{ input: '{"customer":1,"n":4}' }]);
});

test("an idempotency key and uniqueness go together", async () => {
  const keyed = (key: string, customer: unknown) =>
    t.engine.start([{ ...item("single", customer), idempotencyKey: key }]);
  const [first] = await keyed("a", 1);
  expect(await keyed("b", 1)).toEqual([first]);
  await finish("succeeded");
  // The repetition of a request gets what the request got; a new one starts anew.
  expect(await keyed("a", 1)).toEqual([{ id: first?.id, state: "SUCCEEDED" }]);
  expect(await keyed("b", 1)).toEqual([{ id: first?.id, state: "SUCCEEDED" }]);
  await expect(keyed("a", 2)).rejects.toMatchObject({ code: "CONFLICT", field: "idempotencyKey" });
  expect((await keyed("c", 1))[0]?.id).not.toBe(first?.id);
  const whole = () =>
    t.engine.start([item("single", 5), item("plain", 5), item("single", 5)], { idempotencyKey: "w" });
  const once = await whole();
  expect(await whole()).toEqual(once);
  expect(once[2]).toEqual(once[0]);
  const racing = await Promise.all(Array.from({ length: 10 }, () => keyed("race", 9)));
  expect(new Set(racing.map(([run]) => run?.id)).size).toBe(1);
});

test("a run that waits for others keeps its key, and is waited for", async () => {
  const before = await t.engine.start([{ namespace: "default", job: "plain" }]);
  const after = [before[0]?.id ?? ""];
  const [held] = await t.engine.start([{ ...item("single", 1), after }]);
  expect(held?.state).toBe("WAITING");
  expect(await start("single", 1)).toEqual(held);
  await finish("succeeded");
  expect(await t.stateOf(held?.id ?? "")).toBe("READY");
});

test("a failed singleton is not put back while another run has its key", async () => {
  const first = await start("single", 1);
  await finish("failed");
  const second = await start("single", 1);
  await expect(t.engine.redrive(first.id)).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
  const scope = { namespaceId: 1, filter: {} };
  expect(await t.engine.redriveDeadLetters(scope, {}, {})).toMatchObject({ matched: 1, changed: 0 });
  await t.engine.cancel(second.id, null);
  expect(await t.engine.redrive(first.id)).toEqual({ id: first.id, state: "READY" });
  expect(await start("single", 1)).toEqual({ id: first.id, state: "READY" });
});

test("a run that is given another input on its way has the key of that, and lets its own go", async () => {
  const input = (customer: number) => ({ json: JSON.stringify({ customer }), bytes: null });
  const first = await start("single", 1);
  await t.engine.cancel(first.id, null);
  const second = await start("single", 2);
  await expect(t.engine.redrive(first.id, { input: input(2) })).rejects.toMatchObject({
    code: "ILLEGAL_STATE",
  });
  expect(await t.engine.redrive(first.id, { input: input(3) })).toEqual({ id: first.id, state: "READY" });
  expect((await start("single", 3)).id).toBe(first.id);
  expect((await start("single", 1)).id).not.toBe(first.id);
  const [later] = await t.engine.start([{ ...item("single", 4), delayMs: 60_000 }]);
  const waiting = later?.id ?? "";
  await expect(t.engine.hasten(waiting, input(2))).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
  await expect(t.engine.hasten(waiting, { json: "{}", bytes: null })).rejects.toMatchObject({
    code: "BAD_INPUT",
    field: "input",
  });
  expect((await start("single", 4)).id).toBe(waiting);
  expect(await t.engine.hasten(waiting, input(5))).toEqual({ id: waiting, state: "READY" });
  expect((await start("single", 5)).id).toBe(waiting);
  expect((await start("single", 4)).id).not.toBe(waiting);
  expect((await start("single", 2)).id).toBe(second.id);
});

test("a part of a singleton is no start of it, and goes back without a key", async () => {
  await start("mapped", 1);
  const [root] = await t.claim();
  const part = { namespace: "default", job: "mapped", input: '{"part":1}' };
  const { runs } = await t.engine.startChildren(root?.leaseId ?? "", { runs: [part], now: false });
  await t.engine.settle([{ leaseId: root?.leaseId ?? "", outcome: "succeeded" }]);
  await finish("failed");
  const [id = ""] = runs;
  expect(await t.engine.redrive(id)).toEqual({ id, state: "READY" });
});

test("of dead letters with one key, one is put back", async () => {
  for (let n = 0; n < 3; n++) {
    await start("single", 1);
    await finish("failed");
  }
  const done = await t.engine.redriveDeadLetters({ namespaceId: 1, filter: {} }, {}, {});
  expect(done).toMatchObject({ matched: 3, changed: 1 });
});

test("a trigger's fire that finds the key held makes no run and is noted as discarded", async () => {
  const guard = await t.lead();
  const fire = createFire(t.context);
  const due = async (name: string, schedule: object) => {
    await t.sql`
      insert into escapement.trigger (namespace_id, job_id, name, schedule, misfire, state, next_at, created_at)
      select 1, id, ${name}, ${t.sql.json(schedule as never)}, '{"policy": "SKIP", "thresholdMs": 3600000, "limit": 1}',
        'NORMAL', escapement.clock() - interval '100 ms', escapement.clock() - interval '100 ms'
      from escapement.job where name = 'only'`;
  };
  await due("one", { kind: "fixedRate", everyMs: 86_400_000 });
  await due("two", { kind: "fixedDelay", everyMs: 3_600_000 });
  expect(await fire(guard)).toMatchObject({ fired: 1 });
  const rows = await t.sql`
    select t.name, t.state, o.outcome, t.next_at > escapement.clock() as later from escapement.occurrence o
    join escapement.trigger t on t.id = o.trigger_id order by o.outcome`;
  expect(rows.map(({ outcome }) => outcome)).toEqual(["DISCARDED", "FIRED"]);
  expect(rows[0]).toMatchObject({ state: "NORMAL", later: true });
  expect(await count()).toBe(1);
  const [held] = await t.sql`select id from escapement.run`;
  expect((await start("only", null)).id).toBe(held?.id);
});

test("a trigger whose input has no key stops and says why", async () => {
  await t.sql`
    insert into escapement.trigger (namespace_id, job_id, name, schedule, misfire, state, next_at)
    select 1, id, 'bad', '{"kind": "fixedRate", "everyMs": 1000}',
      '{"policy": "SKIP", "thresholdMs": 3600000, "limit": 1}', 'NORMAL', escapement.clock() - interval '1 s'
    from escapement.job where name = 'single'`;
  await createFire(t.context)(await t.lead());
  const [row] = await t.sql`select state, reason from escapement.trigger where name = 'bad'`;
  expect(row?.state).toBe("ERROR");
  expect(row?.reason).toContain("input.customer");
});

test("a start whose input has no key is refused with its field, and one in SQL because it may lock none", async () => {
  const without = { namespace: "default", job: "single", input: "{}" };
  await expect(t.engine.start([without])).rejects.toMatchObject({ code: "BAD_INPUT", field: "input" });
  const bytes = { namespace: "default", job: "single", inputBytes: Buffer.from([1]) };
  await expect(t.engine.start([bytes])).rejects.toMatchObject({ code: "BAD_INPUT", field: "input" });
  await expect(t.sql`select escapement.start_run('default', 'single', '{"customer": 1}')`).rejects.toThrow(
    /unique by a key/,
  );
  expect(await count()).toBe(0);
});

test("a singleton rerun is answered with the run that has not ended", async () => {
  const first = await start("single", 1);
  await finish("succeeded");
  const again = await t.engine.rerun(first.id);
  expect(again.id).not.toBe(first.id);
  expect(await t.engine.rerun(first.id)).toEqual(again);
  expect((await t.sql`select * from escapement.rerun`).length).toBe(1);
});
