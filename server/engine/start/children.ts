/**
 * Runs that a running lease asks for. They are staged beside the lease and come to life in the statement that
 * completes it, or not at all; with `now` they start at once. A join is a run that waits for all the others.
 */
import { randomInt } from "node:crypto";
import { childStep } from "../../core/execution.ts";
import { badInput, conflict, illegalState, notFound, unavailable } from "../../core/rejection.ts";
import { guarded, type Sql, type Transaction } from "../../store/connection.ts";
import { readParts } from "../../store/parts.ts";
import { noteSteps } from "../claim/steps.ts";
import { type EngineContext, parseLeaseId } from "../context.ts";
import { type ChildrenAnswer, type ChildrenRequest, LeaseLost, type StartOptions } from "../engine.ts";
import {
  type AnyWait,
  announceStarted,
  FOR_ITSELF,
  type Inserted,
  insertRuns,
  type KeyedRuns,
} from "../enqueue.ts";
import { settleWaits } from "../release.ts";
import { decideKeys } from "./child-keys.ts";
import { becomePart, fieldOf, type NewRun, requestHash, resolveItems } from "./new-run.ts";
import { stage } from "./stage.ts";
import { wantedKey } from "./uniqueness.ts";
import { checkStagedWaits, holdForOthers, refuseCycles } from "./waits.ts";

/** A request whose jobs keep changing is read again this often before the caller is asked to come back. */
const STALE_TRIES = 5;

/** A lease as its id names it, and where its run belongs. */
interface Held {
  runId: string;
  secret: string;
  namespaceId: number;
  versionId: number;
}

/** What a request led to: the ids in its order, and what is to be told once it has committed. */
interface Made {
  ids: string[];
  requests: KeyedRuns[];
  answers: Inserted[];
  /** Joined runs that had ended. */
  over: string[];
  /** Runs that are there and may not have their keys. */
  undecided: string[];
}

/** Throws NOT_FOUND, BAD_INPUT, CONFLICT, LIMIT_EXCEEDED, and LeaseLost when the lease is over. */
export async function startChildren(
  context: EngineContext,
  leaseId: string,
  request: ChildrenRequest,
): Promise<ChildrenAnswer> {
  const lease = parseLeaseId(leaseId);
  if (lease === null) throw notFound("such lease");
  const items = request.join ? [...request.runs, request.join] : request.runs;
  const placeOf = (at: number) => (at < request.runs.length ? `runs[${at}]` : "join");
  const options: StartOptions = { parentId: lease.runId, placeOf };
  const keyed = items.findIndex((item) => item.idempotencyKey != null);
  if (keyed >= 0) {
    throw badInput(
      `${placeOf(keyed)}.idempotencyKey`,
      "children are created once, with their lease; leave the key out, or give the whole request a requestId",
    );
  }
  for (let tries = 1; ; tries++) {
    const runs = await resolveItems(context, items, options);
    const made = await guarded(context.sql, async (transaction) => {
      const held = await hold(transaction, lease, request.now);
      const known = await repeated(transaction, held, leaseId, request, items);
      if (known !== null) return { ids: known, requests: [], answers: [], over: [], undecided: [] };
      await refuseCycles(transaction, held.runId, items, options);
      const parts = await partsOf(transaction, context, held, runs);
      const asking = askingKeys(runs, new Set(parts), options);
      if (request.now && parts.length > 0) await refuseCancelled(transaction, held);
      const fresh = request.now
        ? await startNow(transaction, context, request, runs, asking, options)
        : await staged(transaction, held, request, runs, asking, options);
      if (fresh) {
        const noted = parts.map((at) => ({ id: fresh.ids[at] as string, step: "PART" as const }));
        await noteSteps(transaction, noted);
      }
      if (fresh && request.requestId !== undefined) {
        await transaction`
          update escapement.idempotency set run_ids = ${fresh.ids}::bigint[]
          where namespace_id = ${held.namespaceId} and key = ${keyOf(leaseId, request.requestId)}`;
      }
      // Nothing may stay of a request whose jobs have changed meanwhile.
      if (!fresh) throw new Stale();
      return fresh;
    }).catch((error: unknown) => {
      if (error instanceof Stale) return null;
      throw error;
    });
    if (made === null) {
      if (tries === STALE_TRIES) throw unavailable("the jobs keep changing; retry in a moment");
      context.catalog.forget();
      continue;
    }
    announceStarted(context, made.requests, made.answers);
    const gated = made.requests.some((keyed) => keyed.runs.some((run) => run.gates !== null));
    if (gated) await context.gates.work({ entering: made.ids });
    await decideKeys(context, made.undecided);
    if (made.over.length > 0) await settleWaits(context, made.over);
    return answerOf(made.ids, request);
  }
}

class Stale extends Error {}

/**
 * Places of the runs that have to find a key free; parts are no starts of their job. Throws BAD_INPUT where an input has
 * none, and for jobs whose starts are put off: there the run that waits takes the input, and makes no other.
 */
function askingKeys(runs: NewRun[], parts: ReadonlySet<number>, options: StartOptions): Set<number> {
  const asking = new Set<number>();
  for (const [at, run] of runs.entries()) {
    const { unique, job } = run.version;
    if (unique === null || parts.has(at)) continue;
    if (unique.kind === "debounce") {
      throw badInput(
        fieldOf(options, at, "job"),
        `job "${job}" puts its starts off and cannot be a child, which is a run of its own; start it by POST /v1/runs`,
      );
    }
    wantedKey(run, (name) => fieldOf(options, at, name));
    asking.add(at);
  }
  return asking;
}

/** With what the runs at the places in `asking` wait for besides. */
const untilDecided = (waits: AnyWait[][], asking: ReadonlySet<number>, first = 0): AnyWait[][] =>
  asking.size === 0 ? waits : waits.map((own, at) => (asking.has(first + at) ? [...own, FOR_ITSELF] : own));

function answerOf(ids: string[], request: ChildrenRequest): ChildrenAnswer {
  const count = request.runs.length;
  const join = ids[count];
  return { runs: ids.slice(0, count), ...(join === undefined ? {} : { join }) };
}

/** Keeps the lease from ending until the transaction has; to stage children is a mark on it, for those who end it. */
async function hold(
  transaction: Transaction,
  lease: { runId: string; secret: string },
  now: boolean,
): Promise<Held> {
  const [held] = now
    ? await transaction<{ namespaceId: number; versionId: number }[]>`
        select namespace_id as "namespaceId", version_id as "versionId" from escapement.lease
        where id = ${lease.runId} and secret = ${lease.secret} for key share`
    : await transaction<{ namespaceId: number; versionId: number }[]>`
        update escapement.lease set has_staged = true where id = ${lease.runId} and secret = ${lease.secret}
        returning namespace_id as "namespaceId", version_id as "versionId"`;
  if (held) return { ...lease, ...held };
  const [run] = await transaction`select id from escapement.run where id = ${lease.runId}`;
  throw run ? new LeaseLost() : notFound("such lease");
}

/** Apart from every key of a caller's own choice, which holds no control characters. */
const keyOf = (leaseId: string, requestId: string): string => `\u0001${leaseId} ${requestId}`;

/** Notes the request's id; the ids that it led to when it came before, else null. Throws CONFLICT. */
async function repeated(
  transaction: Transaction,
  held: Held,
  leaseId: string,
  request: ChildrenRequest,
  items: ChildrenRequest["runs"],
): Promise<string[] | null> {
  if (request.requestId === undefined) return null;
  const hash = requestHash(items, [request.runs.length, request.now]);
  const [row] = await transaction<{ isNew: boolean; hash: Buffer; runIds: string[] }[]>`
    insert into escapement.idempotency as known (namespace_id, key, hash, run_ids)
    values (${held.namespaceId}, ${keyOf(leaseId, request.requestId)}, ${hash}, '{}')
    on conflict (namespace_id, key) do update set touched_at = escapement.clock()
    returning known.xmax = 0 as "isNew", known.hash, known.run_ids as "runIds"`;
  if (!row || row.isNew) return null;
  if (!row.hash.equals(hash)) {
    throw conflict(
      `the request id "${request.requestId}" was used for other runs; choose a new one`,
      "requestId",
    );
  }
  return row.runIds.map(String);
}

/** Places in the request of the parts: runs of the lease's own job, which goes by steps. */
async function partsOf(
  transaction: Transaction,
  { catalog }: EngineContext,
  held: Held,
  runs: NewRun[],
): Promise<number[]> {
  const version = (await catalog.versions([held.versionId])).get(held.versionId);
  if (!version || version.execution === "SINGLE") return [];
  const step = (await readParts(transaction as unknown as Sql, [held.runId])).get(held.runId) ?? "ROOT";
  if (childStep(version.execution, step) !== "PART") return [];
  return runs.flatMap((run, at) => {
    if (run.version.jobId !== version.jobId) return [];
    becomePart(run);
    return [at];
  });
}

/**
 * Parts go with their root when that is cancelled: either the lock here makes whoever cancels wait and find them, or
 * they are too late. Throws ILLEGAL_STATE.
 */
async function refuseCancelled(transaction: Transaction, { runId, secret }: Held): Promise<void> {
  const [lease] = await transaction<{ cancelled: boolean }[]>`
    select cancel_at is not null as cancelled from escapement.lease
    where id = ${runId} and secret = ${secret} for share`;
  if (lease?.cancelled) throw illegalState("somebody asked to cancel the run; stop working on it");
}

/** Null when a job has changed. */
async function startNow(
  transaction: Transaction,
  { serverId }: EngineContext,
  request: ChildrenRequest,
  runs: NewRun[],
  asking: ReadonlySet<number>,
  options: StartOptions,
): Promise<Made | null> {
  const source = `${serverId}/children`;
  const count = request.runs.length;
  const made: Made = { ids: [], requests: [], answers: [], over: [], undecided: [] };
  const insert = async (items: ChildrenRequest["runs"], newRuns: NewRun[], at: StartOptions) => {
    if (items.length === 0) return true;
    const held = await holdForOthers(transaction, items, at);
    const keyed: KeyedRuns = { runs: newRuns, key: null };
    const first = made.ids.length;
    const waits = untilDecided(held.waits, asking, first);
    const [answer] = await insertRuns(transaction, [keyed], source, [waits]);
    if (answer?.status !== "started") return false;
    made.ids.push(...answer.runs.map(({ id }) => id));
    made.undecided.push(...made.ids.filter((_, place) => place >= first && asking.has(place)));
    made.over.push(...held.over);
    made.requests.push(keyed);
    made.answers.push(answer);
    return true;
  };
  if (!(await insert(request.runs, runs.slice(0, count), options))) return null;
  if (!request.join) return made;
  const join = { ...request.join, joins: [...made.ids, ...(request.join.joins ?? [])] };
  const started = await insert([join], runs.slice(count), { ...options, placeOf: () => "join" });
  return started ? made : null;
}

async function staged(
  transaction: Transaction,
  held: Held,
  request: ChildrenRequest,
  runs: NewRun[],
  asking: ReadonlySet<number>,
  options: StartOptions,
): Promise<Made> {
  const items = request.join ? [...request.runs, request.join] : request.runs;
  const waits = untilDecided(await checkStagedWaits(transaction, held, items, options), asking);
  const call = randomInt(1, 2 ** 31 - 1);
  const others = request.runs.length;
  const ids = await stage(
    transaction,
    runs.map((run, at) => ({
      run,
      secret: held.secret,
      call,
      joins: at < others ? null : others,
      awaited: request.join !== undefined && at < others,
      waits: waits[at] ?? [],
    })),
  );
  return { ids, requests: [], answers: [], over: [], undecided: [] };
}
