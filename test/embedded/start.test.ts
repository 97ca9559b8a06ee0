/** Starting and stopping when nothing goes wrong, and what a person reads when something does. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { startPostgres } from "../../server/embedded/postgres.ts";
import { isRunning } from "../../server/embedded/process.ts";
import {
  expectNoProcessNaming,
  expectRow,
  FAST,
  leaveRow,
  newFolder,
  query,
  start,
  watchdogOf,
} from "./folder.ts";

test("the first start creates a durable UTF-8 database, and the second finds it under the same URL", async () => {
  const dataDir = newFolder();
  const steps: string[] = [];
  const first = await start(dataDir, { onProgress: (line) => steps.push(line), settings: {} });
  expect(steps).toEqual([expect.stringContaining("Creating a PostgreSQL")]);
  const settings = await query(
    first.url,
    (sql) => sql`select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
      current_setting('server_encoding') as encoding, current_setting('data_checksums') as checksums,
      current_setting('listen_addresses') as addresses, current_database() as database`,
  );
  expect(settings).toEqual([
    {
      fsync: "on",
      commit: "on",
      encoding: "UTF8",
      checksums: "on",
      addresses: "127.0.0.1",
      database: "escapement",
    },
  ]);
  await leaveRow(first.url);
  await first.stop();

  const second = await start(dataDir, { onProgress: (line) => steps.push(line) });
  expect(second.url).toBe(first.url);
  expect(steps).toHaveLength(1);
  await expectRow(second.url);
});

test("nobody gets in without the password, which only the owner of the folder can read", async () => {
  const dataDir = newFolder();
  const server = await start(dataDir);
  const guess = new URL(server.url);
  guess.password = "guess";
  await expect(query(guess.href, (sql) => sql`select 1`)).rejects.toMatchObject({ code: "28P01" });
  expect(statSync(join(dataDir, "url")).mode & 0o777).toBe(0o600);
  expect(statSync(join(dataDir, "data")).mode & 0o777).toBe(0o700);
});

test("a stop leaves no process and no claim, and may be asked for twice", async () => {
  const dataDir = newFolder();
  const server = await start(dataDir);
  const watchdog = watchdogOf(server.pid);
  await Promise.all([server.stop(), server.stop()]);
  await expectNoProcessNaming(dataDir);
  await vi.waitFor(() => expect(isRunning(watchdog)).toBe(false));
  expect(readdirSync(dataDir).sort()).toEqual(["data", "postgres.log", "url"]);
});

test("a Ctrl-C in the terminal reaches neither the server nor its watchdog, so that we can stop in order", async () => {
  const server = await start(newFolder());
  const groupOf = (pid: number) =>
    execFileSync("ps", ["-o", "pgid=", "-p", String(pid)], { encoding: "utf8" }).trim();
  for (const pid of [server.pid, watchdogOf(server.pid)]) expect(groupOf(pid)).toBe(String(pid));
});

test("a caller's settings count, except those that would open the server to others", async () => {
  const server = await start(newFolder(), { settings: { ...FAST, work_mem: "7MB", listen_addresses: "*" } });
  const [row] = await query(
    server.url,
    (sql) =>
      sql`select current_setting('work_mem') as memory, current_setting('listen_addresses') as addresses`,
  );
  expect(row).toEqual({ memory: "7MB", addresses: "127.0.0.1" });
});

test("a remembered port that is taken by now is replaced by a free one", async () => {
  const dataDir = newFolder();
  const first = await start(dataDir);
  await first.stop();
  const squatter = createServer().listen(Number(new URL(first.url).port), "127.0.0.1");
  await new Promise((resolve) => squatter.once("listening", resolve));
  try {
    const second = await start(dataDir);
    expect(new URL(second.url).port).not.toBe(new URL(first.url).port);
    expect(readFileSync(join(dataDir, "url"), "utf8").trim()).toBe(second.url);
  } finally {
    squatter.close();
  }
});

test("a start that fails shows the end of PostgreSQL's log and holds nothing", async () => {
  const dataDir = newFolder();
  await expect(startPostgres({ dataDir, settings: { ...FAST, shared_buffers: "plenty" } })).rejects.toThrow(
    /did not start.*invalid value for parameter "shared_buffers"/s,
  );
  await expectNoProcessNaming(dataDir);
  await start(dataDir);
});

test("data of another major version is refused by name, and left alone", async () => {
  const dataDir = newFolder();
  await (await start(dataDir)).stop();
  writeFileSync(join(dataDir, "data", "PG_VERSION"), "14\n");
  await expect(startPostgres({ dataDir })).rejects.toThrow(/created by PostgreSQL 14.*ESCAPEMENT_DATA_DIR/);
});

test("a lost password file is named in the error", async () => {
  const dataDir = newFolder();
  await (await start(dataDir)).stop();
  writeFileSync(join(dataDir, "url"), "");
  await expect(startPostgres({ dataDir })).rejects.toThrow(`${join(dataDir, "url")} holds the password`);
});

test("a temporary folder is gone after the stop", async () => {
  const dataDir = join(newFolder(), "temporary");
  const server = await start(dataDir, { temporary: true });
  chmodSync(dataDir, 0o755);
  await server.stop();
  expect(existsSync(dataDir)).toBe(false);
});
