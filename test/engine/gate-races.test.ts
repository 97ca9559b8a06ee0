import { afterAll, beforeAll, expect, test } from "vitest";
import type { StartItem } from "../../server/engine/engine.ts";
import { expire } from "../../server/engine/expire.ts";
import { createJob } from "../../server/store/job-changes.ts";
import { openTestEngine, type TestEngine } from "../support/engine.ts";

/** Four servers on one database. */
let a: TestEngine & { url: string };
let b: TestEngine;
let all: TestEngine[];

beforeAll(async () => {
  a = await openTestEngine();
  b = await openTestEngine(a.url);
  all = [a, b, await openTestEngine(a.url), await openTestEngine(a.url)];
  const definitions = { sql: a.sql, catalog: a.context.catalog, channel: a.context.channel };
  await createJob(definitions, 1, { name: "plain", type: "work", retry: { off: true } });
  await createJob(definitions, 1, { name: "other", type: "work", retry: { off: true } });
  await createJob(definitions, 1, { name: "serial", type: "work", overlap: "SERIAL_WAIT", maxParallel: 3 });
  await Promise.all(all.map(({ context }) => context.catalog.refreshQueues()));
});
afterAll(async () => {
  expect(all.flatMap((server) => server.gateErrors)).toEqual([]);
  for (const server of all.reverse()) await server.close();
});

const one = (key: string, job = "plain"): StartItem => ({
  namespace: "default",
  job,
  affinity: { group: "race", key },
});
const start = async (server: TestEngine, item: StartItem) => {
  const [run] = await server.engine.start([item]);
  return run?.id ?? "";
};
const settle = (server: TestEngine, leaseId: string) =>
  server.engine.settle([{ leaseId, outcome: "succeeded" as const }]);
const becomes = (runId: string, state: string) => expect.poll(() => a.stateOf(runId)).toBe(state);
const runOut = () => a.sql`update escapement.lease set expires_at = escapement.clock() - interval '1 ms'`;
/** Ends everything; that it comes to an end without the repair is what most tests here are about. */
const finish = async () => {
  await expect
    .poll(async () => {
      for (const lease of await a.claim(1000)) await settle(a, lease.leaseId);
      const [row] = await a.sql<{ n: number }[]>`
        select (select count(*) from escapement.waiting) + (select count(*) from escapement.ready)
          + (select count(*) from escapement.lease) + (select count(*) from escapement.place) as n`;
      return Number(row?.n);
    })
    .toBe(0);
};

test("of many starts of one key at once on all servers, the run with the smallest id goes first", async () => {
  for (let round = 0; round < 10; round++) {
    const ids = await Promise.all(
      Array.from({ length: 8 }, (_, at) => start(all[at % 4] as TestEngine, one(`start-${round}`))),
    );
    const [first, ...others] = ids.sort((x, y) => (BigInt(x) < BigInt(y) ? -1 : 1));
    expect(await a.stateOf(first ?? "")).toBe("READY");
    expect(await Promise.all(others.map((id) => a.stateOf(id)))).toEqual(others.map(() => "WAITING"));
    await finish();
  }
});

test("a run that starts while the holder of its key is settled is let in, by one or the other", async () => {
  for (let round = 0; round < 30; round++) {
    await start(a, one("settle"));
    const [lease] = await a.claim();
    const [next] = await Promise.all([start(b, one("settle", "other")), settle(a, lease?.leaseId ?? "")]);
    await becomes(next, "READY");
    await finish();
  }
});

test("the holder keeps its key when its lease expires, and frees it when the run is given up", async () => {
  const guard = await a.lead();
  const holder = await start(a, one("expiry"));
  const next = await start(a, one("expiry"));
  for (const state of ["READY", "READY", "FAILED"]) {
    expect(await a.stateOf(next)).toBe("WAITING");
    const [lease] = await a.claim();
    expect(lease?.runId).toBe(holder);
    await runOut();
    await expire(a.context, guard);
    expect(await a.stateOf(holder)).toBe(state);
  }
  await becomes(next, "READY");
  await finish();
});

test("of a settle and an expiry of the holder only one frees its place, and the next goes in once", async () => {
  const guard = await a.lead();
  for (let round = 0; round < 10; round++) {
    const [holder, next, last] = [
      await start(a, one("both")),
      await start(a, one("both")),
      await start(a, one("both")),
    ];
    const [lease] = await a.claim();
    await runOut();
    await Promise.all([settle(b, lease?.leaseId ?? ""), expire(a.context, guard)]);
    if ((await a.stateOf(holder)) === "SUCCEEDED") await becomes(next, "READY");
    else expect(await a.stateOf(next)).toBe("WAITING");
    expect(await a.stateOf(last)).toBe("WAITING");
    await finish();
  }
});

test("cancelling the holder lets the next in, whether it was ready or running; cancelling one in line changes nothing else", async () => {
  const ids = [
    await start(a, one("cancel")),
    await start(a, one("cancel")),
    await start(a, one("cancel")),
    await start(a, one("cancel")),
  ];
  const [first, second, third, fourth] = ids as [string, string, string, string];
  await b.engine.cancel(second, null);
  expect(await a.stateOf(third)).toBe("WAITING");
  await b.engine.cancel(first, null);
  await becomes(third, "READY");
  const [lease] = await a.claim();
  await b.engine.cancel(third, null);
  expect(await a.stateOf(fourth)).toBe("WAITING");
  await settle(a, lease?.leaseId ?? "");
  await becomes(fourth, "READY");
  await finish();
});

test("a cancel of the next in line that meets the end of the holder leaves the line moving", async () => {
  for (let round = 0; round < 20; round++) {
    await start(a, one("meet"));
    const next = await start(a, one("meet"));
    const last = await start(a, one("meet"));
    const [lease] = await a.claim();
    await Promise.all([settle(a, lease?.leaseId ?? ""), b.engine.cancel(next, null)]);
    await becomes(last, "READY");
    await finish();
  }
});

test("what a crash between an end and the handing on of its place left, the repair mends", async () => {
  const holder = await start(a, one("crash"));
  const next = await start(a, one("crash"));
  // As if the server died right after the commit: the run is over, its place is not free.
  await a.sql`
    with gone as (delete from escapement.ready where id = ${holder} returning *)
    insert into escapement.ended (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, gates, ended_at, state)
    select id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, gates, escapement.clock(), 'CANCELLED' from gone`;
  // As if it died before the run it had inserted stood in line.
  const lost = await start(a, one("crash"));
  await a.sql`delete from escapement.place where run_id = ${lost}`;
  expect(await a.stateOf(next)).toBe("WAITING");
  await b.context.gates.repair();
  expect(await a.stateOf(next)).toBe("READY");
  await finish();
});

test("50 keys, 4 servers, 16 workers and leases that are lost: no two at once, in order, all end", async () => {
  const RUNS = 2_000;
  const guard = await a.lead();
  const keyOf = new Map<string, string>();
  const started = (async () => {
    for (let at = 0; at < RUNS; at += 50) {
      const items = Array.from({ length: 50 }, (_, n) =>
        one(`k${(n * 7 + at) % 50}`, n % 2 ? "plain" : "other"),
      );
      const runs = await (all[(at / 50) % 4] as TestEngine).engine.start(items);
      for (const [n, run] of runs.entries()) keyOf.set(run.id, items[n]?.affinity?.key ?? "");
    }
  })();
  const active = new Map<string, string>();
  const firsts = new Map<string, bigint[]>();
  const overlaps: string[] = [];
  let over = 0;
  let seed = 4711;
  const chance = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed / 2 ** 31;
  };
  const worker = async (server: TestEngine) => {
    while (over < RUNS) {
      const leases = await server.claim(1 + Math.floor(chance() * 4));
      for (const { runId } of leases) {
        await expect.poll(() => keyOf.has(runId), { interval: 1 }).toBe(true);
        const key = keyOf.get(runId) ?? "";
        if (active.has(key)) overlaps.push(`${key}: ${active.get(key)} and ${runId}`);
        active.set(key, runId);
        const order = firsts.get(key) ?? [];
        if (!order.includes(BigInt(runId))) order.push(BigInt(runId));
        firsts.set(key, order);
      }
      for (const { runId, leaseId } of leases) {
        active.delete(keyOf.get(runId) ?? "");
        if (chance() < 0.1) {
          await a.sql`
            update escapement.lease set expires_at = escapement.clock() - interval '1 ms', lost = 0 where id = ${runId}`;
          await expire(a.context, guard);
        } else {
          await settle(server, leaseId);
          over++;
        }
      }
      if (leases.length === 0) await new Promise(setImmediate);
    }
  };
  await Promise.all([started, ...Array.from({ length: 16 }, (_, at) => worker(all[at % 4] as TestEngine))]);
  expect(overlaps).toEqual([]);
  for (const [key, order] of firsts) {
    expect(order, key).toEqual([...order].sort((x, y) => (x < y ? -1 : 1)));
  }
  const [ended] = await a.sql`
    select count(*)::int as n from escapement.ended where state = 'SUCCEEDED' and id = any(${[...keyOf.keys()]}::bigint[])`;
  expect(ended?.n).toBe(RUNS);
  await finish();
});

test("runs with several gates take one after the other, and none stands in another's way for good", async () => {
  const starts = Array.from({ length: 60 }, (_, at) => one(`m${at % 6}`, at % 3 ? "serial" : "plain"));
  await Promise.all(all.map((server, at) => server.engine.start(starts.slice(at * 15, at * 15 + 15))));
  let ended = 0;
  await expect
    .poll(async () => {
      const leases = (await Promise.all(all.map((server) => server.claim(5)))).flat();
      expect(leases.filter((lease) => lease.job === "serial").length).toBeLessThanOrEqual(1);
      for (const [at, lease] of leases.entries()) await settle(all[at % 4] as TestEngine, lease.leaseId);
      ended += leases.length;
      return ended;
    })
    .toBe(60);
  await finish();
});
