/**
 * (j) Map-reduce of 1,000 and 10,000 parts that do nothing, from the root's first call to the reduce's end: dealt out in
 * lists, drained by parked polls, joined one by one. What a part costs is to be the same for both.
 */
import type { Ours } from "../contestants.ts";
import type { Figures } from "../figures.ts";
import { nowMs, until } from "../load.ts";
import { expectAll, type Measure, type Row } from "../measure.ts";
import type { Handled, Workforce } from "../ours/consumer.ts";
import { HttpConnection } from "../ours/http.ts";

const PARTS = [1_000, 10_000] as const;
const JOB = "fan-out";
const FORCE: Workforce = { with: "protocol", batch: 100, pollers: 16 };
/** Parts per call: what a worker sends without holding many inputs at once. */
const LIST = 1_000;
const WARM_UP_PARTS = 2_000;
const DRAIN_MS = 60_000;

async function defineJob(ours: Ours): Promise<void> {
  await ours.server
    .graphql("mutation ($input: JobInput!) { createJob(input: $input) { name } }", {
      input: { name: JOB, type: JOB, execution: "MAP_REDUCE" },
    })
    .catch((error: Error) => {
      if (!error.message.includes("already")) throw error;
    });
}

/** The whole once, in milliseconds. The root is taken before the others listen, so that it is the one that deals out. */
async function mapReduce(ours: Ours, parts: number): Promise<number> {
  const [worker] = ours.workers;
  await ours.producer.call("fill", { count: 1, keys: 1, job: JOB });
  const connection = new HttpConnection(ours.server.url, ours.workerToken);
  const post = async (path: string, body: object) =>
    JSON.parse(await connection.post(path, JSON.stringify(body)));
  const { leases } = await post("/v1/leases", { executor: "root", types: [JOB], waitSeconds: 10 });
  const root = `/v1/leases/${leases[0].id}`;
  await worker.call("listen", { ...FORCE, unnoted: true });
  const beganMs = nowMs();
  for (let from = 0; from < parts; from += LIST) {
    const one = (_: unknown, n: number): object => ({ job: JOB, input: { n: from + n } });
    await post(`${root}/runs`, { runs: Array.from({ length: Math.min(LIST, parts - from) }, one) });
  }
  await post(`${root}/complete`, {});
  connection.close();
  await until(async () => (await worker.call<Handled>("handled")).count > parts, DRAIN_MS);
  const tookMs = (await worker.call<Handled>("handled")).lastMs - beganMs;
  const { count, refused } = await worker.call<Handled>("handled");
  await worker.call("hush");
  expectAll(count, parts + 1, "parts and one reduce handled");
  expectAll(refused, 0, "settles refused");
  const [joined] = await ours.sql<{ count: number }[]>`select count(*)::int as count from escapement.joined`;
  expectAll(joined?.count ?? 0, parts, "results of the reduce");
  await ours.clean();
  return tookMs;
}

export const fan: Measure = {
  key: "fan",
  title: "map-reduce",

  trials: ({ ours }) => {
    let eachBefore = Number.NaN;
    return PARTS.map((parts) => ({
      who: "ours",
      what: `parts ${parts}`,
      prepare: async () => {
        await defineJob(ours);
        await mapReduce(ours, WARM_UP_PARTS);
      },
      run: () =>
        ours.costing(
          () => parts,
          async (): Promise<Figures> => {
            const tookMs = await mapReduce(ours, parts);
            const each = tookMs / parts;
            const grown = each / eachBefore;
            eachBefore = each;
            return { seconds: tookMs / 1000, grown };
          },
        ),
    }));
  },

  rows: () => {
    const row = (parts: number, name: string, figure: string, unit: string): Row => ({
      name: `map-reduce, ${parts.toLocaleString("en")} ${name}`,
      unit,
      better: "less",
      ours: { who: "ours", what: `parts ${parts}`, figure },
      peers: {},
    });
    const [few, many] = PARTS;
    return [
      row(few, "parts", "seconds", "s"),
      row(many, "parts", "seconds", "s"),
      {
        ...row(many, `÷ ${few.toLocaleString("en")} parts, per part`, "grown", "×"),
        goals: [{ atMost: 1.2 }],
      },
    ];
  },
};
