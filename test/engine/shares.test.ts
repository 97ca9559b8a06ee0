/** Fairness between namespaces whose runs go to the same executors: a flood in one starves no other. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createShares } from "../../server/engine/claim/shares.ts";
import { createJob } from "../../server/store/job-changes.ts";
import { createNamespace, updateNamespace } from "../../server/store/namespaces.ts";
import { openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine;
const ids = new Map<string, number>();
const nameOf = (id: number) => [...ids].find(([, known]) => known === id)?.[0] ?? "";

beforeAll(async () => {
  t = await openTestEngine();
  for (const name of ["flood", "trickle", "third"]) {
    const { id } = await createNamespace(t.sql, name);
    ids.set(name, id);
    await createJob(definitions(), id, { name: "job", type: "type" });
  }
  await t.context.catalog.refreshQueues();
});
afterEach(async () => {
  await t.sql`delete from escapement.ready`;
  await t.sql`delete from escapement.lease`;
  for (const id of ids.values()) await weigh(id, 1);
});
afterAll(() => t.close());

const definitions = () => ({ sql: t.sql, catalog: t.context.catalog, channel: t.context.channel });
const weigh = (id: number, weight: number) => updateNamespace(definitions(), id, { weight });
const start = (namespace: string, count: number, priority = 5) =>
  t.engine.start(Array.from({ length: count }, () => ({ namespace, job: "job", priority })));
/** The namespaces of the runs that one claim takes, in the order of their turns. */
const take = async (max: number, names: string[]) => {
  const namespaceIds = names.map((name) => ids.get(name) ?? 0).sort((a, b) => a - b);
  const leases = await t.engine.claim({
    namespaceId: 1,
    namespaceIds,
    executorId: 1,
    groups: ["default"],
    max,
  });
  return leases.map((lease) => nameOf(lease.namespaceId));
};
const count = (list: string[], name: string) => list.filter((one) => one === name).length;

test("ten runs of one namespace are handed out among the first twenty, with ten thousand of another before them", async () => {
  await start("flood", 10_000, 9);
  await start("trickle", 10);
  const taken: string[] = [];
  while (taken.length < 20) taken.push(...(await take(5, ["flood", "trickle"])));
  expect(count(taken, "trickle")).toBe(10);
  expect(new Set(await take(50, ["flood", "trickle"]))).toEqual(new Set(["flood"]));
});

test("of any four runs in a row, a namespace of weight three gets three", async () => {
  await weigh(ids.get("flood") ?? 0, 3);
  await start("flood", 200);
  await start("trickle", 200);
  const taken: string[] = [];
  while (taken.length < 200) taken.push(...(await take(1, ["flood", "trickle"])));
  for (let from = 0; from + 4 <= taken.length; from++) {
    expect(Math.abs(count(taken.slice(from, from + 4), "flood") - 3)).toBeLessThanOrEqual(1);
  }
  expect(Math.abs(count(taken, "flood") - 150)).toBeLessThanOrEqual(1);
});

test("claims of any size keep the shares, and a weight holds as soon as it is set", async () => {
  for (const name of ids.keys()) await start(name, 400);
  const names = [...ids.keys()];
  await weigh(ids.get("third") ?? 0, 2);
  const first: string[] = [];
  for (const max of [7, 1, 40, 13, 39]) first.push(...(await take(max, names)));
  expect(names.map((name) => count(first, name))).toEqual([25, 25, 50]);
  await weigh(ids.get("third") ?? 0, 4);
  const second: string[] = [];
  for (const max of [50, 11, 59]) second.push(...(await take(max, names)));
  for (const [at, share] of [20, 20, 80].entries()) {
    expect(Math.abs(count(second, names[at] ?? "") - share)).toBeLessThanOrEqual(1);
  }
});

test("a namespace that had nothing to do does not come back with a claim to everything", async () => {
  await start("flood", 300);
  expect(count(await take(200, ["flood", "trickle"]), "flood")).toBe(200);
  await start("trickle", 100);
  expect(count(await take(100, ["flood", "trickle"]), "trickle")).toBe(50);
});

test("within a namespace the order is that of the turns", async () => {
  await start("flood", 5);
  await start("flood", 5, 9);
  await start("trickle", 5);
  const before = await t.sql<{ id: string }[]>`
    select id from escapement.ready where namespace_id = ${ids.get("flood") ?? 0} order by turn, id limit 5`;
  await take(10, ["flood", "trickle"]);
  const lent = await t.sql<{ id: string }[]>`
    select id from escapement.lease where namespace_id = ${ids.get("flood") ?? 0} order by id`;
  expect(lent.map(({ id }) => id)).toEqual(before.map(({ id }) => id).sort());
});

test("shares go on from what was handed out, list by list", () => {
  const shares = createShares();
  const first = shares.of([1, 2], [1, 4]);
  expect(first.map(({ tag }) => tag)).toEqual([0, 0]);
  shares.note(
    first,
    new Map([
      [1, 2],
      [2, 8],
    ]),
  );
  expect(shares.of([1, 2], [1, 4]).map(({ tag }) => tag)).toEqual([2, 2]);
  shares.note(shares.of([1, 2], [1, 4]), new Map([[1, 10]]));
  expect(shares.of([1, 2], [1, 4]).map(({ tag }) => tag)).toEqual([12, 11]);
  expect(shares.of([1, 3], [1, 1]).map(({ tag }) => tag)).toEqual([0, 0]);
});
