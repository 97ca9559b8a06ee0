/**
 * The runs of a namespace in memory: what the engine promises, as simply as it can be said. Time stands still between
 * two commands, nothing happens at once, and every list is searched from its beginning.
 */
import { RHYTHM } from "../../server/config.ts";
import { decideRetry, type RetryPolicy } from "../../server/core/retry.ts";
import { MAX_LOST_LEASES, type RunState } from "../../server/core/run.ts";

export interface ModelJob {
  retry: RetryPolicy;
  gate?: { capacity: number; overlap?: "SERIAL_WAIT" | "SERIAL_DISCARD" };
}

/** One place at one gate: affinity and overlap keep it until the run ends, a limit only from claim to settle. */
interface Place {
  key: string;
  capacity: number;
  rank: number;
  counted: boolean;
  discards: boolean;
  state: "AWAY" | "AHEAD" | "LINE" | "TAKEN";
}

export interface ModelLease {
  id: string;
  runId: string;
  startedAt: number;
  expiresAt: number;
  cancelAt: number | null;
  staged: { runs: string[]; join: string | null; job: string }[];
  /** How it ended, and what whoever ended it was told. */
  over: { outcome: string; state: RunState; retryInMs?: number } | null;
}

export interface ModelRun {
  id: string;
  job: string;
  priority: number;
  state: RunState;
  wakeAt: number | null;
  /** Runs that it waits for. */
  holds: Map<string, "AFTER" | "JOIN">;
  /** What a join is given. */
  results: Set<string>;
  places: Place[];
  readyAt: number | null;
  failures: number;
  lost: number;
  released: number;
  fence: number;
  lease: ModelLease | null;
  parent: string | null;
}

export interface NewModelRun {
  id: string;
  job: string;
  priority: number;
  delayMs?: number | undefined;
  after?: string[];
  joins?: string[];
  affinity?: string | undefined;
  parent?: string;
}

export type Report = "succeeded" | "failed" | "released";
export type Answer = { status: "ok"; state: RunState; retryInMs?: number } | { status: "lost" };

const ENDED: RunState[] = ["SUCCEEDED", "FAILED", "CANCELLED", "SKIPPED"];
const OUTCOME: Record<Report, string> = { succeeded: "SUCCEEDED", failed: "FAILED", released: "RELEASED" };

export class RunModel {
  readonly jobs: Record<string, ModelJob>;
  readonly timeoutMs: number;
  now: number;
  readonly runs = new Map<string, ModelRun>();
  readonly leases: ModelLease[] = [];
  readonly keys = new Map<string, { asked: string; runId: string }>();
  /** How often what was counted. */
  readonly tally: Record<string, number> = {};

  constructor(jobs: Record<string, ModelJob>, timeoutMs: number, now: number) {
    this.jobs = jobs;
    this.timeoutMs = timeoutMs;
    this.now = now;
  }

  get(id: string): ModelRun {
    const run = this.runs.get(id);
    if (!run) throw new Error(`the model knows no run ${id}`);
    return run;
  }

  start(asked: NewModelRun): ModelRun {
    const run: ModelRun = {
      id: asked.id,
      job: asked.job,
      priority: asked.priority,
      state: "WAITING",
      wakeAt: asked.delayMs ? this.now + asked.delayMs : null,
      holds: new Map(),
      results: new Set(),
      places: this.#placesOf(asked),
      readyAt: null,
      failures: 0,
      lost: 0,
      released: 0,
      fence: 0,
      lease: null,
      parent: asked.parent ?? null,
    };
    this.runs.set(run.id, run);
    this.#count("STARTED");
    for (const id of asked.after ?? []) if (!this.#isOver(id)) run.holds.set(id, "AFTER");
    for (const id of asked.joins ?? []) this.#join(run, id);
    this.#enter(run);
    this.#pass();
    return run;
  }

  /** The runs that a claim gets, in order. */
  next(max: number): ModelRun[] {
    return [...this.runs.values()]
      .filter((run) => run.state === "READY")
      .sort((a, b) => b.priority - a.priority || (a.readyAt ?? 0) - (b.readyAt ?? 0) || byId(a.id, b.id))
      .slice(0, max);
  }

  lend(run: ModelRun, leaseId: string): void {
    run.state = "RUNNING";
    run.fence += 1;
    run.lease = {
      id: leaseId,
      runId: run.id,
      startedAt: this.now,
      expiresAt: this.now + RHYTHM.leaseMs,
      cancelAt: null,
      staged: [],
      over: null,
    };
    this.leases.push(run.lease);
  }

  renew(lease: ModelLease): { status: "ok"; cancel: boolean } | { status: "lost" } {
    if (lease.over || lease.expiresAt <= this.now) return { status: "lost" };
    lease.expiresAt = this.now + RHYTHM.leaseMs;
    return { status: "ok", cancel: lease.cancelAt !== null };
  }

  settle(lease: ModelLease, said: Report, retry?: boolean, retryAfterMs?: number): Answer {
    if (lease.over) {
      const { outcome, state, retryInMs } = lease.over;
      const same = outcome === OUTCOME[said] || outcome === "CANCELLED";
      if (!same) return { status: "lost" };
      return { status: "ok", state, ...(retryInMs === undefined ? {} : { retryInMs }) };
    }
    const run = this.get(lease.runId);
    if (lease.cancelAt !== null) this.#leave(run, lease, "CANCELLED", "CANCELLED");
    else if (said === "succeeded") this.#leave(run, lease, "SUCCEEDED", "SUCCEEDED");
    else if (said === "released") {
      run.released += 1;
      this.#leave(run, lease, "RELEASED", "READY");
    } else this.#fail(run, lease, "FAILED", retry, retryAfterMs);
    return this.settle(lease, said);
  }

  /** The SQLSTATE that `escapement.complete` raises, or null. */
  complete(lease: ModelLease): string | null {
    if (lease.over) return lease.over.outcome === "SUCCEEDED" ? "S0009" : "S0002";
    if (lease.cancelAt !== null) return "S0008";
    this.settle(lease, "succeeded");
    return null;
  }

  /** The state after it, or null where there is nothing to cancel any more. */
  cancel(run: ModelRun): RunState | null {
    if (ENDED.includes(run.state)) return null;
    if (run.lease) run.lease.cancelAt ??= this.now;
    else this.#end(run, "CANCELLED");
    this.#pass();
    return run.state;
  }

  redrive(run: ModelRun): RunState | null {
    if (!ENDED.includes(run.state) || run.state === "SUCCEEDED") return null;
    Object.assign(run, { state: "WAITING", failures: 0, lost: 0, readyAt: null });
    this.#enter(run);
    this.#pass();
    return run.state;
  }

  /** What the loops do now: take away overdue leases, release what is due. */
  sweep(): void {
    for (const lease of this.leases) {
      if (lease.over) continue;
      const run = this.get(lease.runId);
      const timedOut = lease.startedAt + this.timeoutMs <= this.now;
      const stuck = lease.cancelAt !== null && lease.cancelAt + RHYTHM.cancelGraceMs <= this.now;
      if (!timedOut && !stuck && lease.expiresAt > this.now) continue;
      const outcome = timedOut ? "TIMED_OUT" : "LOST";
      if (lease.cancelAt !== null) {
        // Each attempt counts as what ended it.
        if (timedOut) run.failures += 1;
        else run.lost += 1;
        this.#leave(run, lease, outcome, "CANCELLED");
      } else if (timedOut) this.#fail(run, lease, outcome);
      else {
        run.lost += 1;
        this.#leave(run, lease, outcome, run.lost < MAX_LOST_LEASES ? "READY" : "FAILED");
      }
    }
    for (const run of this.runs.values()) {
      if (run.state !== "WAITING" || run.wakeAt === null || run.wakeAt > this.now) continue;
      run.wakeAt = null;
      this.#enter(run);
    }
    this.#pass();
  }

  #fail(run: ModelRun, lease: ModelLease, outcome: string, retry?: boolean, retryAfterMs?: number): void {
    const { retry: policy } = this.jobs[run.job] as ModelJob;
    run.failures += 1;
    const decision = decideRetry(policy, {
      failures: run.failures,
      elapsedMs: 0,
      retryRequested: retry,
      retryAfterMs,
      random: 0.5,
    });
    if (!decision.retry) {
      this.#leave(run, lease, outcome, "FAILED");
      return;
    }
    run.wakeAt = this.now + decision.delayMs;
    for (const place of run.places) if (place.counted) place.state = "AHEAD";
    this.#leave(run, lease, outcome, "WAITING", decision.delayMs);
  }

  #leave(run: ModelRun, lease: ModelLease, outcome: string, to: RunState, retryInMs?: number): void {
    lease.over = { outcome, state: to, ...(retryInMs === undefined ? {} : { retryInMs }) };
    run.lease = null;
    if (ENDED.includes(to)) {
      // Its children find its places free, and those who join it find its children.
      for (const place of run.places) place.state = "AWAY";
      if (to === "SUCCEEDED") for (const call of lease.staged) this.#bear(run, call);
      this.#end(run, to);
    } else run.state = to;
    this.#pass();
  }

  #bear(parent: ModelRun, { runs, join, job }: ModelLease["staged"][number]): void {
    for (const id of runs) this.start({ id, job, priority: 5, parent: parent.id });
    if (join !== null) this.start({ id: join, job, priority: 5, joins: runs, parent: parent.id });
  }

  #end(run: ModelRun, state: RunState): void {
    run.state = state;
    run.wakeAt = null;
    run.holds.clear();
    this.#count(state);
    for (const place of run.places) place.state = "AWAY";
    for (const waiter of this.runs.values()) {
      const kind = waiter.holds.get(run.id);
      if (kind === undefined) continue;
      waiter.holds.delete(run.id);
      if (kind === "JOIN") this.#join(waiter, run.id);
      this.#enter(waiter);
    }
  }

  /** A join waits for a run and, when that has ended, for all that it started. */
  #join(waiter: ModelRun, id: string): void {
    if (!this.#isOver(id)) {
      waiter.holds.set(id, "JOIN");
      return;
    }
    waiter.results.add(id);
    for (const child of this.runs.values()) {
      if (child.parent === id && child.id !== waiter.id) this.#join(waiter, child.id);
    }
  }

  /** Nothing but gates holds it any more: it goes to the first that it has no place at. */
  #enter(run: ModelRun): void {
    if (run.state !== "WAITING" || run.wakeAt !== null || run.holds.size > 0) return;
    for (const place of run.places) if (place.state === "AWAY") place.state = "AHEAD";
    const next = run.places.find((place) => place.state !== "TAKEN");
    if (next) next.state = "LINE";
    else this.#makeReady(run);
  }

  #makeReady(run: ModelRun): void {
    run.state = "READY";
    run.readyAt = this.now;
  }

  /** Lets in whom there is room for, until nobody moves. */
  #pass(): void {
    for (let moved = true; moved; ) {
      moved = false;
      const inLine = [...this.runs.values()]
        .flatMap((run) => run.places.map((place) => ({ run, place })))
        .filter(({ place }) => place.state === "LINE")
        .sort((a, b) => a.place.rank - b.place.rank || byId(a.run.id, b.run.id));
      for (const { run, place } of inLine) {
        if (run.state !== "WAITING" || place.state !== "LINE") continue;
        const taken = [...this.runs.values()].filter((other) =>
          other.places.some(({ key, state }) => key === place.key && state === "TAKEN"),
        ).length;
        if (taken < place.capacity) {
          place.state = "TAKEN";
          this.#enter(run);
        } else if (place.discards) this.#end(run, "SKIPPED");
        else continue;
        moved = true;
      }
    }
  }

  #placesOf({ job, priority, affinity }: NewModelRun): Place[] {
    const gate = this.jobs[job]?.gate;
    const places: Place[] = [];
    if (affinity !== undefined) {
      places.push({
        key: `affinity ${affinity}`,
        capacity: 1,
        rank: 0,
        counted: false,
        discards: false,
        state: "AWAY",
      });
    }
    if (gate) {
      places.push({
        key: `job ${job}`,
        capacity: gate.capacity,
        rank: gate.overlap ? 0 : -priority,
        counted: gate.overlap === undefined,
        discards: gate.overlap === "SERIAL_DISCARD",
        state: "AWAY",
      });
    }
    return places;
  }

  #isOver(id: string): boolean {
    return ENDED.includes(this.get(id).state);
  }

  #count(what: string): void {
    this.tally[what] = (this.tally[what] ?? 0) + 1;
  }
}

function byId(a: string, b: string): number {
  return BigInt(a) < BigInt(b) ? -1 : 1;
}
