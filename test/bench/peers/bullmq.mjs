/** BullMQ at its best, on Redis or on PostgreSQL: 100 jobs at a time, nothing kept of those that are done. */
import { createPostgresBackend, Queue, Worker } from "bullmq";
import { answer } from "../answer.ts";
import { closedLoop, Durations, nowMs, Progress, pacedLoop, until } from "../load.ts";

const QUEUE = "noop";
const IDLE_MS = 500;
/** So long may the first job take, and all of them. */
const FIRST_MS = 10_000;
const DRAIN_MS = 120_000;
const FILL = { lists: 4, size: 1_000 };
const CONCURRENCY = 100;
const DONE = { removeOnComplete: true, removeOnFail: true };

const progress = new Progress();
const durations = new Durations();
let queue;
let worker;
let parts;
let dueMs = 0;

async function start(noting) {
  worker = new Worker(
    QUEUE,
    async (job) => {
      if (!noting) return;
      progress.add();
      const { sentMs } = job.data;
      if (sentMs !== undefined) durations.since(sentMs);
      else durations.since(nowMs() - (Date.now() - dueMs));
    },
    { ...parts.options, concurrency: CONCURRENCY, ...DONE },
    ...parts.backend,
  );
  if (!noting) worker.on("completed", () => progress.add());
  worker.on("error", () => {});
  await worker.waitUntilReady();
}

async function stop() {
  await worker?.close();
  worker = undefined;
}

answer({
  async connect({ redisPort, url }) {
    parts =
      url === undefined
        ? {
            options: { connection: { host: "127.0.0.1", port: redisPort, maxRetriesPerRequest: null } },
            backend: [],
          }
        : {
            options: { connection: { connectionString: url, max: 50, migrate: true } },
            backend: [createPostgresBackend],
          };
    queue = new Queue(QUEUE, { ...parts.options, defaultJobOptions: DONE }, ...parts.backend);
    queue.on("error", () => {});
    await queue.waitUntilReady();
  },
  clean: () => queue.obliterate({ force: true }),
  startOne: (load) =>
    closedLoop(load, async () => {
      await queue.add(QUEUE, { n: 1 });
      return 1;
    }),
  startLists(load) {
    const list = Array.from({ length: load.size }, (_, n) => ({ name: QUEUE, data: { n } }));
    return closedLoop(load, async () => {
      await queue.addBulk(list);
      return load.size;
    });
  },
  async fill({ count }) {
    let left = count;
    const filler = async () => {
      while (left > 0) {
        const size = Math.min(left, FILL.size);
        left -= size;
        await queue.addBulk(Array.from({ length: size }, (_, n) => ({ name: QUEUE, data: { n } })));
      }
    };
    await Promise.all(Array.from({ length: FILL.lists }, filler));
  },
  pace: (load) => pacedLoop(load, () => queue.add(QUEUE, { sentMs: nowMs() })),
  async drain() {
    progress.reset();
    await start(false);
    await until(() => progress.count > 0, FIRST_MS);
    await until(() => nowMs() - progress.lastMs > IDLE_MS, DRAIN_MS);
    const handled = { ...progress.report(), refused: 0 };
    await stop();
    return handled;
  },
  async listen() {
    progress.reset();
    durations.reset();
    await start(true);
  },
  async schedule({ count }) {
    const everyMs = 20_000;
    // All of them have to be there before the first is due.
    await until(() => Date.now() % everyMs < everyMs / 2, everyMs);
    dueMs = Math.ceil(Date.now() / everyMs) * everyMs;
    let next = 0;
    const scheduler = async () => {
      while (next < count)
        await queue.upsertJobScheduler(
          `cron-${next++}`,
          { pattern: "*/20 * * * * *" },
          { name: QUEUE, data: {} },
        );
    };
    await Promise.all(Array.from({ length: 50 }, scheduler));
    progress.reset();
    durations.reset();
    await start(true);
    return { nextDueMs: dueMs };
  },
  async unschedule() {
    await stop();
    const schedulers = await queue.getJobSchedulers(0, -1);
    await Promise.all(schedulers.map(({ key }) => queue.removeJobScheduler(key)));
  },
  noted: () => durations.spread(),
  handled: () => ({ ...progress.report(), refused: 0 }),
  reset({ fromMs }) {
    durations.reset(fromMs);
    progress.reset();
  },
  hush: stop,
});
