/** Starts runs, all or none: coalesces simple requests, takes those with keys or runs to wait for apart. */
import { LIMITS } from "../../config.ts";
import { badInput, conflict, limitExceeded, notFound, Rejection, unavailable } from "../../core/rejection.ts";
import type { RunState } from "../../core/run.ts";
import { guarded, type Sql, type Transaction } from "../../store/connection.ts";
import type { EngineContext } from "../context.ts";
import type { Reserve, StartedRun, StartItem, StartOptions } from "../engine.ts";
import { announceStarted, type Inserted, insertGated, insertRuns, type KeyedRuns } from "../enqueue.ts";
import { createLane } from "../lane.ts";
import { settleWaits } from "../release.ts";
import { reserveTakers } from "./hand-off.ts";
import { fieldOf, type NewRun, requestHash, resolveItems } from "./new-run.ts";
import { hasNotes, noteStarts } from "./notes.ts";
import { arePlain, insertPlain } from "./plain.ts";
import { startUnique, type UniqueRequest } from "./unique.ts";
import { holdForOthers } from "./waits.ts";

/** A list of this size with changed jobs is read again this often before the caller is asked to come back. */
const STALE_TRIES = 5;

/** `handOff` says which parked polls runs may be born for. */
export function createStart(context: EngineContext, handOff: { reserve: Reserve }) {
  const { sql, catalog } = context;
  const lane = createLane<KeyedRuns, Inserted>({
    maxItems: LIMITS.laneItems,
    maxWaiting: LIMITS.laneWaiting,
    weigh: (request) => request.runs.length,
    key: ({ key }) => key && `${key.namespaceId}/${key.key}`,
    run: async (requests) => {
      const takers = await reserveTakers(requests, handOff.reserve);
      let answers: Inserted[] | null = null;
      try {
        const source = `${context.serverId}/start`;
        answers =
          takers.of.size === 0 && arePlain(requests)
            ? await insertPlain(sql, requests, source)
            : await insertRuns(sql, requests, source, [], takers.of);
        announceStarted(context, requests, answers);
        return answers;
      } finally {
        takers.answer(requests, answers);
      }
    },
  });

  /** Apart from the others, whom the locks of keys are no concern of. */
  const gatedLane = createLane<KeyedRuns, Inserted>({
    maxItems: LIMITS.laneItems,
    maxWaiting: LIMITS.laneWaiting,
    weigh: (request) => request.runs.length,
    key: ({ key }) => key && `${key.namespaceId}/${key.key}`,
    run: async (requests) => {
      const answers = await insertGated(context, requests, `${context.serverId}/gated`);
      announceStarted(context, requests, answers);
      return answers;
    },
  });

  return async function start(items: StartItem[], options: StartOptions = {}): Promise<StartedRun[]> {
    if (items.length > LIMITS.runsPerRequest) {
      throw limitExceeded(`at most ${LIMITS.runsPerRequest} runs can be started at once`, options.field);
    }
    if (items.length === 0) return [];
    for (let tries = 1; ; tries++) {
      const runs = await resolveItems(context, items, options);
      const keyed = items.some((item) => item.idempotencyKey != null);
      const after = items.some((item) => (item.after?.length ?? 0) + (item.joins?.length ?? 0) > 0);
      const noted = items.some(hasNotes);
      const lone = items.length === 1 && !after && !noted;
      let answers: Inserted[];
      if (runs.some((run, at) => run.version.unique !== null && !items[at]?.part)) {
        answers = await startUnique(context, {
          items,
          runs,
          options,
          keys: requestKeys(items, runs, options),
          hold: (transaction) => holdForOthers(transaction, items, options),
        });
      } else if (lone || (!keyed && !after && !noted)) {
        const key = options.idempotencyKey ?? (lone ? items[0]?.idempotencyKey : null) ?? null;
        const request = { runs, key: key === null ? null : requestKey(runs, key, items) };
        const answer = await (runs.some((run) => run.gates !== null) ? gatedLane : lane)(request);
        refuseOtherRequest(answer, request, options, 0);
        answers = [answer];
      } else {
        answers = await startApart(context, items, runs, options);
      }
      if (answers.some((answer) => answer.status === "stale")) {
        if (tries === STALE_TRIES) throw unavailable("the jobs keep changing; retry in a moment");
        catalog.forget();
        continue;
      }
      return await readRepeated(sql, answers, items, options);
    }
  };

  /** Requests that need several statements: keys of single items, or runs to wait for. */
  async function startApart(
    context: EngineContext,
    items: StartItem[],
    runs: NewRun[],
    options: StartOptions,
  ): Promise<Inserted[]> {
    const keys = requestKeys(items, runs, options);
    const keyOf = new Map(keys.map(({ key, places }) => [places[0], key]));
    const requests: KeyedRuns[] = options.idempotencyKey
      ? [{ runs, key: keys[0]?.key ?? null }]
      : runs.map((run, at) => ({ runs: [run], key: keyOf.get(at) ?? null }));
    const { serverId } = context;
    /** Joined runs that had ended. */
    let over: string[] = [];
    const insert = async (transaction: Transaction) => {
      const held = await holdForOthers(transaction, items, options);
      const answers = await insertRuns(
        transaction,
        requests,
        `${serverId}/apart`,
        options.idempotencyKey ? [held.waits] : held.waits.map((waits) => [waits]),
      );
      const stale = answers.find((answer) => answer.status === "stale");
      if (!stale)
        for (const [at, answer] of answers.entries()) refuseOtherRequest(answer, requests[at], options, at);
      await noteStarts(transaction, items, runs, answers);
      over = held.over;
      return answers;
    };
    const pending = await (runs.some((run) => run.gates !== null)
      ? insertGated(context, requests, `${serverId}/apart`, insert)
      : guarded(sql, insert));
    announceStarted(context, requests, pending);
    if (over.length > 0) await settleWaits(context, over);
    return pending;
  }
}

/** Idempotency keys with the places of their items. Throws BAD_INPUT for one that stands twice. */
function requestKeys(items: StartItem[], runs: NewRun[], options: StartOptions): UniqueRequest["keys"] {
  const all = options.idempotencyKey
    ? [{ key: requestKey(runs, options.idempotencyKey, items), places: items.map((_, at) => at) }]
    : items.map((item, at) => {
        const key = item.idempotencyKey;
        return { key: key == null ? null : requestKey(runs.slice(at, at + 1), key, [item]), places: [at] };
      });
  const seen = new Set<string>();
  return all.flatMap(({ key, places }) => {
    if (key === null) return [];
    const name = `${key.namespaceId}/${key.key}`;
    if (seen.has(name)) {
      throw badInput(fieldOf(options, places[0] ?? 0, "idempotencyKey"), "the same key stands twice");
    }
    seen.add(name);
    return [{ key, places }];
  });
}

function requestKey(runs: NewRun[], key: string, items: StartItem[]): KeyedRuns["key"] {
  const [first] = runs;
  if (!first) return null;
  const hash = requestHash(items);
  return { namespaceId: first.version.namespaceId, key, hash };
}

function refuseOtherRequest(
  answer: Inserted,
  request: KeyedRuns | undefined,
  options: StartOptions,
  at: number,
): void {
  if (answer.status !== "repeated" || !request?.key || answer.hash.equals(request.key.hash)) return;
  const field = options.idempotencyKey ? "idempotencyKey" : fieldOf(options, at, "idempotencyKey");
  throw conflict(`the key "${request.key.key}" was used for another request; choose a new one`, field);
}

/** Answers in the order of the items; repeated requests get the runs of the first one as they are now. */
async function readRepeated(
  sql: Sql,
  answers: Inserted[],
  items: StartItem[],
  options: StartOptions,
): Promise<StartedRun[]> {
  const repeated = answers.flatMap((answer) => (answer.status === "repeated" ? answer.runIds : []));
  const states = new Map<string, RunState>();
  if (repeated.length > 0) {
    const rows = await sql<{ id: string; state: RunState }[]>`
      select id, state from escapement.run where id = any(${repeated}::bigint[])`;
    for (const row of rows) states.set(row.id, row.state);
  }
  return answers.flatMap((answer, at) => {
    if (answer.status === "started") return answer.runs;
    if (answer.status === "stale")
      throw new Rejection("UNAVAILABLE", "the jobs keep changing; retry in a moment");
    return answer.runIds.map((id) => {
      const state = states.get(id);
      if (state === undefined) {
        throw notFound(
          `run ${id} any more, which the key of item ${at + 1} of ${items.length} started`,
          options.field,
        );
      }
      return { id, state };
    });
  });
}
