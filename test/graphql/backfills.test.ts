/** Backfills, audits and forecasts over GraphQL. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { get, refused } from "./client.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
  await get(server, `mutation { createJob(input: { name: "work", type: "t" }) { id } }`);
  await get(
    server,
    `mutation { createTrigger(input: { name: "hourly", job: "work", schedule: { cron: { expression: "0 * * * *" } } }) { id } }`,
  );
});
afterAll(() => server.close());

const SHOWN = `id state maxParallel onFailure reprocess startedBy job { name } trigger { name }
  progress { total pending started succeeded failed cancelled kept } dates(first: 3) { nodes { scheduledAt state run { id state scheduledAt backfill { id } } } pageInfo { hasNextPage endCursor } }`;
const CREATE = `mutation ($input: BackfillInput!, $dryRun: Boolean) { createBackfill(input: $input, dryRun: $dryRun) { ${SHOWN} } }`;

async function work(outcome: "complete" | "fail"): Promise<void> {
  const { body } = await server.call("POST", "/v1/leases", { executor: "w", types: ["t"], waitSeconds: 5 });
  const [lease] = (body as { leases?: { id: string }[] }).leases ?? [];
  if (!lease) throw new Error("there was nothing to do");
  await server.call(
    "POST",
    `/v1/leases/${lease.id}/${outcome}`,
    outcome === "fail" ? { error: { message: "x" }, retry: false } : {},
  );
}

test("a backfill is planned, started, watched and listed", async () => {
  const input = { trigger: "hourly", from: "2026-01-01T00:00:00Z", to: "2026-01-01T04:30:00Z" };
  const { createBackfill: planned } = await get(server, CREATE, { input, dryRun: true });
  expect(planned).toMatchObject({ id: "backfill_0", progress: { total: 5, pending: 5 } });
  expect(planned.dates.nodes.map((date: { scheduledAt: string }) => date.scheduledAt.slice(11, 13))).toEqual([
    "00",
    "01",
    "02",
  ]);
  expect(planned.dates.pageInfo.hasNextPage).toBe(true);

  const { createBackfill: made } = await get(server, CREATE, { input });
  expect(made).toMatchObject({
    state: "RUNNING",
    maxParallel: 1,
    onFailure: "CONTINUE",
    reprocess: "NONE",
    startedBy: "anybody",
    job: { name: "work" },
    trigger: { name: "hourly" },
    progress: { total: 5, pending: 4, started: 1 },
  });
  const [first] = made.dates.nodes;
  expect(first).toMatchObject({
    state: "STARTED",
    run: { state: "READY", scheduledAt: first.scheduledAt, backfill: { id: made.id } },
  });
  await work("complete");
  await work("fail");
  const NODE = `query ($id: ID!) { node(id: $id) { ... on Backfill { ${SHOWN} } } }`;
  await expect
    .poll(async () => (await get(server, NODE, { id: made.id })).node.progress)
    .toMatchObject({ succeeded: 1, failed: 1, started: 1, pending: 2 });
  const { pauseBackfill } = await get(
    server,
    `mutation ($id: ID!) { pauseBackfill(id: $id, reason: "later") { state reason } }`,
    { id: made.id },
  );
  expect(pauseBackfill).toEqual({ state: "PAUSED", reason: "later" });
  const { resumeBackfill } = await get(
    server,
    `mutation ($id: ID!) { resumeBackfill(id: $id) { state reason } }`,
    { id: made.id },
  );
  expect(resumeBackfill).toEqual({ state: "RUNNING", reason: null });
  const { cancelBackfill } = await get(
    server,
    `mutation ($id: ID!) { cancelBackfill(id: $id) { state endedAt } }`,
    { id: made.id },
  );
  expect(cancelBackfill).toEqual({ state: "CANCELLED", endedAt: expect.any(String) });
  const LIST = `query ($filter: BackfillFilter) { backfills(filter: $filter) { nodes { id } } }`;
  expect(
    (await get(server, LIST, { filter: { trigger: "hourly", states: ["CANCELLED"] } })).backfills.nodes,
  ).toEqual([{ id: made.id }]);
  expect((await get(server, LIST, { filter: { states: ["RUNNING"] } })).backfills.nodes).toEqual([]);
  for (const id of ["backfill_999", "nonsense", "job_1"]) {
    const unknown = await refused(server, `mutation ($id: ID!) { pauseBackfill(id: $id) { id } }`, { id });
    expect(unknown).toMatchObject({
      message: `there is no backfill "${id}"`,
      extensions: { code: "NOT_FOUND", field: "id" },
    });
  }
});

test("a forecast counts the fires of the minutes ahead", async () => {
  await get(
    server,
    `mutation { createTrigger(input: { name: "every-10s", job: "work", schedule: { fixedRate: { every: "PT10S" } }, startAt: "2100-01-01T00:00:00Z" }) { id } }`,
  );
  const FORECAST = `query ($from: DateTime, $until: DateTime, $bucket: Duration) {
    forecast(from: $from, until: $until, bucket: $bucket) { from until bucket counts total peak peakAt triggers more } }`;
  const { forecast } = await get(server, FORECAST, {
    from: "2099-12-31T23:59:30Z",
    until: "2100-01-01T00:03:00Z",
  });
  expect(forecast).toMatchObject({
    from: "2099-12-31T23:59:00.000Z",
    bucket: "PT1M",
    counts: [0, 7, 6, 6],
    total: 19,
    peak: 7,
    peakAt: "2100-01-01T00:00:00.000Z",
    more: false,
  });
  const { forecast: month } = await get(server, FORECAST);
  expect(month.counts.length).toBeGreaterThanOrEqual(30 * 1440);
  expect(month.total).toBeGreaterThanOrEqual(30 * 24 - 1);
  expect((await refused(server, FORECAST, { bucket: "PT30S" })).extensions).toEqual({
    code: "BAD_INPUT",
    field: "bucket",
  });
  expect(
    (await refused(server, FORECAST, { from: "2100-01-01T00:00:00Z", until: "2200-01-01T00:00:00Z" }))
      .extensions,
  ).toEqual({
    code: "BAD_INPUT",
    field: "bucket",
  });
});

test("a trigger's ledger is audited", async () => {
  await get(
    server,
    `mutation { createTrigger(input: { name: "quick", job: "work", schedule: { fixedRate: { every: "PT0.1S" } } }) { id } }`,
  );
  const AUDIT = `query ($from: DateTime, $to: DateTime) { auditTrigger(name: "quick", from: $from, to: $to) { clean from until times runs differences { kind at message } } }`;
  await expect.poll(async () => (await get(server, AUDIT)).auditTrigger.runs).toBeGreaterThan(10);
  await get(server, `mutation { pauseTrigger(name: "quick") { id } }`);
  const { auditTrigger } = await get(server, AUDIT);
  expect(auditTrigger).toMatchObject({ clean: true, differences: [] });
  expect(auditTrigger.times).toBe(auditTrigger.runs);
  expect(
    (await refused(server, AUDIT, { from: "2030-01-01T00:00:00Z", to: "2029-01-01T00:00:00Z" })).extensions,
  ).toEqual({
    code: "BAD_INPUT",
    field: "to",
  });
  const { trigger } = await get(
    server,
    `query ($from: DateTime) { trigger(name: "quick") { occurrences(first: 200, from: $from, outcomes: [FIRED, LATE]) { nodes { outcome exact } } } }`,
    { from: auditTrigger.from },
  );
  expect(trigger.occurrences.nodes.length).toBe(Math.min(200, auditTrigger.runs));
});
