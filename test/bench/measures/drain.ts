/** (c) A full queue of runs that do nothing, drained by one and by two worker processes, by size of the batch. */
import type { Child } from "../children.ts";
import type { Contestant, Ours, PeerName } from "../contestants.ts";
import type { Figures } from "../figures.ts";
import {
  type Bench,
  type Effort,
  expectAll,
  fromPeers,
  type Goal,
  type Measure,
  type Row,
  type Trial,
} from "../measure.ts";
import type { Handled, Workforce } from "../ours/consumer.ts";
import { floorRate } from "./floor.ts";

/** Connections of one worker process that each have a claim out, by runs per claim. */
const POLLERS: Record<number, number> = { 1: 100, 10: 100, 100: 16, 500: 8 };
const BATCHES = [1, 10, 100, 500] as const;
/** The TypeScript worker in one process, at its usual best. */
const WORKER_CONCURRENCY = 500;
/** What fits into a second or so, at full effort into some three. */
const RUNS: Record<string, number> = {
  "1": 20_000,
  "10": 60_000,
  "100": 100_000,
  "500": 100_000,
  worker: 40_000,
};
const PEER_JOBS: Record<PeerName, { batched: number; single: number }> = {
  "graphile-worker": { batched: 60_000, single: 6_000 },
  "pg-boss": { batched: 50_000, single: 2_000 },
  "bullmq-postgres": { batched: 10_000, single: 10_000 },
  bullmq: { batched: 30_000, single: 30_000 },
  "bullmq-aof": { batched: 20_000, single: 20_000 },
};
/** Drained before, so that nobody is measured while its code is compiled. */
const WARM_UP_RUNS = 2_000;
/** BullMQ takes one job at a time whatever one asks of it; its one way stands in both kinds of rows. */
const ONE_WAY: readonly PeerName[] = ["bullmq-postgres", "bullmq", "bullmq-aof"];

const GOALS: Record<string, readonly Goal[]> = {
  "100 1": [
    { against: "best", ratio: 1.5 },
    { against: "floor", ratio: 0.6 },
  ],
  "1 1": [
    { against: "graphile-worker", ratio: 4 },
    { against: "pg-boss", ratio: 4 },
    { against: "bullmq", ratio: 0.9 },
  ],
};

/** A full queue to drain. */
function drainTrial(
  contestant: Contestant | Ours,
  place: Pick<Trial, "who" | "what">,
  workers: readonly Child[],
  count: number,
  force: Workforce | { way: string },
): Trial {
  return {
    ...place,
    prepare: async () => {
      await contestant.producer.call("fill", { count: WARM_UP_RUNS });
      await Promise.all(workers.map((worker) => worker.call("drain", force)));
      await contestant.producer.call("fill", { count });
    },
    run: async () => {
      const work = (): Promise<Figures> => drain(workers, count, force);
      const figures = await ("costing" in contestant ? contestant.costing(() => count, work) : work());
      await contestant.clean();
      return figures;
    },
  };
}

/** Has it drained, and refuses the figure when a run is missing. */
async function drain(
  workers: readonly Child[],
  count: number,
  force: Workforce | { way: string },
): Promise<Figures> {
  const reports = await Promise.all(workers.map((worker) => worker.call<Handled>("drain", force)));
  const total = reports.reduce((sum, report) => sum + report.count, 0);
  expectAll(total, count, "jobs drained");
  expectAll(
    reports.reduce((sum, report) => sum + report.refused, 0),
    0,
    "settles refused",
  );
  const firstMs = Math.min(...reports.map((report) => report.firstMs ?? Number.POSITIVE_INFINITY));
  const lastMs = Math.max(...reports.map((report) => report.lastMs ?? 0));
  return { rate: (total / (lastMs - firstMs)) * 1000 };
}

const processes = ({ quick }: Effort): readonly (1 | 2)[] => (quick ? [1] : [1, 2]);
const batches = ({ quick }: Effort): readonly number[] => (quick ? [1, 100] : BATCHES);
const scale = ({ quick }: Effort): number => (quick ? 0.4 : 2);
const peerWay = (name: PeerName, batch: number): "batched" | "single" =>
  batch === 1 && !ONE_WAY.includes(name) ? "single" : "batched";
const plural = (count: number): string => (count === 1 ? "one worker process" : `${count} worker processes`);

function oursTrials({ ours, effort }: Bench, count: 1 | 2): Trial[] {
  const workers = ours.workers.slice(0, count);
  const runs = (key: string): number => (RUNS[key] ?? 0) * scale(effort);
  return [
    ...batches(effort).map((batch) => {
      const force: Workforce = { with: "protocol", batch, pollers: POLLERS[batch] ?? 1 };
      const place = { who: "ours", what: `drain ${batch} ${count}` };
      return drainTrial(ours, place, workers, runs(String(batch)), force);
    }),
    drainTrial(ours, { who: "ours", what: `drain worker ${count}` }, workers, runs("worker"), {
      with: "worker",
      batch: WORKER_CONCURRENCY,
      pollers: 1,
    }),
  ];
}

function peerTrials({ peers, effort }: Bench, count: 1 | 2): Trial[] {
  return peers.flatMap((peer) => {
    const ways = ONE_WAY.includes(peer.name) ? (["batched"] as const) : (["batched", "single"] as const);
    return ways.map((way) => {
      const place = { who: peer.name, what: `drain ${way} ${count}` };
      const jobs = PEER_JOBS[peer.name][way] * scale(effort);
      return drainTrial(peer, place, peer.workers.slice(0, count), jobs, { way });
    });
  });
}

export const drainQueue: Measure = {
  key: "drain",
  title: "drain a full queue",

  trials: (bench) => [
    ...processes(bench.effort).flatMap((count) => [...oursTrials(bench, count), ...peerTrials(bench, count)]),
    {
      who: "floor",
      what: "claim and settle",
      run: async () => {
        const rate = await floorRate(bench.ours.databaseUrl, bench.effort.window);
        await bench.ours.clean();
        return { rate };
      },
    },
  ],

  rows: ({ peers, effort }) =>
    processes(effort).flatMap((count) => {
      const row = (name: string, key: string, batch: number): Row => {
        const goals = GOALS[`${key} ${count}`];
        return {
          name: `drain, ${name}, ${plural(count)}`,
          unit: "runs/s",
          better: "more",
          ours: { who: "ours", what: `drain ${key} ${count}`, figure: "rate" },
          peers: fromPeers(peers, (peer) => `drain ${peerWay(peer, batch)} ${count}`, "rate"),
          ...(batch > 10 && { floor: { who: "floor", what: "claim and settle", figure: "rate" } }),
          ...(goals && { goals }),
        };
      };
      return [
        ...batches(effort).map((batch) =>
          row(batch === 1 ? "one run per claim, 100 pollers" : `batches of ${batch}`, String(batch), batch),
        ),
        row(`TypeScript worker, concurrency ${WORKER_CONCURRENCY}`, "worker", WORKER_CONCURRENCY),
      ];
    }),
};
