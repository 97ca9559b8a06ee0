/** The TypeScript worker over a network that loses answers, and through the death of its server. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import type { Lease } from "../../worker/index.ts";
import { createTestDatabase } from "../support/database.ts";
import { startServer } from "../support/server.ts";
import {
  createJob,
  endOf,
  eventually,
  startRun,
  startRuns,
  startWorker,
  stopWorkers,
  unique,
} from "./play.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  await stopWorkers();
  for (const step of undo.splice(0).reverse()) await step();
});

describe("a worker", () => {
  test("gets the run whose lease was lost on the way", async () => {
    const { server, network } = await startLossy();
    const type = await createJob(server, unique("stray"));
    await startWorker({ url: network.url }, { [type]: (_, { lease }) => lease.fence });
    network.loseEvery(1);
    const id = await startRun(server, type);
    await eventually(() => network.lost).toBeGreaterThan(0);
    network.loseEvery(0);
    expect(await endOf(server, id)).toMatchObject({ state: "SUCCEEDED", output: 1 });
  });

  test("executes each run once though answers get lost", async () => {
    const { server, network } = await startLossy();
    const type = await createJob(server, unique("lossy"));
    const seen = counter();
    const { event } = await startWorker(
      { url: network.url },
      {
        [type]: async (_, ctx) => {
          seen.count(ctx.lease);
          ctx.log("here");
          await sleep(Math.random() * 20);
          return ctx.lease.run;
        },
      },
      { concurrency: 10 },
    );
    network.loseEvery(5);
    const ids = await startRuns(server, type, new Array(200).fill(null));
    for (const id of ids) expect(await endOf(server, id)).toMatchObject({ state: "SUCCEEDED", output: id });
    await event("disconnected");
    network.loseEvery(0);
    await event("connected");
    expect(network.lost).toBeGreaterThan(10);
    expect(seen.times()).toEqual(new Set([1]));
    expect(seen.fences).toEqual(new Set([1]));
    expect(seen.runs()).toEqual([...ids].sort());
  });

  test("loses and doubles nothing when its server is killed and comes back", async () => {
    const database = await createTestDatabase();
    undo.push(() => database.drop());
    // Definitions are made by a server of this process, which shares the database and is none of the worker's.
    const witness = await startServer({ databaseUrl: database.url });
    undo.push(() => witness.close());
    const type = await createJob(witness, unique("killed"));
    const url = await freeUrl();
    const dataDir = mkdtempSync(join(tmpdir(), "escapement-test-data-"));
    undo.push(() => rmSync(dataDir, { recursive: true, force: true }));
    let process = await startServerProcess(url, database.url, dataDir);
    undo.push(() => endProcess(process));

    const seen = counter();
    const { worker, events, event } = await startWorker(
      { url },
      {
        [type]: async (_, ctx) => {
          seen.count(ctx.lease);
          await sleep(50);
        },
      },
      { concurrency: 5 },
    );
    const ids = await startRuns(witness, type, new Array(150).fill(null));
    await eventually(() => seen.runs().length).toBeGreaterThan(30);
    await endProcess(process);
    await event("disconnected");
    await witness.database.sql`update escapement.executor set capacity = null, types = null`;
    process = await startServerProcess(url, database.url, dataDir);
    await event("connected");
    const known = "{ executors { nodes { name capacity types } } }";
    await eventually(() => witness.graphql(known)).toEqual({
      executors: { nodes: [{ name: worker.executor, capacity: 5, types: [type] }] },
    });
    for (const id of ids) expect(await endOf(witness, id)).toMatchObject({ state: "SUCCEEDED" });
    expect(seen.times()).toEqual(new Set([1]));
    expect(seen.fences).toEqual(new Set([1]));
    expect(seen.runs()).toEqual([...ids].sort());
    expect(events.filter(({ kind }) => kind === "lost" || kind === "error")).toEqual([]);
  });
});

/** A server behind a network that can lose answers. */
async function startLossy() {
  const network = await startNetwork();
  undo.push(network.close);
  const server = await startServer({ config: { allowedHosts: [new URL(network.url).host] } });
  undo.push(() => server.close());
  network.leadTo(server.url);
  return { server, network };
}

/** How often each run was executed, and how often lent: the first lease has fence 1. */
function counter() {
  const times = new Map<string, number>();
  const fences = new Set<number>();
  return {
    fences,
    count({ run, fence }: Lease) {
      times.set(run, (times.get(run) ?? 0) + 1);
      fences.add(fence);
    },
    runs: () => [...times.keys()].sort(),
    times: () => new Set(times.values()),
  };
}

/** A network between worker and server that can lose answers: the server has acted, the worker hears nothing. */
async function startNetwork() {
  const sockets = new Set<Socket>();
  let port = 0;
  let every = 0;
  let answers = 0;
  const loseEvery = (count: number) => {
    every = count;
  };
  const leadTo = (url: string) => {
    port = Number(new URL(url).port);
  };
  const network = { url: "", lost: 0, leadTo, loseEvery, close };
  const proxy = createServer((worker) => {
    const server = connect(port, "127.0.0.1");
    for (const [from, to] of [
      [worker, server],
      [server, worker],
    ] as const) {
      sockets.add(from);
      from.on("error", () => undefined);
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
    worker.pipe(server);
    server.on("data", (chunk) => {
      if (every > 0 && ++answers % every === 0) {
        network.lost++;
        worker.destroy();
      } else worker.write(chunk);
    });
  });
  async function close() {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  }
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  network.url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return network;
}

async function freeUrl(): Promise<string> {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  holder.close();
  await once(holder, "close");
  return `http://127.0.0.1:${port}`;
}

async function startServerProcess(url: string, databaseUrl: string, dataDir: string): Promise<ChildProcess> {
  const started = spawn(process.execPath, ["--import", "tsx", "server/main.ts", "server"], {
    env: {
      ...process.env,
      PORT: new URL(url).port,
      DATABASE_URL: databaseUrl,
      ESCAPEMENT_DATA_DIR: dataDir,
      ESCAPEMENT_LOG: "silent",
    },
    stdio: "ignore",
  });
  const isReady = async () => {
    if (started.exitCode !== null) throw new Error(`The server ended with exit code ${started.exitCode}.`);
    return await fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  };
  await eventually(isReady).toBe(true);
  return started;
}

async function endProcess(ending: ChildProcess): Promise<void> {
  if (ending.exitCode !== null || ending.signalCode !== null) return;
  const ended = once(ending, "exit");
  ending.kill("SIGKILL");
  await ended;
}
