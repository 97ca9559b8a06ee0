/**
 * waiting → ready through gates: affinity, overlap policies and limits on how many runs go on at once. A run with gates
 * is born in `waiting` and let in under the lock of its keys; whoever ends one hands its places on directly after the
 * commit, coalesced, and the repair re-derives what a crash in between left. Runs without gates never come here.
 */
import { LIMITS } from "../../config.ts";
import type { RunGate } from "../../core/gate.ts";
import type { Change } from "../../store/channel.ts";
import { guarded, isAway, type Transaction } from "../../store/connection.ts";
import { cancelThose } from "../cancel.ts";
import { type EngineContext, type MovedRun, runChange } from "../context.ts";
import { createLane } from "../lane.ts";
import { releaseDependents, releaseThrough } from "../release.ts";
import {
  changePlaces,
  discard,
  type FullGate,
  type GateKey,
  type GateWork,
  lockStripes,
  NOTHING,
  type SkippedRun,
  takePlaces,
} from "./pass.ts";
import { createPauseRepair } from "./pause.ts";
import { letInByRate, noteBegun, takeUpDue } from "./rate.ts";
import { createGateRepair } from "./repair.ts";

/** What new runs met at their gates. */
export interface Admitted {
  ready: Set<string>;
  skipped: Set<string>;
}

export interface Gates {
  /**
   * Inserts runs with gates: locks the keys first, so that ids are given in the order of the line, and lets them in.
   * `insert` says which of the new runs have gates.
   */
  admit<T>(
    runs: { gates: string | null; queueId: number }[],
    insert: (transaction: Transaction) => Promise<{ result: T; gated: string[] }>,
  ): Promise<{ result: T } & Admitted>;
  /** For runs whose other holds have gone, and for those who changed a gate. */
  work(work: Partial<GateWork>): Promise<void>;
  /** The same without waiting for it; what fails is left to the repair. */
  soon(work: Partial<GateWork>): void;
  /** Lets in whose time has come at a rate. Returns how long until the next in ms (null: nobody waits for a time). */
  releaseRated(): Promise<{ nextInMs: number | null }>;
  /** One round of the repair; the leader calls it. */
  repair(): Promise<void>;
}

/** Gates and keys of runs, from their JSON text. */
function gateKeysOf(gates: (string | null)[]): GateKey[] {
  return gates.flatMap((text) =>
    text === null ? [] : (JSON.parse(text) as RunGate[]).map(({ gate, key }) => ({ gateId: gate, key })),
  );
}

interface Passed {
  ready: MovedRun[];
  skipped: SkippedRun[];
  next: GateKey[];
  replacing: FullGate[];
  /** Until a rate lets in more; null: nobody waits for that. */
  nextInMs: number | null;
}

/** A rate lets in what came due within so long at once, however fast it is. */
const RATE_STEP_MS = 20;

/** `onError` hears of what is left to the repair. */
export function createGates(context: EngineContext, onError: (error: unknown) => void): Gates {
  const source = `${context.serverId}/gates`;

  /** What follows the locking of keys, in the same transaction. */
  const pass = async (transaction: Transaction, work: GateWork): Promise<Passed> => {
    const gates = await changePlaces(transaction, work);
    await noteBegun(transaction, work.begun);
    const { through, next, full, rates } =
      gates.length === 0
        ? { through: [], next: [], full: [], rates: [] }
        : await takePlaces(transaction, gates);
    const { runIds, next: fromRates, nextInMs } = await letInByRate(transaction, rates);
    const ready = await releaseThrough(transaction, [...new Set([...through, ...runIds, ...work.entering])]);
    const discarding = full.filter(({ policy }) => policy === "SERIAL_DISCARD");
    const skipped = await discard(transaction, discarding, source);
    const replacing = full.filter(({ policy }) => policy === "SERIAL_REPLACE");
    return { ready, skipped, next: [...next, ...fromRates], replacing, nextInMs };
  };

  /** When the ticker looks at the rates again, on the monotonic clock: whoever wants it earlier wakes it. */
  let looksAt = Number.POSITIVE_INFINITY;
  let looking = false;
  const lookIn = (ms: number): void => {
    const at = performance.now() + ms;
    if (at >= looksAt) return;
    looksAt = at;
    if (!looking) context.channel.emit("due");
  };

  /** Announces what a pass did and goes on with what it led to, until nothing more follows. */
  const follow = async (passed: Passed, own: ReadonlySet<string> = new Set()): Promise<Admitted> => {
    const ready = new Set<string>();
    const skipped = new Set<string>();
    for (let now: Passed | null = passed; now !== null; ) {
      for (const run of now.ready) ready.add(run.id);
      for (const run of now.skipped) skipped.add(run.id);
      announce(context, now, own);
      if (now.nextInMs !== null) lookIn(now.nextInMs);
      await releaseDependents(
        context,
        now.skipped.filter((run) => run.awaited).map((run) => run.id),
      );
      await replace(now.replacing);
      const work: GateWork = { ...NOTHING, gates: now.next, left: now.skipped.map((run) => run.id) };
      now = work.gates.length + work.left.length === 0 ? null : await lockAndPass(work);
    }
    return { ready, skipped };
  };

  const lockAndPass = (work: GateWork): Promise<Passed> =>
    guarded(context.sql, async (transaction) => {
      await lockStripes(transaction, work);
      return await pass(transaction, work);
    });

  /** Of a job with SERIAL_REPLACE only the newest goes on; it starts when those before it have stopped. */
  const replace = async (gates: FullGate[]): Promise<void> => {
    if (gates.length === 0) return;
    const older = await context.sql<{ by: string; ids: string[] }[]>`
      select newest.run_id as by, array_agg(p.run_id::text) as ids
      from unnest(${gates.map((gate) => gate.gateId)}::int[], ${gates.map((gate) => gate.key)}::text[]) as g(gate_id, key)
      cross join lateral (
        select run_id from escapement.place
        where gate_id = g.gate_id and key = g.key and state = 'LINE' order by run_id desc limit 1
      ) newest
      join escapement.place p on p.gate_id = g.gate_id and p.key = g.key
        and p.state in ('LINE', 'TAKEN') and p.run_id <> newest.run_id
      group by newest.run_id`;
    for (const { by, ids } of older) await cancelThose(context, ids, `replaced by run ${by}`);
  };

  const lane = createLane<GateWork, null>({
    maxItems: LIMITS.laneItems,
    maxWaiting: LIMITS.laneWaiting,
    weigh: (work) =>
      Math.max(
        1,
        Object.values(work).reduce((sum, list) => sum + list.length, 0),
      ),
    run: async (works) => {
      await follow(
        await lockAndPass({
          entering: works.flatMap((work) => work.entering),
          left: works.flatMap((work) => work.left),
          retrying: works.flatMap((work) => work.retrying),
          begun: works.flatMap((work) => work.begun),
          gates: works.flatMap((work) => work.gates),
        }),
      );
      return works.map(() => null);
    },
  });

  const work = async (part: Partial<GateWork>): Promise<void> => {
    const whole: GateWork = { ...NOTHING, ...part };
    if (Object.values(whole).every((list) => list.length === 0)) return;
    await lane(whole);
  };

  const findInterrupted = createGateRepair(context);
  const holdPaused = createPauseRepair(context);
  return {
    async repair() {
      await work(await findInterrupted());
      await holdPaused();
    },
    async admit(runs, insert) {
      const asking = runs.filter(({ gates }) => gates !== null);
      const keys = gateKeysOf(asking.map(({ gates }) => gates));
      const queueIds = [...new Set(asking.map(({ queueId }) => queueId))];
      const { result, gated, passed } = await guarded(context.sql, async (transaction) => {
        await lockStripes(transaction, { ...NOTHING, gates: keys }, queueIds);
        const { result, gated } = await insert(transaction);
        return { result, gated, passed: await pass(transaction, { ...NOTHING, entering: gated }) };
      });
      return { result, ...(await follow(passed, new Set(gated))) };
    },
    work,
    async releaseRated() {
      looking = true;
      try {
        const { due, nextInMs } = await takeUpDue(context);
        looksAt = Number.POSITIVE_INFINITY;
        if (nextInMs !== null) lookIn(nextInMs);
        await work({ gates: due });
        if (due.length === LIMITS.releaseBatch) return { nextInMs: 0 };
        if (looksAt === Number.POSITIVE_INFINITY) return { nextInMs: null };
        // Up: a timer that goes off a moment early finds nobody due.
        const ms = Math.ceil(looksAt - performance.now());
        return { nextInMs: due.length > 0 ? Math.max(ms, RATE_STEP_MS) : ms };
      } finally {
        looking = false;
      }
    },
    soon(part) {
      work(part).catch((error: unknown) => {
        if (!isAway(error)) onError(error);
      });
    },
  };
}

/** `own` are told by whoever started them. */
function announce({ channel }: EngineContext, { ready, skipped }: Passed, own: ReadonlySet<string>): void {
  if (ready.length > 0) channel.publishReady([...new Set(ready.map((run) => run.queueId))]);
  const changes: Change[] = [
    ...ready.filter(({ id }) => !own.has(id)).map((run) => runChange(run, "READY")),
    ...skipped.filter(({ id }) => !own.has(id)).map((run) => runChange(run, "SKIPPED")),
    ...skipped.flatMap(({ unblockedTrigger: id, namespaceId }) =>
      id === null ? [] : [{ kind: "trigger" as const, id, namespaceId }],
    ),
  ];
  if (changes.length > 0) channel.publish(changes);
  if (skipped.some(({ unblockedTrigger }) => unblockedTrigger !== null)) channel.publishDue();
}
