/** A worker process for affinity.test.ts: appends to the file LOG when each run begins and ends, a line at a time. */
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createWorker } from "../../worker/index.ts";

const { ESCAPEMENT_URL = "", EXECUTOR, LOG = "" } = process.env;
const WORK_MS_MAX = 20;

const worker = createWorker({
  url: ESCAPEMENT_URL,
  executor: EXECUTOR,
  concurrency: 4,
  handlers: {
    keyed: async ({ key }: { key: string }, { lease }) => {
      const note = (what: string) => appendFileSync(LOG, `${what} ${process.pid} ${key} ${lease.run}\n`);
      note("begin");
      await sleep(Math.random() * WORK_MS_MAX);
      note("end");
    },
  },
});
await worker.start();
