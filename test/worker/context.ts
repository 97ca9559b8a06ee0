/** A context for handlers that are tried without a control plane: it keeps what they say. */
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { Context, Lease, Stopped } from "../../worker/index.ts";

export interface TriedContext extends Context {
  readonly lines: { level: string; message: string }[];
  readonly files: Map<string, Buffer>;
  /** Checkpoints, in order. */
  readonly saved: unknown[];
  /** Aborts the handler's signal. */
  stop(reason: Stopped): void;
  /** Resolves once a line of the log contains the text. */
  logged(text: string): Promise<void>;
}

export function contextFor(lease: Partial<Lease> = {}): TriedContext {
  const controller = new AbortController();
  const lines: TriedContext["lines"] = [];
  const files = new Map<string, Buffer>();
  const saved: unknown[] = [];
  const waiters: { text: string; resolve: () => void }[] = [];
  return {
    lease: {
      id: "lease-1",
      run: "4711",
      attempt: 2,
      job: "nightly",
      type: "shell",
      group: "default",
      scheduledAt: "2026-01-01T00:00:00.000Z",
      leaseSeconds: 30,
      timeoutSeconds: null,
      attempts: { made: 1, max: 4 },
      fence: 7,
      ...lease,
    },
    signal: controller.signal,
    lines,
    files,
    saved,
    stop: (reason) => controller.abort(reason),
    log(message, level = "info") {
      lines.push({ level, message });
      for (const waiter of waiters) if (message.includes(waiter.text)) waiter.resolve();
    },
    logged(text) {
      if (lines.some(({ message }) => message.includes(text))) return Promise.resolve();
      return new Promise((resolve) => waiters.push({ text, resolve }));
    },
    flushLog: () => Promise.resolve(),
    progress: () => undefined,
    checkpoint: lease.checkpoint,
    saveCheckpoint: async (checkpoint) => {
      saved.push(checkpoint);
    },
    putFile: async (name, data) => {
      files.set(name, await bytesOf(data));
    },
    startRuns: () => Promise.reject(new Error("These handlers start no runs.")),
    map: () => Promise.reject(new Error("These handlers start no runs.")),
    results: () => {
      throw new Error("These handlers join no runs.");
    },
  };
}

async function bytesOf(data: string | Uint8Array | Readable): Promise<Buffer> {
  return typeof data === "string" || data instanceof Uint8Array ? Buffer.from(data) : buffer(data);
}
