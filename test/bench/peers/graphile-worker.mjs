/** graphile-worker at its best: a local queue and batched completion where it drains, the plain one where it waits. */
import { Logger, makeWorkerUtils, parseCronItems, run } from "graphile-worker";
import pg from "pg";
import { answer } from "../answer.ts";
import { closedLoop, Durations, nowMs, Progress, pacedLoop, until } from "../load.ts";

const TASK = "noop";
const IDLE_MS = 500;
/** So long may the first job take, and all of them. */
const FIRST_MS = 10_000;
const DRAIN_MS = 120_000;
/** What a queue is filled with: lists in flight, and their size. */
const FILL = { lists: 4, size: 1_000 };
const BATCHED = {
  concurrency: 100,
  worker: { localQueue: { size: 5_000 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
};
const SINGLE = { concurrency: 24, worker: {} };
/** Cron's jobs come in one wave, so the local queue serves them best. */
const WAYS = { batched: BATCHED, single: SINGLE };

const logger = new Logger(() => () => {});
const progress = new Progress();
const durations = new Durations();
let pgPool;
let utils;
let runner;

const note = (payload) => {
  if (payload?.sentMs !== undefined) durations.since(payload.sentMs);
  else if (payload?._cron) durations.since(nowMs() - (Date.now() - Date.parse(payload._cron.ts)));
};

async function start(way, noting, cronItems = []) {
  const { concurrency, worker } = WAYS[way];
  runner = await run({
    pgPool,
    logger,
    concurrency,
    noHandleSignals: true,
    taskList: {
      [TASK]: (payload) => {
        progress.add();
        if (noting) note(payload);
      },
    },
    parsedCronItems: parseCronItems(cronItems),
    preset: { worker },
  });
}

async function stop() {
  await runner?.stop();
  runner = undefined;
}

answer({
  async connect({ url }) {
    pgPool = new pg.Pool({ connectionString: url, max: 50 });
    pgPool.on("error", () => {});
    utils = await makeWorkerUtils({ pgPool, logger });
    await utils.migrate();
  },
  clean: () =>
    pgPool.query("truncate graphile_worker._private_jobs, graphile_worker._private_known_crontabs"),
  startOne: (load) =>
    closedLoop(load, async () => {
      await utils.addJob(TASK, { n: 1 });
      return 1;
    }),
  startLists(load) {
    const list = Array.from({ length: load.size }, (_, n) => ({ identifier: TASK, payload: { n } }));
    return closedLoop(load, async () => {
      await utils.addJobs(list);
      return load.size;
    });
  },
  async fill({ count }) {
    let left = count;
    const filler = async () => {
      while (left > 0) {
        const size = Math.min(left, FILL.size);
        left -= size;
        await utils.addJobs(Array.from({ length: size }, (_, n) => ({ identifier: TASK, payload: { n } })));
      }
    };
    await Promise.all(Array.from({ length: FILL.lists }, filler));
  },
  pace: (load) => pacedLoop(load, () => utils.addJob(TASK, { sentMs: nowMs() })),
  async drain({ way }) {
    progress.reset();
    await start(way, false);
    await until(() => progress.count > 0, FIRST_MS);
    await until(() => nowMs() - progress.lastMs > IDLE_MS, DRAIN_MS);
    const handled = { ...progress.report(), refused: 0 };
    await stop();
    return handled;
  },
  async listen({ way }) {
    progress.reset();
    durations.reset();
    await start(way, true);
  },
  /** Every minute, `count` of them at the same time. */
  async schedule({ count }) {
    progress.reset();
    durations.reset();
    await start(
      "batched",
      true,
      Array.from({ length: count }, (_, n) => ({ task: TASK, match: "* * * * *", identifier: `cron-${n}` })),
    );
    return { nextDueMs: Math.ceil(Date.now() / 60_000) * 60_000 };
  },
  unschedule: stop,
  noted: () => durations.spread(),
  handled: () => ({ ...progress.report(), refused: 0 }),
  reset({ fromMs }) {
    durations.reset(fromMs);
    progress.reset();
  },
  hush: stop,
});
