/** Who is measured: us and the peers, each with a process that starts runs and two that work on them. */
import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { type Child, startChild } from "./children.ts";
import type { BenchServer } from "./database.ts";
import type { Ending } from "./ending.ts";
import type { Figures } from "./figures.ts";
import { type OurServer, startOurServer } from "./ours/server.ts";
import type { Target } from "./ours/target.ts";
import type { PeerPackages } from "./peers/install.ts";
import { cpuMs, treeCpuMs } from "./processes.ts";
import { startRedis } from "./redis.ts";

export const PEERS = ["graphile-worker", "pg-boss", "bullmq-postgres", "bullmq", "bullmq-aof"] as const;
export type PeerName = (typeof PEERS)[number];
/** Those that keep their queue in PostgreSQL, as we do. */
export const POSTGRES_PEERS: readonly PeerName[] = ["graphile-worker", "pg-boss", "bullmq-postgres"];

/** What the report calls them. */
export const TITLES: Record<PeerName, string> = {
  "graphile-worker": "graphile-worker",
  "pg-boss": "pg-boss",
  "bullmq-postgres": "BullMQ on PostgreSQL",
  bullmq: "BullMQ, nothing on disk",
  "bullmq-aof": "BullMQ, appendfsync always",
};

export interface Contestant {
  producer: Child;
  workers: readonly [Child, Child];
  /** Empties the queue and forgets what is done. */
  clean(): Promise<void>;
}

export interface Peer extends Contestant {
  name: PeerName;
  /** Starts one more process like the others, with options of its own. */
  extra(options: Record<string, unknown>): Promise<Child>;
}

export interface Ours extends Contestant {
  server: OurServer;
  /** The one job: of a task type that every worker knows, its other settings as they are by default. */
  job: string;
  workerToken: string;
  databaseUrl: string;
  /** For what is prepared and looked up beside the product. */
  sql: postgres.Sql;
  /** How many runs are ready. */
  readyRuns(): Promise<number>;
  /** Does some work and says what processor time each run took, in microseconds; a busy neighbour does not change it. */
  costing(runs: () => Promise<number> | number, work: () => Promise<Figures>): Promise<Figures>;
  /** A second server on the same database, with load generators of its own. */
  another(): Promise<{ server: OurServer; producer: Child; worker: Child; stop(): Promise<void> }>;
}

const JOB = "noop";
/** Everything that runs leave behind. */
const RUN_TABLES = [
  "waiting",
  "ready",
  "lease",
  "ended",
  "attempt",
  "payload",
  "staged",
  "dependency",
  "joined",
  "part",
  "workflow_run",
  "workflow_member",
  "idempotency",
  "place",
  "occurrence",
  "tally",
];
/** The server's own statements may hold a table for a moment, and the other way round. */
const CLEAN_TRIES = 5;

export async function startOurs(
  database: BenchServer,
  ending: Ending,
  profileDir: string | undefined,
): Promise<Ours> {
  const databaseUrl = await database.createDatabase("escapement");
  const sql = postgres(databaseUrl, { max: 2, onnotice: () => {} });
  ending.add(() => sql.end({ timeout: 5 }));
  await sql`create extension if not exists pg_stat_statements`.catch(() => {
    // Only figures about single statements are lost without it.
  });
  const adminToken = randomBytes(24).toString("base64url");
  const launch = async (profile?: string): Promise<OurServer> => {
    const started = await startOurServer(databaseUrl, adminToken, profile);
    ending.add(() => started.stop());
    return started;
  };
  const server = await launch(profileDir);
  await server.graphql("mutation ($input: JobInput!) { createJob(input: $input) { name } }", {
    input: { name: JOB, type: JOB },
  });
  const createToken = async (role: string): Promise<string> => {
    const { createToken } = await server.graphql<{ createToken: { secret: string } }>(
      "mutation ($input: TokenInput!) { createToken(input: $input) { secret } }",
      { input: { name: `bench-${role}`, role, namespace: "default" } },
    );
    return createToken.secret;
  };
  const operatorToken = await createToken("OPERATOR");
  const workerToken = await createToken("WORKER");
  const drive = async (name: string, url = server.url): Promise<Child> => {
    const child = startChild(new URL("./ours/drive.ts", import.meta.url));
    ending.add(() => child.stop());
    const target: Target = { url, operatorToken, workerToken, job: JOB, name };
    await child.call("connect", target);
    return child;
  };
  const [producer, first, second] = await Promise.all([drive("producer"), drive("first"), drive("second")]);

  const clean = async (): Promise<void> => {
    const tables = RUN_TABLES.map((table) => `escapement.${table}`).join(", ");
    for (let tries = 1; ; tries++) {
      try {
        await sql.unsafe(`truncate ${tables}`);
        return;
      } catch (error) {
        if (tries === CLEAN_TRIES) throw error;
      }
    }
  };

  return {
    server,
    job: JOB,
    workerToken,
    databaseUrl,
    sql,
    producer,
    workers: [first, second],
    clean,
    async readyRuns() {
      const [row] = await sql<{ count: number }[]>`select count(*)::int as count from escapement.ready`;
      return row?.count ?? 0;
    },
    async costing(runs, work) {
      const spent = (): { server: number; postgres: number } => ({
        server: cpuMs(server.pid),
        postgres: database.pid === null ? Number.NaN : treeCpuMs([database.pid]),
      });
      const before = spent();
      const figures = await work();
      const after = spent();
      const microseconds = 1_000 / (await runs());
      return {
        ...figures,
        serverCpu: (after.server - before.server) * microseconds,
        postgresCpu: (after.postgres - before.postgres) * microseconds,
      };
    },
    async another() {
      const other = await launch();
      const [producer, worker] = await Promise.all([
        drive("other producer", other.url),
        drive("other", other.url),
      ]);
      const stop = async (): Promise<void> => {
        await Promise.all([producer.stop(), worker.stop()]);
        await other.stop();
      };
      return { server: other, producer, worker, stop };
    },
  };
}

const SCRIPTS: Record<PeerName, string> = {
  "graphile-worker": "graphile-worker.mjs",
  "pg-boss": "pg-boss.mjs",
  "bullmq-postgres": "bullmq.mjs",
  bullmq: "bullmq.mjs",
  "bullmq-aof": "bullmq.mjs",
};

export async function startPeer(
  name: PeerName,
  packages: PeerPackages,
  database: BenchServer,
  ending: Ending,
): Promise<Peer> {
  const place: Record<string, unknown> = POSTGRES_PEERS.includes(name)
    ? { url: await database.createDatabase(name) }
    : { redisPort: (await startRedis(name === "bullmq-aof", ending)).port };
  const extra = async (options: Record<string, unknown>): Promise<Child> => {
    const child = startChild(new URL(`./peers/${SCRIPTS[name]}`, import.meta.url), {
      node: packages.node,
      nodeArguments: ["--no-warnings"],
    });
    ending.add(() => child.stop());
    await child.call("connect", { ...place, ...options });
    return child;
  };
  // The first creates the tables; the others find them.
  const producer = await extra({});
  const workers = [await extra({}), await extra({})] as const;
  return { name, producer, workers, extra, clean: () => producer.call("clean") };
}
