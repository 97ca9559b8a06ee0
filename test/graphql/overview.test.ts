/** The overview: counts of the small tables, rates and history from the counters, per namespace and in all. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect, type Database } from "../../server/store/connection.ts";
import { createOverviews } from "../../server/store/overview.ts";
import { createTally, DAY_MINUTES } from "../../server/store/tally.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { get } from "./client.ts";

let server: TestServer;
let database: Database;
beforeAll(async () => {
  server = await startServer();
  database = connect(server.databaseUrl, { poolSize: 2, deadlineMs: 5_000 });
  await get(
    server,
    `mutation {
      createNamespace(input: { name: "second" }) { id }
      a: createJob(input: { name: "job", type: "t" }) { id }
      b: createJob(input: { namespace: "second", name: "job", type: "t" }) { id }
    }`,
  );
});
afterAll(async () => {
  await database.close();
  await server.close();
});

const at = async (back: string): Promise<Date> => {
  const [row] = await database.sql<{ at: Date }[]>`
    select date_bin('10 seconds', escapement.clock() - ${back}::interval, 'epoch') as at`;
  return (row as { at: Date }).at;
};
const count = (namespaceId: number, when: Date, what: string, n: number, source = "test") => database.sql`
  insert into escapement.tally (namespace_id, at, what, source, count) values (${namespaceId}, ${when}, ${what}, ${source}, ${n})
  on conflict (at, namespace_id, what, source) do update set count = tally.count + excluded.count`;

test("counts, rates and lateness are of the namespace asked for, or of all", async () => {
  await get(
    server,
    `mutation {
      startRuns(input: [{ job: "job" }, { job: "job" }, { job: "job", delay: "PT1H" }, { namespace: "second", job: "job" }]) { id }
      createTrigger(input: { namespace: "second", name: "due", job: "job", paused: true, schedule: { fixedRate: { every: "PT1H" } } }) { id }
    }`,
  );
  await server.call("PUT", "/v1/executors/one", { groups: ["default"], types: ["t"], capacity: 1 });
  await database.sql`update escapement.ready set ready_at = ready_at - interval '90 s' where namespace_id = 1`;
  const overviews = createOverviews(database.sql);
  const [first, second, all] = await Promise.all([
    overviews.read(1),
    overviews.read(2),
    overviews.read(null),
  ]);
  expect(first).toMatchObject({ waiting: 1, ready: 2, running: 0, executorsOnline: 1 });
  expect(second).toMatchObject({
    waiting: 0,
    ready: 1,
    running: 0,
    executorsOnline: 0,
    triggerLatenessSeconds: null,
  });
  expect(all).toMatchObject({ waiting: 1, ready: 3, running: 0, executorsOnline: 1 });
  expect(first.oldestReadySeconds).toBeGreaterThan(89);
  expect(second.oldestReadySeconds).toBeLessThan(30);
  expect(all.oldestReadySeconds).toBe(first.oldestReadySeconds);
  expect(first.startRate).toBeGreaterThan(0);
  expect(all.minutes(1)[0]?.STARTED).toBe(4);
});

test("however many look at once, it is read once", async () => {
  let queries = 0;
  const { default: postgres } = await import("postgres");
  const counting = postgres(server.databaseUrl, { max: 2, onnotice: () => {}, debug: () => (queries += 1) });
  await counting`select 1`;
  queries = 0;
  const overviews = createOverviews(counting);
  await Promise.all(Array.from({ length: 50 }, (_, n) => overviews.read(n % 2 ? 1 : null)));
  const cost = queries;
  await overviews.read(2);
  expect(cost).toBe(2);
  expect(queries).toBe(cost);
  await counting.end();
});

test("an overview that could not be read is read again", async () => {
  const overviews = createOverviews(database.sql);
  await database.sql`alter table escapement.tally rename to lost`;
  await expect(overviews.read(null)).rejects.toThrow();
  await database.sql`alter table escapement.lost rename to tally`;
  await expect(overviews.read(null)).resolves.toMatchObject({ ready: 3 });
});

test("counters are added up by minutes, and what comes late is counted once", async () => {
  const tally = createTally(database.sql);
  const now = async () => (await at("0 s")).getTime() + 5_000;
  const [old, hourAgo, recent] = [await at("25 hours"), await at("1 hour"), await at("20 s")];
  await count(2, old, "SUCCEEDED", 1_000);
  await count(2, hourAgo, "SUCCEEDED", 7);
  await count(2, hourAgo, "FAILED", 2, "another lane");
  await tally.refresh(await now());
  expect(tally.view(2, await now()).day).toMatchObject({ SUCCEEDED: 7, FAILED: 2 });

  await count(2, recent, "SUCCEEDED", 30);
  await tally.refresh(await now());
  await count(2, recent, "SUCCEEDED", 30);
  await tally.refresh(await now());
  await tally.refresh(await now());
  const view = tally.view(2, await now());
  expect(view.day).toMatchObject({ SUCCEEDED: 67, FAILED: 2 });
  expect(view.endRate).toBeGreaterThan(60 / 61);
  expect(view.endRate).toBeLessThan(60 / 49);
  const minutes = view.minutes(DAY_MINUTES);
  expect(minutes).toHaveLength(DAY_MINUTES);
  expect(minutes.reduce((sum, minute) => sum + minute.SUCCEEDED, 0)).toBe(67);
  expect(minutes.find((minute) => minute.FAILED > 0)?.at).toBe(
    Math.floor(hourAgo.getTime() / 60_000) * 60_000,
  );
  expect(tally.view(1, await now()).day.SUCCEEDED).toBe(0);
  expect(tally.view(null, await now()).day.SUCCEEDED).toBe(67);
});

test("over GraphQL the history is as long as asked for", async () => {
  const { overview } = await get(server, "{ overview { at ready history(minutes: 5) { at started } } }");
  expect(overview.history).toHaveLength(5);
  expect(overview.history.map((point: { at: string }) => point.at)).toEqual(
    [...overview.history].map((point) => point.at).sort(),
  );
});
