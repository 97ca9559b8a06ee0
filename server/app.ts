/** One server: everything between the configuration and the port, put together and taken apart in order. */
import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import { type Config, RHYTHM } from "./config.ts";
import { createEngine, openContext } from "./engine/arrows.ts";
import { newServerId } from "./engine/context.ts";
import type { Engine } from "./engine/engine.ts";
import { ensurePartitions } from "./engine/prune.ts";
import { createGraphql } from "./graphql/server.ts";
import { createHttp } from "./http.ts";
import { createConductor } from "./loops/conductor.ts";
import { createJanitor } from "./loops/janitor.ts";
import { createLeader, type Leader } from "./loops/leader.ts";
import type { Loop } from "./loops/loop.ts";
import { createReaper } from "./loops/reaper.ts";
import { createTicker } from "./loops/ticker.ts";
import { type Catalog, createCatalog } from "./store/catalog.ts";
import { type Channel, openChannel } from "./store/channel.ts";
import { connect, type Database } from "./store/connection.ts";
import { diskStore } from "./store/output-disk.ts";
import { createOutputIndex } from "./store/output-index.ts";
import type { OutputStore } from "./store/output-store.ts";
import { createOutputs } from "./store/outputs.ts";
import { createTokens, type Tokens } from "./store/tokens.ts";

export interface App {
  /** Where it listens, such as `http://127.0.0.1:4400`. */
  url: string;
  database: Database;
  catalog: Catalog;
  channel: Channel;
  engine: Engine;
  tokens: Tokens;
  /** For those who wait for a step instead of sleeping. */
  loops: { leader: Leader; ticker: Loop; reaper: Loop; janitor: Loop; conductor: Loop };
  /** Ends the loops, answers what is parked and open, gives up the leadership and closes the connections. */
  close(): Promise<void>;
}

export interface AppOptions {
  config: Config;
  /** A migrated database. */
  databaseUrl: string;
  log: Logger;
}

/** Starts a server; it answers when this resolves. Throws when the port is taken or the database out of reach. */
export async function startApp({ config, databaseUrl, log }: AppOptions): Promise<App> {
  const database = connect(databaseUrl, { poolSize: config.poolSize, deadlineMs: RHYTHM.queryDeadlineMs });
  const serverId = newServerId();
  const onError = (where: string) => (error: unknown) => log.warn({ err: error }, `${where}: will try again`);
  const channel = await openChannel({ database, databaseUrl, serverId, onError: onError("notifications") });
  const catalog = createCatalog(database.sql, config.retry);
  channel.on("resync", () => catalog.forgetSettings());
  channel.on("changes", (changes) => {
    if (changes.some((change) => change.kind === "namespace")) catalog.forgetSettings();
    if (!changes.some((change) => change.kind === "job")) return;
    catalog.forget();
    void catalog.refreshQueues().catch(onError("queues"));
  });
  const { arrowSql, heartbeatSql } = database;
  const { secretKeys } = config;
  const context = openContext(
    { sql: arrowSql, heartbeatSql, catalog, channel, secretKeys, serverId, random: Math.random },
    onError("gates"),
  );
  const engine = createEngine(context);
  const tokens = createTokens(database, config);
  const store = await openStore(config, onError("output store"));
  const outputs = createOutputs(store, createOutputIndex(database.sql), channel);

  const leader = createLeader(
    context,
    (epoch) => {
      log.info({ epoch }, "this server leads");
      ticker.wake();
      reaper.wake();
      janitor.wake();
    },
    onError("election"),
  );
  const ticker = createTicker(context, leader, onError("ticker"));
  const reaper = createReaper(context, engine, leader, onError("reaper"));
  const conductor = createConductor(context, engine, onError("conductor"));
  const janitor = createJanitor(
    context,
    leader,
    { removeOutputs: (runsBefore) => outputs.removeExpired(runsBefore) },
    onError("janitor"),
  );
  channel.on("due", () => ticker.wake());
  channel.on("election", () => leader.wake());

  await ensurePartitions(context);
  await catalog.refreshQueues();
  const graphql = createGraphql({ database, catalog, channel, engine, outputs, tokens, secretKeys, log });
  const http = await createHttp({
    database,
    catalog,
    channel,
    engine,
    outputs,
    tokens,
    config,
    log,
    graphql,
  });
  await http.listen({ host: config.host, port: config.port });
  const address = http.server.address() as AddressInfo;
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
  const loops = { leader, ticker, reaper, janitor, conductor };
  for (const loop of Object.values(loops)) loop.start();

  return {
    url: `http://${host}:${address.port}`,
    database,
    catalog,
    channel,
    engine,
    tokens,
    loops,
    async close() {
      await Promise.all([ticker.stop(), reaper.stop(), janitor.stop(), conductor.stop()]);
      await leader
        .stop()
        .then(() => channel.announceElection())
        .catch(onError("resigning"));
      await graphql.close();
      await http.close();
      await channel.close();
      await database.close();
    },
  };
}

/** In the data folder, or in a bucket; one that is out of reach now may come back. */
async function openStore(
  { dataDir, outputBucket }: Config,
  onError: (error: unknown) => void,
): Promise<OutputStore> {
  if (outputBucket === undefined) return diskStore(dataDir);
  // Loaded where it is wanted only.
  const { s3Store } = await import("./store/output-s3.ts");
  const store = s3Store(outputBucket);
  store.check().catch(onError);
  return store;
}
