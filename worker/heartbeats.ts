/** The executor's pulse: one request at a third of the shortest lease that names every lease held. */
import { availableParallelism, freemem, loadavg, totalmem } from "node:os";
import type { Load } from "./protocol.ts";

/** The pulse of an executor that holds nothing: a third of the default lease. */
const IDLE_LEASE_SECONDS = 30;

export interface HeartbeatsParts {
  /** Sends one heartbeat and applies its answer; resolves when it is answered or given up; must not reject. */
  beat: () => Promise<void>;
  /** What each lease held lasts, in seconds. */
  leaseSeconds: () => Iterable<number>;
}

export class Heartbeats {
  readonly #parts: HeartbeatsParts;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> | undefined;
  #lastBeatAt = 0;
  #shortest = IDLE_LEASE_SECONDS;
  #stopped = true;

  constructor(parts: HeartbeatsParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#stopped = false;
    this.#lastBeatAt = performance.now();
    this.#retime();
  }

  /** Resolves when no heartbeat is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#beating;
  }

  /** To be called for leases that come in: one that is shorter than the others makes the pulse quicker. */
  expect(leaseSeconds: number): void {
    if (leaseSeconds < this.#shortest) this.#retime();
  }

  #retime(): void {
    if (this.#stopped || this.#beating !== undefined) return;
    let shortest = IDLE_LEASE_SECONDS;
    for (const seconds of this.#parts.leaseSeconds()) shortest = Math.min(shortest, seconds);
    this.#shortest = shortest;
    const dueAt = this.#lastBeatAt + (shortest / 3) * 1000;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.beat(), Math.max(0, dueAt - performance.now()));
  }

  /** Beats now, whatever the time. */
  beat(): void {
    if (this.#stopped || this.#beating !== undefined) return;
    clearTimeout(this.#timer);
    this.#lastBeatAt = performance.now();
    this.#beating = this.#parts.beat().finally(() => {
      this.#beating = undefined;
      this.#retime();
    });
  }
}

/** CPU and memory in use, as fractions of the machine. */
export function currentLoad(): Load {
  const [lastMinute = 0] = loadavg();
  return { cpu: rounded(lastMinute / availableParallelism()), memory: rounded(1 - freemem() / totalmem()) };
}

function rounded(fraction: number): number {
  return Math.round(fraction * 1000) / 1000;
}
