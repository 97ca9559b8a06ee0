/**
 * The engine against a model of it: random histories of commands, each answered and left behind as the model says.
 * The clock is the test's own, so a history that fails is found again and made smaller. To look further than the tests
 * do: FC_SEED, FC_RUNS (how many histories) and FC_MS (for how long at most).
 */
import fc from "fast-check";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { isEnded, type RunState } from "../../server/core/run.ts";
import { AGING_STEP_MS } from "../../server/core/turn.ts";
import { announceForeign } from "../../server/engine/announce.ts";
import type { StartItem } from "../../server/engine/engine.ts";
import { expire } from "../../server/engine/expire.ts";
import { releaseDue, repairHolds } from "../../server/engine/release.ts";
import { createJob, type JobInput } from "../../server/store/job-changes.ts";
import { openTestEngine, type TestEngine } from "../support/engine.ts";
import { type ModelLease, type ModelRun, type Report, RunModel } from "../support/run-model.ts";

const TIMEOUT_MS = 60_000;
const FIXED = { kind: "fixed", delayMs: 10_000, max: 2 } as const;
const JOBS: Record<string, { input: Omit<JobInput, "name" | "type">; model: RunModel["jobs"][string] }> = {
  once: { input: { retry: { off: true } }, model: { retry: { kind: "off" } } },
  retried: { input: {}, model: { retry: FIXED } },
  serial: {
    input: { overlap: "SERIAL_WAIT" },
    model: { retry: FIXED, gate: { capacity: 1, overlap: "SERIAL_WAIT" } },
  },
  urgent: {
    input: { overlap: "SERIAL_PRIORITY" },
    model: { retry: FIXED, gate: { capacity: 1, overlap: "SERIAL_PRIORITY" } },
  },
  newest: {
    input: { overlap: "SERIAL_REPLACE" },
    model: { retry: FIXED, gate: { capacity: 1, overlap: "SERIAL_REPLACE" } },
  },
  alone: {
    input: { overlap: "SERIAL_DISCARD" },
    model: { retry: FIXED, gate: { capacity: 1, overlap: "SERIAL_DISCARD" } },
  },
  keyed: {
    input: { maxParallel: 2, maxParallelPerKey: { key: "input", max: 1 } },
    model: { retry: FIXED, gate: { capacity: 2 }, perKey: 1 },
  },
  rated: {
    input: { rate: { max: 2, every: "PT15S" } },
    model: { retry: FIXED, rate: { max: 2, everyMs: 15_000 } },
  },
  pair: { input: { maxParallel: 2 }, model: { retry: FIXED, gate: { capacity: 2 } } },
  single: {
    input: { unique: { singleton: { key: "input" } } },
    model: { retry: FIXED, unique: { kind: "singleton", key: "input" } },
  },
  throttled: {
    input: { unique: { throttle: { key: "input", every: "PT20S" } } },
    model: { retry: FIXED, unique: { kind: "throttle", key: "input", everyMs: 20_000 } },
  },
  debounced: {
    input: { maxParallel: 1, unique: { debounce: { key: "input", delay: "PT10S", maxWait: "PT25S" } } },
    model: {
      retry: FIXED,
      gate: { capacity: 1 },
      unique: { kind: "debounce", key: "input", delayMs: 10_000, maxWaitMs: 25_000 },
    },
  },
};
const JOB_NAMES = Object.keys(JOBS);
/** Those that start without an input, and that a run can start from within its own transaction. */
const FREE_JOBS = JOB_NAMES.filter((name) => {
  const { unique, perKey } = JOBS[name]?.model ?? {};
  return unique === undefined && perKey === undefined;
});
/** Executors by id; those named here have a capacity. */
const CAPACITIES: Record<number, number> = { 2: 2 };

/** The engine, and the connection of a worker that completes its leases itself. */
interface Real {
  t: TestEngine & { url: string };
  worker: postgres.Sql;
}
let real: Real;

beforeAll(async () => {
  const t = await openTestEngine();
  await t.sql`create table public.virtual_clock (at timestamptz(3) not null)`;
  await t.sql`insert into public.virtual_clock values (now())`;
  await t.sql`create or replace function escapement.clock() returns timestamptz language sql volatile
    as 'select at from public.virtual_clock'`;
  for (const [name, { input }] of Object.entries(JOBS)) {
    await createJob({ sql: t.sql, catalog: t.context.catalog, channel: t.context.channel }, 1, {
      retry: { fixed: { delay: "PT10S", max: 2 } },
      timeout: "PT60S",
      name,
      type: name,
      ...input,
    });
  }
  for (const [id, capacity] of Object.entries(CAPACITIES)) {
    await t.sql`
      insert into escapement.executor (id, namespace_id, name, groups, capacity) overriding system value
      values (${id}, 1, ${`capped-${id}`}, '{default}', ${capacity})`;
    await t.sql`insert into escapement.seat (executor_id) values (${id})`;
  }
  await t.context.catalog.refreshQueues();
  real = { t, worker: postgres(t.url, { max: 1, onnotice: () => {} }) };
});
afterAll(async () => {
  expect(real.t.gateErrors).toEqual([]);
  await real.worker.end();
  await real.t.close();
});

/** Gates are worked at behind the answers, and what they end may lead to more: each round waits for one such step. */
const settled = async ({ t }: Real) => {
  for (let round = 0; round < 6; round++) await t.context.gates.work({ gates: [{ gateId: 0, key: "" }] });
};
const codeOf = (promise: Promise<unknown>): Promise<string | null> =>
  promise.then(
    () => null,
    (error: { code: string }) => error.code,
  );
const pick = <T>(list: T[], at: number): T | undefined =>
  list.length === 0 ? undefined : list[at % list.length];
const runAt = (model: RunModel, at: number): ModelRun | undefined => pick([...model.runs.values()], at);
/** Later ones are more interesting, as long as they are held. */
const leaseAt = (model: RunModel, at: number): ModelLease | undefined => {
  const held = model.leases.filter((lease) => lease.over === null);
  return at % 5 === 0 || held.length === 0 ? pick(model.leases, at) : pick(held, at);
};

abstract class Command implements fc.AsyncCommand<RunModel, Real> {
  abstract readonly says: string;
  abstract act(model: RunModel, real: Real): Promise<void>;
  check(_: RunModel): boolean {
    return true;
  }
  async run(model: RunModel, on: Real): Promise<void> {
    await this.act(model, on);
    await settled(on);
    await compare(model, on);
  }
  toString(): string {
    return this.says;
  }
}

interface Asked {
  job: string;
  priority: number;
  input: string;
  delayMs?: number | undefined;
  key?: string | undefined;
  affinity?: string | undefined;
  after: number[];
  joins: number[];
}

class Start extends Command {
  readonly says: string;
  readonly asked: Asked;
  constructor(asked: Asked) {
    super();
    this.asked = asked;
    this.says = `start(${JSON.stringify(asked)})`;
  }
  async act(model: RunModel, { t }: Real) {
    const { job, priority, input, delayMs, key, affinity } = this.asked;
    const idsOf = (places: number[]) => [...new Set(places.flatMap((at) => runAt(model, at)?.id ?? []))];
    const [after, joins] = [idsOf(this.asked.after), idsOf(this.asked.joins)];
    const item: StartItem = {
      namespace: "default",
      job,
      priority,
      input,
      delayMs: delayMs ?? null,
      idempotencyKey: key ?? null,
      affinity: affinity === undefined ? null : { group: "customer", key: affinity },
      after,
      joins: joins.filter((id) => !after.includes(id)),
    };
    const asked = JSON.stringify(item);
    const known = key === undefined ? undefined : model.keys.get(key);
    if (known && known.asked !== asked) {
      expect(await codeOf(t.engine.start([item]))).toBe("CONFLICT");
      return;
    }
    const [run] = await t.engine.start([item]);
    const { id = "", state } = run ?? {};
    const wanted = { job, priority, input, delayMs, after, joins: item.joins ?? [], affinity };
    const there = known ? model.get(known.runId) : model.answer(wanted);
    if (there) expect(id).toBe(there.id);
    else model.start({ ...wanted, id });
    if (key !== undefined) model.keys.set(key, { asked, runId: id });
    // A join of runs that have ended, or one that replaces others, is let go after it was started.
    const late = !there && (joins.length > 0 || job === "newest");
    expect([model.get(id).state, ...(late ? ["WAITING"] : [])]).toContain(state);
  }
}

class StartInSql extends Command {
  readonly says: string;
  readonly asked: Pick<Asked, "job" | "priority" | "after">;
  constructor(asked: Pick<Asked, "job" | "priority" | "after">) {
    super();
    this.asked = asked;
    this.says = `startInSql(${JSON.stringify(asked)})`;
  }
  async act(model: RunModel, { t, worker }: Real) {
    const { job, priority } = this.asked;
    const after = [...new Set(this.asked.after.flatMap((at) => runAt(model, at)?.id ?? []))];
    const [row] = await worker`
      select escapement.start_run('default', ${job}, null, ${worker.json({ priority, after })})::text as id`;
    await announceForeign(t.context);
    model.start({ id: row?.id, job, priority, after });
    await readWhole(t);
  }
}

class Claim extends Command {
  readonly says: string;
  readonly max: number;
  readonly executor: number;
  constructor(max: number, executor: number) {
    super();
    this.max = max;
    this.executor = executor;
    this.says = `claim(${max}, ${executor})`;
  }
  async act(model: RunModel, { t }: Real) {
    const { max, executor: executorId } = this;
    const wanted = model.next(max, executorId);
    const executor = { name: `capped-${executorId}`, labels: {}, capacity: CAPACITIES[executorId] ?? null };
    const leases = await t.engine.claim({ namespaceId: 1, executorId, executor, groups: ["default"], max });
    expect(leases.map((lease) => lease.runId)).toEqual(wanted.map((run) => run.id));
    for (const lease of leases) {
      const run = model.get(lease.runId);
      model.lend(run, lease.leaseId, executorId);
      expect([lease.fence, lease.attempt]).toEqual([run.fence, run.fence - run.released]);
      expect([lease.input, lease.checkpoint]).toEqual([run.input, run.checkpoint]);
    }
  }
}

class Settle extends Command {
  readonly says: string;
  readonly at: number;
  readonly report: Report;
  readonly more: { retry?: boolean; retryAfterMs?: number; checkpoint?: string };
  constructor(at: number, report: Report, more: Settle["more"] = {}) {
    super();
    this.at = at;
    this.report = report;
    this.more = more;
    this.says = `settle(${at}, ${report}, ${JSON.stringify(more)})`;
  }
  override check = (model: RunModel) => model.leases.length > 0;
  async act(model: RunModel, { t }: Real) {
    const lease = leaseAt(model, this.at) as ModelLease;
    const { report: outcome, more } = this;
    const error = outcome === "failed" ? { error: { message: "no" } } : {};
    const [answer] = await t.engine.settle([{ leaseId: lease.id, outcome, ...more, ...error }]);
    expect(answer).toEqual(model.settle(lease, outcome, more));
  }
}

class CompleteInSql extends Command {
  readonly says: string;
  readonly at: number;
  constructor(at: number) {
    super();
    this.at = at;
    this.says = `completeInSql(${at})`;
  }
  override check = (model: RunModel) => model.leases.length > 0;
  async act(model: RunModel, { t, worker }: Real) {
    const lease = leaseAt(model, this.at) as ModelLease;
    expect(await codeOf(worker`select escapement.complete(${lease.id}, '1')`)).toBe(model.complete(lease));
    await announceForeign(t.context);
  }
}

class Renew extends Command {
  readonly says: string;
  readonly at: number;
  readonly checkpoint: string | undefined;
  constructor(at: number, checkpoint: string | undefined) {
    super();
    this.at = at;
    this.checkpoint = checkpoint;
    this.says = `renew(${at}, ${checkpoint})`;
  }
  override check = (model: RunModel) => model.leases.length > 0;
  async act(model: RunModel, { t }: Real) {
    const { checkpoint } = this;
    const lease = leaseAt(model, this.at) as ModelLease;
    const [answer] = await t.engine.renew([{ leaseId: lease.id, checkpoint }]);
    expect(answer).toMatchObject(model.renew(lease, checkpoint));
  }
}

class Stage extends Command {
  readonly says: string;
  readonly at: number;
  readonly job: string;
  readonly children: number;
  readonly join: boolean;
  constructor(at: number, job: string, children: number, join: boolean) {
    super();
    this.at = at;
    this.job = job;
    this.children = children;
    this.join = join;
    this.says = `stage(${[at, job, children, join].join()})`;
  }
  override check = (model: RunModel) => model.leases.length > 0;
  async act(model: RunModel, real: Real) {
    // Ids tell the time, and children are younger than their parents.
    await advance(model, real, 1);
    const lease = leaseAt(model, this.at) as ModelLease;
    const item = { namespace: "default", job: this.job };
    const asked = real.t.engine.startChildren(lease.id, {
      runs: new Array(this.children).fill(item),
      join: this.join ? item : undefined,
      now: false,
    });
    if (lease.over) {
      await expect(asked).rejects.toMatchObject({ name: "LeaseLost" });
      return;
    }
    const { runs, join = null } = await asked;
    lease.staged.push({ runs, join, job: this.job });
  }
}

class Cancel extends Command {
  readonly says: string;
  readonly at: number;
  constructor(at: number) {
    super();
    this.at = at;
    this.says = `cancel(${at})`;
  }
  override check = (model: RunModel) => model.runs.size > 0;
  async act(model: RunModel, { t }: Real) {
    const run = runAt(model, this.at) as ModelRun;
    const answer = await t.engine.cancel(run.id, null).then(
      ({ state }) => state,
      (error: { code: string }) => error.code,
    );
    expect(answer).toBe(model.cancel(run) ?? "ILLEGAL_STATE");
  }
}

class CancelMany extends Command {
  readonly says: string;
  readonly job: string | undefined;
  readonly states: RunState[] | undefined;
  readonly limit: number;
  constructor(job: string | undefined, states: RunState[] | undefined, limit: number) {
    super();
    this.job = job;
    this.states = states;
    this.limit = limit;
    this.says = `cancelMany(${job}, ${states}, ${limit})`;
  }
  async act(model: RunModel, { t }: Real) {
    const { job, states, limit } = this;
    const answer = await t.engine.cancelRuns({ namespaceId: 1, filter: { job, states } }, null, { limit });
    expect(answer).toEqual(model.cancelMany(job, states, limit));
  }
}

class Redrive extends Command {
  readonly says: string;
  readonly at: number;
  readonly input: string | undefined;
  constructor(at: number, input: string | undefined) {
    super();
    this.at = at;
    this.input = input;
    this.says = `redrive(${at}, ${input})`;
  }
  override check = (model: RunModel) => model.runs.size > 0;
  async act(model: RunModel, { t }: Real) {
    const { input } = this;
    const ended = [...model.runs.values()].filter(({ state }) => isEnded(state));
    const run = pick(ended, this.at) ?? (runAt(model, this.at) as ModelRun);
    const asked = input === undefined ? {} : { input: { json: input, bytes: null } };
    const answer = await t.engine.redrive(run.id, asked).then(
      ({ state }) => state,
      (error: { code: string }) => error.code,
    );
    const expected = model.redrive(run, input) ?? "ILLEGAL_STATE";
    // Whether a discarded one is SKIPPED again when the answer is made is a matter of the moment.
    expect(answer === "WAITING" ? expected : answer).toBe(expected);
  }
}

/** Holds a job or a run, or lets it go on. */
class Pause extends Command {
  readonly says: string;
  readonly what: string | number;
  readonly on: boolean;
  constructor(what: string | number, on: boolean) {
    super();
    this.what = what;
    this.on = on;
    this.says = `${on ? "pause" : "resume"}(${what})`;
  }
  override check = (model: RunModel) => typeof this.what === "string" || model.runs.size > 0;
  async act(model: RunModel, { t }: Real) {
    const { what, on } = this;
    if (typeof what === "string") {
      const [job] = await t.sql<{ id: number }[]>`select id from escapement.job where name = ${what}`;
      const scope = { namespaceId: 1, kind: "JOB" as const, target: String(job?.id) };
      await (on ? t.engine.pause(scope, "ada", null) : t.engine.resume(scope));
      if (on) model.pause(what);
      else model.resume(what);
      return;
    }
    const { id, state } = runAt(model, what) as ModelRun;
    const refused = on && isEnded(state) ? "ILLEGAL_STATE" : null;
    expect(await codeOf(on ? t.engine.suspendRun(id, "ada", null) : t.engine.resumeRun(id))).toBe(refused);
    if (refused !== null) return;
    if (on) model.pause(id);
    else model.resume(id);
  }
}

/** Time passes, and the loops of the server do what has become due. */
class Advance extends Command {
  readonly says: string;
  readonly ms: number;
  readonly sweep: boolean;
  constructor(ms: number, sweep: boolean) {
    super();
    this.ms = ms;
    this.sweep = sweep;
    this.says = `advance(${ms}${sweep ? ", sweep" : ""})`;
  }
  async act(model: RunModel, on: Real) {
    await advance(model, on, this.ms);
    if (!this.sweep) return;
    const { t } = on;
    await expire(t.context, await t.lead());
    await settled(on);
    await releaseDue(t.context);
    await announceForeign(t.context);
    await repairHolds(t.context);
    await t.context.gates.repair();
    model.sweep();
  }
}

async function advance(model: RunModel, { t }: Real, ms: number): Promise<void> {
  model.now += ms;
  await t.sql`update public.virtual_clock set at = ${new Date(model.now)}`;
  await readWhole(t);
  await t.context.gates.releaseRated();
  model.tick();
}

/** Claims read everything again, as they do once a second of real time. */
async function readWhole({ sql, context }: TestEngine): Promise<void> {
  for (const { id } of await sql<{ id: number }[]>`select id from escapement.queue`) context.floors.lower(id);
}

/** Every run is as the model has it, and the invariants of drizzle/README.md hold. */
async function compare(model: RunModel, { t }: Real): Promise<void> {
  const rows = await t.sql`
    select id, state, priority, wake_at as "wakeAt", ready_at as "readyAt", failures, lost, released, fence,
      parent_id as parent, expires_at as "expiresAt", cancel_at as "cancelAt",
      array(select on_run_id::text || ' ' || kind from escapement.dependency d where d.run_id = r.id order by 1) as holds,
      array(select j.run_id::text from escapement.joined j where j.join_id = r.id order by 1) as results,
      array(select state from escapement.place p where p.run_id = r.id order by stage) as places,
      exists (select from escapement.dead_letter d where d.run_id = r.id) as dead
    from escapement.run r order by id`;
  const ms = (value: Date | null) => value?.getTime() ?? null;
  const found = rows.map((row) => ({
    ...row,
    wakeAt: ms(row.wakeAt),
    readyAt: row.state === "READY" || row.state === "RUNNING" ? ms(row.readyAt) : null,
    expiresAt: ms(row.expiresAt),
    cancelAt: ms(row.cancelAt),
  }));
  const expected = [...model.runs.values()]
    .sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1))
    .map((run) => ({
      id: run.id,
      state: run.state,
      priority: run.priority,
      wakeAt: run.wakeAt,
      readyAt: run.state === "READY" || run.state === "RUNNING" ? run.readyAt : null,
      failures: run.failures,
      lost: run.lost,
      released: run.released,
      fence: run.fence,
      parent: run.parent,
      expiresAt: run.lease?.expiresAt ?? null,
      cancelAt: run.lease?.cancelAt ?? null,
      holds: [...run.holds].map(([id, kind]) => `${id} ${kind}`).sort(),
      results: [...run.results].sort(),
      places: run.places.filter(({ state }) => state !== "AWAY").map(({ state }) => state),
      dead: run.state === "FAILED",
    }));
  expect(found).toEqual(expected);
  const counts = await t.sql<{ what: string; n: number }[]>`
    select what, sum(count)::int as n from escapement.tally group by 1`;
  expect(Object.fromEntries(counts.map(({ what, n }) => [what, n]))).toEqual(model.tally);
  for (const [invariant, query] of Object.entries(INVARIANTS)) {
    expect([...(await t.sql.unsafe(query))], invariant).toEqual([]);
  }
}

/** Queries that find what must not be. */
const INVARIANTS = {
  "a run is in one table": `select id from (select id from escapement.waiting union all select id from escapement.ready
    union all select id from escapement.lease union all select id from escapement.ended) r group by 1 having count(*) > 1`,
  "a lease settles once": `select secret from (select secret from escapement.attempt union all select secret from escapement.lease
    union all select secret from escapement.ended where secret is not null) s group by 1 having count(*) > 1`,
  "a waiting run has a reason": `select id from escapement.waiting w where wake_at is null and gates is null
    and not exists (select from escapement.dependency d where d.run_id = w.id)`,
  "fences grow": `select run_id from (select run_id, fence, row_number() over (partition by run_id order by fence) as n
    from escapement.attempt) a where fence <> n`,
  "a gate has no more places taken than it has": `select p.gate_id, p.key from escapement.place p join escapement.gate g on g.id = p.gate_id
    where p.state = 'TAKEN' and g.kind <> 'RATE' group by 1, 2, g.capacity having count(*) > g.capacity`,
  "a dead letter has failed": `select run_id from escapement.dead_letter d
    where not exists (select from escapement.ended e where e.id = d.run_id and e.state = 'FAILED')`,
  "what is staged has a lease": `select id from escapement.staged s
    where not exists (select from escapement.lease l where l.id = s.parent_id and l.secret = s.secret)`,
};

const TABLES = [
  "waiting",
  "ready",
  "lease",
  "ended",
  "attempt",
  "payload",
  "staged",
  "dependency",
  "joined",
  "place",
  "dead_letter",
  "redrive",
  "uniqueness",
  "idempotency",
  "tally",
  "unannounced",
  "pause",
  "recent_start",
  "rate_wake",
];

beforeEach(clear);
async function clear(): Promise<void> {
  // Quicker than truncating, for a few rows in many partitions.
  await real.t.sql.unsafe(TABLES.map((table) => `delete from escapement.${table}`).join(";"));
  await real.t.sql`update escapement.job set paused = false where paused`;
  real.t.context.catalog.forgetSettings();
}

const job = fc.constantFrom(...JOB_NAMES);
const freeJob = fc.constantFrom(...FREE_JOBS);
const input = fc.constantFrom('"x"', '"x"', '"y"');
const checkpoint = fc.constantFrom('{"at":1}', '{"at":2}', "null");
const claim = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.constantFrom(1, 1, 2))
  .map(([max, executor]) => new Claim(max, executor));
const place = fc.nat({ max: 40 });
const priority = fc.constantFrom(5, 5, 1, 9);
const commands = fc.commands<RunModel, Real, false>(
  [
    fc
      .record({
        job,
        priority,
        input,
        delayMs: fc.constantFrom(undefined, undefined, 5_000, 40_000),
        key: fc.constantFrom(undefined, undefined, undefined, "k1", "k2"),
        affinity: fc.constantFrom(undefined, undefined, "a", "b"),
        after: fc.oneof(
          { weight: 3, arbitrary: fc.constant<number[]>([]) },
          { weight: 1, arbitrary: fc.array(place, { maxLength: 2 }) },
        ),
        joins: fc.oneof(
          { weight: 5, arbitrary: fc.constant<number[]>([]) },
          { weight: 1, arbitrary: fc.array(place, { maxLength: 2 }) },
        ),
      })
      .map((asked) => new Start(asked)),
    fc
      .record({ job: freeJob, priority, after: fc.array(place, { maxLength: 1 }) })
      .map((asked) => new StartInSql(asked)),
    claim,
    claim,
    place.map((at) => new Settle(at, "succeeded")),
    fc
      .tuple(
        place,
        fc.record(
          { retry: fc.boolean(), retryAfterMs: fc.constant(1_000), checkpoint },
          { requiredKeys: [] },
        ),
      )
      .map(([at, more]) => new Settle(at, "failed", more)),
    fc
      .tuple(place, fc.record({ checkpoint }, { requiredKeys: [] }))
      .map(([at, more]) => new Settle(at, "released", more)),
    place.map((at) => new CompleteInSql(at)),
    fc.tuple(place, fc.option(checkpoint, { nil: undefined })).map(([at, saved]) => new Renew(at, saved)),
    fc
      .tuple(place, freeJob, fc.nat({ max: 3 }), fc.boolean())
      .map(([at, name, n, join]) => new Stage(at, name, n, join)),
    place.map((at) => new Cancel(at)),
    fc
      .tuple(
        fc.option(job, { nil: undefined }),
        fc.option(fc.subarray(["WAITING", "READY", "RUNNING"] as RunState[]), { nil: undefined }),
        fc.integer({ min: 1, max: 4 }),
      )
      .map(([name, states, limit]) => new CancelMany(name, states, limit)),
    fc.tuple(fc.oneof(job, place), fc.boolean()).map(([what, on]) => new Pause(what, on)),
    fc.tuple(place, fc.option(input, { nil: undefined })).map(([at, edited]) => new Redrive(at, edited)),
    fc
      .tuple(fc.constantFrom(1_000, 11_000, 31_000), fc.boolean())
      .map(([ms, sweep]) => new Advance(ms, sweep)),
    fc.constantFrom(11_000, 31_000, 5 * AGING_STEP_MS).map((ms) => new Advance(ms, true)),
  ],
  { size: "+1", maxCommands: 60 },
);

test("any history of commands leaves what the model says", { timeout: 300_000 }, async () => {
  const seed = Number(process.env.FC_SEED ?? 20_261_121);
  const numRuns = Number(process.env.FC_RUNS ?? 100);
  await fc.assert(
    fc.asyncProperty(commands, async (history) => {
      await clear();
      const jobs = Object.fromEntries(Object.entries(JOBS).map(([name, { model }]) => [name, model]));
      const [clock] = await real.t.sql<{ now: Date }[]>`select escapement.clock() as now`;
      const now = clock?.now.getTime() ?? 0;
      const model = new RunModel({ jobs, timeoutMs: TIMEOUT_MS, capacities: CAPACITIES, now });
      await fc.asyncModelRun(() => ({ model, real }), history);
    }),
    // A slow machine tries fewer; one that hangs fails; a failure is made smaller for so long.
    { seed, numRuns, timeout: 20_000, interruptAfterTimeLimit: Number(process.env.FC_MS ?? 60_000) },
  );
});
