/** (b) Lists of 1,000, four in flight. */
import { fromPeers, type Measure, type Row } from "../measure.ts";

const LISTS = { size: 1_000, clients: 4 };
const TRANSPORTS = { graphql: "GraphQL", rest: "POST /v1/runs" } as const;
const WHAT = "lists";

export const bulk: Measure = {
  key: "bulk",
  title: "start lists of 1,000",

  trials: ({ ours, peers, effort: { window } }) => [
    ...Object.keys(TRANSPORTS).map((transport) => ({
      who: `ours ${transport}`,
      what: WHAT,
      run: async () => {
        const load = { transport, ...LISTS, ...window };
        const figures = await ours.costing(
          () => ours.readyRuns(),
          async () => ({ rate: await ours.producer.call<number>("startLists", load) }),
        );
        await ours.clean();
        return figures;
      },
    })),
    ...peers.map((peer) => ({
      who: peer.name,
      what: WHAT,
      run: async () => {
        const rate = await peer.producer.call<number>("startLists", { ...LISTS, ...window });
        await peer.clean();
        return { rate };
      },
    })),
  ],

  rows: ({ peers }) =>
    Object.entries(TRANSPORTS).map(
      ([transport, title]): Row => ({
        name: `start lists of 1,000, ${title}`,
        unit: "runs/s",
        better: "more",
        ours: { who: `ours ${transport}`, what: WHAT, figure: "rate" },
        peers: fromPeers(peers, WHAT, "rate"),
        ...(transport === "graphql" && { goals: [{ against: "best", ratio: 1.3 }] }),
      }),
    ),
};
