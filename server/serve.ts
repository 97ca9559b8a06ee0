/** What runs on this machine for long: everything at once, a server alone; and the migration of a database. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import colors from "picocolors";
import pino, { type Logger } from "pino";
import pretty from "pino-pretty";
import { startApp } from "./app.ts";
import { startWorkerProcess, type WorkerProcess } from "./child.ts";
import { type Config, readConfig } from "./config.ts";
import { plantDemo } from "./demo.ts";
import { type EmbeddedPostgres, startPostgres } from "./embedded/postgres.ts";
import { endFor, reasonToEnd } from "./shutdown.ts";
import { isAway } from "./store/connection.ts";
import { migrate } from "./store/migrate.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const done = (line: string): void => say(`${colors.green("✔")} ${line}`);

/** A person gets short lines, a program JSON. */
function createLog(config: Config): Logger {
  const options = { level: config.logLevel, base: null };
  return process.stdout.isTTY
    ? pino(options, pretty({ colorize: true, translateTime: "SYS:HH:MM:ss", ignore: "pid,hostname" }))
    : pino(options);
}

async function timed<T>(work: Promise<T>): Promise<[T, string]> {
  const startedAt = performance.now();
  const result = await work;
  return [result, `${((performance.now() - startedAt) / 1000).toFixed(1)} s`];
}

async function prepareDatabase(config: Config): Promise<{ url: string; embedded: EmbeddedPostgres | null }> {
  let embedded: EmbeddedPostgres | null = null;
  if (config.databaseUrl === undefined) {
    const dataDir = join(config.dataDir, "postgres");
    const [postgres, took] = await timed(startPostgres({ dataDir, onProgress: (line) => say(`  ${line}`) }));
    embedded = postgres;
    done(`PostgreSQL ${postgres.version}, embedded, in ${dataDir} (${took})`);
  }
  const url = config.databaseUrl ?? embedded?.url ?? "";
  try {
    const [, took] = await timed(migrate(url));
    done(`Tables of version ${version} (${took})`);
  } catch (error) {
    await embedded?.stop();
    if (!isAway(error)) throw error;
    throw new Error(`The database of DATABASE_URL cannot be reached: ${(error as Error).message}`);
  }
  return { url, embedded };
}

export function dev(command: Command, environment: NodeJS.ProcessEnv): void {
  command.action(() => serve(environment, { everything: true }));
}

export function server(command: Command, environment: NodeJS.ProcessEnv): void {
  command.action(() => serve(environment, { everything: false }));
}

export function migration(command: Command, environment: NodeJS.ProcessEnv): void {
  command.action(async () => {
    const { databaseUrl } = readConfig(environment);
    if (databaseUrl === undefined) throw new Error("Set DATABASE_URL to the database to migrate.");
    await migrate(databaseUrl);
    done(`Tables of version ${version}`);
  });
}

interface ServeOptions {
  /** With the demo namespace and the built-in worker. */
  everything: boolean;
}

async function serve(environment: NodeJS.ProcessEnv, { everything }: ServeOptions): Promise<void> {
  const config = readConfig(environment);
  const reason = reasonToEnd(environment.npm_lifecycle_event !== undefined);
  say(`${colors.bold("Escapement")} ${version}`);
  const { url: databaseUrl, embedded } = await prepareDatabase(config);
  const log = createLog(config);
  const app = await startApp({ config, databaseUrl, log }).catch(async (error: NodeJS.ErrnoException) => {
    await embedded?.stop();
    if (error.code !== "EADDRINUSE") throw error;
    throw new Error(
      `Port ${config.port} is taken. Stop what listens there, or choose another: PORT=4401 npm start`,
    );
  });
  let worker: WorkerProcess | null = null;
  if (everything) {
    const { database, catalog, channel } = app;
    const planted = config.demo && (await plantDemo({ sql: database.sql, catalog, channel }));
    if (planted) done("A demo namespace with three jobs and their triggers");
    const [demo] = await database.sql`select from escapement.namespace where name = 'demo'`;
    worker = startWorkerProcess(
      {
        ...environment,
        // A worker is given secrets one by one.
        ESCAPEMENT_SECRET_KEY: undefined,
        ESCAPEMENT_URL: app.url,
        ESCAPEMENT_TOKEN: config.adminToken,
        ESCAPEMENT_NAMESPACES: environment.ESCAPEMENT_NAMESPACES ?? (demo ? "default,demo" : "default"),
      },
      say,
    );
    done("One built-in worker");
  }
  done(`Dashboard ${colors.cyan(app.url)}   GraphQL ${colors.cyan(`${app.url}/graphql`)}`);
  if (config.adminToken === undefined) say("  Authentication is off, so only this machine can reach it.");
  say("  Stop with Ctrl-C.");

  embedded?.lost.then((reason) => {
    log.fatal({ err: reason }, "the embedded PostgreSQL is gone");
    worker?.kill();
    process.exit(1);
  });
  await endFor(reason, {
    say,
    kill: () => worker?.kill(),
    close: async () => {
      await worker?.stop();
      await app.close();
      await embedded?.stop();
    },
  });
}
