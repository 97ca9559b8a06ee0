import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { descendantsOf, type Program, runProgram, startProgram } from "./program.ts";

let folder: string;
let program: Program | null = null;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "escapement-system-"));
  chmodSync(folder, 0o755);
});
afterEach(async () => {
  await program?.killTree();
  program = null;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test("a power cut with 1,000 acknowledged runs loses none and doubles none", async () => {
  const env = {
    ESCAPEMENT_DATA_DIR: join(folder, "cut"),
    ESCAPEMENT_DEMO: "0",
    ESCAPEMENT_NAMESPACES: "default",
  };
  program = await startProgram("dev", env);
  const first = program;
  await first.graphql(`mutation { createJob(input: { name: "counted", type: "test.counted" }) { name } }`);
  const acknowledged: string[] = [];
  await Promise.all(
    Array.from({ length: 20 }, async (_, producer) => {
      for (let n = 0; n < 50; n++) {
        const { status, body } = await first.call("POST", "/v1/runs", {
          runs: [{ job: "counted", input: { producer, n }, idempotencyKey: `${producer}-${n}` }],
        });
        expect(status).toBe(201);
        acknowledged.push((body as unknown as { runs: { id: string }[] }).runs[0]?.id ?? "");
      }
    }),
  );
  await first.killTree();
  expect(new Set(acknowledged).size).toBe(1_000);

  program = await startProgram("dev", env);
  const done: string[] = [];
  for (;;) {
    const { body } = await program.call("POST", "/v1/leases", {
      executor: "counter",
      types: ["test.counted"],
      max: 100,
      waitSeconds: 0,
    });
    const { leases } = body as unknown as { leases: { id: string; run: string }[] };
    if (leases.length === 0) break;
    done.push(...leases.map((lease) => lease.run));
    await program.call("POST", "/v1/settle", {
      results: leases.map((lease) => ({ lease: lease.id, outcome: "succeeded" })),
    });
  }
  expect(done.sort()).toEqual(acknowledged.sort());
}, 120_000);

test("SIGTERM drains, exits 0 and leaves nothing behind", async () => {
  program = await startProgram("dev", { ESCAPEMENT_DATA_DIR: join(folder, "term") });
  const below = descendantsOf(program.pid);
  expect(below.length).toBeGreaterThan(0);
  program.signal("SIGTERM");
  expect(await program.ended).toBe(0);
  // The compiler's service ends when its pipe does, a moment later.
  await expect.poll(() => below.filter(isAlive), { timeout: 3_000 }).toEqual([]);
  program = null;
}, 60_000);

test("SIGTERM while it starts is kept, and ends it cleanly", async () => {
  const dataDir = join(folder, "early");
  program = await startProgram("dev", { ESCAPEMENT_DATA_DIR: dataDir }, { until: /Escapement/ });
  program.signal("SIGTERM");
  expect(await program.ended).toBe(0);
  expect(program.output()).toContain("Stopping (SIGTERM)");
  expect(existsSync(join(dataDir, "postgres", "postmaster.pid"))).toBe(false);
  program = null;
}, 60_000);

test("the first start shows a demo that does something by itself", async () => {
  program = await startProgram("dev", { ESCAPEMENT_DATA_DIR: join(folder, "demo") });
  const { url } = program;
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  const page = await fetch(url);
  expect(page.status).toBe(200);
  expect(page.headers.get("content-type")).toContain("text/html");
  const current = program;
  const succeeded = async () => {
    const { runs } = await current.graphql<{ runs: { nodes: unknown[] } }>(
      `{ runs(namespace: "demo", filter: { states: [SUCCEEDED] }, first: 5) { nodes { id } } }`,
    );
    return runs.nodes.length;
  };
  await expect.poll(succeeded, { timeout: 20_000, interval: 200 }).toBeGreaterThan(0);
}, 60_000);

test("a network address without authentication is refused with what to do", async () => {
  const { code, output } = await runProgram(["server"], {
    HOST: "0.0.0.0",
    DATABASE_URL: "postgres://127.0.0.1:1/x",
  });
  expect(code).toBe(1);
  expect(output).toContain("ESCAPEMENT_TOKEN");
});

test("a taken port is said plainly", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taken.once("listening", resolve));
  const { port } = taken.address() as { port: number };
  const { code, output } = await runProgram([], {
    ESCAPEMENT_DATA_DIR: join(folder, "taken"),
    PORT: String(port),
  });
  taken.close();
  expect(code).toBe(1);
  expect(output).toContain(`Port ${port} is taken`);
}, 60_000);
