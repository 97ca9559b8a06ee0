/**
 * The worker: keeps up to `concurrency` handlers busy, tells the control plane that it lives, and gives back what
 * it cannot finish. Runs come in by intake.ts, are worked on in attempt.ts and go back by settler.ts.
 */
import { Attempt, type Handler } from "./attempt.ts";
import { Client, ProtocolError } from "./client.ts";
import { WorkerStopping } from "./errors.ts";
import { describeEvent, type WorkerEvent } from "./events.ts";
import { currentLoad, Heartbeats } from "./heartbeats.ts";
import { Intake } from "./intake.ts";
import {
  checkedConcurrency,
  descriptionsOf,
  handlersOf,
  ownName,
  type StopOptions,
  type WorkerOptions,
} from "./options.ts";
import { createPersist, type Persist, pause } from "./persist.ts";
import type { Lease, SettleItem, SettleResult, TaskDescription } from "./protocol.ts";
import { Settler } from "./settler.ts";

/** Outcomes that may wait for a slow server before no more runs are taken. */
const UNSETTLED_MAX = 2_000;
/** How long handlers get to react to their signal when the drain time is over. */
const ABORT_GRACE_MS = 2_000;
/** How long a stopping worker tries to deliver its last outcomes and its leave. */
const GOODBYE_MS = 5_000;

/** Throws when the options make no sense; nothing is sent before `start`. */
export function createWorker(options: WorkerOptions): Worker {
  return new Worker(options);
}

export class Worker {
  readonly executor: string;
  readonly #options: WorkerOptions;
  readonly #concurrency: number;
  readonly #handlers: Map<string, Handler>;
  readonly #tasks: TaskDescription[];
  readonly #client: Client;
  readonly #persist: Persist;
  readonly #intake: Intake;
  readonly #settler: Settler;
  readonly #heartbeats: Heartbeats;
  /** Every lease that heartbeats name: at work, or finished and not yet answered. */
  readonly #held = new Map<string, Attempt>();
  /** Those of them whose handler is at work, with its end. */
  readonly #atWork = new Map<string, Promise<void>>();
  /** Aborted by `stop`: no more claims. */
  readonly #draining = new AbortController();
  /** Aborted when nothing more is worth sending. */
  readonly #closed = new AbortController();
  #started = false;
  #reachable = true;
  /** Somebody drains this executor: its polls bring nothing until that is lifted. */
  #drained = false;
  #stopped: Promise<void> | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#concurrency = checkedConcurrency(options.concurrency ?? 10);
    this.#handlers = handlersOf(options);
    this.#tasks = descriptionsOf(this.#handlers);
    this.executor = options.executor ?? ownName();
    this.#client = new Client({ ...options, connections: Math.min(128, this.#concurrency + 4) });
    this.#persist = createPersist({
      failed: (error, retryInMs) => this.#unreachable(error, retryInMs),
      answered: () => this.#answered(),
    });
    const { signal } = this.#closed;
    const parts = { client: this.#client, persist: this.#persist };
    this.#intake = new Intake({
      ...parts,
      signal: this.#draining.signal,
      claim: {
        executor: this.executor,
        ...(options.namespaces === undefined ? {} : { namespaces: options.namespaces }),
        groups: this.#groups,
        types: [...this.#handlers.keys()],
      },
      waitSeconds: options.waitSeconds ?? 30,
      free: () => (this.#settler.size > UNSETTLED_MAX ? 0 : this.#concurrency - this.#atWork.size),
      settling: () => this.#settler.size > 0,
      begin: (leases, late) => this.#begin(leases, late),
      drained: (drained) => this.#heard(drained),
      refused: (error) => this.#emit({ kind: "error", error }),
    });
    this.#settler = new Settler({
      ...parts,
      signal,
      claim: () => this.#intake.next(),
      claimed: (leases, tries) => this.#intake.arrived(leases, tries),
      settled: (item, result) => this.#settled(item, result),
      refused: (item, error) => this.#refused(item, error),
      idle: () => this.#intake.poll(),
    });
    this.#heartbeats = new Heartbeats({
      beat: () => this.#quietly(this.#persist(() => this.#beat(), signal)),
      leaseSeconds: () => Array.from(this.#held.values(), (attempt) => attempt.leaseSeconds),
    });
  }

  /** Handlers at work. */
  get running(): number {
    return this.#atWork.size;
  }

  /** Registers and begins to take runs. Waits for a server that is away; throws when it refuses this worker. */
  async start(): Promise<void> {
    const { signal } = this.#draining;
    await this.#persist(() => this.#register(signal).catch(rethrowRefusal), signal);
    this.#started = true;
    this.#emit({ kind: "started", executor: this.executor });
    this.#heartbeats.start();
    this.#intake.poll();
  }

  /**
   * Takes no more runs, waits for handlers up to the drain time, then aborts them and gives their runs back,
   * which costs no attempt. Resolves when the worker has left. Never rejects.
   */
  stop({ drainSeconds = 20 }: StopOptions = {}): Promise<void> {
    this.#stopped ??= this.#stop(drainSeconds * 1000);
    return this.#stopped;
  }

  async #stop(drainMs: number): Promise<void> {
    this.#draining.abort(new WorkerStopping());
    await this.#idleWithin(drainMs);
    for (const lease of this.#atWork.keys()) this.#held.get(lease)?.stop();
    await this.#idleWithin(ABORT_GRACE_MS);
    this.#giveBack([...this.#atWork.keys()]);
    await this.#goodbye();
    this.#emit({ kind: "stopped", unsettled: this.#held.size });
  }

  /** Resolves when no handler is at work any more, or when the time is over. */
  async #idleWithin(ms: number): Promise<void> {
    const idle = new AbortController();
    const timeIsOver = pause(ms, idle.signal).catch(() => undefined);
    await Promise.race([Promise.all(this.#atWork.values()), timeIsOver]);
    idle.abort();
  }

  #giveBack(leases: string[]): void {
    for (const lease of leases) {
      this.#held.get(lease)?.abandon();
      this.#settler.add({ lease, outcome: "released" });
    }
  }

  async #goodbye(): Promise<void> {
    const { signal } = this.#closed;
    const timer = setTimeout(() => this.#closed.abort(new WorkerStopping()), GOODBYE_MS);
    await this.#settler.flush();
    await this.#heartbeats.stop();
    if (this.#started) {
      await this.#quietly(this.#persist(() => this.#client.leave(this.executor, { signal }), signal));
    }
    clearTimeout(timer);
    this.#closed.abort(new WorkerStopping());
    await this.#client.close();
  }

  #register(signal: AbortSignal): Promise<void> {
    const { labels, maxLoad } = this.#options;
    return this.#client.register(
      this.executor,
      {
        groups: this.#groups,
        types: [...this.#handlers.keys()],
        capacity: this.#concurrency,
        countsItself: true,
        load: currentLoad(),
        ...(labels === undefined ? {} : { labels }),
        ...(maxLoad === undefined ? {} : { maxLoad }),
        ...(this.#tasks.length === 0 ? {} : { tasks: this.#tasks }),
      },
      { signal },
    );
  }

  get #groups(): string[] {
    return this.#options.groups ?? ["default"];
  }

  #begin(leases: Lease[], late: boolean): void {
    for (const lease of leases) {
      if (this.#held.has(lease.id)) continue;
      const { signal } = this.#draining;
      const attempt = new Attempt(lease, {
        client: this.#client,
        persist: this.#persist,
        emit: (event) => this.#emit(event),
      });
      this.#held.set(lease.id, attempt);
      if (signal.aborted) this.#giveBack([lease.id]);
      else this.#work(attempt);
    }
    if (late) this.#heartbeats.beat();
    else for (const { leaseSeconds } of leases) this.#heartbeats.expect(leaseSeconds);
  }

  #work(attempt: Attempt): void {
    const { lease } = attempt;
    this.#emit({ kind: "claimed", lease });
    const handler = this.#handlers.get(lease.type) ?? unknownType;
    // A handler begins when every lease of the answer is on the books, however long it keeps the event loop.
    const work = Promise.resolve().then(() => attempt.run(handler));
    this.#atWork.set(
      lease.id,
      work.then((item) => {
        this.#atWork.delete(lease.id);
        if (attempt.lost) this.#held.delete(lease.id);
        if (item !== undefined) this.#settler.add(item);
        this.#intake.poll();
      }),
    );
  }

  #settled(item: SettleItem, result: SettleResult): void {
    const attempt = this.#held.get(item.lease);
    if (attempt === undefined) return;
    this.#held.delete(item.lease);
    const { lease } = attempt;
    if (result.status === "lost") this.#emit({ kind: "lost", lease });
    else this.#emit({ kind: "settled", lease, outcome: item.outcome, result });
  }

  #refused(item: SettleItem, error: unknown): void {
    const attempt = this.#held.get(item.lease);
    // A worker that gives up on a silent server keeps the lease among the held: it counts as not delivered.
    if (attempt === undefined || this.#closed.signal.aborted) return;
    this.#held.delete(item.lease);
    this.#emit({ kind: "error", error, lease: attempt.lease });
  }

  async #beat(): Promise<void> {
    // Names what is held now, however long the server was away.
    const request = { executor: this.executor, leases: [...this.#held.keys()], load: currentLoad() };
    const answer = await this.#client.heartbeat(request, { signal: this.#closed.signal });
    this.#heard(answer.drain === true);
    for (const { lease, status, cancel, leaseSeconds } of answer.leases) {
      const attempt = this.#held.get(lease);
      // A lease that is being settled is over for good reason; its settle gets the final word.
      if (attempt === undefined || !this.#atWork.has(lease)) continue;
      if (status === "lost") attempt.lose();
      else attempt.renewed(leaseSeconds, cancel);
    }
  }

  #heard(drained: boolean): void {
    if (drained !== this.#drained) this.#emit({ kind: "drained", drained });
    this.#drained = drained;
  }

  #unreachable(error: Error, retryInMs: number): void {
    if (!this.#reachable) return;
    this.#reachable = false;
    this.#emit({ kind: "disconnected", error, retryInMs });
  }

  #answered(): void {
    if (this.#reachable) return;
    this.#reachable = true;
    this.#emit({ kind: "connected" });
    this.#heartbeats.beat();
    // Whoever answers now may have forgotten this executor, or never known it.
    const { signal } = this.#draining;
    if (this.#started) void this.#quietly(this.#persist(() => this.#register(signal), signal));
  }

  async #quietly(call: Promise<void>): Promise<void> {
    try {
      await call;
    } catch (error) {
      if (!(error instanceof WorkerStopping)) this.#emit({ kind: "error", error });
    }
  }

  #emit(event: WorkerEvent): void {
    try {
      (this.#options.onEvent ?? print)(event);
    } catch (error) {
      // A listener's mistake must not cost a run.
      process.emitWarning(error instanceof Error ? error : String(error));
    }
  }
}

/** A token that is refused later on may be mended; at the start it is a mistake that somebody wants to see. */
function rethrowRefusal(error: unknown): never {
  if (error instanceof ProtocolError && (error.status === 401 || error.status === 403)) {
    throw new Error(`The server refused this worker: ${error.message}`, { cause: error });
  }
  throw error;
}

function unknownType(_input: unknown, { lease }: { lease: Lease }): never {
  throw new Error(`This worker has no handler for type ${lease.type}.`);
}

function print(event: WorkerEvent): void {
  const line = describeEvent(event);
  if (line !== undefined) process.stderr.write(`escapement: ${line}\n`);
}
