/**
 * Workflows go on whatever becomes of the servers: they are killed at random while many workflows run, among them ones
 * with failures that are tried again, branches, sub-workflows and dynamic nodes. Every node that was to run ran, succeeded
 * at most once, and no workflow is left over. To make it larger than an ordinary run: FLOW_KILLS, FLOW_WORKFLOWS.
 */
import postgres from "postgres";
import { afterEach, expect, test } from "vitest";
import { createTestDatabase } from "../support/database.ts";
import { type Program, startProgram } from "./program.ts";

const size = (name: string, usual: number) => Number(process.env[`FLOW_${name}`] ?? usual);
const [KILLS, WORKFLOWS] = [size("KILLS", 4), size("WORKFLOWS", 40)];
const NODES = 20;
const SERVERS = 3;

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const task = (key: string, after: string[], more: object = {}) => ({
  key,
  after,
  type: "work",
  retry: { fixed: { delay: "PT0.2S", max: 5 } },
  ...more,
});

/** Twenty nodes: a fan of ten, a join, a choice, a sub-workflow, a dynamic node and a chain. */
const GRAPH = [
  task("begin", []),
  ...Array.from({ length: 10 }, (_, n) => task(`fan-${n}`, ["begin"], { input: { n } })),
  { key: "join", after: Array.from({ length: 10 }, (_, n) => `fan-${n}`), type: "join" },
  {
    key: "choose",
    after: ["join"],
    type: "switch",
    input: { cases: [{ when: "params.n % 2 == 0", to: ["even"] }], default: ["odd"] },
  },
  task("even", ["choose"]),
  task("odd", ["choose"]),
  { key: "sub", after: ["even", "odd"], type: "workflow", job: "small" },
  {
    key: "each",
    after: ["even", "odd"],
    type: "dynamic",
    job: "small",
    input: { over: { x: [1, 2, 3] }, maxParallel: 2 },
  },
  task("chain-1", ["sub", "each"]),
  task("chain-2", ["chain-1"]),
  task("end", ["chain-2"]),
];

test(`${WORKFLOWS} workflows of ${NODES} nodes end though servers are killed ${KILLS} times`, {
  timeout: 120_000 + KILLS * 15_000 + WORKFLOWS * 1_500,
}, async () => {
  expect(GRAPH).toHaveLength(NODES);
  const database = await createTestDatabase();
  undo.push(() => database.drop());
  const sql = postgres(database.url, { max: 3, onnotice: () => {} });
  undo.push(() => sql.end());
  const start = () => startProgram("server", { DATABASE_URL: database.url });
  const servers: Program[] = await Promise.all(Array.from({ length: SERVERS }, start));
  undo.push(() => Promise.all(servers.map((server) => server.killTree())));
  const any = (): Program => servers[Math.floor(Math.random() * servers.length)] as Program;

  const create = `mutation ($input: JobInput!) { createJob(input: $input) { name } }`;
  await any().graphql(create, {
    input: { name: "small", workflow: { nodes: [task("in", []), task("out", ["in"])] } },
  });
  await any().graphql(create, { input: { name: "flow", workflow: { nodes: GRAPH } } });
  const worker = work(() => any().url);
  undo.push(worker.stop);

  const open = async (): Promise<number> => {
    const [row] = await sql<{ n: number }[]>`
      select ${WORKFLOWS}::int - count(*)::int as n from escapement.ended e join escapement.job j on j.id = e.job_id where j.name = 'flow'`;
    return row?.n ?? 0;
  };
  const settled = async (): Promise<number> => {
    const [row] = await sql<{ n: number }[]>`select count(*)::int as n from escapement.ended`;
    return row?.n ?? 0;
  };
  for (let round = 0; round < KILLS; round++) {
    const before = await settled();
    // Some before each kill, so that each finds work under way; what is answered has been started, whoever dies next.
    const first = Math.round((round * WORKFLOWS) / KILLS);
    const next = Math.round(((round + 1) * WORKFLOWS) / KILLS);
    const input = Array.from({ length: next - first }, (_, n) => ({ job: "flow", input: { n: first + n } }));
    await any().graphql(`mutation ($input: [StartRunInput!]!) { startRuns(input: $input) { id } }`, {
      input,
    });
    await expect.poll(settled, { timeout: 60_000, interval: 5 }).toBeGreaterThan(before);
    const at = Math.floor(Math.random() * servers.length);
    await servers[at]?.killTree();
    expect(await open()).toBeGreaterThan(0);
    servers[at] = await start();
  }
  await expect.poll(open, { timeout: 120_000 + WORKFLOWS * 1_000, interval: 200 }).toBe(0);

  const states = await sql<{ state: string; n: number }[]>`
    select e.state, count(*)::int as n from escapement.ended e join escapement.job j on j.id = e.job_id
    where j.name = 'flow' group by 1`;
  expect(states).toEqual([{ state: "SUCCEEDED", n: WORKFLOWS }]);
  const [letters] = await sql<{ complete: number }[]>`
    select count(*)::int as complete from escapement.workflow_run w join escapement.ended e on e.id = w.run_id
    join escapement.job j on j.id = e.job_id
    where j.name = 'flow' and length(w.states) = ${NODES} and w.states !~ '[^SK]'
      and length(replace(w.states, 'K', '')) = ${NODES - 1}`;
  expect(letters).toEqual({ complete: WORKFLOWS });
  // Each node has one run in each workflow, whose success is its last word.
  const [doubled] = await sql<{ twice: number; live: number; left: number }[]>`
    select (select count(*)::int from (
        select from escapement.run r join escapement.job j on j.id = r.job_id
        where j.node is not null group by r.parent_id, r.job_id having count(*) > 1
      ) as d) as twice,
      (select count(*)::int from escapement.lease) + (select count(*)::int from escapement.ready)
        + (select count(*)::int from escapement.waiting) as live,
      (select count(*)::int from escapement.workflow_run where states ~ '[PR]') as left`;
  expect(doubled).toEqual({ twice: 0, live: 0, left: 0 });
  // What workers were told is what was counted: no success was acknowledged twice, and none was lost.
  const acknowledged = worker.succeeded();
  const [counted] = await sql<{ n: number }[]>`
    select count(*)::int as n from escapement.ended e join escapement.job j on j.id = e.job_id
    where e.state = 'SUCCEEDED' and e.executor_id is not null`;
  expect(counted?.n).toBeGreaterThanOrEqual(acknowledged.size);
  const ended = await sql<{ id: string }[]>`
    select id from escapement.ended where state = 'SUCCEEDED' and executor_id is not null`;
  const known = new Set(ended.map(({ id }) => id));
  expect([...acknowledged].filter((id) => !known.has(id))).toEqual([]);
});

/** A worker that goes to any server: one attempt in ten fails, the rest succeed. */
function work(url: () => string) {
  let going = true;
  const acknowledged = new Set<string>();
  const call = async (path: string, body: object): Promise<Record<string, unknown> | null> => {
    try {
      const response = await fetch(`${url()}/v1${path}`, { method: "POST", body: JSON.stringify(body) });
      return response.ok ? ((await response.json()) as Record<string, unknown>) : null;
    } catch {
      return null;
    }
  };
  const loop = async (name: string): Promise<void> => {
    while (going) {
      const answer = await call("/leases", { executor: name, types: ["work"], max: 10, waitSeconds: 1 });
      const leases = (answer?.leases ?? []) as { id: string; run: string }[];
      if (leases.length === 0) continue;
      const results = leases.map(({ id }) => ({
        lease: id,
        ...(Math.random() < 0.1
          ? { outcome: "failed", error: { message: "bad luck" } }
          : { outcome: "succeeded", output: { ok: true } }),
      }));
      // Said again until it is heard: the answer may have been lost with its server.
      for (
        let settled = await call("/settle", { results });
        going;
        settled = await call("/settle", { results })
      ) {
        if (settled === null) continue;
        for (const [at, { status, state }] of (
          settled.results as { status: string; state?: string }[]
        ).entries()) {
          if (status === "ok" && state === "SUCCEEDED") acknowledged.add(leases[at]?.run ?? "");
        }
        break;
      }
    }
  };
  const loops = Array.from({ length: 4 }, (_, n) => loop(`worker-${n}`));
  return {
    succeeded: () => acknowledged,
    async stop() {
      going = false;
      await Promise.all(loops);
    },
  };
}
