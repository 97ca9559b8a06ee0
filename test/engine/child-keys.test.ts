/** Children of leases, of jobs whose runs are unique by a key: each gets its key, or ends SKIPPED. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Unique } from "../../server/core/unique.ts";
import { announceForeign } from "../../server/engine/announce.ts";
import type { ClaimedLease } from "../../server/engine/engine.ts";
import { repairHolds } from "../../server/engine/release.ts";
import { repairKeys } from "../../server/engine/start/child-keys.ts";
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
    debounced: { kind: "debounce", key: null, delayMs: 60_000, maxWaitMs: null },
  };
  for (const [name, unique] of Object.entries(jobs)) {
    await addJob(t, name, { retry: { kind: "off" } });
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
  await t.sql`
    truncate escapement.waiting, escapement.ready, escapement.lease, escapement.ended, escapement.staged,
      escapement.dependency, escapement.joined, escapement.uniqueness, escapement.idempotency, escapement.unannounced`;
});

const item = (job: string, customer: unknown = 1) => ({
  namespace: "default",
  job,
  input: JSON.stringify({ customer }),
});
const lend = async (job = "plain"): Promise<ClaimedLease> => {
  const [run] = await t.engine.start([item(job)]);
  const lease = (await t.claim(100)).find(({ runId }) => runId === run?.id);
  if (!lease) throw new Error("it was not lent");
  return lease;
};
const finish = ({ leaseId }: ClaimedLease, { engine }: Pick<TestEngine, "engine"> = t) =>
  engine.settle([{ leaseId, outcome: "succeeded" }]);
const states = (ids: string[]) => Promise.all(ids.map((id) => t.stateOf(id)));

test.each([false, true])(
  "of children with one key the first goes on, and the join sees all (now: %s)",
  async (now) => {
    const parent = await lend();
    const children = [item("single", 1), item("single", 1), item("single", 2), item("plain")];
    const { runs, join = "" } = await t.engine.startChildren(parent.leaseId, {
      runs: children,
      join: item("plain"),
      now,
    });
    await finish(parent);
    expect(await states([...runs, join])).toEqual(["READY", "SKIPPED", "READY", "READY", "WAITING"]);
    const [skipped] = await t.sql`select error from escapement.ended where id = ${runs[1] ?? ""}`;
    expect(JSON.parse(skipped?.error)).toMatchObject({ type: "NotUnique" });
    // They hold their keys like other runs.
    expect((await t.engine.start([item("single", 1)]))[0]?.id).toBe(runs[0]);
    for (const lease of await t.claim(100)) await finish(lease);
    expect(await t.stateOf(join)).toBe("READY");
    const joined =
      await t.sql`select run_id as id from escapement.joined where join_id = ${join} order by run_id`;
    expect(joined.map(({ id }) => id)).toEqual([...runs].sort());
  },
);

test("who has the key when the lease completes decides, not who had it when the child was asked for", async () => {
  const holder = await lend("single");
  const [first, second] = [await lend(), await lend()];
  const asked = { runs: [item("single", 1)], now: false };
  const [early = ""] = (await t.engine.startChildren(first.leaseId, asked)).runs;
  const [late = ""] = (await t.engine.startChildren(second.leaseId, asked)).runs;
  await finish(first);
  expect(await t.stateOf(early)).toBe("SKIPPED");
  await finish(holder);
  await finish(second);
  expect(await t.stateOf(late)).toBe("READY");
});

test("a singleton can start its successor with its own completion, and no second self at once", async () => {
  const lease = await lend("only");
  const asked = { runs: [item("only")], join: item("plain") };
  const now = await t.engine.startChildren(lease.leaseId, { ...asked, now: true });
  expect(await states([...now.runs, now.join ?? ""])).toEqual(["SKIPPED", "READY"]);
  const [next = ""] = (await t.engine.startChildren(lease.leaseId, { runs: [item("only")], now: false }))
    .runs;
  await finish(lease);
  expect(await t.stateOf(next)).toBe("READY");
});

test.each([false, true])("a child stands in line at its gates once it has its key (now: %s)", async (now) => {
  const affinity = { group: "g", key: String(now) };
  const [holder] = await t.engine.start([{ ...item("plain"), affinity }]);
  const [held] = await t.claim();
  expect(held?.runId).toBe(holder?.id);
  const parent = await lend();
  const asked = { runs: [item("only"), item("only")].map((run) => ({ ...run, affinity })), now };
  const { runs } = await t.engine.startChildren(parent.leaseId, asked);
  await finish(parent);
  await expect.poll(() => states(runs)).toEqual(["WAITING", "SKIPPED"]);
  if (held) await finish(held);
  await expect.poll(() => states(runs)).toEqual(["READY", "SKIPPED"]);
});

test("a throttled child counts from when it comes to life", async () => {
  const parents = [await lend(), await lend()];
  const asked = { runs: [item("throttled")], now: false };
  const ids: string[] = [];
  for (const { leaseId } of parents) ids.push(...(await t.engine.startChildren(leaseId, asked)).runs);
  for (const parent of parents) {
    await finish(parent);
    for (const lease of await t.claim(100)) await finish(lease);
  }
  expect(await states(ids)).toEqual(["SUCCEEDED", "SKIPPED"]);
});

test("children with one key of leases that complete at once, on two servers, make one run", async () => {
  for (let round = 0; round < 10; round++) {
    await t.engine.start(Array.from({ length: 8 }, () => item("plain")));
    const parents = await t.claim(8);
    const ids: string[] = [];
    for (const { leaseId } of parents) {
      ids.push(
        ...(await t.engine.startChildren(leaseId, { runs: [item("single", round)], now: false })).runs,
      );
    }
    const started = t.engine.start([item("single", round)]);
    await Promise.all(parents.map((parent, n) => finish(parent, n % 2 === 0 ? t : other)));
    const live = (await states([...new Set([...ids, (await started)[0]?.id ?? ""])])).filter(
      (state) => state !== "SKIPPED",
    );
    expect(live).toEqual(["READY"]);
    await t.claim(100);
  }
});

test("a lease that is completed in SQL leaves its children to the leader, and a crash to the repair", async () => {
  for (const decide of [announceForeign, repairKeys]) {
    const parent = await lend();
    const asked = { runs: [item("only"), item("only")], now: false };
    const { runs } = await t.engine.startChildren(parent.leaseId, asked);
    await t.sql`select escapement.complete(${parent.leaseId})`;
    await repairHolds(t.context);
    expect(await states(runs)).toEqual(["WAITING", "WAITING"]);
    await decide(t.context);
    expect(await states(runs)).toEqual(["READY", "SKIPPED"]);
    for (const lease of await t.claim(100)) await finish(lease);
  }
});

test("a child that is cancelled before its key is decided leaves it to the others", async () => {
  const parent = await lend();
  const asked = { runs: [item("only"), item("only")], now: false };
  const { runs } = await t.engine.startChildren(parent.leaseId, asked);
  await t.sql`select escapement.complete(${parent.leaseId})`;
  await t.engine.cancel(runs[0] ?? "", null);
  await announceForeign(t.context);
  expect(await states(runs)).toEqual(["CANCELLED", "READY"]);
});

test("a child without a key, or one that would be put off, is refused with its field, and nothing is staged", async () => {
  const parent = await lend();
  for (const now of [true, false]) {
    for (const [run, field] of [
      [{ ...item("single"), input: "{}" }, "runs[1].input"],
      [item("debounced"), "runs[1].job"],
    ] as const) {
      await expect(
        t.engine.startChildren(parent.leaseId, { runs: [item("plain"), run], now }),
      ).rejects.toMatchObject({ code: "BAD_INPUT", field });
    }
  }
  await finish(parent);
  expect(await t.claim(100)).toEqual([]);
});
