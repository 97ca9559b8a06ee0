/** pg-boss at its best: LISTEN/NOTIFY, batches of 1,000 where it drains, its own fetch and complete for single jobs. */
import { PgBoss } from "pg-boss";
import { answer } from "../answer.ts";
import { closedLoop, Durations, nowMs, Progress, pacedLoop, until } from "../load.ts";

const QUEUE = "noop";
const IDLE_MS = 1_000;
/** So long may the first job take, and all of them. */
const FIRST_MS = 10_000;
const DRAIN_MS = 120_000;
const FILL = { lists: 4, size: 1_000 };
const BATCHED = {
  batchSize: 1_000,
  localConcurrency: 2,
  burstWhenBatchFull: true,
  pollingIntervalSeconds: 0.5,
  notifyPollingIntervalSeconds: 0.5,
};
/** One job per fetch. `work` would do two a second at a batch size of 1, so its own calls are made in a loop. */
const SINGLE_FETCHERS = 10;
/** Where latency counts: a worker per job is woken by NOTIFY. */
const WAITING = {
  batchSize: 1,
  localConcurrency: 10,
  pollingIntervalSeconds: 0.5,
  notifyPollingIntervalSeconds: 0.5,
};
const WAITING_BATCHED = { ...BATCHED, batchSize: 100 };
const WORK = { single: WAITING, batched: WAITING_BATCHED };

const progress = new Progress();
const durations = new Durations();
let boss;

const note = (jobs) => {
  progress.add(jobs.length);
  for (const { data } of jobs) {
    if (data?.sentMs !== undefined) durations.since(data.sentMs);
    else if (data?.dueMs !== undefined) durations.since(nowMs() - (Date.now() - data.dueMs));
  }
};

async function drainSingly() {
  const fetcher = async () => {
    for (let seen = nowMs(); nowMs() - seen < IDLE_MS; ) {
      const [job] = await boss.fetch(QUEUE, { batchSize: 1 });
      if (job) {
        await boss.complete(QUEUE, job.id);
        progress.add();
        seen = nowMs();
      } else await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await Promise.all(Array.from({ length: SINGLE_FETCHERS }, fetcher));
}

answer({
  async connect({ url, schedules = false }) {
    boss = new PgBoss({
      connectionString: url,
      max: 50,
      useListenNotify: true,
      schedule: schedules,
      supervise: false,
      cronWorkerIntervalSeconds: 1,
    });
    boss.on("error", () => {});
    await boss.start();
    await boss.createQueue(QUEUE, { notify: true });
  },
  clean: () => boss.deleteAllJobs(QUEUE),
  startOne: (load) =>
    closedLoop(load, async () => {
      await boss.send(QUEUE, { n: 1 });
      return 1;
    }),
  startLists(load) {
    const list = Array.from({ length: load.size }, (_, n) => ({ data: { n } }));
    return closedLoop(load, async () => {
      await boss.insert(QUEUE, list);
      return load.size;
    });
  },
  async fill({ count }) {
    let left = count;
    const filler = async () => {
      while (left > 0) {
        const size = Math.min(left, FILL.size);
        left -= size;
        await boss.insert(
          QUEUE,
          Array.from({ length: size }, (_, n) => ({ data: { n } })),
        );
      }
    };
    await Promise.all(Array.from({ length: FILL.lists }, filler));
  },
  pace: (load) => pacedLoop(load, () => boss.send(QUEUE, { sentMs: nowMs() })),
  async drain({ way }) {
    progress.reset();
    if (way === "single") {
      await drainSingly();
      return { ...progress.report(), refused: 0 };
    }
    await boss.work(QUEUE, BATCHED, async (jobs) => progress.add(jobs.length));
    await until(() => progress.count > 0, FIRST_MS);
    await until(() => nowMs() - progress.lastMs > IDLE_MS, DRAIN_MS);
    const handled = { ...progress.report(), refused: 0 };
    await boss.offWork(QUEUE);
    return handled;
  },
  async listen({ way }) {
    progress.reset();
    durations.reset();
    await boss.work(QUEUE, WORK[way], async (jobs) => note(jobs));
  },
  async schedule({ count }) {
    const dueMs = Math.ceil((Date.now() + 20_000) / 60_000) * 60_000;
    progress.reset();
    durations.reset();
    let next = 0;
    const scheduler = async () => {
      while (next < count) await boss.schedule(QUEUE, "* * * * *", { dueMs }, { key: `cron-${next++}` });
    };
    await Promise.all(Array.from({ length: 20 }, scheduler));
    await boss.work(QUEUE, BATCHED, async (jobs) => note(jobs));
    return { nextDueMs: dueMs };
  },
  async unschedule() {
    await boss.offWork(QUEUE);
    await boss.stop({ graceful: false });
  },
  noted: () => durations.spread(),
  handled: () => ({ ...progress.report(), refused: 0 }),
  reset({ fromMs }) {
    durations.reset(fromMs);
    progress.reset();
  },
  hush: () => boss.offWork(QUEUE),
});
