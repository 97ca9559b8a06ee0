/**
 * How load is made and what is noted of it: the same code for every contestant. Also read by Node's own type stripping
 * in the peers' processes, so it imports nothing of ours.
 */

/** Milliseconds of the machine's monotonic clock, which all processes share. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export interface Window {
  /** Not counted: connections, caches and compilers get ready. */
  warmUpMs: number;
  ms: number;
}

export interface ClosedLoop extends Window {
  /** Each sends its next request when its last one is answered. */
  clients: number;
}

/** Requests per second; `send` answers with how many it was. */
export async function closedLoop(
  { clients, warmUpMs, ms }: ClosedLoop,
  send: (client: number) => Promise<number>,
): Promise<number> {
  const from = nowMs() + warmUpMs;
  const until = from + ms;
  let count = 0;
  const client = async (number: number): Promise<void> => {
    while (nowMs() < until) {
      const sent = await send(number);
      const now = nowMs();
      if (now >= from && now < until) count += sent;
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  return (count / ms) * 1000;
}

export interface Paced extends Window {
  perSecond: number;
}

/** At most this many unanswered; beyond it the rate is not held, and the rate achieved says so. */
const OUTSTANDING_MAX = 2_000;

/** Sends at a rate whatever the answers do; returns the rate at which answers came. */
export async function pacedLoop(
  { perSecond, warmUpMs, ms }: Paced,
  send: () => Promise<unknown>,
): Promise<number> {
  const start = nowMs();
  const from = start + warmUpMs;
  const until = from + ms;
  let sent = 0;
  let open = 0;
  let answered = 0;
  let failure: unknown;
  const one = async (): Promise<void> => {
    open += 1;
    try {
      await send();
      if (nowMs() >= from) answered += 1;
    } catch (error) {
      failure ??= error;
    }
    open -= 1;
  };
  while (nowMs() < until) {
    if (failure !== undefined) throw failure;
    const due = Math.floor(((nowMs() - start) / 1000) * perSecond);
    for (; sent < due && open < OUTSTANDING_MAX; sent++) void one();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const rate = (answered / (nowMs() - from)) * 1000;
  while (open > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  return rate;
}

export interface Spread {
  p50: number;
  p95: number;
  p99: number;
  max: number;
  count: number;
}

/** Collects durations in milliseconds, those of the warm-up apart. */
export class Durations {
  #values: number[] = [];
  #from = 0;

  /** Forgets everything, and what began before `fromMs` is not noted. */
  reset(fromMs = 0): void {
    this.#values = [];
    this.#from = fromMs;
  }

  /** Notes what began at `beganMs` and is over now. */
  since(beganMs: number): void {
    if (beganMs >= this.#from) this.#values.push(nowMs() - beganMs);
  }

  get count(): number {
    return this.#values.length;
  }

  spread(): Spread {
    const sorted = Float64Array.from(this.#values).sort();
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1), count: sorted.length };
  }
}

/** Counts what is handled, and knows when the first and the last of it was. */
export class Progress {
  count = 0;
  firstMs = Number.NaN;
  lastMs = Number.NaN;

  reset(): void {
    this.count = 0;
    this.firstMs = Number.NaN;
    this.lastMs = Number.NaN;
  }

  add(count = 1): void {
    this.lastMs = nowMs();
    if (this.count === 0) this.firstMs = this.lastMs;
    this.count += count;
  }

  report(): { count: number; firstMs: number; lastMs: number } {
    return { count: this.count, firstMs: this.firstMs, lastMs: this.lastMs };
  }
}

/** Resolves when `condition` holds, or after `limitMs`; true if it holds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  limitMs: number,
  everyMs = 5,
): Promise<boolean> {
  const end = nowMs() + limitMs;
  while (!(await condition())) {
    if (nowMs() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  return true;
}
