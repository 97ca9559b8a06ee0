/** A data folder has one owner at a time, and a dead one does not count. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startPostgres } from "../../server/embedded/postgres.ts";
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
