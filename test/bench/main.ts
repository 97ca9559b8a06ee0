/** `npm run bench`: us and the peers side by side, on one machine, in one run. README.md says how to read it. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import {
  PEERS,
  type Peer,
  type PeerName,
  POSTGRES_PEERS,
  startOurs,
  startPeer,
  TITLES,
} from "./contestants.ts";
import { openDatabase } from "./database.ts";
import { Ending } from "./ending.ts";
import { describeMachine } from "./machine.ts";
import type { Bench, Measure } from "./measure.ts";
import { affinity } from "./measures/affinity.ts";
import { bulk } from "./measures/bulk.ts";
import { drainQueue } from "./measures/drain.ts";
import { fan } from "./measures/fan.ts";
import { growth } from "./measures/growth.ts";
import { latencies } from "./measures/latency.ts";
import { parked } from "./measures/parked.ts";
import { start } from "./measures/start.ts";
import { steady } from "./measures/steady.ts";
import { triggers } from "./measures/triggers.ts";
import { workflows } from "./measures/workflows.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { installPeers, type PeerPackages } from "./peers/install.ts";
import { Foreign } from "./processes.ts";
import { Profiler } from "./profile.ts";
import { redisVersion } from "./redis.ts";
import { jsonOf, linesOf, summaryOf, tableOf } from "./report.ts";
import { Results, runMeasure } from "./rounds.ts";

const MEASURES: readonly Measure[] = [
  start,
  bulk,
  drainQueue,
  latencies,
  triggers,
  parked,
  steady,
  growth,
  affinity,
  fan,
  workflows,
];

/** Those that --quick has time for, unless it is told what to measure. */
const QUICK_PEERS: readonly PeerName[] = ["graphile-worker", "pg-boss", "bullmq"];

const startedMs = performance.now();
const say = (line: string): void => {
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  process.stdout.write(`${seconds.padStart(5)} s  ${line}\n`);
};

async function run(options: Options, ending: Ending): Promise<void> {
  const skipped: string[] = [];
  const skip = (line: string): void => {
    skipped.push(line);
    say(`skipped: ${line}`);
  };
  const packages = options.withPeers ? await packagesOrNone(skip) : null;
  const database = await openDatabase(options.databaseUrl, ending, say);
  const ours = await startOurs(database, ending, options.profile && resolve(options.profile));
  const names = options.effort.quick && options.only.length === 0 ? QUICK_PEERS : PEERS;
  for (const name of PEERS)
    if (packages && !names.includes(name)) skip(`${TITLES[name]}: left out with --quick`);
  const peers = packages ? await startPeers(names, packages, database, ending, skip) : [];
  const bench: Bench = { ours, peers, effort: options.effort, say, isOver: () => ending.isUnderWay };
  const profiler = options.profile === undefined ? null : new Profiler(options.profile, ours);
  const foreign = new Foreign(() => [process.pid, ...(database.pid === null ? [] : [database.pid])]);
  const results = new Results();
  const taken: Measure[] = [];
  for (const measure of MEASURES) {
    if (options.only.length > 0 && !options.only.includes(measure.key)) continue;
    const reason = measure.skip?.(options.effort) ?? null;
    if (reason !== null) {
      skip(`${measure.title}: ${reason}`);
      continue;
    }
    say(`— ${measure.title}`);
    await runMeasure(measure, bench, results, foreign, profiler);
    taken.push(measure);
  }
  if (ending.isUnderWay) return;
  const lines = linesOf(
    taken.flatMap((measure) => measure.rows(bench)),
    results,
  );
  const machine = describeMachine(database, packages, redisVersion());
  if (options.json !== undefined) writeFileSync(options.json, jsonOf(machine, lines, skipped, results));
  process.stdout.write(`\n${JSON.stringify(machine)}\n\n`);
  if (lines.length > 0) process.stdout.write(`${tableOf(lines)}\n\n`);
  process.stdout.write(`${summaryOf(lines, skipped, results)}\n`);
  if (results.failures.length > 0) process.exitCode = 1;
}

async function packagesOrNone(skip: (line: string) => void): Promise<PeerPackages | null> {
  try {
    return await installPeers(say);
  } catch (error) {
    skip(`all peers: ${error instanceof Error ? error.message : error}`);
    return null;
  }
}

async function startPeers(
  names: readonly PeerName[],
  packages: PeerPackages,
  database: Parameters<typeof startPeer>[2],
  ending: Ending,
  skip: (line: string) => void,
): Promise<Peer[]> {
  const peers: Peer[] = [];
  const hasRedis = redisVersion() !== null;
  for (const name of names) {
    if (!POSTGRES_PEERS.includes(name) && !hasRedis) {
      skip(`${TITLES[name]}: there is no redis-server on the PATH; install Redis to have it measured`);
      continue;
    }
    try {
      peers.push(await startPeer(name, packages, database, ending));
    } catch (error) {
      skip(`${TITLES[name]}: ${error instanceof Error ? error.message.split("\n")[0] : error}`);
    }
  }
  return peers;
}

async function main(): Promise<void> {
  const keys = MEASURES.map(({ key }) => key);
  const options = readOptions(process.argv.slice(2), process.env, keys);
  if (options === "help") {
    process.stdout.write(`${USAGE}\nMeasures:\n`);
    for (const { key, title } of MEASURES) process.stdout.write(`  ${key.padEnd(10)} ${title}\n`);
    return;
  }
  const ending = new Ending();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      process.stderr.write(`\nCleaning up (${signal}); once more to stop at once\n`);
      process.once(signal, () => process.exit(130));
      void ending.end().then(() => process.exit(130));
    });
  }
  try {
    await run(options, ending);
  } finally {
    await ending.end();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
});
