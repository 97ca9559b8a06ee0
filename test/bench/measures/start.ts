/** (a) One run per request, with 1, 10 and 50 clients that each wait for their answer. */
import { type Effort, fromPeers, type Goal, type Measure, type Row, type Trial } from "../measure.ts";

const clientsOf = ({ quick }: Effort): readonly number[] => (quick ? [1, 50] : [1, 10, 50]);
const TRANSPORTS = { rest: "POST /v1/runs", graphql: "GraphQL" } as const;
type Transport = keyof typeof TRANSPORTS;

const GOALS: Record<string, readonly Goal[]> = {
  "rest 1": [
    { against: "graphile-worker", ratio: 1 },
    { against: "pg-boss", ratio: 1 },
  ],
  "rest 50": [
    { against: "graphile-worker", ratio: 10 },
    { against: "bullmq-aof", ratio: 0.9 },
  ],
  "graphql 50": [
    { against: "graphile-worker", ratio: 3 },
    { against: "pg-boss", ratio: 5 },
  ],
};

const what = (clients: number): string => `start ${clients}`;

export const start: Measure = {
  key: "start",
  title: "start one run per request",

  trials: ({ ours, peers, effort }) =>
    clientsOf(effort).flatMap((clients): Trial[] => [
      ...Object.keys(TRANSPORTS).map((transport) => ({
        who: `ours ${transport}`,
        what: what(clients),
        run: async () => {
          const load = { transport, clients, ...effort.window };
          const figures = await ours.costing(
            () => ours.readyRuns(),
            async () => ({ rate: await ours.producer.call<number>("startOne", load) }),
          );
          await ours.clean();
          return figures;
        },
      })),
      ...peers.map((peer) => ({
        who: peer.name,
        what: what(clients),
        run: async () => {
          const rate = await peer.producer.call<number>("startOne", { clients, ...effort.window });
          await peer.clean();
          return { rate };
        },
      })),
    ]),

  rows: ({ peers, effort }) =>
    clientsOf(effort).flatMap((clients) =>
      (Object.keys(TRANSPORTS) as Transport[]).map((transport): Row => {
        const goals = GOALS[`${transport} ${clients}`];
        return {
          name: `start one, ${clients} client${clients === 1 ? "" : "s"}, ${TRANSPORTS[transport]}`,
          unit: "runs/s",
          better: "more",
          ours: { who: `ours ${transport}`, what: what(clients), figure: "rate" },
          peers: fromPeers(peers, what(clients), "rate"),
          ...(goals && { goals }),
        };
      }),
    ),
};
