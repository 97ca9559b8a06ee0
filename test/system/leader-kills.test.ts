/**
 * Every trigger fires exactly once whatever becomes of its leader: killed, stopped for seconds and woken as a zombie,
 * asked to go, or cut off from its database, also in the middle of a crowd of triggers that are due at once. As processes, with a
 * worker that drains what is fired; what the ledger says is audited afterwards. To make it larger than an ordinary run:
 * LEADER_KILLS, LEADER_TRIGGERS, LEADER_CROWD.
 */
import postgres from "postgres";
import { afterEach, expect, test } from "vitest";
import { createTestDatabase } from "../support/database.ts";
import { type Program, startProgram } from "./program.ts";

const size = (name: string, usual: number) => Number(process.env[`LEADER_${name}`] ?? usual);
const [KILLS, TRIGGERS, CROWD] = [size("KILLS", 4), size("TRIGGERS", 200), size("CROWD", 8_000)];
const SERVERS = 3;

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

test(`${TRIGGERS} triggers at 1 Hz fire exactly once across ${KILLS} ends of their leader`, {
  timeout: 90_000 + KILLS * 20_000 + TRIGGERS * 100,
}, async () => {
  const database = await createTestDatabase();
  undo.push(() => database.drop());
  const sql = postgres(database.url, { max: 2, onnotice: () => {} });
  undo.push(() => sql.end());
  const start = () => startProgram("server", { DATABASE_URL: database.url });
  const servers: Program[] = await Promise.all(Array.from({ length: SERVERS }, start));
  undo.push(() => Promise.all(servers.map((server) => server.killTree())));

  const any = (): Program => servers[Math.floor(Math.random() * servers.length)] as Program;
  await any().graphql(`mutation { createJob(input: { name: "tick", type: "tick" }) { name } }`);
  const half = TRIGGERS / 2;
  for (let at = 0; at < TRIGGERS; at++) {
    const schedule = at < half ? { fixedRate: { every: "PT1S" } } : { cron: { expression: "* * * * * *" } };
    await any().graphql(`mutation ($input: TriggerInput!) { createTrigger(input: $input) { name } }`, {
      input: { name: `t-${at}`, job: "tick", schedule },
    });
  }
  const drained = drain(() => any().url);
  undo.push(drained.stop);

  for (let round = 0; round < KILLS; round++) {
    const { at, epoch } = await leaderOf(servers, sql);
    const leader = servers[at] as Program;
    const before = await lastFire(sql);
    if (round % 4 === 0) {
      await leader.killTree();
      servers[at] = await start();
    } else if (round % 4 === 1) {
      leader.signal("SIGSTOP");
      await expect.poll(() => epochOf(sql), { timeout: 20_000 }).toBeGreaterThan(epoch);
      leader.signal("SIGCONT");
    } else if (round % 4 === 2) {
      leader.signal("SIGTERM");
      await leader.ended;
      servers[at] = await start();
    } else {
      await sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name like 'escapement%'`;
    }
    await expect.poll(() => lastFire(sql), { timeout: 30_000 }).toBeGreaterThan(before + 2_000);
  }
  await expect.poll(async () => await lagMs(sql), { timeout: 60_000 }).toBeLessThan(1_000);
  await expect
    .poll(() =>
      any()
        .graphql(`mutation { pauseTriggers(scope: { everything: true }) { kind } }`)
        .then(
          () => true,
          () => false,
        ),
    )
    .toBe(true);

  const unclean: unknown[] = [];
  let times = 0;
  for (let at = 0; at < TRIGGERS; at++) {
    const { auditTrigger } = await any().graphql<{ auditTrigger: { times: number; differences: unknown[] } }>(
      `query ($name: String!) { auditTrigger(name: $name) { times differences { kind at message } } }`,
      { name: `t-${at}` },
    );
    times += auditTrigger.times;
    if (auditTrigger.differences.length > 0) unclean.push([at, auditTrigger.differences]);
  }
  expect(unclean).toEqual([]);
  const [counted] = await sql<{ fired: number; runs: number; twice: number }[]>`
    select (select count(*)::int from escapement.occurrence where run_id is not null) as fired, count(*)::int as runs,
      (select count(*)::int from (
        select from escapement.run group by trigger_id, scheduled_at having count(*) > 1
      ) as doubled) as twice
    from escapement.run`;
  expect(counted).toEqual({ fired: times, runs: times, twice: 0 });
});

test(`${CROWD} triggers due at once each fire once though their leader is killed among them`, {
  timeout: 90_000 + CROWD * 2,
}, async () => {
  const database = await createTestDatabase();
  undo.push(() => database.drop());
  const sql = postgres(database.url, { max: 2, onnotice: () => {} });
  undo.push(() => sql.end());
  const servers = await Promise.all([1, 2].map(() => startProgram("server", { DATABASE_URL: database.url })));
  undo.push(() => Promise.all(servers.map((server) => server.killTree())));
  const [any] = servers as [Program, Program];
  await any.graphql(`mutation {
    createJob(input: { name: "tick", type: "tick" }) { name }
    createTrigger(input: { name: "template", job: "tick", paused: true, schedule: { fixedRate: { every: "PT24H" } } }) { name }
  }`);
  const { at } = await leaderOf(servers, sql);
  await sql`
    insert into escapement.trigger (namespace_id, job_id, name, schedule, misfire, state, next_at, start_at)
    select namespace_id, job_id, 'crowd-' || n, schedule, misfire, 'NORMAL', due.at, due.at
    from escapement.trigger, generate_series(1, ${CROWD}) n,
      (select date_trunc('second', escapement.clock()) + interval '3 s' as at) as due
    where name = 'template'`;
  const fires = async (): Promise<number> => {
    const [row] = await sql<{ n: number }[]>`select count(*)::int as n from escapement.occurrence`;
    return row?.n ?? 0;
  };
  await expect.poll(fires, { timeout: 30_000, interval: 1 }).toBeGreaterThan(0);
  await servers[at]?.killTree();
  expect(await fires()).toBeLessThan(CROWD);
  await expect.poll(fires, { timeout: 60_000 }).toBe(CROWD);
  const [counted] = await sql<{ runs: number; triggers: number }[]>`
    select count(*)::int as runs, count(distinct trigger_id)::int as triggers from escapement.run`;
  expect(counted).toEqual({ runs: CROWD, triggers: CROWD });
});

const epochOf = async (sql: postgres.Sql): Promise<number> => {
  const [row] = await sql<{ epoch: string }[]>`select epoch from escapement.leader`;
  return Number(row?.epoch ?? 0);
};

/** Which of the servers leads, by what it has said. */
async function leaderOf(servers: Program[], sql: postgres.Sql): Promise<{ at: number; epoch: number }> {
  let found = -1;
  let epoch = 0;
  await expect
    .poll(
      async () => {
        epoch = await epochOf(sql);
        found = servers.findIndex(
          (server) =>
            server.output().includes(`"epoch":"${epoch}"`) || server.output().includes(`"epoch":${epoch},`),
        );
        return found;
      },
      { timeout: 30_000 },
    )
    .toBeGreaterThanOrEqual(0);
  return { at: found, epoch };
}

const lastFire = async (sql: postgres.Sql): Promise<number> => {
  const [row] = await sql<{ at: Date | null }[]>`select max(scheduled_at) as at from escapement.occurrence`;
  return row?.at?.getTime() ?? 0;
};

const lagMs = async (sql: postgres.Sql): Promise<number> => {
  const [row] = await sql<{ ms: number }[]>`
    select extract(epoch from escapement.clock() - min(next_at))::float8 * 1000 as ms from escapement.trigger where state = 'NORMAL'`;
  return row?.ms ?? Number.POSITIVE_INFINITY;
};

/** Claims and settles whatever there is, from whichever server answers. */
function drain(url: () => string): { stop: () => Promise<void> } {
  let stopped = false;
  const loop = async (): Promise<void> => {
    let results: { lease: string; outcome: string }[] = [];
    while (!stopped) {
      try {
        const response = await fetch(`${url()}/v1/settle`, {
          method: "POST",
          body: JSON.stringify({
            results,
            claim: { executor: "drain", types: ["tick"], max: 1_000, waitSeconds: 1 },
          }),
          signal: AbortSignal.timeout(5_000),
        });
        const { leases = [] } = (await response.json()) as { leases?: { id: string }[] };
        results = leases.map(({ id }) => ({ lease: id, outcome: "succeeded" }));
      } catch {
        // That server is gone or asleep; what it had lent comes back, and another one answers.
        results = [];
      }
    }
  };
  const running = loop();
  return {
    stop: async () => {
      stopped = true;
      await running;
    },
  };
}
