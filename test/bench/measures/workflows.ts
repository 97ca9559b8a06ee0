/**
 * (k) Workflows: a graph of a thousand nodes beside each other and one of a thousand nodes one after the other. What a node
 * costs is to be the same at the end as at the beginning, and how long 200 ordinary workflows take together.
 */
import type { Ours } from "../contestants.ts";
import type { Figures } from "../figures.ts";
import { until } from "../load.ts";
import { expectAll, type Measure, type Row } from "../measure.ts";
import type { Handled, Workforce } from "../ours/consumer.ts";

const NODES = 1_000;
const MANY = 200;
const MANY_NODES = 20;
const FORCE: Workforce = { with: "protocol", batch: 100, pollers: 16 };
/** Where each node's end is looked at by itself. */
const ONE_BY_ONE: Workforce = { with: "protocol", batch: 1, pollers: 4 };
const RUN_MS = 120_000;

const task = (key: string, after: string[] = []) => ({ key, after, type: "noop", retry: { off: true } });
const numbered = (count: number, node: (n: number) => object): object[] =>
  Array.from({ length: count }, (_, n) => node(n));

/** Each begins and ends with one node, so that a run of it is at its end when its last node is. */
const GRAPHS = {
  wide: [
    task("begin"),
    ...numbered(NODES, (n) => task(`n-${n}`, ["begin"])),
    task(
      "end",
      Array.from({ length: NODES }, (_, n) => `n-${n}`),
    ),
  ],
  deep: numbered(NODES, (n) => task(`n-${n}`, n === 0 ? [] : [`n-${n - 1}`])),
  many: [
    task("begin"),
    ...numbered(MANY_NODES - 2, (n) => task(`n-${n}`, n < 6 ? ["begin"] : [`n-${n - 6}`])),
    task("end", ["n-12", "n-13", "n-14", "n-15", "n-16", "n-17"]),
  ],
} satisfies Record<string, object[]>;
type Shape = keyof typeof GRAPHS;

async function define(ours: Ours, shape: Shape): Promise<void> {
  await ours.server
    .graphql("mutation ($input: JobInput!) { createJob(input: $input) { name } }", {
      input: { name: shape, workflow: { nodes: GRAPHS[shape] } },
    })
    .catch((error: Error) => {
      if (!error.message.includes("already")) throw error;
    });
}

/** Runs `count` of them at once; when their nodes ended, in milliseconds since the first of them was ready. */
async function run(ours: Ours, shape: Shape, count: number): Promise<number[]> {
  const nodes = GRAPHS[shape].length * count;
  const [worker] = ours.workers;
  await worker.call("listen", { ...(shape === "many" ? FORCE : ONE_BY_ONE), unnoted: true });
  await ours.server.graphql("mutation ($input: [StartRunInput!]!) { startRuns(input: $input) { id } }", {
    input: Array.from({ length: count }, () => ({ job: shape })),
  });
  await until(async () => (await worker.call<Handled>("handled")).count >= nodes, RUN_MS);
  const { refused } = await worker.call<Handled>("handled");
  await worker.call("hush");
  const ended = async () => {
    const [row] = await ours.sql<{ n: number }[]>`
      select count(*)::int as n from escapement.ended e join escapement.job j on j.id = e.job_id
      where j.name = ${shape} and e.state = 'SUCCEEDED'`;
    return row?.n ?? 0;
  };
  await until(async () => (await ended()) >= count, RUN_MS);
  const rows = await ours.sql<{ ms: number }[]>`
    select extract(epoch from e.ended_at - min(e.ready_at) over ())::float8 * 1000 as ms
    from escapement.ended e join escapement.job j on j.id = e.job_id where j.node is not null order by e.ended_at`;
  expectAll(refused, 0, "settles refused");
  expectAll(rows.length, nodes, "nodes that ended");
  await ours.clean();
  return rows.map(({ ms }) => ms);
}

/** What a node takes in the last fifth of them, against the first; the very first and last are apart. */
function grown(ends: number[]): number {
  const at = (share: number): number => ends[Math.floor(share * (ends.length - 1))] ?? Number.NaN;
  return (at(0.98) - at(0.78)) / (at(0.22) - at(0.02));
}

export const workflows: Measure = {
  key: "workflows",
  title: "workflows",

  trials: ({ ours }) =>
    (["wide", "deep", "many"] as const).map((shape) => ({
      who: "ours",
      what: shape,
      prepare: async () => {
        await define(ours, shape);
        await run(ours, shape, shape === "many" ? 20 : 1);
      },
      run: () => {
        const count = shape === "many" ? MANY : 1;
        return ours.costing(
          () => GRAPHS[shape].length * count,
          async (): Promise<Figures> => {
            const ends = await run(ours, shape, count);
            const seconds = (ends.at(-1) ?? Number.NaN) / 1000;
            return { seconds, rate: ends.length / seconds, grown: grown(ends) };
          },
        );
      },
    })),

  rows: () => {
    const row = (shape: Shape, name: string, figure: string, unit: string, better: Row["better"]): Row => ({
      name,
      unit,
      better,
      ours: { who: "ours", what: shape, figure },
      peers: {},
    });
    const thousand = NODES.toLocaleString("en");
    return [
      row("wide", `${thousand} nodes beside each other`, "rate", "nodes/s", "more"),
      {
        ...row("wide", "… the last fifth ÷ the first, per node", "grown", "×", "less"),
        goals: [{ atMost: 1.3 }],
      },
      row("deep", `${thousand} nodes one after the other`, "rate", "nodes/s", "more"),
      {
        ...row("deep", "… the last fifth ÷ the first, per node", "grown", "×", "less"),
        goals: [{ atMost: 1.3 }],
      },
      row("many", `${MANY} workflows of ${MANY_NODES} nodes at once`, "rate", "nodes/s", "more"),
    ];
  },
};
