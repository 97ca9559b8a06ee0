/**
 * The worker that comes with the server: a process of its own, one worker per namespace, configured by environment.
 *
 * ESCAPEMENT_URL          where the server listens; default http://127.0.0.1:4400
 * ESCAPEMENT_TOKEN        a worker's token; needed when authentication is on
 * ESCAPEMENT_NAMESPACES   comma list; default "default,demo"
 * ESCAPEMENT_CONCURRENCY  runs at the same time in each namespace; default 10
 * ESCAPEMENT_SHELL=1      offers task type `shell`: whoever may define jobs runs commands as this user
 * ESCAPEMENT_HTTP_ALLOW   comma list of hosts, addresses and CIDR ranges that `http` may call though not public;
 *                         "private" stands for every private network and loopback
 *
 * SIGTERM and SIGINT drain; a second one ends at once. It also ends when the process that started it is gone.
 */
import type { Handler } from "./attempt.ts";
import { describeEvent } from "./events.ts";
import { demoHandlers } from "./tasks/demo.ts";
import { http } from "./tasks/http.ts";
import { shell } from "./tasks/shell.ts";
import { createWorker, type Worker } from "./worker.ts";

/** The server ends within 10 s and grants its worker 5 of them: time to drain, to abort and to say goodbye. */
const DRAIN_SECONDS = 2;
/** A parent that vanished answers no goodbyes; its worker must not outlive it by much. */
const ORPHAN_MS = 4_000;

const { env } = process;

let stopping: Promise<unknown> | undefined;

async function main(): Promise<void> {
  const workers = listOf(env.ESCAPEMENT_NAMESPACES ?? "default,demo").map(workerOf);
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

function workerOf(namespace: string): Worker {
  const concurrency = env.ESCAPEMENT_CONCURRENCY;
  return createWorker({
    url: env.ESCAPEMENT_URL ?? "http://127.0.0.1:4400",
    token: env.ESCAPEMENT_TOKEN,
    namespace,
    concurrency: concurrency === undefined ? undefined : Number(concurrency),
    labels: { builtin: "true" },
    handlers: handlers(),
    onEvent: (event) => {
      const line = describeEvent(event);
      if (line !== undefined) say(`[${namespace}] ${line}`);
    },
  });
}

function handlers(): Record<string, Handler> {
  const allow = listOf(env.ESCAPEMENT_HTTP_ALLOW ?? "");
  return {
    ...demoHandlers,
    http: http({
      allowPrivate: allow.includes("private"),
      allow: allow.filter((entry) => entry !== "private"),
    }),
    ...(env.ESCAPEMENT_SHELL === "1" ? { shell: shell({ environment: env }) } : {}),
  };
}

function listOf(text: string): string[] {
  return text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
}

function say(line: string): void {
  process.stderr.write(`worker: ${line}\n`);
}

await main();
