/**
 * The worker that comes with the server: a process of its own, one worker per namespace, configured by environment.
 *
 * ESCAPEMENT_URL          where the server listens; default http://127.0.0.1:4400
 * ESCAPEMENT_TOKEN        a worker's token; needed when authentication is on
 * ESCAPEMENT_NAMESPACES   comma list; default "default,demo"
 * ESCAPEMENT_CONCURRENCY  runs at the same time in each namespace; default 10
 * ESCAPEMENT_HTTP_ALLOW   comma list of hosts, addresses and CIDR ranges that `http` may call though not public;
 *                         "private" stands for every private network and loopback
 *
 * These turn on task types that are off without them. Whoever may define jobs then runs commands as this user, in this
 * user's containers and cluster, or statements as the role of a connection. `1` takes the usual program from the PATH.
 *
 * ESCAPEMENT_SHELL=1      `shell`
 * ESCAPEMENT_PYTHON       `python`: 1 (python3), or the path of an interpreter
 * ESCAPEMENT_SQL_CONNECTIONS  `sql` and `procedure`: {"warehouse": {"url": "postgres://…", "readOnly": true}, …};
 *                         postgres:// and mysql:// (also for MariaDB); jobs see the names alone
 * ESCAPEMENT_CONTAINER    `container`: 1 (docker, else podman), or the path of one
 *   …_IMAGES              comma list of images that runs may name, "registry.example/team/*" among them; default: any
 *   …_MOUNTS              comma list of folders that they may mount: "/data,/exports:rw"; default: none
 *   …_MEMORY, …_CPUS      the most that one container gets: 2g, 1.5; default: no limit
 * ESCAPEMENT_SPARK        `spark`: 1 (spark-submit), or its path; ESCAPEMENT_SPARK_MASTER: for jobs that name none
 * ESCAPEMENT_MR           `mr`: 1 (hadoop), or the path of hadoop or yarn
 * ESCAPEMENT_YARN_KILL    what ends an application of these two, its id added; default: yarn application -kill
 *
 * SIGTERM and SIGINT drain; a second one ends at once. It also ends when the process that started it is gone.
 */
import { listOf, tasksOf } from "./builtin-tasks.ts";
import { describeEvent } from "./events.ts";
import type { Task } from "./task.ts";
import { createWorker, type Worker } from "./worker.ts";

/** The server ends within 10 s and grants its worker 5 of them: time to drain, to abort and to say goodbye. */
const DRAIN_SECONDS = 2;
/** A parent that vanished answers no goodbyes; its worker must not outlive it by much. */
const ORPHAN_MS = 4_000;

const { env } = process;

let stopping: Promise<unknown> | undefined;

async function main(): Promise<void> {
  const tasks = tasksOf(env);
  const workers = listOf(env.ESCAPEMENT_NAMESPACES ?? "default,demo").map((namespace) =>
    workerOf(namespace, tasks),
  );
  stopWithSignalsAndParent(workers);
  const started = await Promise.allSettled(workers.map((worker) => worker.start()));
  if (stopping !== undefined) return;
  for (const start of started) {
    if (start.status === "rejected") say(start.reason instanceof Error ? start.reason.message : start.reason);
  }
  if (started.every((start) => start.status === "rejected")) process.exit(1);
}

function stopWithSignalsAndParent(workers: Worker[]): void {
  const stop = async (drainSeconds: number) => {
    stopping = Promise.all(workers.map((worker) => worker.stop({ drainSeconds })));
    await stopping;
    process.exit();
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (stopping !== undefined) process.exit(130);
      void stop(DRAIN_SECONDS);
    });
  }
  process.once("disconnect", () => {
    setTimeout(() => process.exit(), ORPHAN_MS);
    void stop(0);
  });
}

function workerOf(namespace: string, tasks: Task[]): Worker {
  const concurrency = env.ESCAPEMENT_CONCURRENCY;
  return createWorker({
    url: env.ESCAPEMENT_URL ?? "http://127.0.0.1:4400",
    token: env.ESCAPEMENT_TOKEN,
    namespace,
    concurrency: concurrency === undefined ? undefined : Number(concurrency),
    labels: { builtin: "true" },
    tasks,
    onEvent: (event) => {
      const line = describeEvent(event);
      if (line !== undefined) say(`[${namespace}] ${line}`);
    },
  });
}

function say(line: string): void {
  process.stderr.write(`worker: ${line}\n`);
}

try {
  await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
