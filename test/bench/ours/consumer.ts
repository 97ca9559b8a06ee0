/** Works on runs that do nothing: with bare protocol calls, as any language would, or with the TypeScript worker. */
import { createWorker, type Worker } from "../../../worker/index.ts";
import type { ClaimRequest, Lease, SettleItem, SettleManyAnswer } from "../../../worker/protocol.ts";
import { Durations, nowMs, Progress, type Spread, until } from "../load.ts";
import { HttpConnection } from "./http.ts";
import type { Target } from "./target.ts";

export interface Workforce {
  /** `protocol`: connections that each settle and claim in one call. `worker`: the TypeScript worker. */
  with: "protocol" | "worker";
  /** Runs per claim; for the TypeScript worker its concurrency. */
  batch: number;
  /** Connections with a claim out; the TypeScript worker has one. */
  pollers: number;
}

export interface Handled {
  count: number;
  firstMs: number;
  lastMs: number;
  /** Settles that the server did not take; anything but none makes the figure worthless. */
  refused: number;
}

export interface Consumer {
  /** Works until nothing more comes. */
  drain(force: Workforce): Promise<Handled>;
  /** Works in the background, and notes how long each run took to reach its handler, unless told not to. */
  listen(force: Workforce & { unnoted?: boolean }): Promise<void>;
  /** Since `reset`: milliseconds from the start's sending, or for a trigger's run from its due time. */
  noted(): Spread;
  /** Since `reset`. */
  handled(): Handled;
  /** Forgets what was noted; runs sent before `fromMs` are not noted at all. */
  reset(order: { fromMs?: number }): void;
  hush(): Promise<void>;
}

/** The queue counts as empty when nothing was handled for so long. */
const IDLE_MS = 500;
/** So long may the first one take, and all of it. */
const FIRST_MS = 10_000;
const DRAIN_MS = 120_000;
const IDLE_PAUSE_MS = 50;
const PARK_SECONDS = 30;

export function createConsumer({ url, workerToken, job, name }: Target): Consumer {
  const progress = new Progress();
  const durations = new Durations();
  let refused = 0;
  let stopListening: () => Promise<void> = async () => {};

  const handled = (): Handled => ({ ...progress.report(), refused });

  /** A run's way to its handler. Starts carry when they were sent; a trigger's run says when it was due. */
  const note = (lease: Lease): void => {
    const { sentMs } = (lease.input ?? {}) as { sentMs?: number };
    if (sentMs !== undefined) durations.since(sentMs);
    else durations.since(nowMs() - (Date.now() - Date.parse(lease.scheduledAt)));
  };

  const claimAs = (poller: number, batch: number, waitSeconds: number): ClaimRequest => ({
    executor: `${name}-${poller}`,
    max: batch,
    waitSeconds,
  });
  const settle = async (
    connection: HttpConnection,
    results: SettleItem[],
    claim: ClaimRequest,
  ): Promise<Lease[]> => {
    const text = await connection.post("/v1/settle", JSON.stringify({ results, claim }));
    const answer: SettleManyAnswer = JSON.parse(text);
    for (const { status } of answer.results) if (status !== "ok") refused += 1;
    return answer.leases ?? [];
  };
  const succeeded = (leases: Lease[]): SettleItem[] =>
    leases.map(({ id }) => ({ lease: id, outcome: "succeeded" }));

  const drainByProtocol = async ({ batch, pollers }: Workforce): Promise<void> => {
    const poll = async (_: unknown, poller: number): Promise<void> => {
      const connection = new HttpConnection(url, workerToken);
      const claim = claimAs(poller, batch, 0);
      let results: SettleItem[] = [];
      const startedMs = nowMs();
      for (;;) {
        const leases = await settle(connection, results, claim);
        if (results.length > 0) progress.add(results.length);
        results = succeeded(leases);
        if (results.length > 0) continue;
        const isOver =
          progress.count === 0 ? nowMs() - startedMs > FIRST_MS : nowMs() - progress.lastMs > IDLE_MS;
        if (isOver) break;
        await new Promise((resolve) => setTimeout(resolve, IDLE_PAUSE_MS));
      }
      connection.close();
    };
    await Promise.all(Array.from({ length: pollers }, poll));
  };

  const startWorker = async (concurrency: number, handler: (lease: Lease) => void): Promise<Worker> => {
    const worker = createWorker({
      url,
      token: workerToken,
      executor: `${name}-worker`,
      concurrency,
      handlers: { [job]: (_input, { lease }) => handler(lease) },
      onEvent: (event) => {
        if (event.kind === "lost" || event.kind === "error") refused += 1;
        else if (event.kind === "settled") progress.add();
      },
    });
    await worker.start();
    return worker;
  };

  return {
    noted: () => durations.spread(),
    handled,

    reset({ fromMs }) {
      durations.reset(fromMs);
      progress.reset();
      refused = 0;
    },

    async drain(force) {
      this.reset({});
      if (force.with === "protocol") {
        await drainByProtocol(force);
        return handled();
      }
      const worker = await startWorker(force.batch, () => {});
      await until(() => progress.count > 0, FIRST_MS);
      await until(() => nowMs() - progress.lastMs > IDLE_MS, DRAIN_MS);
      const result = handled();
      await worker.stop();
      return result;
    },

    async listen({ with: means, batch, pollers, unnoted = false }) {
      this.reset({});
      if (means === "worker") {
        const worker = await startWorker(batch, note);
        stopListening = () => worker.stop();
        return;
      }
      const connections = Array.from({ length: pollers }, () => new HttpConnection(url, workerToken));
      let over = false;
      for (const [poller, connection] of connections.entries()) {
        const claim = claimAs(poller, batch, PARK_SECONDS);
        const poll = async (): Promise<void> => {
          let results: SettleItem[] = [];
          while (!over) {
            const leases = await settle(connection, results, claim);
            if (!unnoted) for (const lease of leases) note(lease);
            progress.add(leases.length);
            results = succeeded(leases);
          }
        };
        poll().catch((error) => {
          if (!over) throw error;
        });
      }
      await Promise.all(connections.map((connection) => connection.connected()));
      stopListening = async () => {
        over = true;
        for (const connection of connections) connection.close();
      };
    },

    async hush() {
      await stopListening();
      stopListening = async () => {};
    },
  };
}
