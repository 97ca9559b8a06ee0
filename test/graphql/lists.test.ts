/** Lists: pages add up to the list whatever happens meanwhile, filters hold, and a page costs a page. */
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunState } from "../../server/core/run.ts";
import { listRuns, type RunFilter } from "../../server/store/run-list.ts";
import { firstIdAt } from "../../server/store/runs.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { type Data, get } from "./client.ts";

let server: TestServer;
/** Reads what the store reads, and remembers its last statement. */
let spy: postgres.Sql;
let statement = { text: "", parameters: [] as unknown[] };

const DAY_MS = 86_400_000;
const ENDED = 20_000;
const LIVE = 300;
/** When the oldest of the runs was created. */
const OLDEST = Date.now() - DAY_MS;

beforeAll(async () => {
  server = await startServer();
  spy = postgres(server.databaseUrl, {
    max: 1,
    onnotice: () => {},
    debug: (_connection, text, parameters) => {
      statement = { text, parameters };
    },
  });
  await get(
    server,
    `mutation {
      createNamespace(input: { name: "quiet" }) { id }
      busy: createJob(input: { name: "busy", type: "t" }) { id }
      rare: createJob(input: { name: "rare", type: "t" }) { id }
      quiet: createJob(input: { namespace: "quiet", name: "quiet", type: "t" }) { id }
      createTrigger(input: { name: "hourly", job: "rare", paused: true, schedule: { fixedRate: { every: "PT1H" } } }) { id }
    }`,
  );
  await fill();
});
afterAll(async () => {
  await spy.end();
  await server.close();
});

/** Every 1,000th run is of the job "rare" and of its trigger, every 20th failed, every 400th is in "quiet". */
async function fill(): Promise<void> {
  const { sql } = server.database;
  const place = sql`
    j.namespace_id, j.id as job_id, v.id as version_id, v.queue_id, v.priority,
    case when j.name = 'rare' then (select id from escapement.trigger where name = 'hourly') end as trigger_id,
    case when n % 2500 = 7 then 77 end as parent_id, escapement.clock() as scheduled_at,
    case when n % 700 = 0 then '{rare,both}'::text[] when n % 10 = 0 then '{often}' end as tags`;
  const from = (count: number, first: string) => sql`
    from (select n, ${first}::bigint + (n::bigint << 22) * 4000 as id from generate_series(1, ${count}::int) n) s
    join escapement.job j on j.name = case when n % 1000 = 0 then 'rare' when n % 400 = 0 then 'quiet' else 'busy' end
    join escapement.job_version v on v.id = j.version_id`;
  await sql`
    insert into escapement.ended (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
      scheduled_at, tags, fence, ready_at, secret, executor_id, started_at, ended_at, state, outcome, output, error)
    select s.id, ${place}, 1, escapement.clock(), gen_random_uuid(), 1, escapement.clock(), escapement.clock(),
      case when n % 20 = 0 then 'FAILED' else 'SUCCEEDED' end, case when n % 20 = 0 then 'FAILED' else 'SUCCEEDED' end,
      '{"n":1}', case when n % 20 = 0 then '{"message":"no"}' end
    ${from(ENDED, firstIdAt(OLDEST))}`;
  const recent = firstIdAt(Date.now() - 3_600_000);
  await sql`
    insert into escapement.waiting (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
      scheduled_at, tags, wake_at, wake_kind)
    select s.id, ${place}, escapement.clock() + interval '1 day', 'TIME' ${from(LIVE, recent)}`;
  await sql`
    insert into escapement.ready (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
      scheduled_at, tags, ready_at)
    select s.id + 1, ${place}, escapement.clock() ${from(LIVE, recent)}`;
  await sql`
    insert into escapement.lease (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, parent_id,
      scheduled_at, tags, fence, ready_at, secret, executor_id, started_at, expires_at)
    select s.id + 2, ${place}, 1, escapement.clock(), gen_random_uuid(), 1, escapement.clock(), 'infinity' ${from(LIVE, recent)}`;
  await sql`analyze`;
}

/** Every row of the list, page by page. */
async function pages(
  sql: postgres.Sql,
  filter: RunFilter,
  first: number,
  between = async () => {},
): Promise<string[]> {
  const ids: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await listRuns(sql, null, filter, { first, after });
    ids.push(...page.rows.map((run) => run.id));
    const last = page.rows.at(-1);
    if (!page.hasNextPage || !last) return ids;
    after = page.cursorOf(last);
    await between();
  }
}

const newestFirst = (ids: string[]): string[] => [...ids].sort((a, b) => (BigInt(a) < BigInt(b) ? 1 : -1));

describe("a list of runs", () => {
  test.each([
    ["all that wait or run", { states: ["WAITING", "READY", "RUNNING"] as RunState[] }, 7],
    ["of a job", { job: "rare" }, 3],
    ["that failed", { states: ["FAILED", "CANCELLED"] as RunState[] }, 150],
    ["of a trigger", { trigger: "hourly" }, 4],
    ["of a parent", { parent: "77" }, 2],
    ["with tags", { tags: ["rare", "both"] }, 5],
    ["of a time", { createdAfter: OLDEST + DAY_MS / 4, createdBefore: OLDEST + DAY_MS / 3 }, 200],
  ] as const)("%s: its pages are the list, newest first, each run once", async (_name, filter, first) => {
    const given = filter as RunFilter;
    const { sql } = server.database;
    const expected = await sql<{ id: string }[]>`
      select r.id from escapement.run r join escapement.job j on j.id = r.job_id
      left join escapement.trigger t on t.id = r.trigger_id
      where (${given.states ?? null}::text[] is null or r.state = any(${given.states ?? null}))
        and (${given.job ?? null}::text is null or j.name = ${given.job ?? null})
        and (${given.trigger ?? null}::text is null or t.name = ${given.trigger ?? null})
        and (${given.parent ?? null}::bigint is null or r.parent_id = ${given.parent ?? null})
        and (${given.tags ?? null}::text[] is null or r.tags @> ${given.tags ?? null})
        and r.id >= ${firstIdAt(given.createdAfter ?? 0)} and r.id < ${firstIdAt(given.createdBefore ?? 4e12)}
      order by r.id desc`;
    expect(expected.length).toBeGreaterThan(first);
    expect(await pages(sql, given, first)).toEqual(expected.map(({ id }) => id));
  });

  test("neither doubles nor loses a run while others are added and move", async () => {
    const { sql } = server.database;
    const filter: RunFilter = { states: ["READY", "CANCELLED"] };
    const before = await pages(sql, filter, 50);
    const movable = before.filter((_, at) => at % 5 === 0);
    let added = 0;
    const seen = await pages(sql, filter, 10, async () => {
      added += 1;
      await get(server, `mutation { startRun(input: { job: "busy" }) { id } }`);
      const id = movable.pop();
      if (id) await get(server, "mutation ($id: ID!) { cancelRun(id: $id) { id } }", { id });
    });
    expect(added).toBeGreaterThan(10);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(newestFirst(seen));
    expect(seen).toEqual(expect.arrayContaining(before));
  });

  test.each<[string, number | null, RunFilter]>([
    ["of everything", null, {}],
    ["of one namespace among the many runs of another", 2, {}],
    ["of a job that seldom runs", null, { job: "rare" }],
    ["of a trigger", null, { trigger: "hourly" }],
    ["of failures in all namespaces", null, { states: ["FAILED", "CANCELLED", "SKIPPED"] }],
    ["of failures in one", 1, { states: ["FAILED"] }],
    ["of a parent's children", null, { parent: "77", states: ["SUCCEEDED", "FAILED"] }],
    ["of a short time long ago", null, { createdAfter: OLDEST, createdBefore: OLDEST + 60_000 }],
  ])("%s reads about a page of the history", async (_name, namespaceId, filter) => {
    const first = 10;
    await listRuns(spy, namespaceId, filter, { first });
    const [row] = await server.database.sql.unsafe<{ "QUERY PLAN": [{ Plan: Plan }] }[]>(
      `explain (analyze, format json) ${statement.text}`,
      statement.parameters as never[],
    );
    const plan = row?.["QUERY PLAN"][0].Plan;
    if (!plan) throw new Error("no plan");
    // Eleven rows from each of up to three index ranges, then each row of the page in its table.
    expect(rowsReadOf(plan, /^ended/)).toBeLessThan(100);
  });
});

interface Plan {
  "Relation Name"?: string;
  "Actual Rows": number;
  "Actual Loops": number;
  "Rows Removed by Filter"?: number;
  Plans?: Plan[];
}

/** Rows that a plan took from the tables, those it threw away included. */
function rowsReadOf(plan: Plan, tables: RegExp): number {
  const own = tables.test(plan["Relation Name"] ?? "")
    ? (plan["Actual Rows"] + (plan["Rows Removed by Filter"] ?? 0)) * plan["Actual Loops"]
    : 0;
  return (plan.Plans ?? []).reduce((sum, part) => sum + rowsReadOf(part, tables), own);
}

test("a connection tells its edges, nodes and where it goes on", async () => {
  const query = `query ($after: String) {
    runs(first: 3, after: $after, filter: { states: [WAITING] }) {
      edges { cursor node { id } } nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }`;
  const first = (await get(server, query)).runs;
  expect(first.edges.map((edge: Data) => edge.node)).toEqual(first.nodes);
  expect(first.pageInfo).toEqual({
    hasNextPage: true,
    hasPreviousPage: false,
    startCursor: first.edges[0].cursor,
    endCursor: first.edges[2].cursor,
  });
  const second = (await get(server, query, { after: first.edges[0].cursor })).runs;
  expect(second.nodes.slice(0, 2)).toEqual(first.nodes.slice(1));
  expect(second.pageInfo.hasPreviousPage).toBe(true);
  expect(
    (await get(server, "{ runs(first: 0) { nodes { id } pageInfo { hasNextPage endCursor } } }")).runs,
  ).toEqual({
    nodes: [],
    pageInfo: { hasNextPage: true, endCursor: null },
  });
});

test("jobs, triggers, executors and occurrences have pages, too", async () => {
  for (let n = 0; n < 7; n++) {
    await get(
      server,
      `mutation ($name: String!) {
        createJob(input: { name: $name, type: "paged", tags: ["paged"] }) { id }
        createTrigger(input: { name: $name, job: $name, paused: true, schedule: { fixedRate: { every: "PT1H" } } }) { id }
      }`,
      { name: `paged-${(n * 5) % 7}` },
    );
    await server.call("PUT", `/v1/executors/paged-${(n * 3) % 7}`, {
      groups: ["paged"],
      types: ["t"],
      capacity: 1,
    });
  }
  await server.database.sql`
    insert into escapement.occurrence (trigger_id, scheduled_at, outcome)
    select id, now() - n * interval '1 hour', 'PAUSED' from escapement.trigger, generate_series(1, 7) n where name = 'hourly'`;
  const names = Array.from({ length: 7 }, (_, n) => `paged-${n}`);
  for (const [list, filter] of [
    ["jobs", `{ tags: ["paged"], type: "paged" }`],
    ["triggers", `{ search: "PAGED", state: PAUSED }`],
    ["executors", `{ group: "paged", state: ONLINE }`],
  ]) {
    const found: string[] = [];
    for (let after: string | null = null; ; ) {
      const answer: Data = await get(
        server,
        `query ($after: String) { page: ${list}(first: 3, after: $after, filter: ${filter}) { nodes { name } pageInfo { hasNextPage endCursor } } }`,
        { after },
      );
      found.push(...answer.page.nodes.map((node: Data) => node.name));
      if (!answer.page.pageInfo.hasNextPage) break;
      after = answer.page.pageInfo.endCursor;
    }
    expect(found).toEqual(names);
  }
  const query = `query ($after: String) {
    trigger(name: "hourly") { occurrences(first: 5, after: $after) { nodes { scheduledAt outcome } pageInfo { endCursor hasNextPage } } }
  }`;
  const { occurrences } = (await get(server, query)).trigger;
  const rest = (await get(server, query, { after: occurrences.pageInfo.endCursor })).trigger.occurrences;
  const times = [...occurrences.nodes, ...rest.nodes].map((node: Data) => node.scheduledAt);
  expect(times).toHaveLength(7);
  expect(times).toEqual([...times].sort().reverse());
});

test("what hangs on the rows of a page is read together, not row by row", async () => {
  let statements = 0;
  const counting = postgres(server.databaseUrl, {
    max: 1,
    onnotice: () => {},
    debug: () => {
      statements += 1;
    },
  });
  const { createLoaders } = await import("../../server/graphql/loaders.ts");
  const load = createLoaders(counting);
  const { rows } = await listRuns(counting, null, { states: ["SUCCEEDED", "RUNNING"] }, { first: 200 });
  await Promise.all(rows.map((run) => load.job(run.jobId)));
  statements = 0;
  await Promise.all(
    rows.flatMap((run) => [
      load.job(run.jobId),
      load.attempts(run.id),
      load.run(run.id),
      load.jobActivity(run.jobId),
    ]),
  );
  expect(statements).toBe(4);
  await counting.end();
});
