/** The PostgreSQL that everybody is measured on: durable, with room, and gone at the end. */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { startPostgres } from "../../server/embedded/postgres.ts";
import type { Ending } from "./ending.ts";

/** As on a machine of its own: nothing less durable than the default, checkpoints not in the middle of a measure. */
const SETTINGS = {
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  shared_buffers: "1GB",
  max_wal_size: "8GB",
  checkpoint_timeout: "15min",
  max_connections: "400",
  shared_preload_libraries: "pg_stat_statements",
  track_io_timing: "off",
};
/** Said in the report, so that nobody has to believe it. */
const SHOWN = [
  "server_version",
  "fsync",
  "synchronous_commit",
  "full_page_writes",
  "wal_sync_method",
  "shared_buffers",
  "max_wal_size",
  "data_checksums",
];

export interface BenchServer {
  /** Settings and version, as the server tells them. */
  settings: Record<string, string>;
  /** Processes to count as ours; none when the server is on another machine or was there before. */
  pid: number | null;
  /** Creates an empty database and returns its URL; it is dropped at the end. */
  createDatabase(name: string): Promise<string>;
}

/** Starts a temporary PostgreSQL, or uses `url` where one is given, and refuses one that does not keep its promises. */
export async function openDatabase(
  url: string | undefined,
  ending: Ending,
  say: (line: string) => void,
): Promise<BenchServer> {
  let pid: number | null = null;
  let serverUrl = url;
  if (serverUrl === undefined) {
    const dataDir = mkdtempSync(join(tmpdir(), "escapement-bench-"));
    // Root runs PostgreSQL as somebody else, who has to get in.
    chmodSync(dataDir, 0o755);
    const server = await startPostgres({ dataDir, settings: SETTINGS, temporary: true, onProgress: say });
    ending.add(() => server.stop());
    serverUrl = server.url;
    pid = server.pid;
  }
  const admin = postgres(serverUrl, { max: 1, onnotice: () => {} });
  ending.add(() => admin.end({ timeout: 5 }));
  const rows = await admin<{ name: string; setting: string }[]>`
    select name, current_setting(name) as setting from pg_settings where name = any(${SHOWN})`;
  const settings = Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
  for (const name of ["fsync", "synchronous_commit", "full_page_writes"]) {
    if (settings[name] !== "on")
      throw new Error(`This PostgreSQL has ${name}=${settings[name]}; set it to on.`);
  }
  const suffix = randomBytes(4).toString("hex");
  return {
    settings,
    pid,
    async createDatabase(name) {
      const database = `bench_${name.replaceAll("-", "_")}_${suffix}`;
      await admin`create database ${admin(database)}`;
      if (url !== undefined) ending.add(() => admin`drop database if exists ${admin(database)} with (force)`);
      const own = new URL(serverUrl);
      own.pathname = `/${database}`;
      return own.href;
    },
  };
}
