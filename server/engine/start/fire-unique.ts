/**
 * Triggers of jobs whose runs are unique by a key: a fire that finds the key held makes no run, and its nominal time is
 * noted as discarded. Debounce is for starts that come by themselves; a schedule has its own rhythm and is not put off.
 */
import { Rejection } from "../../core/rejection.ts";
import { type Passed, undecided } from "../../core/trigger/misfire.ts";
import { uniqueKey } from "../../core/unique.ts";
import type { JobVersion } from "../../store/catalog.ts";
import { guarded, type Sql } from "../../store/connection.ts";
import type { EngineContext } from "../context.ts";
import type { Decided, Written } from "../fire.ts";
import { type GivenKey, giveKeys, keyName, lockKeys, type WantedKey } from "./uniqueness.ts";

/** True when a fire of the job has to find a key free. */
export function asksKeys({ unique }: JobVersion): boolean {
  return unique !== null && unique.kind !== "debounce";
}

/** Writes the fires that find their keys free; returns how many. */
export async function fireUnique(
  context: EngineContext,
  decided: Decided[],
  write: (context: EngineContext, decided: Decided[]) => Promise<Written>,
): Promise<number> {
  const asked = decided.map(withKey);
  const { runs, announce } = await guarded(context.sql, async (transaction) => {
    const states = await lockKeys(
      transaction,
      asked.flatMap(({ key }) => key ?? []),
    );
    const taken = new Set<string>();
    const allowed = asked.map(({ entry, key }): Decided => {
      if (key === null || entry.decision.fires.length === 0) return entry;
      const name = keyName(key);
      const state = states.get(name);
      const held = entry.version.unique?.kind === "throttle" ? state?.leftMs != null : state?.live === true;
      if (held || taken.has(name)) return withFires(entry, 0);
      taken.add(name);
      return withFires(entry, 1);
    });
    const written = await write({ ...context, sql: transaction as unknown as Sql }, allowed);
    const runOf = new Map(written.runs.map((run) => [run.triggerId, run.runId]));
    const given = new Map<string, GivenKey>();
    for (const { entry, key } of asked) {
      const runId = runOf.get(entry.trigger.id);
      if (key === null || runId == null) continue;
      const { unique } = entry.version;
      given.set(keyName(key), { ...key, runId, forMs: unique?.kind === "throttle" ? unique.everyMs : null });
    }
    await giveKeys(transaction, [...given.values()]);
    return written;
  });
  announce();
  return runs.length;
}

/** A trigger whose input has no key cannot fire: it stops and says so. */
function withKey(entry: Decided): { entry: Decided; key: WantedKey | null } {
  const { unique, jobId, input } = entry.version;
  if (unique === null) return { entry, key: null };
  try {
    return { entry, key: { jobId, key: uniqueKey(unique, entry.trigger.input ?? input, (name) => name) } };
  } catch (error) {
    return { entry: { ...entry, ...stoppedBy(error, entry.trigger) }, key: null };
  }
}

/** What a trigger does whose input has no key. Throws what is no Rejection. */
export function stoppedBy(
  error: unknown,
  { notedUntil }: Decided["trigger"],
): Pick<Decided, "decision" | "fault" | "gates"> {
  if (!(error instanceof Rejection)) throw error;
  return { decision: undecided(notedUntil.getTime()), fault: `its input ${error.message}`, gates: null };
}

/** The first `count` fires stay; the others make no run. */
function withFires(entry: Decided, count: number): Decided {
  const { decision, trigger } = entry;
  const dropped = decision.fires.slice(count).map(({ scheduledAt }) => scheduledAt);
  if (dropped.length === 0) return entry;
  const passed: Passed = { times: dropped, outcome: "DISCARDED", reason: "its key is taken" };
  const { schedule } = trigger;
  // Without a run whose end it could wait for, a fixed delay counts from now.
  const nextAt =
    decision.nextAt === null && count === 0 && schedule.kind === "fixedDelay"
      ? trigger.now.getTime() + schedule.everyMs
      : decision.nextAt;
  const fires = decision.fires.slice(0, count);
  return { ...entry, decision: { ...decision, fires, passed: [...decision.passed, passed], nextAt } };
}
