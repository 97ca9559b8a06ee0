/**
 * (i) Runs with affinity keys: started in lists and drained, over few and over many keys. And runs without keys, alone
 * and while a hundred thousand others wait for one key elsewhere: they are to notice nothing of it.
 */
import type { Ours } from "../contestants.ts";
import type { Figures } from "../figures.ts";
import { nowMs, until } from "../load.ts";
import {
  type Bench,
  type Effort,
  expectAll,
  type Goal,
  type Measure,
  type Row,
  type Trial,
} from "../measure.ts";
import type { Handled, Workforce } from "../ours/consumer.ts";

const KEYS = [100, 1_000, 1_000_000] as const;
const FORCE: Workforce = { with: "protocol", batch: 100, pollers: 16 };
const WARM_UP_RUNS = 2_000;
const DRAIN_MS = 60_000;
const BLOCKED_RUNS = 100_000;
const ELSEWHERE = "elsewhere";

/** What takes a second or two. */
const keyedRuns = ({ quick }: Effort, keys: number): number =>
  (quick ? 10_000 : 40_000) / (keys === 100 ? 2 : 1);
const freeRuns = ({ quick }: Effort): number => (quick ? 40_000 : 150_000);

async function drained(ours: Ours, count: number): Promise<Figures> {
  const [worker] = ours.workers;
  const report = await worker.call<Handled>("drain", FORCE);
  expectAll(report.count, count, "jobs drained");
  expectAll(report.refused, 0, "settles refused");
  return { rate: (count / (report.lastMs - report.firstMs)) * 1000 };
}

/** By parked polls: what is ready is less than what they ask for, so one that only looks would sleep most of the time. */
async function listened(ours: Ours, count: number): Promise<number> {
  const [worker] = ours.workers;
  await worker.call("listen", { ...FORCE, unnoted: true });
  await until(async () => (await worker.call<Handled>("handled")).count >= count, DRAIN_MS);
  const report = await worker.call<Handled>("handled");
  await worker.call("hush");
  expectAll(report.count, count, "jobs handled");
  expectAll(report.refused, 0, "settles refused");
  return (count / (report.lastMs - report.firstMs)) * 1000;
}

/** From the first start to the last end, one after the other, so that neither hides what the other costs. */
async function startAndDrain(ours: Ours, count: number, keys: number): Promise<Figures> {
  const startRate = await ours.producer.call<number>("fill", { count, keys });
  const rate = await listened(ours, count);
  await ours.clean();
  return { startRate, rate, whole: 1 / (1 / startRate + 1 / rate) };
}

/** A hundred thousand runs that wait for one, in a group that nobody polls. */
async function block(ours: Ours): Promise<void> {
  await ours.server
    .graphql("mutation ($input: JobInput!) { createJob(input: $input) { name } }", {
      input: { name: ELSEWHERE, type: ELSEWHERE, group: ELSEWHERE, maxParallel: 1 },
    })
    .catch((error: Error) => {
      if (!error.message.includes("already")) throw error;
    });
  await ours.producer.call("fill", { count: BLOCKED_RUNS, keys: 1, job: ELSEWHERE });
  await ours.sql`analyze escapement.waiting, escapement.place`;
}

/** Claims that find nothing, one after the other: their cost must not grow with what is blocked. */
async function emptyClaims(ours: Ours, ms: number): Promise<number> {
  const headers = { authorization: `Bearer ${ours.workerToken}`, "content-type": "application/json" };
  const body = JSON.stringify({ executor: "nobody", groups: [ELSEWHERE], types: ["noop"], waitSeconds: 0 });
  const until = nowMs() + ms;
  let count = 0;
  for (; nowMs() < until; count++) {
    const answer = await fetch(`${ours.server.url}/v1/leases`, { method: "POST", headers, body });
    if (!answer.ok) throw new Error(`a claim was answered ${answer.status}`);
    await answer.arrayBuffer();
  }
  return ms / count;
}

function freeTrial({ ours, effort }: Bench, what: string, blocked: boolean): Trial {
  const count = freeRuns(effort);
  return {
    who: "ours",
    what,
    prepare: async () => {
      if (blocked) await block(ours);
      await ours.producer.call("fill", { count: WARM_UP_RUNS });
      await drained(ours, WARM_UP_RUNS);
      await ours.producer.call("fill", { count });
    },
    run: async () => {
      const figures = await ours.costing(
        () => count,
        () => drained(ours, count),
      );
      const claim = await emptyClaims(ours, 1_000);
      await ours.clean();
      return { ...figures, claim };
    },
  };
}

export const affinity: Measure = {
  key: "affinity",
  title: "affinity keys and limits",

  trials: (bench) => [
    freeTrial(bench, "free", false),
    freeTrial(bench, "free beside blocked", true),
    ...KEYS.map((keys): Trial => {
      const count = keyedRuns(bench.effort, keys);
      return {
        who: "ours",
        what: `keyed ${keys}`,
        prepare: () => startAndDrain(bench.ours, WARM_UP_RUNS, keys),
        run: () =>
          bench.ours.costing(
            () => count,
            () => startAndDrain(bench.ours, count, keys),
          ),
      };
    }),
  ],

  rows: () => {
    const row = (
      what: string,
      name: string,
      figure: string,
      unit: string,
      more: Partial<Row> & { goals?: readonly Goal[] } = {},
    ): Row => ({ name, unit, better: "more", ours: { who: "ours", what, figure }, peers: {}, ...more });
    const free = { who: "ours", what: "free", figure: "rate" };
    return [
      row("free", "drain, no keys", "rate", "runs/s"),
      row("free beside blocked", "drain, no keys, 100,000 blocked elsewhere", "rate", "runs/s", {
        floor: free,
        goals: [{ against: "floor", ratio: 0.98 }],
        note: "the floor is the same without the blocked ones",
      }),
      row("free", "a claim that finds nothing", "claim", "ms", { better: "less" }),
      row("free beside blocked", "a claim that finds nothing, 100,000 blocked in its group", "claim", "ms", {
        better: "less",
      }),
      ...KEYS.flatMap((keys) => {
        const over = `over ${keys.toLocaleString("en")} keys`;
        const goals: readonly Goal[] | undefined = keys === 1_000 ? [{ atLeast: 10_000 }] : undefined;
        return [
          row(`keyed ${keys}`, `start lists, ${over}`, "startRate", "runs/s"),
          row(`keyed ${keys}`, `drain, ${over}`, "rate", "runs/s"),
          row(`keyed ${keys}`, `start, then drain, ${over}`, "whole", "runs/s", { ...(goals && { goals }) }),
        ];
      }),
    ];
  },
};
