/** What the tests of workers say again and again: jobs, runs, workers, and waiting for how they end. */
import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import {
  Client,
  createWorker,
  type RunAnswer,
  type Worker,
  type WorkerEvent,
  type WorkerOptions,
} from "../../worker/index.ts";
import type { TestServer } from "../support/server.ts";

/** A server, and the token that it wants if it wants one. */
export type Speaker = Pick<TestServer, "url" | "graphql"> & { token?: string };
type Listener = Omit<Speaker, "graphql">;

/** A name that no other test has. */
export function unique(name: string): string {
  return `${name}-${randomBytes(4).toString("hex")}`;
}

/** Creates a job of this type, by default without retries; its name is the type. */
export async function createJob(
  server: Pick<TestServer, "graphql">,
  type: string,
  more: Record<string, unknown> = {},
): Promise<string> {
  const input = { name: type, type, retry: { off: true }, ...more };
  await server.graphql("mutation ($input: JobInput!) { createJob(input: $input) { name } }", { input });
  return type;
}

export async function startRuns(server: Speaker, job: string, inputs: unknown[]): Promise<string[]> {
  return await asked(server, async (client) => {
    const { runs } = await client.startRuns({ runs: inputs.map((input) => ({ job, input })) });
    return runs.map(({ id }) => id);
  });
}

export async function startRun(server: Speaker, job: string, input: unknown = null): Promise<string> {
  const [id = ""] = await startRuns(server, job, [input]);
  return id;
}

/** Asks again and again until the answer is as expected. */
export function eventually<T>(ask: () => T | Promise<T>) {
  return expect.poll(ask, { timeout: 20_000, interval: 20 });
}

/** Waits for the run to end. */
export async function endOf(server: Listener, id: string): Promise<RunAnswer> {
  return await asked(server, (client) => client.run(id, { waitSeconds: 25 }));
}

export async function cancelRun(server: Pick<TestServer, "graphql">, id: string): Promise<void> {
  await server.graphql("mutation ($id: ID!) { cancelRun(id: $id) { id } }", { id });
}

/** What people see of a run. */
export interface RunView {
  state: string;
  progress: number | null;
  message: string | null;
  attempt: number;
  output: unknown;
  log: { text: string };
  files: { name: string; size: number }[];
  children: { nodes: { id: string; job: { name: string }; state: string }[] };
  attempts: { number: number; outcome: string }[];
}

export async function viewOf(server: Pick<TestServer, "graphql">, id: string): Promise<RunView> {
  const { run } = await server.graphql<{ run: RunView }>(
    `query ($id: ID!) { run(id: $id) {
      state progress message attempt output log { text } files { name size }
      children(first: 10) { nodes { id job { name } state } } attempts { number outcome }
    } }`,
    { id },
  );
  return run;
}

async function asked<T>(server: Listener, ask: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ url: server.url, token: server.token });
  try {
    return await ask(client);
  } finally {
    await client.close();
  }
}

export interface Played {
  worker: Worker;
  events: WorkerEvent[];
  /** Resolves with the first event of this kind, past or future. */
  event<Kind extends WorkerEvent["kind"]>(kind: Kind): Promise<Extract<WorkerEvent, { kind: Kind }>>;
}

/** Workers to be stopped at the end of their test. */
const playing = new Set<Worker>();

export async function startWorker(
  server: Pick<TestServer, "url">,
  handlers: WorkerOptions["handlers"],
  more: Partial<WorkerOptions> = {},
): Promise<Played> {
  const events: WorkerEvent[] = [];
  const waiting: { kind: string; resolve: (event: WorkerEvent) => void }[] = [];
  const worker = createWorker({
    url: server.url,
    handlers,
    ...more,
    onEvent: (event) => {
      events.push(event);
      for (const { kind, resolve } of waiting) if (kind === event.kind) resolve(event);
    },
  });
  playing.add(worker);
  await worker.start();
  return {
    worker,
    events,
    event: (kind) =>
      new Promise((resolve) => {
        const arrived = (event: WorkerEvent) => resolve(event as Extract<WorkerEvent, { kind: typeof kind }>);
        const past = events.find((event) => event.kind === kind);
        if (past === undefined) waiting.push({ kind, resolve: arrived });
        else arrived(past);
      }),
  };
}

export async function stopWorkers(): Promise<void> {
  await Promise.all([...playing].map((worker) => worker.stop({ drainSeconds: 0 })));
  playing.clear();
}

/** A promise to be resolved from outside. */
export function signal<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((given) => {
    resolve = given;
  });
  return { promise, resolve };
}

/** Resolves, or rejects with the reason, when the signal is aborted: a handler that works until it is stopped. */
export function untilAborted(aborting: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (aborting.aborted) reject(aborting.reason);
    aborting.addEventListener("abort", () => reject(aborting.reason), { once: true });
  });
}
