/**
 * Affinity over real HTTP: servers and workers are processes, and workers are killed at random in the middle of their
 * runs. All append to one file, whose order is the kernel's; what it says is judged afterwards. To make it larger than
 * a small machine can bear: SOAK_SERVERS, SOAK_WORKERS, SOAK_RUNS and SOAK_KILLS.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { afterEach, expect, test } from "vitest";
import { createTestDatabase } from "../support/database.ts";
import { startProgram } from "./program.ts";

const size = (name: string, usual: number) => Number(process.env[`SOAK_${name}`] ?? usual);
const [SERVERS, WORKERS, RUNS, KILLS] = [
  size("SERVERS", 2),
  size("WORKERS", 6),
  size("RUNS", 1_000),
  size("KILLS", 8),
];
const KEYS = 50;
const BATCH = 100;
const WORKER = fileURLToPath(new URL("./keyed-worker.ts", import.meta.url));

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

test(`${KEYS} keys, ${SERVERS} servers and ${WORKERS} workers, ${KILLS} of them killed: no two at once, in order, all end`, {
  timeout: 60_000 + RUNS * 50,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "escapement-soak-"));
  undo.push(() => rmSync(folder, { recursive: true }));
  const log = join(folder, "log");
  writeFileSync(log, "");
  const database = await createTestDatabase();
  undo.push(() => database.drop());
  const sql = postgres(database.url, { max: 2, onnotice: () => {} });
  undo.push(() => sql.end());
  const servers = await Promise.all(
    Array.from({ length: SERVERS }, () => startProgram("server", { DATABASE_URL: database.url })),
  );
  undo.push(() => Promise.all(servers.map((server) => server.killTree())));
  await servers[0]?.graphql(`mutation { createJob(input: { name: "keyed", type: "keyed" }) { name } }`);

  const workers = new Map<string, ChildProcess>();
  const dead: string[] = [];
  const hire = (n: number) => {
    const name = `worker-${n}`;
    const worker = spawn(process.execPath, ["--import", "tsx", WORKER], {
      env: { ...process.env, ESCAPEMENT_URL: servers[n % SERVERS]?.url, EXECUTOR: name, LOG: log },
      stdio: "ignore",
    });
    workers.set(name, worker);
  };
  const kill = async (name: string, worker: ChildProcess) => {
    workers.delete(name);
    if (worker.exitCode !== null || worker.signalCode !== null) return;
    const exit = once(worker, "exit");
    worker.kill("SIGKILL");
    await exit;
    appendFileSync(log, `dead ${worker.pid}\n`);
    dead.push(name);
  };
  undo.push(() => Promise.all([...workers].map(([name, worker]) => kill(name, worker))));
  for (let n = 0; n < WORKERS; n++) hire(n);

  const started = (async () => {
    for (let at = 0; at < RUNS; at += BATCH) {
      const runs = Array.from({ length: Math.min(BATCH, RUNS - at) }, (_, n) => {
        const key = `k${(at + n * 7) % KEYS}`;
        return { job: "keyed", input: { key }, affinity: { group: "soak", key } };
      });
      const answer = await servers[(at / BATCH) % SERVERS]?.call("POST", "/v1/runs", { runs });
      expect(answer?.status).toBe(201);
    }
  })();

  const lines = () => readFileSync(log, "utf8").split("\n").slice(0, -1);
  /** Killed when the file has so many lines: spread over the runs, at random. */
  const kills = Array.from({ length: KILLS }, () => Math.random() * RUNS * 1.8).sort((a, b) => a - b);
  const ended = async () => {
    if (lines().length > (kills[0] ?? Number.POSITIVE_INFINITY)) {
      kills.shift();
      const [name, worker] = [...workers][Math.floor(Math.random() * workers.size)] ?? [];
      if (name && worker) await kill(name, worker);
      hire(WORKERS + dead.length);
    }
    // As if the time of their leases had run out; what a dead one's last poll was given may come after its death.
    await sql`
        update escapement.lease l set expires_at = escapement.clock() - interval '1 ms', lost = 0
        from escapement.executor e where e.id = l.executor_id and e.name = any(${dead})`;
    const [row] = await sql<{ n: number }[]>`
        select count(*)::int as n from escapement.ended where state = 'SUCCEEDED'`;
    return row?.n;
  };
  await started;
  await expect.poll(ended, { timeout: 30_000 + RUNS * 40, interval: 20 }).toBe(RUNS);

  const { faults, cutOff, begun } = judge(lines());
  expect(faults).toEqual([]);
  expect(begun).toBe(RUNS);
  expect(cutOff).toBeGreaterThan(0);
});

/** Reads the file: who worked at a key while another did, or before one that came earlier had ended. */
function judge(lines: string[]) {
  const faults: string[] = [];
  const keys = new Map<string, { run: bigint; ended: boolean; pid: string | null }>();
  const begun = new Set<string>();
  let cutOff = 0;
  for (const line of lines) {
    const [what, pid = "", key = "", id = ""] = line.split(" ");
    if (what === "dead") {
      for (const at of keys.values()) {
        if (at.pid !== pid) continue;
        at.pid = null;
        cutOff++;
      }
      continue;
    }
    const before = keys.get(key);
    const run = BigInt(id);
    if (what === "end") {
      if (before) Object.assign(before, { ended: true, pid: null });
      continue;
    }
    begun.add(id);
    if (before?.pid) faults.push(`${key}: ${run} began while ${before.run} was at work`);
    else if (before && (run < before.run || (run > before.run && !before.ended)))
      faults.push(
        `${key}: ${run} began after ${before.run}, ${before.ended ? "which came later" : "which had not ended"}`,
      );
    keys.set(key, { run, ended: false, pid });
  }
  return { faults, cutOff, begun: begun.size };
}
