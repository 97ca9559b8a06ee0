/** What is killed outright comes back by itself or at the next start, with its rows, and blocks nobody. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { isRunning } from "../../server/embedded/process.ts";
import {
  expectNoProcessNaming,
  expectRow,
  holdReady,
  isRoot,
  killOutright,
  leaveRow,
  newFolder,
  processesNaming,
  query,
  start,
  stuckBackend,
  watchdogOf,
} from "./folder.ts";

test("a server that is killed comes back on its own, for the same clients", async () => {
  const dataDir = newFolder();
  const steps: string[] = [];
  const server = await start(dataDir, { onProgress: (line) => steps.push(line) });
  await leaveRow(server.url);
  const before = server.pid;
  process.kill(before, "SIGKILL");
  await vi.waitFor(() => expect(steps.at(-1)).toBe("PostgreSQL is back"), { timeout: 20_000 });
  expect(server.pid).not.toBe(before);
  await expectRow(server.url);
  expect(watchdogOf(server.pid)).toBeDefined();
});

test("a server that dies again and again is given up with a reason", async () => {
  const dataDir = newFolder();
  const server = await start(dataDir, {
    onProgress: (line) => {
      if (line === "PostgreSQL is back") queueMicrotask(() => process.kill(server.pid, "SIGKILL"));
    },
  });
  process.kill(server.pid, "SIGKILL");
  expect((await server.lost).message).toMatch(/ended 5 times within a minute, the last time by SIGKILL/);
  await server.stop();
  await expectNoProcessNaming(dataDir);
});

test("a stop while the server is on its way back leaves nothing", async () => {
  const dataDir = newFolder();
  let noticed = () => {};
  const crash = new Promise<void>((resolve) => {
    noticed = resolve;
  });
  const server = await start(dataDir, { onProgress: (line) => line.includes("unexpectedly") && noticed() });
  process.kill(server.pid, "SIGKILL");
  await crash;
  await server.stop();
  await expectNoProcessNaming(dataDir);
});

test("when its process is killed, the server ends within seconds and the rows stay", async () => {
  const dataDir = newFolder();
  const holder = await holdReady(dataDir);
  await leaveRow(holder.url);
  await killOutright(holder);
  await expectNoProcessNaming(` -D ${dataDir}`);
  await expectNoProcessNaming(`escapement-watchdog ${holder.postmaster} `);
  expect(existsSync(join(dataDir, "data", "postmaster.pid"))).toBe(false); // an orderly end, not a crash
  await expectRow((await start(dataDir)).url);
});

test("the next start may come while the server of a killed process is still ending", async () => {
  const dataDir = newFolder();
  const holder = await holdReady(dataDir);
  await leaveRow(holder.url);
  await killOutright(holder);
  await expectRow((await start(dataDir)).url);
});

test("a server that lost its process and its watchdog is ended by the next start", async () => {
  const dataDir = newFolder();
  const holder = await holdReady(dataDir);
  await leaveRow(holder.url);
  process.kill(watchdogOf(holder.postmaster), "SIGKILL");
  await killOutright(holder);
  expect(isRunning(holder.postmaster)).toBe(true);

  const steps: string[] = [];
  const server = await start(dataDir, { onProgress: (line) => steps.push(line) });
  expect(steps).toContainEqual(expect.stringContaining(`process ${holder.postmaster}`));
  expect(isRunning(holder.postmaster)).toBe(false);
  expect(server.pid).not.toBe(holder.postmaster);
  await expectRow(server.url);
});

test("after everything was killed at once, the next start recovers every committed row", async () => {
  const dataDir = newFolder();
  const holder = await holdReady(dataDir);
  await leaveRow(holder.url);
  process.kill(watchdogOf(holder.postmaster), "SIGKILL");
  await killOutright(holder); // before the server, which it would bring back
  process.kill(holder.postmaster, "SIGKILL");
  const server = await start(dataDir);
  expect(readFileSync(join(dataDir, "postgres.log"), "utf8")).toContain("automatic recovery in progress");
  await expectRow(server.url);
});

test("the last process of a killed server is waited for", async () => {
  const dataDir = newFolder();
  const holder = await holdReady(dataDir);
  const backend = await stuckBackend(holder.url);
  process.kill(watchdogOf(holder.postmaster), "SIGKILL");
  await killOutright(holder); // before the server, which it would bring back
  process.kill(holder.postmaster, "SIGKILL");

  const steps: string[] = [];
  await start(dataDir, {
    onProgress: (line) => {
      steps.push(line);
      if (isRunning(backend)) process.kill(backend, "SIGCONT");
    },
  });
  expect(steps).toContainEqual(expect.stringContaining("Waiting for the last processes"));
  expect(isRunning(backend)).toBe(false);
});

test("a pid file whose process id belongs to somebody else by now does not block the start", async () => {
  const dataDir = newFolder();
  const holder = await holdReady(dataDir);
  const pidFile = join(dataDir, "data", "postmaster.pid");
  const content = readFileSync(pidFile, "utf8");
  await killOutright(holder);
  await expectNoProcessNaming(` -D ${dataDir}`);
  // PostgreSQL cares about processes of its own user only, so that is whose id has to be taken.
  const stranger = spawn("sleep", ["60"], isRoot ? { uid: 65534, gid: 65534 } : {});
  onTestFinished(() => {
    stranger.kill("SIGKILL");
  });
  await once(stranger, "spawn");
  writeFileSync(pidFile, content.replace(/^\d+/, String(stranger.pid)));
  await start(dataDir);
  expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
});

test("a stop does not wait for a process that is stuck", async () => {
  const dataDir = newFolder();
  const server = await start(dataDir);
  await stuckBackend(server.url);
  await server.stop();
  expect(processesNaming(` -D ${dataDir}`)).toEqual([]);
});

test("a temporary folder does not outlive a killed process", async () => {
  const dataDir = join(newFolder(), "temporary");
  const holder = await holdReady(dataDir, { args: ["temporary"] });
  await query(holder.url, (sql) => sql`select 1`);
  await killOutright(holder);
  await vi.waitFor(() => expect(existsSync(dataDir)).toBe(false), { timeout: 10_000 });
});
