/** The embedded PostgreSQL: a database that is there after `npm ci`, and gone when its process is gone. */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import postgres from "postgres";
import { DATABASE, dataOwner, dataVersion, type Home, openHome, readUrl } from "./home.ts";
import { createCluster } from "./initdb.ts";
import { own } from "./owner.ts";
import { endOrphan, type Launch, launch, type Postmaster, turnLog } from "./postmaster.ts";
import { findRuntime, type Runtime } from "./runtime.ts";
import { StartError } from "./start-error.ts";

export interface StartOptions {
  /** Folder for the database, its log and its password; created when missing. One process owns it at a time. */
  readonly dataDir: string;
  /** Told about steps that a person might wait for, one line each, and about restarts after a crash. */
  readonly onProgress?: (line: string) => void;
  /** PostgreSQL settings that differ from ours, such as `{ fsync: "off" }` for a database of a test run. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Delete the folder when the server has ended, even if this process is killed. */
  readonly temporary?: boolean;
}

export interface EmbeddedPostgres {
  /** With password, to the database `escapement`. Stays the same when the server is restarted after a crash. */
  readonly url: string;
  readonly version: string;
  /** The server process of this moment. */
  readonly pid: number;
  /** Resolves with the reason if the server ends and cannot be brought back; stays pending otherwise. */
  readonly lost: Promise<Error>;
  /** Ends the server, after 7 s the hard way, and gives the folder back. */
  stop(): Promise<void>;
}

/** This many crashes within the window are not an accident any more. */
const CRASHES_MAX = 5;
const CRASH_WINDOW_MS = 60_000;

/**
 * Starts PostgreSQL on the folder, creating the database first if need be. A server that an earlier, killed
 * process left there is ended first. Throws StartError, with a message for people.
 */
export async function startPostgres(options: StartOptions): Promise<EmbeddedPostgres> {
  const { onProgress = () => {}, settings = {}, temporary = false } = options;
  const home = openHome(options.dataDir);
  const release = await own(home.dir);
  const cleanUp = () => {
    release();
    if (temporary) rmSync(home.dir, { recursive: true, force: true });
  };
  try {
    checkOwner(home);
    const runtime = await findRuntime(home);
    if (dataVersion(home) === undefined) {
      onProgress(`Creating a PostgreSQL ${runtime.version} database in ${home.dir}`);
      await createCluster(home, runtime, settings.fsync !== "off");
    }
    checkVersion(home, runtime);
    await endOrphan(home, runtime, onProgress);
    giveToRuntime(home, runtime);
    turnLog(home);
    const start = { home, runtime, settings, temporary, onProgress };
    const first = await launch({ ...start, url: readUrl(home), keepPort: false });
    await createDatabase(home, first).catch(async (error: unknown) => {
      await first.stop();
      throw error;
    });
    return keepRunning(first, { ...start, url: first.url, keepPort: true }, cleanUp);
  } catch (error) {
    cleanUp();
    throw error;
  }
}

/** Brings the server back when it crashes, until it is stopped or crashes too often. */
function keepRunning(first: Postmaster, again: Launch, cleanUp: () => void): EmbeddedPostgres {
  let server = first;
  let stopped: Promise<void> | undefined;
  const crashes: number[] = [];

  const bringBack = async (): Promise<Error | undefined> => {
    for (;;) {
      const { reason } = await server.ended;
      if (stopped) return undefined;
      const now = performance.now();
      crashes.push(now);
      if (crashes.filter((at) => at > now - CRASH_WINDOW_MS).length >= CRASHES_MAX) {
        return new StartError(
          `PostgreSQL ended ${CRASHES_MAX} times within a minute, the last time by ${reason}. Its log is ${again.home.log}.`,
        );
      }
      again.onProgress(`PostgreSQL ended unexpectedly (${reason}); starting it again`);
      server = await launch(again);
      if (stopped) await server.stop();
      else again.onProgress("PostgreSQL is back");
    }
  };
  const over = bringBack().catch((error: unknown) => error as Error);

  const stop = async () => {
    await server.stop();
    await over;
    cleanUp();
  };
  return {
    url: again.url.href,
    version: again.runtime.version,
    get pid() {
      return server.pid;
    },
    lost: new Promise((resolve) => void over.then((error) => error && !stopped && resolve(error))),
    stop() {
      stopped ??= Promise.resolve().then(stop); // `stopped` is set before the server's end is noticed
      return stopped;
    },
  };
}

/** An ordinary user cannot even look into data of somebody else; root can give them to whom it runs PostgreSQL as. */
function checkOwner(home: Home): void {
  const user = process.getuid?.();
  const owner = dataOwner(home);
  if (!user || !owner || owner.uid === user) return;
  throw new StartError(
    `${home.data} belongs to user ${owner.uid} and you are user ${user}. ` +
      `Start Escapement as that user, or set ESCAPEMENT_DATA_DIR to a folder of your own.`,
  );
}

function checkVersion(home: Home, runtime: Runtime): void {
  const version = dataVersion(home);
  if (version === runtime.major) return;
  throw new StartError(
    `${home.dir} was created by PostgreSQL ${version}, and the programs here (${runtime.binaries.origin}) are version ${runtime.version}. ` +
      `Use PostgreSQL ${version}, move the data with pg_upgrade, or set ESCAPEMENT_DATA_DIR to a new folder.`,
  );
}

/** Data that came here as another user's, such as a copy that root made. */
function giveToRuntime(home: Home, { identity }: Runtime): void {
  if (!identity.owner || dataOwner(home)?.uid === identity.owner.uid) return;
  execFileSync("chown", ["-R", `${identity.owner.uid}:${identity.owner.gid}`, home.data]);
}

async function createDatabase(home: Home, { url }: Postmaster): Promise<void> {
  const maintenance = new URL(url);
  maintenance.pathname = "/postgres";
  const sql = postgres(maintenance.href, { max: 1, onnotice: () => {} });
  try {
    const [found] = await sql`select 1 from pg_database where datname = ${DATABASE}`;
    if (!found) await sql`create database ${sql(DATABASE)}`;
  } catch (error) {
    throw new StartError(
      `PostgreSQL runs, but the database cannot be used with ${home.urlFile}: ${(error as Error).message}`,
    );
  } finally {
    await sql.end();
  }
}
