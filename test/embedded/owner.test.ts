/** A data folder has one owner at a time, and a dead one does not count. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { startPostgres } from "../../server/embedded/postgres.ts";
import { startedAt } from "../../server/embedded/process.ts";
import { expectNoProcessNaming, expectRow, hold, holdReady, leaveRow, newFolder, start } from "./folder.ts";

test("a second start is refused with the owner's process id, and does not disturb the first", async () => {
  const dataDir = newFolder();
  const holder = await holdReady(dataDir);
  await leaveRow(holder.url);
  await expect(startPostgres({ dataDir })).rejects.toThrow(
    `${dataDir} is in use by another Escapement (process ${holder.pid}). Stop that one first, or set ESCAPEMENT_DATA_DIR`,
  );
  await expectRow(holder.url);
});

test("the same process cannot start twice on one folder", async () => {
  const dataDir = newFolder();
  const server = await start(dataDir);
  await expect(startPostgres({ dataDir })).rejects.toThrow(`process ${process.pid}`);
  await server.stop();
  await start(dataDir);
});

test("of several that start at the same moment one gets a new folder, and the others learn its process id", async () => {
  const dataDir = newFolder();
  const holders = await Promise.all([1, 2, 3, 4].map(() => hold(dataDir)));
  const winners = holders.filter(({ message }) => message.type === "ready");
  expect(winners).toHaveLength(1);
  for (const { message } of holders) {
    if (message.type === "failed")
      expect(message.message).toMatch(/is in use by another Escapement \(process \d+\)/);
  }
  const [winner] = winners;
  winner?.process.send("stop");
  await expectNoProcessNaming(dataDir);
});

test("a claim whose process id belongs to another process by now is dead", async () => {
  const dataDir = newFolder();
  writeFileSync(join(dataDir, `owner-${process.ppid}-1`), "owns");
  await start(dataDir);
  expect(readdirSync(dataDir)).not.toContain(`owner-${process.ppid}-1`);
});

test("one that comes at the same moment but is younger is given the time to withdraw", async () => {
  const dataDir = newFolder();
  const rival = claimOf(dataDir, youngerProcess());
  writeFileSync(rival, "");
  const starting = start(dataDir);
  await vi.waitFor(() => expect(existsSync(claimOf(dataDir, process.pid))).toBe(true));
  rmSync(rival);
  await starting;
});

test("one that comes at the same moment and turns out to own the folder keeps it", async () => {
  const dataDir = newFolder();
  const pid = youngerProcess();
  const rival = claimOf(dataDir, pid);
  writeFileSync(rival, "");
  const starting = startPostgres({ dataDir });
  writeFileSync(rival, "owns");
  await expect(starting).rejects.toThrow(`process ${pid}`);
});

test("one that comes at the same moment and is older goes first", async () => {
  const dataDir = newFolder();
  writeFileSync(claimOf(dataDir, process.ppid), "");
  await expect(startPostgres({ dataDir })).rejects.toThrow(`process ${process.ppid}`);
  expect(readdirSync(dataDir)).toHaveLength(1);
});

/** The claim that this process would put down. */
function claimOf(dataDir: string, pid: number): string {
  return join(dataDir, `owner-${pid}-${startedAt(pid)}`);
}

function youngerProcess(): number {
  const child = spawn("sleep", ["60"]);
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  if (child.pid === undefined) throw new Error("sleep cannot be started.");
  return child.pid;
}
