/** A MariaDB of a test's own on loopback, from what the machine has installed; tests skip where that is nothing. */
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

export interface MariaDb {
  /** Of its one user, who may do everything in database `test`. */
  url: string;
  stop(): Promise<void>;
}

export const hasMariaDb =
  spawnSync("mariadbd", ["--version"]).status === 0 &&
  spawnSync("mariadb-install-db", ["--help"]).error === undefined;

/** Starts it on an empty folder: about two seconds. */
export async function startMariaDb(): Promise<MariaDb> {
  const folder = mkdtempSync(join(tmpdir(), "escapement-mariadb-"));
  chmodSync(folder, 0o700);
  const data = join(folder, "data");
  const user = userInfo().username;
  await promisify(execFile)("mariadb-install-db", [
    ...["--no-defaults", `--datadir=${data}`, `--user=${user}`, "--skip-test-db"],
    "--auth-root-authentication-method=normal",
  ]);
  const port = await freePort();
  const server = spawn(
    "mariadbd",
    [
      ...["--no-defaults", `--datadir=${data}`, `--user=${user}`, `--socket=${join(folder, "socket")}`],
      ...[
        "--bind-address=127.0.0.1",
        `--port=${port}`,
        "--skip-name-resolve",
        "--innodb-flush-log-at-trx-commit=0",
      ],
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const stop = async () => {
    if (server.exitCode === null && server.signalCode === null) {
      server.kill("SIGKILL");
      await once(server, "exit");
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await ready(server);
    const query =
      "create database test; create user tester@'127.0.0.1' identified by 'secret'; grant all on *.* to tester@'127.0.0.1'";
    await promisify(execFile)("mariadb", [
      "--no-defaults",
      `--socket=${join(folder, "socket")}`,
      "-u",
      "root",
      "-e",
      query,
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `mysql://tester:secret@127.0.0.1:${port}/test`, stop };
}

async function ready(server: ChildProcess): Promise<void> {
  if (server.stderr === null) throw new Error("MariaDB has no voice");
  let said = "";
  for await (const line of createInterface({ input: server.stderr })) {
    said += `${line}\n`;
    if (line.includes("ready for connections")) {
      server.stderr.resume();
      return;
    }
  }
  throw new Error(`MariaDB did not start:\n${said}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}
