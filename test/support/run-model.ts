/**
 * The runs of a namespace in memory: what the engine promises, as simply as it can be said. Time stands still between
 * two commands, nothing happens at once, and every list is searched from its beginning.
 */
import { RHYTHM } from "../../server/config.ts";
import type { OverlapPolicy } from "../../server/core/gate.ts";
import { decideRetry, type RetryPolicy } from "../../server/core/retry.ts";
import { isEnded, MAX_LOST_LEASES, type RunState } from "../../server/core/run.ts";
import { AGING_STEP_MS, turnOf } from "../../server/core/turn.ts";
import type { Unique } from "../../server/core/unique.ts";

export interface ModelJob {
  retry: RetryPolicy;
  gate?: { capacity: number; overlap?: OverlapPolicy };
  /** So many at once with the same input. */
  perKey?: number;
  /** So many attempts begin in any interval. */
  rate?: { max: number; everyMs: number };
  /** By the whole input. */
  unique?: Unique;
}

/** One place at one gate: affinity and overlap keep it until the run ends, a limit only from claim to settle. */
interface Place {
  key: string;
  capacity: number;
  rank: number;
  counted: boolean;
  overlap: OverlapPolicy | undefined;
  rate?: ModelJob["rate"];
  state: "AWAY" | "AHEAD" | "LINE" | "TAKEN";
}

/** An attempt that a rate let in; it counts until it has begun for an interval. */
interface LetIn {
  run: ModelRun;
  fence: number;
  beganAt: number | null;
}

export interface ModelLease {
  id: string;
  runId: string;
  executor: number;
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
  affinity: string | undefined;
  /** JSON text. */
  input: string | null;
  /** JSON text that the last attempt left for the next. */
  checkpoint: string | null;
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
  input?: string | null;
  delayMs?: number | undefined;
  after?: string[];
  joins?: string[];
  affinity?: string | undefined;
  parent?: string;
}

export type Report = "succeeded" | "failed" | "released";
export type Answer = { status: "ok"; state: RunState; retryInMs?: number } | { status: "lost" };

const OUTCOME: Record<Report, string> = { succeeded: "SUCCEEDED", failed: "FAILED", released: "RELEASED" };

export class RunModel {
  readonly jobs: Record<string, ModelJob>;
  readonly timeoutMs: number;
  /** How many leases an executor may hold, by its id. */
  readonly capacities: Record<number, number>;
  now: number;
  readonly runs = new Map<string, ModelRun>();
  readonly leases: ModelLease[] = [];
  readonly keys = new Map<string, { asked: string; runId: string }>();
  /** The last run that throttled and debounced starts made, and until when it counts; by job and input. */
  readonly #latest = new Map<string, { run: ModelRun; until: number }>();
  /** Jobs by name, and runs by id. */
  readonly #paused = new Set<string>();
  #letIn: LetIn[] = [];
  /** How often what was counted. */
  readonly tally: Record<string, number> = {};

  constructor(given: Pick<RunModel, "jobs" | "timeoutMs" | "capacities" | "now">) {
    this.jobs = given.jobs;
    this.timeoutMs = given.timeoutMs;
    this.capacities = given.capacities;
    this.now = given.now;
  }

  get(id: string): ModelRun {
    const run = this.runs.get(id);
    if (!run) throw new Error(`the model knows no run ${id}`);
    return run;
  }

  /** The run that a start is answered with instead of making one; a debounced run is put off. */
  answer(asked: Omit<NewModelRun, "id">): ModelRun | null {
    const unique = this.jobs[asked.job]?.unique;
    const input = asked.input ?? null;
    if (unique?.kind === "singleton") return this.#live(asked.job, input);
    const latest = this.#latest.get(`${asked.job} ${input}`);
    if (!unique || !latest) return null;
    if (unique.kind === "throttle") return latest.until > this.now ? latest.run : null;
    const { run, until } = latest;
    if (run.state !== "WAITING" || run.wakeAt === null || run.fence > 0) return null;
    run.wakeAt = Math.min(this.now + unique.delayMs, Math.max(until, this.now));
    run.priority = asked.priority;
    run.affinity = asked.affinity;
    run.places = this.#placesOf(run);
    return run;
  }

  start(asked: NewModelRun): ModelRun {
    const run = this.#add(asked);
    this.#pass();
    return run;
  }

  #add(asked: NewModelRun): ModelRun {
    const unique = this.jobs[asked.job]?.unique;
    const delayMs = unique?.kind === "debounce" ? unique.delayMs : asked.delayMs;
    const run: ModelRun = {
      id: asked.id,
      job: asked.job,
      priority: asked.priority,
      affinity: asked.affinity,
      input: asked.input ?? null,
      checkpoint: null,
      state: "WAITING",
      wakeAt: delayMs ? this.now + delayMs : null,
      holds: new Map(),
      results: new Set(),
      places: [],
      readyAt: null,
      failures: 0,
      lost: 0,
      released: 0,
      fence: 0,
      lease: null,
      parent: asked.parent ?? null,
    };
    run.places = this.#placesOf(run);
    this.runs.set(run.id, run);
    if (unique && unique.kind !== "singleton") {
      const forMs = unique.kind === "throttle" ? unique.everyMs : (unique.maxWaitMs ?? Infinity);
      this.#latest.set(`${run.job} ${run.input}`, { run, until: this.now + forMs });
    }
    this.#count("STARTED");
    for (const id of asked.after ?? []) if (!this.#isOver(id)) run.holds.set(id, "AFTER");
    for (const id of asked.joins ?? []) this.#join(run, id);
    this.#enter(run);
    return run;
  }

  /** The runs that a claim gets, in order. */
  next(max: number, executor: number): ModelRun[] {
    const held = this.leases.filter((lease) => lease.over === null && lease.executor === executor).length;
    const room = (this.capacities[executor] ?? Infinity) - held;
    return [...this.runs.values()]
      .filter((run) => run.state === "READY")
      .sort(
        (a, b) => turnOf(a.readyAt ?? 0, a.priority) - turnOf(b.readyAt ?? 0, b.priority) || byId(a.id, b.id),
      )
      .slice(0, Math.min(max, room));
  }

  lend(run: ModelRun, leaseId: string, executor: number): void {
    run.state = "RUNNING";
    run.fence += 1;
    run.lease = {
      id: leaseId,
      runId: run.id,
      executor,
      startedAt: this.now,
      expiresAt: this.now + RHYTHM.leaseMs,
      cancelAt: null,
      staged: [],
      over: null,
    };
    this.leases.push(run.lease);
    if (this.jobs[run.job]?.rate) {
      this.#forget(run);
      this.#letIn.push({ run, fence: run.fence, beganAt: this.now });
    }
  }

  /** Time has passed: rates may let others in. */
  tick(): void {
    this.#pass();
  }

  /** Holds a job, by its name, or a run, by its id. */
  pause(what: string): void {
    this.#paused.add(what);
    this.#hold();
  }

  resume(what: string): void {
    this.#paused.delete(what);
    for (const run of this.runs.values()) if (run.job === what || run.id === what) this.#enter(run);
    this.#pass();
  }

  /** Nothing that is paused is ready, or has or wants a place that counts attempts. */
  #hold(): void {
    for (const run of this.runs.values()) {
      if (!this.#isPaused(run) || (run.state !== "READY" && run.state !== "WAITING")) continue;
      run.state = "WAITING";
      giveBack(run);
    }
    this.#pass();
  }

  #isPaused(run: ModelRun): boolean {
    return this.#paused.has(run.job) || this.#paused.has(run.id);
  }

  renew(lease: ModelLease, checkpoint?: string): { status: "ok"; cancel: boolean } | { status: "lost" } {
    if (lease.over || lease.expiresAt <= this.now) return { status: "lost" };
    this.#save(lease, checkpoint);
    lease.expiresAt = this.now + RHYTHM.leaseMs;
    return { status: "ok", cancel: lease.cancelAt !== null };
  }

  settle(
    lease: ModelLease,
    said: Report,
    { retry, retryAfterMs, checkpoint }: { retry?: boolean; retryAfterMs?: number; checkpoint?: string } = {},
  ): Answer {
    if (lease.over) {
      const { outcome, state, retryInMs } = lease.over;
      const same = outcome === OUTCOME[said] || outcome === "CANCELLED";
      if (!same) return { status: "lost" };
      return { status: "ok", state, ...(retryInMs === undefined ? {} : { retryInMs }) };
    }
    const run = this.get(lease.runId);
    this.#save(lease, checkpoint);
    if (lease.cancelAt !== null) this.#leave(run, lease, "CANCELLED", "CANCELLED");
    else if (said === "succeeded") this.#leave(run, lease, "SUCCEEDED", "SUCCEEDED");
    else if (said === "released") {
      run.released += 1;
      this.#leave(run, lease, "RELEASED", "READY");
    } else this.#fail(run, lease, "FAILED", retry, retryAfterMs);
    this.#pass();
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
    if (isEnded(run.state)) return null;
    this.#stop(run);
    this.#pass();
    return run.state;
  }

  /** Cancels the first `limit` of the runs of a job, or of all jobs. */
  cancelMany(job: string | undefined, states: RunState[] | undefined, limit: number) {
    const found = [...this.runs.values()]
      .filter((run) => !isEnded(run.state) && run.lease?.cancelAt == null)
      .filter((run) => (job ?? run.job) === run.job && (states?.includes(run.state) ?? true))
      .sort((a, b) => byId(a.id, b.id));
    const page = found.slice(0, limit);
    // They go together: none is told of another's end.
    for (const run of page) run.holds.clear();
    for (const run of page) this.#stop(run);
    this.#pass();
    const cursor = page.length === limit ? (page.at(-1)?.id ?? null) : null;
    return { matched: found.length, changed: page.length, cursor };
  }

  redrive(run: ModelRun, input: string | null = run.input): RunState | null {
    if (!isEnded(run.state) || run.state === "SUCCEEDED") return null;
    if (this.jobs[run.job]?.unique?.kind === "singleton" && this.#live(run.job, input)) return null;
    run.input = input;
    run.places = this.#placesOf(run);
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
    this.#pass();
    for (const run of this.runs.values()) {
      if (run.state !== "WAITING" || run.wakeAt === null || run.wakeAt > this.now) continue;
      run.wakeAt = null;
      this.#enter(run);
    }
    this.#pass();
    // Given back or lost under a pause, a run is ready until somebody looks.
    this.#hold();
    for (const id of this.#paused) {
      const run = this.runs.get(id);
      if (run && isEnded(run.state)) this.#paused.delete(id);
    }
  }

  #stop(run: ModelRun): void {
    if (run.lease) run.lease.cancelAt ??= this.now;
    else if (!isEnded(run.state)) this.#end(run, "CANCELLED");
  }

  /** What an attempt leaves for the next; `null` forgets it. */
  #save(lease: ModelLease, checkpoint: string | undefined): void {
    if (checkpoint !== undefined)
      this.get(lease.runId).checkpoint = checkpoint === "null" ? null : checkpoint;
  }

  #live(job: string, input: string | null): ModelRun | null {
    const alike = [...this.runs.values()].filter((run) => run.job === job && run.input === input);
    return alike.find((run) => !isEnded(run.state)) ?? null;
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
    giveBack(run);
    this.#leave(run, lease, outcome, "WAITING", decision.delayMs);
  }

  #leave(run: ModelRun, lease: ModelLease, outcome: string, to: RunState, retryInMs?: number): void {
    lease.over = { outcome, state: to, ...(retryInMs === undefined ? {} : { retryInMs }) };
    run.lease = null;
    if (isEnded(to)) {
      // Whoever waits for it stands in line when its places are free; those who join it find its children.
      for (const place of run.places) place.state = "AWAY";
      if (to === "SUCCEEDED") for (const call of lease.staged) this.#bear(run, call);
      this.#end(run, to);
    } else run.state = to;
  }

  #bear(parent: ModelRun, { runs, join, job }: ModelLease["staged"][number]): void {
    for (const id of runs) this.#add({ id, job, priority: 5, parent: parent.id });
    if (join !== null) this.#add({ id: join, job, priority: 5, joins: runs, parent: parent.id });
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
    if (run.state !== "WAITING" || run.wakeAt !== null || run.holds.size > 0 || this.#isPaused(run)) return;
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
        .sort((a, b) => byLine(a, b) || byId(a.run.id, b.run.id));
      for (const { run, place } of inLine) {
        if (run.state !== "WAITING" || place.state !== "LINE") continue;
        if (this.#taken(place) < place.capacity) {
          place.state = "TAKEN";
          if (place.rate) {
            this.#forget(run);
            this.#letIn.push({ run, fence: run.fence + 1, beganAt: null });
          }
          this.#goOn(run);
          moved = true;
        } else if (place.overlap === "SERIAL_DISCARD") {
          this.#end(run, "SKIPPED");
          moved = true;
        } else if (place.overlap === "SERIAL_REPLACE" && this.#replace(place.key)) {
          // Who waited for those that it stopped may stand before the next in this list.
          moved = true;
          break;
        }
      }
    }
  }

  #taken({ key, rate }: Place): number {
    const has = (run: ModelRun) => run.places.some((place) => place.key === key && place.state === "TAKEN");
    if (!rate) return [...this.runs.values()].filter(has).length;
    return this.#letIn
      .filter(({ run }) => run.places.some((place) => place.key === key))
      .filter(({ run, beganAt }) => (beganAt === null ? has(run) : beganAt > this.now - rate.everyMs)).length;
  }

  /** What was let in and did not begin. */
  #forget(run: ModelRun): void {
    this.#letIn = this.#letIn.filter((one) => one.run !== run || one.beganAt !== null);
  }

  /** To the next place; a paused run keeps its age in lines but asks for nothing that counts attempts. */
  #goOn(run: ModelRun): void {
    if (!this.#isPaused(run)) {
      this.#enter(run);
      return;
    }
    const next = run.places.find((place) => place.state !== "TAKEN");
    if (next && !next.counted) next.state = "LINE";
  }

  /** Of those in line only the newest stays; it goes on when those before it have stopped. True when one has. */
  #replace(key: string): boolean {
    const at = (run: ModelRun) => run.places.find((place) => place.key === key)?.state;
    const there = [...this.runs.values()].filter((run) => at(run) === "LINE" || at(run) === "TAKEN");
    const inLine = there.filter((run) => at(run) === "LINE").sort((a, b) => byId(a.id, b.id));
    const older = there.filter((run) => run !== inLine.at(-1));
    for (const run of older) this.#stop(run);
    return older.some((run) => isEnded(run.state));
  }

  #placesOf({ job, priority, affinity, input }: ModelRun): Place[] {
    const { gate, perKey, rate } = this.jobs[job] ?? {};
    const limit = (key: string, capacity: number, more: Partial<Place> = {}): Place => {
      return { key, capacity, rank: -priority, counted: true, overlap: undefined, state: "AWAY", ...more };
    };
    const places: Place[] = [];
    if (affinity !== undefined) places.push(limit(`affinity ${affinity}`, 1, { rank: 0, counted: false }));
    if (gate?.overlap) {
      const { capacity, overlap } = gate;
      const rank = overlap === "SERIAL_PRIORITY" ? -priority : 0;
      places.push(limit(`job ${job}`, capacity, { rank, counted: false, overlap }));
    }
    if (perKey !== undefined) places.push(limit(`key ${job} ${input}`, perKey));
    if (gate && !gate.overlap) places.push(limit(`job ${job}`, gate.capacity));
    if (rate) places.push(limit(`rate ${job}`, rate.max, { rate }));
    return places;
  }

  #isOver(id: string): boolean {
    return isEnded(this.get(id).state);
  }

  #count(what: string): void {
    this.tally[what] = (this.tally[what] ?? 0) + 1;
  }
}

/** Waiting for its retry, or paused: others may have what counts attempts. */
function giveBack({ places }: ModelRun): void {
  for (const place of places) if (place.counted && place.state !== "AWAY") place.state = "AHEAD";
}

interface InLine {
  run: { id: string };
  place: { rank: number };
}

/** Ids tell when a run was made, and a point of priority is worth an hour. */
function byLine(a: InLine, b: InLine): number {
  const turn = ({ run, place }: InLine) =>
    BigInt(run.id) + BigInt(place.rank) * (BigInt(AGING_STEP_MS) << 22n);
  return turn(a) < turn(b) ? -1 : turn(a) > turn(b) ? 1 : 0;
}

function byId(a: string, b: string): number {
  return BigInt(a) < BigInt(b) ? -1 : 1;
}
