/**
 * One lease and the handler that works on it: the context that the handler sees, the reasons to stop it,
 * and the one outcome that comes out.
 */
import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { LazyAbort } from "./abort.ts";
import type { CallOptions, Client } from "./client.ts";
import { ProtocolError } from "./client.ts";
import { Cancelled, DoNotRetry, failureOf, LeaseLost, Stopped, TimedOut, WorkerStopping } from "./errors.ts";
import type { WorkerEvent } from "./events.ts";
import { Log, type LogLevel } from "./log.ts";
import type { Persist } from "./persist.ts";
import { Progress } from "./progress.ts";
import type {
  ChildRunsAnswer,
  ChildRunsRequest,
  HeartbeatRequest,
  Lease,
  RunResult,
  SettleItem,
  StartRun,
} from "./protocol.ts";

/** setTimeout's limit; a longer timeout is left to the server. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Children of one request of `map`, and about the bytes of their inputs: a quarter of what a request may hold. */
const MAP_BATCH = 1_000;
const MAP_BATCH_BYTES = 4 * 1024 * 1024;

/** What a handler may do besides its work. */
export interface Context {
  /** The run, its attempt, its job; `fence` grows with every attempt, for outside systems that compare it. */
  readonly lease: Lease;
  /** Aborted when the handler should stop; `reason` is Cancelled, LeaseLost, TimedOut or WorkerStopping. */
  readonly signal: AbortSignal;
  /** Adds a line to the attempt's log. It is sent in the background, in order, and before the run is settled. */
  log(message: string, level?: LogLevel): void;
  /** Resolves when every line so far has been sent: the way to slow down for a slow server. Never rejects. */
  flushLog(): Promise<void>;
  /** Says how far the run is, from 0 to 1, and in words what it does. */
  progress(fraction: number, message?: string): void;
  /** What an earlier attempt of this run saved; undefined when nothing is. */
  readonly checkpoint: unknown;
  /**
   * Saves any JSON up to 64 KiB for the next attempt, in place of what was saved before; null forgets it. Resolves
   * when it is stored, works in a handler that is being stopped too, and throws ProtocolError when it is refused.
   */
  saveCheckpoint(checkpoint: unknown): Promise<void>;
  /** Stores an output file of this attempt. A stream is sent once; other data is sent until it is answered. */
  putFile(name: string, data: string | Uint8Array | Readable): Promise<void>;
  /**
   * Starts child runs when this run succeeds, or at once with `now`; `join` waits for all of them and for all that
   * they start. Repeated until it is answered, and started once.
   */
  startRuns(runs: StartRun[], options?: Pick<ChildRunsRequest, "join" | "now">): Promise<ChildRunsAnswer>;
  /** One child run of `job` for each input, in batches of up to a thousand; otherwise like `startRuns`. */
  map(
    job: string,
    inputs: Iterable<unknown> | AsyncIterable<unknown>,
    options?: Pick<ChildRunsRequest, "join" | "now">,
  ): Promise<ChildRunsAnswer>;
  /** What the runs that this one joined have led to, by id; read page by page as it is gone through. */
  results(): AsyncIterable<RunResult>;
}

/** Works on a run; what it returns, JSON or bytes, becomes the run's output, what it throws fails the attempt. */
export type Handler<Input = unknown> = {
  // Declared as a method, so that a handler of a narrower input fits into a map of handlers.
  handle(input: Input, context: Context): unknown;
}["handle"];

/** What the attempt needs of its worker. */
export interface AttemptParts {
  client: Client;
  persist: Persist;
  emit: (event: WorkerEvent) => void;
}

export class Attempt {
  readonly lease: Lease;
  readonly #parts: AttemptParts;
  readonly #stopping = new LazyAbort();
  /** Aborted when nothing more about this attempt can be said to the server. */
  readonly #over = new LazyAbort();
  readonly #log: Log;
  readonly #progress: Progress;
  #leaseSeconds: number;
  /** The checkpoint under way: they are sent one after the other, so that the newest stays. */
  #saving: Promise<void> = Promise.resolve();

  constructor(lease: Lease, parts: AttemptParts) {
    this.lease = lease;
    this.#leaseSeconds = lease.leaseSeconds;
    this.#parts = parts;
    this.#log = new Log((chunk) => this.#tell((options) => parts.client.appendLog(lease.id, chunk, options)));
    this.#progress = new Progress(async (report) => {
      await this.#tell((options) => this.#beat(report, options));
    });
  }

  /** How long the lease lasts from one heartbeat to the next, by the server's last word. */
  get leaseSeconds(): number {
    return this.#leaseSeconds;
  }

  get lost(): boolean {
    return this.#over.reason instanceof LeaseLost;
  }

  /** Runs the handler to its end. Resolves with what is to be settled, or with nothing. Never rejects. */
  async run(handler: Handler): Promise<SettleItem | undefined> {
    const timer = this.#armTimeout();
    const outcome = await this.#outcomeOf(handler);
    clearTimeout(timer);
    await Promise.all([this.#log.flush(), this.#progress.close(), this.#saving]);
    return this.#over.aborted ? undefined : outcome;
  }

  renewed(leaseSeconds: number, cancel: boolean): void {
    this.#leaseSeconds = leaseSeconds;
    if (!cancel || this.#stopping.aborted) return;
    this.#parts.emit({ kind: "cancelled", lease: this.lease });
    this.#stopping.abort(new Cancelled());
  }

  /** The lease is somebody else's. */
  lose(): void {
    if (this.#over.aborted) return;
    this.#parts.emit({ kind: "lost", lease: this.lease });
    this.#stopping.abort(new LeaseLost());
    this.#over.abort(new LeaseLost());
  }

  stop(): void {
    this.#stopping.abort(new WorkerStopping());
  }

  /** Stops caring: the worker gives the lease back while the handler still runs. */
  abandon(): void {
    this.stop();
    this.#over.abort(new WorkerStopping());
  }

  #armTimeout(): NodeJS.Timeout | undefined {
    const seconds = this.lease.timeoutSeconds;
    if (seconds === null || seconds * 1000 > LONGEST_TIMER_MS) return undefined;
    return setTimeout(() => this.#stopping.abort(new TimedOut(seconds)), seconds * 1000);
  }

  async #outcomeOf(handler: Handler): Promise<SettleItem> {
    const lease = this.lease.id;
    const stopping = this.#stopping;
    try {
      const output = await handler(this.#input(), this.#context());
      if (stopping.reason instanceof TimedOut) throw stopping.reason;
      return { lease, outcome: "succeeded", ...wireOutput(output) };
    } catch (error) {
      if (stopping.reason instanceof WorkerStopping) return { lease, outcome: "released" };
      // However the handler puts it, an aborted attempt ended for the reason that it was aborted for.
      const reason = stopping.reason instanceof Stopped ? stopping.reason : error;
      return { lease, outcome: "failed", ...failureOf(reason) };
    }
  }

  #input(): unknown {
    const { input, inputBase64 } = this.lease;
    return inputBase64 === undefined ? input : Buffer.from(inputBase64, "base64");
  }

  #context(): Context {
    const stopping = this.#stopping;
    return {
      lease: this.lease,
      get signal() {
        return stopping.signal;
      },
      log: (message, level = "info") => this.#log.add(level, message, new Date()),
      flushLog: () => this.#log.flush(),
      progress: (fraction, message) => this.#progress.report(fraction, message),
      checkpoint: this.lease.checkpoint,
      saveCheckpoint: (checkpoint) => this.#saveCheckpoint(checkpoint),
      putFile: (name, data) => this.#putFile(name, data),
      startRuns: (runs, options) => this.#startRuns(runs, options),
      map: (job, inputs, options) => this.#map(job, inputs, options),
      results: () => this.#results(),
    };
  }

  #saveCheckpoint(checkpoint: unknown): Promise<void> {
    // Read now: the handler may go on changing it.
    const text = JSON.stringify(checkpoint ?? null);
    const { signal } = this.#over;
    const save = () => this.#beat({ checkpoint: JSON.parse(text) }, { signal });
    const saved = this.#saving.then(() => this.#watch(this.#parts.persist(save, signal)));
    this.#saving = saved.catch(() => undefined);
    return saved;
  }

  #putFile(name: string, data: string | Uint8Array | Readable): Promise<void> {
    const { signal } = this.#stopping;
    const put = () => this.#parts.client.putFile(this.lease.id, name, data, { signal });
    const replayable = typeof data === "string" || data instanceof Uint8Array;
    return this.#watch(replayable ? this.#parts.persist(put, signal) : put());
  }

  #startRuns(
    runs: StartRun[],
    options: Pick<ChildRunsRequest, "join" | "now"> = {},
  ): Promise<ChildRunsAnswer> {
    const { signal } = this.#stopping;
    const { client, persist } = this.#parts;
    const request = { ...options, runs, requestId: randomUUID() };
    return this.#watch(persist(() => client.startChildRuns(this.lease.id, request, { signal }), signal));
  }

  /** The join is asked for last, over all batches. */
  async #map(
    job: string,
    inputs: Iterable<unknown> | AsyncIterable<unknown>,
    { join, now }: Pick<ChildRunsRequest, "join" | "now"> = {},
  ): Promise<ChildRunsAnswer> {
    const when = now === undefined ? {} : { now };
    const ids: string[] = [];
    let batch: StartRun[] = [];
    let bytes = 0;
    const send = async () => {
      ids.push(...(await this.#startRuns(batch, when)).runs);
      batch = [];
      bytes = 0;
    };
    for await (const input of inputs) {
      batch.push({ job, input });
      bytes += JSON.stringify(input)?.length ?? 0;
      if (batch.length === MAP_BATCH || bytes > MAP_BATCH_BYTES) await send();
    }
    if (batch.length > 0) await send();
    if (join === undefined) return { runs: ids };
    const joins = [...ids, ...(join.joins ?? [])];
    const last = await this.#startRuns([], { ...when, join: { ...join, joins } });
    return { ...last, runs: ids };
  }

  async *#results(): AsyncGenerator<RunResult> {
    const { signal } = this.#stopping;
    const { client, persist } = this.#parts;
    for (let after: string | undefined, more = true; more; more = after !== undefined) {
      const page = await this.#watch(persist(() => client.results(this.lease.id, { after, signal }), signal));
      yield* page.results;
      after = page.next;
    }
  }

  async #beat(report: HeartbeatRequest, options: CallOptions): Promise<void> {
    const answer = await this.#parts.client.heartbeatLease(this.lease.id, report, options);
    this.renewed(answer.leaseSeconds, answer.cancel);
  }

  /** Says something that the handler does not wait for: repeated until answered, never thrown. */
  async #tell(call: (options: CallOptions) => Promise<void>): Promise<boolean> {
    const { signal } = this.#over;
    try {
      await this.#watch(this.#parts.persist(() => call({ signal }), signal));
      return true;
    } catch (error) {
      if (!signal.aborted) this.#parts.emit({ kind: "error", error, lease: this.lease });
      return false;
    }
  }

  /** Any call may be the first to hear that the lease is over. */
  async #watch<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof ProtocolError && error.code === "lease_lost") this.lose();
      throw error;
    }
  }
}

/** Made into text here, so that an output which is not JSON fails its own run and nobody else's. */
function wireOutput(output: unknown): Pick<SettleItem, "output" | "outputBase64"> {
  if (output instanceof Uint8Array) return { outputBase64: Buffer.from(output).toString("base64") };
  try {
    const text = JSON.stringify(output);
    return text === undefined ? {} : { output: JSON.parse(text) };
  } catch (error) {
    throw new DoNotRetry("The handler returned something that is not JSON.", { cause: error });
  }
}
