/** Kills the exactly-once examples at every step of their transaction: effects equal successes, always. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { createJob, endOf, eventually, startRun, unique } from "./play.ts";

const AMOUNT = 5;
let server: TestServer;
/** Holds what the example is to stop at. */
let sql: postgres.Sql;
let receipts: string;
const processes = new Set<ChildProcess>();

/** Debian's package belongs to Debian's Python, which need not be the first in the path. */
const python = ["python3", "/usr/bin/python3"].find(
  (file) => spawnSync(file, ["-c", "import psycopg2"]).status === 0,
);
const examples = {
  TypeScript: [process.execPath, "--import", "tsx", "worker/examples/exactly-once.ts"],
  Python: python === undefined ? null : [python, "worker/examples/exactly_once.py"],
};

beforeAll(async () => {
  server = await startServer();
  sql = postgres(server.databaseUrl, { max: 4, onnotice: () => {} });
  await createJob(server, "bank.transfer");
  // A commit that can be held up: the check comes last, when everything else has been written.
  await sql.unsafe(`
    create table account (name text primary key, balance int not null);
    create function wait_for_the_test() returns trigger language plpgsql
      as $$ begin perform pg_advisory_xact_lock(7); return null; end $$;
    create constraint trigger at_commit after update on account deferrable initially deferred
      for each row execute function wait_for_the_test()`);
});
beforeEach(async () => {
  await sql`truncate account`;
  await sql`insert into account values ('a', 1000), ('b', 0)`;
  receipts = await createJob(server, unique("receipt"));
});
afterEach(async () => {
  for (const each of processes) await killed(each);
  processes.clear();
});
afterAll(async () => {
  await sql.end();
  await server.close();
});

const work = (example: string[]): ChildProcess => {
  const [file = "", ...args] = example;
  const started = spawn(file, args, {
    env: { ...process.env, ESCAPEMENT_URL: server.url, DATABASE_URL: server.databaseUrl },
    stdio: ["ignore", "ignore", "pipe"],
  });
  started.stderr?.resume();
  processes.add(started);
  return started;
};

const killed = async (started: ChildProcess): Promise<void> => {
  if (started.exitCode !== null || started.signalCode !== null) return;
  const exit = once(started, "exit");
  started.kill("SIGKILL");
  await exit;
};

const start = () =>
  startRun(server, "bank.transfer", { from: "a", to: "b", amount: AMOUNT, receipt: receipts });

/** What the transfers did, and how many of them there should be. */
const seen = async () => {
  const [row] = await sql<{ sent: number; received: number; receipts: number; successes: number }[]>`
    select (select 1000 - balance from account where name = 'a') / ${AMOUNT}::int as sent,
      (select balance from account where name = 'b') / ${AMOUNT}::int as received,
      (select count(*)::int from escapement.run r join escapement.job j on j.id = r.job_id where j.name = ${receipts}) as receipts,
      (select count(*)::int from escapement.ended e join escapement.job j on j.id = e.job_id
        where j.name = 'bank.transfer' and e.state = 'SUCCEEDED' and e.input like ${`%${receipts}%`}) as successes`;
  return row;
};
const all = (n: number) => ({ sent: n, received: n, receipts: n, successes: n });

/** The worker is dead: its backend notices when it next speaks; then the lease runs out. */
const afterDeath = async () => {
  await eventually(async () => {
    const rows = await sql`
      select from pg_stat_activity where datname = current_database() and backend_type = 'client backend'
        and application_name not like 'escapement%' and pid <> pg_backend_pid() and state <> 'idle'
        and xact_start is not null`;
    return rows.length;
  }).toBe(0);
  await sql`update escapement.lease set expires_at = escapement.clock() - interval '1 ms'`;
};

/** How many of the examples' sessions wait for this one. */
const blockedBy = async (holder: postgres.ReservedSql): Promise<number> => {
  const [holding] = await holder<{ pid: number }[]>`select pg_backend_pid() as pid`;
  const rows = await sql`
    select from pg_stat_activity
    where ${holding?.pid ?? 0}::int = any(pg_blocking_pids(pid)) and application_name not like 'escapement%'`;
  return rows.length;
};

/** What the test holds, where that stops the example, and whether its transaction goes on without it. */
const steps: {
  step: string;
  hold: (run: string) => string;
  whenClaimed?: boolean;
  commits?: boolean;
}[] = [
  { step: "its first effect", hold: () => "select from account where name = 'a' for update" },
  { step: "its second effect", hold: () => "select from account where name = 'b' for update" },
  {
    step: "starting another run",
    hold: () => "lock table escapement.unannounced in share mode",
  },
  {
    step: "completing its lease",
    hold: (run) => `select from escapement.lease where id = ${run} for update`,
    whenClaimed: true,
  },
  { step: "its commit", hold: () => "select pg_advisory_xact_lock(7)", commits: true },
];

describe.each(Object.entries(examples))("the %s worker", (_, example) => {
  test.skipIf(example === null).each(steps)("killed at $step", async ({ hold, whenClaimed, commits }) => {
    const id = await start();
    const [holder, gate] = await Promise.all([sql.reserve(), sql.reserve()]);
    await holder`begin`;
    await gate`begin`;
    let worker: ChildProcess;
    try {
      if (whenClaimed) {
        await gate`select from account where name = 'a' for update`;
        worker = work(example ?? []);
        await eventually(() => blockedBy(gate)).toBe(1);
        await holder.unsafe(hold(id));
        await gate`rollback`;
      } else {
        await holder.unsafe(hold(id));
        worker = work(example ?? []);
      }
      await eventually(() => blockedBy(holder)).toBe(1);
      await killed(worker);
    } finally {
      for (const session of [holder, gate]) {
        await session`rollback`;
        session.release();
      }
    }
    await afterDeath();
    expect(await seen()).toEqual(all(commits ? 1 : 0));
    work(example ?? []);
    expect(await endOf(server, id)).toMatchObject({ state: "SUCCEEDED", output: { moved: AMOUNT } });
    expect(await seen()).toEqual(all(1));
  });

  test.skipIf(example === null)("killed after its commit, and again and again while it works", async () => {
    const ids = [await start()];
    const first = work(example ?? []);
    await eventually(async () => (await seen())?.successes).toBe(1);
    await killed(first);
    // A third lost lease would make a run a poison pill.
    for (let round = 0; round < 2; round++) {
      ids.push(...(await Promise.all(Array.from({ length: 10 }, start))));
      const before = (await seen())?.successes ?? 0;
      const worker = work(example ?? []);
      await eventually(async () => (await seen())?.successes).toBeGreaterThan(before);
      await killed(worker);
      await afterDeath();
      const now = await seen();
      expect(now).toEqual(all(now?.successes ?? Number.NaN));
    }
    work(example ?? []);
    for (const id of ids) expect(await endOf(server, id)).toMatchObject({ state: "SUCCEEDED" });
    expect(await seen()).toEqual(all(ids.length));
  });
});
