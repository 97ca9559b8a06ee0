/** Runs that failed for good: kept, found, put back into the queue, taken off the list. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { expire } from "../../server/engine/expire.ts";
import { ensurePartitions, firstRunIdAt, prune } from "../../server/engine/prune.ts";
import { redriveAll } from "../../server/engine/redrive.ts";
import { listDeadLetters } from "../../server/store/dead-letters.ts";
import { readRedrives } from "../../server/store/lineage.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine;
beforeAll(async () => {
  t = await openTestEngine();
  await addJob(t, "plain");
  await addJob(t, "once", { retry: { kind: "off" } });
  await addJob(t, "careless", { retry: { kind: "off" } });
  await t.sql`update escapement.job_version v set dead_letter = false
    from escapement.job j where j.id = v.job_id and j.name = 'careless'`;
});
afterAll(() => t.close());
beforeEach(async () => {
  for (const table of [
    "waiting",
    "ready",
    "lease",
    "ended",
    "attempt",
    "payload",
    "dead_letter",
    "redrive",
  ]) {
    await t.sql`delete from escapement.${t.sql(table)}`;
  }
});

const start = async (job: string, more: object = {}): Promise<string> => {
  const [run] = await t.engine.start([{ namespace: "default", job, ...more }]);
  return (run as { id: string }).id;
};
/** Fails whatever is claimed, for good. */
async function failAll(type = "Broken"): Promise<string[]> {
  const leases = await t.claim(1_000);
  await t.engine.settle(
    leases.map(({ leaseId }) => ({
      leaseId,
      outcome: "failed",
      error: { message: "no", type },
      retry: false,
    })),
  );
  return leases.map(({ runId }) => runId);
}
const letters = async () => {
  const rows = await t.sql<{ runId: string; errorType: string | null }[]>`
    select run_id as "runId", error_type as "errorType" from escapement.dead_letter order by run_id`;
  return rows.map(({ runId, errorType }) => ({ runId, errorType }));
};
const everywhere = { namespaceId: 1, filter: {} };

test("a run that failed for good is a dead letter, by its last failure, by `retry: false` and as a poison run", async () => {
  const last = await start("once");
  await t.engine.settle(
    (await t.claim()).map(({ leaseId }) => ({
      leaseId,
      outcome: "failed",
      error: { message: "x", type: "ValueError" },
    })),
  );
  const forbidden = await start("plain");
  await failAll("Fatal");
  const poison = await start("plain");
  for (let lost = 0; lost < 3; lost++) {
    await t.claim();
    await t.sql`update escapement.lease set expires_at = escapement.clock() - interval '1 ms'`;
    await expire(t.context, await t.lead());
  }
  expect(await letters()).toEqual([
    { runId: last, errorType: "ValueError" },
    { runId: forbidden, errorType: "Fatal" },
    { runId: poison, errorType: "LeaseLost" },
  ]);
});

test("a failure that is tried again, a cancelled run, a success and a job without dead letters leave none", async () => {
  await start("plain");
  await t.engine.settle((await t.claim()).map(({ leaseId }) => ({ leaseId, outcome: "failed" })));
  await t.engine.cancel(await start("plain"), null);
  await start("plain");
  await t.engine.settle((await t.claim()).map(({ leaseId }) => ({ leaseId, outcome: "succeeded" })));
  await start("careless");
  await failAll();
  expect(await letters()).toEqual([]);
});

test("a redriven run is the same run, with all its retries, its history and what it had ended as", async () => {
  const id = await start("once", { input: '{"a":1}' });
  await failAll();
  expect(await t.engine.redrive(id, { deadOnly: true })).toEqual({ id, state: "READY" });
  expect(await letters()).toEqual([]);
  await failAll("Again");
  await t.engine.redrive(id, { input: { json: '{"a":2}', bytes: null } });
  const [lease] = await t.claim();
  expect(lease).toMatchObject({ runId: id, input: '{"a":2}', attempt: 3, fence: 3 });
  expect((await readRedrives(t.sql, [id])).get(id)).toMatchObject([
    { number: 1, state: "FAILED", edited: false, input: null, error: '{"message":"no","type":"Broken"}' },
    { number: 2, state: "FAILED", edited: true, input: '{"a":1}', error: '{"message":"no","type":"Again"}' },
  ]);
});

test("an edited input goes where its size belongs, and the one before is kept", async () => {
  const [small, large] = ['"s"', JSON.stringify("l".repeat(5_000))];
  const id = await start("once", { input: large });
  const inputs = [
    { json: small, bytes: null },
    { json: null, bytes: Buffer.from([0, 1, 2]) },
    { json: large, bytes: null },
    { json: small, bytes: null },
  ];
  for (const input of inputs) {
    await failAll();
    await t.engine.redrive(id, { input });
    const [lease] = await t.sql<
      { input: string | null; payload: number; json: string | null; bytes: Buffer | null }[]
    >`
      select r.input, r.payload, p.json, p.bytes from escapement.ready r
      left join escapement.payload p on p.run_id = r.id where r.id = ${id}`;
    expect(lease?.input ?? lease?.json ?? null).toBe(input.json);
    expect(lease?.bytes ?? null).toEqual(input.bytes);
    expect(lease?.payload).toBe(input.bytes ? 2 : input.json === large ? 1 : 0);
  }
  const before = (await readRedrives(t.sql, [id])).get(id) ?? [];
  expect(before.map(({ input, bytes }) => input ?? bytes)).toEqual([
    large,
    small,
    Buffer.from([0, 1, 2]),
    large,
  ]);
});

test("two who redrive one dead letter at once put it back once", async () => {
  const id = await start("once");
  await failAll();
  const outcomes = await Promise.allSettled([1, 2, 3].map(() => t.engine.redrive(id, { deadOnly: true })));
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect((await readRedrives(t.sql, [id])).get(id)).toHaveLength(1);
});

test("many are counted first and then put back, page by page, at a pace", async () => {
  const ids = await Promise.all(Array.from({ length: 7 }, () => start("once")));
  await failAll();
  const count = await t.engine.redriveDeadLetters(everywhere, { dryRun: true }, {});
  expect(count).toEqual({ matched: 7, changed: 0, cursor: null, nextAt: null });
  expect(await letters()).toHaveLength(7);

  const first = await t.engine.redriveDeadLetters(everywhere, { limit: 4 }, { perSecond: 0.1 });
  expect(first).toMatchObject({ matched: 7, changed: 4 });
  const second = await t.engine.redriveDeadLetters(
    everywhere,
    { limit: 4, after: first.cursor },
    { perSecond: 0.1, startAt: first.nextAt },
  );
  expect(second).toMatchObject({ matched: 3, changed: 3, cursor: null });
  expect(await letters()).toEqual([]);
  const rows = await t.sql<{ id: string; state: string; wakeAt: Date | null }[]>`
    select id, state, wake_at as "wakeAt" from escapement.run order by id`;
  expect(rows.map(({ id }) => id)).toEqual(ids.map(String).sort());
  expect(rows.map(({ state }) => state)).toEqual(["READY", ...Array(6).fill("WAITING")]);
  const gaps = rows.slice(2).map((row, at) => Number(row.wakeAt) - Number(rows[at + 1]?.wakeAt));
  expect(gaps).toEqual([10_000, 10_000, 10_000, 10_000, 10_000]);
});

test("the filter takes what it says: job, type of error, time, ids", async () => {
  const one = await start("once");
  await failAll("TypeError");
  const other = await start("plain");
  await failAll("ValueError");
  await t.sql`update escapement.dead_letter set died_at = '2030-01-01Z' where run_id = ${other}`;
  const found = async (filter: object) =>
    (await t.engine.discardDeadLetters({ namespaceId: 1, filter }, { dryRun: true })).matched;
  expect(await found({})).toBe(2);
  expect(await found({ job: "once" })).toBe(1);
  expect(await found({ job: "nobody" })).toBe(0);
  expect(await found({ errorType: "ValueError" })).toBe(1);
  expect(await found({ errorType: "" })).toBe(0);
  await start("once");
  await failAll("");
  expect(await found({ errorType: "" })).toBe(1);
  expect(await found({ failedAfter: Date.UTC(2030, 0, 1) })).toBe(1);
  expect(await found({ failedBefore: Date.UTC(2030, 0, 1) })).toBe(2);
  expect(await found({ ids: [one], errorType: "ValueError" })).toBe(0);
  expect((await t.engine.discardDeadLetters({ namespaceId: 2, filter: {} }, { dryRun: true })).matched).toBe(
    0,
  );
});

test("a discarded run stays in the history and is no dead letter", async () => {
  const id = await start("once");
  await failAll();
  expect(await t.engine.discardDeadLetters(everywhere, {})).toEqual({ matched: 1, changed: 1, cursor: null });
  expect(await t.stateOf(id)).toBe("FAILED");
  await expect(t.engine.redrive(id, { deadOnly: true })).rejects.toMatchObject({ code: "ILLEGAL_STATE" });
  expect(await t.engine.redrive(id)).toEqual({ id, state: "READY" });
});

test("what cannot be asked is refused with its field", async () => {
  const pace = (perSecond: number) => t.engine.redriveDeadLetters(everywhere, {}, { perSecond });
  for (const perSecond of [0, -1, Number.NaN, 1e9]) {
    await expect(pace(perSecond)).rejects.toMatchObject({ code: "BAD_INPUT", field: "perSecond" });
  }
  for (const limit of [0, -5, 1.5, 10_001]) {
    await expect(t.engine.discardDeadLetters(everywhere, { limit })).rejects.toMatchObject({
      field: "limit",
    });
  }
  await expect(t.engine.discardDeadLetters(everywhere, { after: "x" })).rejects.toMatchObject({
    field: "after",
  });
});

test("a list goes on after its cursor, last failure first", async () => {
  for (let n = 0; n < 5; n++) {
    await start("once");
    await failAll();
  }
  const first = await listDeadLetters(t.sql, 1, {}, { first: 3 });
  const last = first.rows.at(-1);
  if (!last) throw new Error("no rows");
  const second = await listDeadLetters(t.sql, 1, {}, { first: 3, after: first.cursorOf(last) });
  const all = [...first.rows, ...second.rows].map(({ id }) => id);
  expect(all).toEqual((await letters()).map(({ runId }) => runId).reverse());
  expect([first.hasNextPage, second.hasNextPage]).toEqual([true, false]);
});

test("retention by age drops a day's history but for its dead letters and the inputs of runs that go on", async () => {
  const day = Date.UTC(2024, 5, 1);
  const id = (n: number) => String(firstRunIdAt(day) + BigInt(n));
  await ensurePartitions(t.context);
  for (const table of ["ended", "attempt", "payload"]) {
    await t.sql.unsafe(
      `create table escapement.${table}_20240601 partition of escapement.${table} for values from ('${firstRunIdAt(day)}') to ('${firstRunIdAt(day + 86_400_000)}')`,
    );
  }
  for (const n of [1, 2, 3]) {
    await t.sql`
      insert into escapement.ended (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, ended_at, state, error, payload)
      values (${id(n)}, 1, 1, 1, 1, 5, '2024-06-01Z', '2024-06-01Z', 'FAILED', '{"message":"no"}', 1)`;
  }
  for (const n of [1, 2, 3, 4]) {
    await t.sql`insert into escapement.payload (run_id, json) values (${id(n)}, '1')`;
    await t.sql`
      insert into escapement.attempt (run_id, fence, number, secret, executor_id, started_at, ended_at, outcome, state)
      values (${id(n)}, 1, 1, gen_random_uuid(), 1, '2024-06-01Z', '2024-06-01Z', 'FAILED', 'WAITING')`;
  }
  await t.sql`
    insert into escapement.waiting (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, payload, wake_at, wake_kind)
    values (${id(4)}, 1, 1, 1, 1, 5, '2024-06-01Z', 1, '2099-01-01Z', 'TIME')`;
  for (const n of [1, 2]) {
    await t.sql`insert into escapement.dead_letter (run_id, namespace_id, job_id, died_at) values (${id(n)}, 1, 1, '2024-06-01Z')`;
  }
  await prune(t.context);
  const kept = async (table: string, column: string) =>
    (
      await t.sql<{ id: string }[]>`select ${t.sql(column)} as id from escapement.${t.sql(table)} order by 1`
    ).map((row) => row.id);
  expect(await kept("ended", "id")).toEqual([id(1), id(2)]);
  expect(await kept("payload", "run_id")).toEqual([id(1), id(2), id(4)]);
  expect(await kept("attempt", "run_id")).toEqual([id(1), id(2), id(4)]);
  const [gone] = await t.sql`select to_regclass('escapement.ended_20240601') as name`;
  expect(gone?.name).toBeNull();

  await t.engine.discardDeadLetters({ namespaceId: 1, filter: { ids: [id(1)] } }, {});
  await redriveAll(t.context, { runIds: [id(2)] });
  await prune(t.context);
  expect(await kept("ended", "id")).toEqual([]);
  expect(await t.stateOf(id(2))).toBe("READY");
  expect(await kept("payload", "run_id")).toEqual([id(2), id(4)]);
});
