/**
 * (d) From the sending of a start to its handler's first line: on an idle system, at 1,000 and at 10,000 starts a second.
 * Peers that do not reach a rate are measured at about half of what they do reach, and stand in the row with that.
 */
import type { Contestant, Peer, PeerName } from "../contestants.ts";
import type { Figures } from "../figures.ts";
import { nowMs, type Spread } from "../load.ts";
import {
  type Effort,
  fromPeers,
  type Goal,
  type Measure,
  type Row,
  spreadFigures,
  type Trial,
} from "../measure.ts";
import type { Workforce } from "../ours/consumer.ts";

/** The two ways to work with us; the first is what the README shows. */
const WAYS: Record<string, Workforce> = {
  worker: { with: "worker", batch: 100, pollers: 1 },
  polls: { with: "protocol", batch: 10, pollers: 10 },
};
/** With --quick only the first. */
const waysOf = ({ quick }: Effort): [string, Workforce][] => Object.entries(WAYS).slice(0, quick ? 1 : 2);
const WAY_TITLES: Record<string, string> = { worker: "TypeScript worker", polls: "ten plain polls" };
const IDLE_PER_SECOND = 20;
/** Starts per second at which a peer is measured where ours are at 1,000 (PERFORMANCE.md "Trust"), and how it works. */
const AT_1000: Record<PeerName, { perSecond: number; way: string }> = {
  "graphile-worker": { perSecond: 1_000, way: "single" },
  "pg-boss": { perSecond: 800, way: "batched" },
  "bullmq-postgres": { perSecond: 500, way: "batched" },
  bullmq: { perSecond: 1_000, way: "batched" },
  "bullmq-aof": { perSecond: 1_000, way: "batched" },
};
const AT_10000: readonly PeerName[] = ["bullmq", "bullmq-aof"];
const GRACE_MS = 500;

const load = (effort: Effort, perSecond: number) =>
  effort.quick
    ? { perSecond, warmUpMs: 1_000, ms: perSecond < 100 ? 2_000 : 1_000 }
    : { perSecond, warmUpMs: 3_000, ms: 10_000 };

async function latency(
  contestant: Contestant,
  effort: Effort,
  perSecond: number,
  listening: object,
): Promise<Figures> {
  const [worker] = contestant.workers;
  const order = load(effort, perSecond);
  await worker.call("listen", listening);
  await worker.call("reset", { fromMs: nowMs() + order.warmUpMs });
  const achieved = await contestant.producer.call<number>("pace", order);
  await new Promise((resolve) => setTimeout(resolve, GRACE_MS));
  const spread = await worker.call<Spread>("noted");
  await worker.call("hush");
  await contestant.clean();
  return { ...spreadFigures(spread), achieved };
}

function peerTrial(peer: Peer, effort: Effort, what: string, perSecond: number, way: string): Trial {
  return { who: peer.name, what, run: () => latency(peer, effort, perSecond, { way }) };
}

function rowsFor(
  peers: readonly Peer[],
  what: string,
  title: string,
  figures: readonly string[],
  goals: Record<string, readonly Goal[]>,
  sources: (name: PeerName) => string,
  note?: string,
): Row[] {
  return figures.flatMap((figure) =>
    Object.keys(WAYS).map((way): Row => {
      const goal = way === "worker" ? goals[figure] : undefined;
      return {
        name: `latency ${title}, ${figure}, ${WAY_TITLES[way]}`,
        unit: "ms",
        better: "less",
        ours: { who: `ours ${way}`, what, figure },
        peers: fromPeers(peers, sources, figure),
        ...(goal && { goals: goal }),
        ...(note !== undefined && { note }),
      };
    }),
  );
}

const AHEAD: readonly Goal[] = [
  { against: "graphile-worker", ratio: 1 },
  { against: "pg-boss", ratio: 1 },
];

export const latencies: Measure = {
  key: "latency",
  title: "latency from start to handler",

  trials: ({ ours, peers, effort }) => [
    ...[IDLE_PER_SECOND, 1_000, 10_000].flatMap((perSecond) => [
      ...waysOf(effort).map(([way, force]) => ({
        who: `ours ${way}`,
        what: `latency ${perSecond}`,
        run: () => latency(ours, effort, perSecond, force),
      })),
      ...peers
        .filter(({ name }) => perSecond < 10_000 || AT_10000.includes(name))
        .map((peer) => {
          const what = `latency ${perSecond}`;
          if (perSecond === IDLE_PER_SECOND) return peerTrial(peer, effort, what, perSecond, "single");
          const at = AT_1000[peer.name];
          return peerTrial(peer, effort, what, perSecond === 1_000 ? at.perSecond : perSecond, at.way);
        }),
    ]),
  ],

  rows: ({ peers }) => [
    ...rowsFor(
      peers,
      `latency ${IDLE_PER_SECOND}`,
      "idle",
      ["p50", "p95", "p99"],
      { p50: AHEAD, p99: [...AHEAD, { atMost: 6 }] },
      () => `latency ${IDLE_PER_SECOND}`,
    ),
    ...rowsFor(
      peers,
      "latency 1000",
      "at 1,000/s",
      ["p50", "p99"],
      { p99: [{ against: "best", ratio: 2 }] },
      () => "latency 1000",
      "pg-boss at 800/s, BullMQ on PostgreSQL at 500/s",
    ),
    ...rowsFor(
      peers,
      "latency 10000",
      "at 10,000/s",
      ["p50", "p99"],
      { p99: [{ against: "best", ratio: 2 }] },
      (name) => (AT_10000.includes(name) ? "latency 10000" : "latency 1000"),
      "peers on PostgreSQL at the rates of the row above: they do not reach this one",
    ),
  ],
};
