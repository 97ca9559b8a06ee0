/** The folder of one embedded database: what lies where, and its connection URL. */
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { StartError } from "./start-error.ts";

/** Absolute paths inside one data folder. */
export interface Home {
  readonly dir: string;
  /** PostgreSQL's own data directory. */
  readonly data: string;
  /** The server's log since it was last started; the log before that is kept as `previousLog`. */
  readonly log: string;
  readonly previousLog: string;
  /** The connection URL with its random password, readable by its owner only: `psql "$(cat url)"`. */
  readonly urlFile: string;
}

export const ROLE = "escapement";
export const DATABASE = "escapement";

/** Opens the data folder, creating it when it is missing. */
export function openHome(dataDir: string): Home {
  mkdirSync(dataDir, { recursive: true });
  const dir = realpathSync(dataDir);
  return {
    dir,
    data: join(dir, "data"),
    log: join(dir, "postgres.log"),
    previousLog: join(dir, "postgres.previous.log"),
    urlFile: join(dir, "url"),
  };
}

/** The major version the data directory was created by, or undefined when there is none yet. */
export function dataVersion(home: Home): number | undefined {
  const file = join(home.data, "PG_VERSION");
  return existsSync(file) ? Number.parseInt(readFileSync(file, "utf8"), 10) : undefined;
}

/** Who owns the data directory, or undefined when there is none yet. */
export function dataOwner(home: Home): { uid: number; gid: number } | undefined {
  return existsSync(home.data) ? statSync(home.data) : undefined;
}

/** A URL with a new random password, for a cluster that is about to be created. */
export function newUrl(): URL {
  return new URL(`postgres://${ROLE}:${randomBytes(24).toString("base64url")}@127.0.0.1:0/${DATABASE}`);
}

/** The URL that was remembered when the cluster was created or last started. */
export function readUrl(home: Home): URL {
  try {
    return new URL(readFileSync(home.urlFile, "utf8").trim());
  } catch (error) {
    throw new StartError(
      `${home.urlFile} holds the password of the database in ${home.data}, and it cannot be read (${(error as Error).message}). ` +
        `Bring it back from a backup, or remove ${home.dir} to begin with an empty database.`,
    );
  }
}

/** Remembers the URL, in one step, so that a crash leaves the old file or the new one. */
export function writeUrl(home: Home, url: URL): void {
  const draft = `${home.urlFile}.new`;
  writeFileSync(draft, `${url}\n`, { mode: 0o600, flush: true });
  renameSync(draft, home.urlFile);
}

/** The same URL with the port in it if that is free on the loopback, otherwise with a free one. */
export async function withFreePort(url: URL): Promise<URL> {
  const port = (await tryPort(Number(url.port))) ?? (await tryPort(0));
  if (port === undefined) throw new StartError("No free TCP port on 127.0.0.1 for the embedded PostgreSQL.");
  const free = new URL(url);
  free.port = String(port);
  return free;
}

function tryPort(wanted: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ host: "127.0.0.1", port: wanted }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address?.port : undefined));
    });
  });
}
