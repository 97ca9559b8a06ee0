import { afterAll, beforeAll, expect, test } from "vitest";
import { elect, resign } from "../../server/engine/elect.ts";
import { expire } from "../../server/engine/expire.ts";
import { createFire } from "../../server/engine/fire.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

/** Two servers on one database. */
let a: TestEngine & { url: string };
let b: TestEngine;
const plain = { namespace: "default", job: "plain" };

beforeAll(async () => {
  a = await openTestEngine();
  await addJob(a, "plain");
  b = await openTestEngine(a.url);
});
afterAll(async () => {
  await b.close();
  await a.close();
});

const drain = async () => {
  const leases = [...(await a.claim(1000)), ...(await b.claim(1000))];
  await a.engine.settle(leases.map((lease) => ({ leaseId: lease.leaseId, outcome: "succeeded" as const })));
};

test("two servers that claim at once never lend one run twice", async () => {
  const runs = await a.engine.start(Array.from({ length: 500 }, () => plain));
  const claimed: string[] = [];
  const worker = async (engine: TestEngine) => {
    for (;;) {
      const leases = await engine.claim(7);
      if (leases.length === 0) return;
      claimed.push(...leases.map((lease) => lease.runId));
      await engine.engine.settle(
        leases.map((lease) => ({ leaseId: lease.leaseId, outcome: "succeeded" as const })),
      );
    }
  };
  await Promise.all([worker(a), worker(b), worker(a), worker(b)]);
  await drain();
  expect(new Set(claimed).size).toBe(claimed.length);
  const [ended] = await a.sql`select count(*)::int as n from escapement.ended where state = 'SUCCEEDED'`;
  expect(ended?.n).toBe(runs.length);
});

test("of a report and an expiry of one lease exactly one holds", async () => {
  const guard = await a.lead();
  for (let round = 0; round < 20; round++) {
    const [run] = await a.engine.start([plain]);
    const [lease] = await a.claim();
    await a.sql`update escapement.lease set expires_at = escapement.clock() - interval '1 ms'`;
    const [[settled]] = await Promise.all([
      b.engine.settle([{ leaseId: lease?.leaseId ?? "", outcome: "succeeded" }]),
      expire(a.context, guard),
    ]);
    const state = await a.stateOf(run?.id ?? "");
    expect(state).toBe(settled?.status === "ok" ? "SUCCEEDED" : "READY");
    await drain();
  }
});

test("of a report and a cancellation either comes first, and the other sees it", async () => {
  for (let round = 0; round < 20; round++) {
    const [run] = await a.engine.start([plain]);
    const [lease] = await a.claim();
    const [[settled], cancelled] = await Promise.all([
      b.engine.settle([{ leaseId: lease?.leaseId ?? "", outcome: "succeeded" }]),
      a.engine.cancel(run?.id ?? "", null).catch((error: { code: string }) => error.code),
    ]);
    const state = await a.stateOf(run?.id ?? "");
    expect(settled).toEqual({ status: "ok", state });
    expect(cancelled === "ILLEGAL_STATE" ? "SUCCEEDED" : "CANCELLED").toBe(state);
  }
});

test("a run that waits for two others is released when both end at the same moment", async () => {
  for (let round = 0; round < 20; round++) {
    const pair = await a.engine.start([plain, plain]);
    const [waiter] = await a.engine.start([{ ...plain, after: pair.map((run) => run.id) }]);
    const [first, second] = await a.claim(2);
    await Promise.all([
      a.engine.settle([{ leaseId: first?.leaseId ?? "", outcome: "succeeded" }]),
      b.engine.settle([{ leaseId: second?.leaseId ?? "", outcome: "succeeded" }]),
    ]);
    expect(await a.stateOf(waiter?.id ?? "")).toBe("READY");
    await drain();
  }
});

test("a run that starts to wait for one that is just ending is not forgotten", async () => {
  for (let round = 0; round < 20; round++) {
    const [run] = await a.engine.start([plain]);
    const [lease] = await a.claim();
    const [[waiter]] = await Promise.all([
      b.engine.start([{ ...plain, after: [run?.id ?? ""] }]),
      a.engine.settle([{ leaseId: lease?.leaseId ?? "", outcome: "succeeded" }]),
    ]);
    expect(await a.stateOf(waiter?.id ?? "")).toBe("READY");
    await drain();
  }
});

test("only one server leads, and an old leader's batch changes nothing", async () => {
  const guard = await a.lead();
  expect(await elect(b.context)).toBeNull();
  await resign(a.context);
  expect(await elect(b.context)).toBe(guard.epoch + 1);
  const [run] = await a.engine.start([plain]);
  await a.claim();
  await a.sql`update escapement.lease set expires_at = escapement.clock() - interval '1 ms'`;
  await expire(a.context, guard);
  expect(await a.stateOf(run?.id ?? "")).toBe("RUNNING");
  await addTrigger("stale-leader");
  expect((await createFire(a.context)(guard)).fired).toBe(0);
  await a.sql`delete from escapement.trigger`;
  await resign(b.context);
  await expire(a.context, await a.lead());
  await drain();
});

async function addTrigger(name: string): Promise<void> {
  const schedule = { kind: "fixedRate", everyMs: 1_000 };
  const misfire = { policy: "FIRE_ALL", thresholdMs: 60_000, limit: 100 };
  await a.sql`
    insert into escapement.trigger (namespace_id, job_id, name, schedule, misfire, state, next_at)
    select 1, id, ${name}, ${a.sql.json(schedule)}, ${a.sql.json(misfire)}, 'NORMAL', date_trunc('second', escapement.clock())
    from escapement.job where name = 'plain'`;
}

test("a trigger that two leaders promote at once fires each time exactly once", async () => {
  await addTrigger("contested");
  const guard = await a.lead();
  const [fireHere, fireThere] = [createFire(a.context), createFire(b.context)];
  for (let round = 0; round < 10; round++) {
    await a.sql`update escapement.trigger set next_at = next_at - interval '3 s', created_at = created_at - interval '1 h'`;
    const before = await a.sql<{ n: number }[]>`select count(*)::int as n from escapement.occurrence`;
    const results = await Promise.all([fireHere(guard), fireThere(guard)]);
    const after = await a.sql<{ n: number }[]>`select count(*)::int as n from escapement.occurrence`;
    expect(results.reduce((sum, { fired }) => sum + fired, 0)).toBe((after[0]?.n ?? 0) - (before[0]?.n ?? 0));
  }
  const [counts] = await a.sql`
    select (select count(*) from escapement.occurrence)::int as occurrences,
      (select count(distinct scheduled_at) from escapement.occurrence)::int as times,
      (select count(*) from escapement.run where trigger_id is not null)::int as runs`;
  expect(counts?.occurrences).toBe(counts?.runs);
  expect(counts?.times).toBe(counts?.runs);
});

test("an event of one server reaches listeners of the other", async () => {
  const heard = new Set<string>();
  b.context.channel.on("changes", (batch) => {
    for (const change of batch) if (change.kind === "run") heard.add(`${change.id} ${change.state}`);
  });
  const [run] = await a.engine.start([plain]);
  await expect.poll(() => heard.has(`${run?.id} READY`)).toBe(true);
  await a.engine.cancel(run?.id ?? "", null);
  await expect.poll(() => heard.has(`${run?.id} CANCELLED`)).toBe(true);
});
