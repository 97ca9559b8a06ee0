/**
 * Why a run is not running yet: the gates it passes, in the order in which it passes them, each from the rows and by
 * the predicates that decide it elsewhere. A new kind of hold adds one small function to `RULES`.
 */
import { formatDuration } from "./duration.ts";
import { executors, queue, room, willing } from "./explain-executors.ts";
import {
  AHEAD_COUNTED,
  block,
  type Gate,
  type GateLink,
  instant,
  type PlaceFacts,
  pass,
  plural,
  type Rule,
  type RunFacts,
  runLink,
} from "./explain-gate.ts";
import { affinityOf, HOLD_OF } from "./gate.ts";
import { isEnded } from "./run.ts";

export interface Explanation {
  gates: Gate[];
  /** The first that it does not pass. */
  blocker: Gate | null;
  /** One sentence. */
  summary: string;
  /** Epoch milliseconds; null when nobody can say. */
  estimatedStartAt: number | null;
}

const RULES: readonly Rule[] = [trigger, calendar, time, dependency, paused, places, executors, queue];

export function explain(run: RunFacts): Explanation {
  const gates = isEnded(run.state) ? [] : RULES.flatMap((rule) => rule(run));
  const blocker = gates.find((gate) => !gate.passes) ?? null;
  return { gates, blocker, summary: summaryOf(run, blocker), estimatedStartAt: estimate(run, blocker) };
}

function summaryOf({ state, ahead }: RunFacts, blocker: Gate | null): string {
  if (isEnded(state)) return `The run has ended: ${state}.`;
  if (state === "RUNNING") return "The run is running.";
  if (blocker) return `The run ${blocker.message}.`;
  return ahead === null
    ? "Nothing holds the run any more; it is about to become ready."
    : "The run is the next of its queue and goes to the first executor that asks.";
}

function trigger(run: RunFacts): Gate[] {
  if (run.trigger === null) return [];
  const { id, name } = run.trigger;
  const link: GateLink = { kind: "TRIGGER", id: String(id), name };
  return [pass("TRIGGER", `was fired by trigger ${name} for ${instant(run.scheduledAt)}`, [link])];
}

/** A trigger asks its calendars before it makes a run; one that was made passed them. */
function calendar(run: RunFacts): Gate[] {
  if (run.trigger === null) return [];
  return [pass("CALENDAR", `was due at ${instant(run.scheduledAt)}, which no calendar excludes`)];
}

function time({ wakeAt, wakeKind, state }: RunFacts): Gate[] {
  if (wakeAt === null || wakeKind === null)
    return state === "WAITING" ? [pass("TIME", "may start at any time")] : [];
  const message = wakeKind === "RETRY" ? "is tried again" : "is to start";
  return [block(wakeKind, `${message} at ${instant(wakeAt)}`, [], wakeAt)];
}

function dependency({ dependencies: { ids, count } }: RunFacts): Gate[] {
  if (count === 0) return [];
  const what = count === 1 ? `run ${ids[0]}` : `${count} runs`;
  return [block("DEPENDENCY", `waits for ${what} to end`, ids.map(runLink))];
}

function paused({ id, state, pause, job, group, namespace }: RunFacts): Gate[] {
  if (state !== "WAITING" || pause === null) return [];
  const { kind, by, reason } = pause;
  const link: GateLink = {
    RUN: runLink(id),
    JOB: { kind: "JOB" as const, id: String(job.id), name: job.name },
    GROUP: { kind: "GROUP" as const, id: null, name: group },
    NAMESPACE: { kind: "NAMESPACE" as const, id: null, name: namespace },
  }[kind];
  const what = kind === "RUN" ? "it" : `${kind.toLowerCase()} ${link.name}`;
  const why = reason === null ? "" : `: ${reason}`;
  return [block("PAUSED", `does not start while ${what} is paused (by ${by}${why})`, [link])];
}

function places(run: RunFacts): Gate[] {
  return run.places.map((place) => {
    const { kind, state, taken, capacity, heldBy, ahead, opensAt } = place;
    // The condition of engine/gates/pass.ts: a place is free, and nobody stands before it.
    const opens = state === "TAKEN" || (state !== "LINE" && taken + ahead < capacity);
    const links = state === "TAKEN" ? [] : heldBy.map(runLink);
    if (kind === "GROUP_CONCURRENCY") links.unshift({ kind: "GROUP", id: null, name: run.group });
    const line = ahead === 0 ? "" : ` and ${plural(ahead, "run")} in line before it`;
    const when = opensAt === null ? "" : `; it is let in at ${instant(opensAt)}`;
    const message = `${placeInWords(place, run)}${opens ? "" : line}${when}`;
    return opens ? pass(HOLD_OF[kind], message, links) : block(HOLD_OF[kind], message, links, opensAt);
  });
}

function placeInWords(
  { kind, policy, state, taken, capacity, key, heldBy, everyMs, opensAt }: PlaceFacts,
  { job, group }: RunFacts,
): string {
  const holder = heldBy[0] === undefined ? "another run" : `run ${heldBy[0]}`;
  if (kind === "AFFINITY") {
    const affinity = affinityOf(key);
    const name = `affinity ${affinity?.group ?? ""} ${affinity?.key ?? ""}`;
    if (state === "TAKEN") return `holds ${name}`;
    return taken === 0 ? `finds ${name} free` : `waits for ${holder}, which holds ${name}`;
  }
  if (kind === "OVERLAP") {
    if (state === "TAKEN") return `is the run of ${job.name} that goes on (${policy})`;
    return taken === 0
      ? `finds no other run of ${job.name} that goes on (${policy})`
      : `waits for ${holder} of ${job.name}, which has not ended (${policy})`;
  }
  const keyed = key === "" ? job.name : `${job.name} for key ${key}`;
  const whose = kind === "GROUP_CONCURRENCY" ? `group ${group}` : keyed;
  if (kind === "RATE") {
    const used = `${taken} of ${plural(capacity, "start")} in the last ${formatDuration(everyMs ?? 0)}`;
    if (state === "TAKEN") return `was let in by the rate of ${whose}, with ${used}`;
    return `${opensAt === null ? "finds" : "waits for"} the rate of ${whose}, with ${used}`;
  }
  if (state === "TAKEN") return `has one of ${plural(capacity, "place")} of ${whose}`;
  return taken < capacity
    ? `finds ${taken} of ${plural(capacity, "place")} of ${whose} taken`
    : `waits for a place of ${whose}, with ${taken} of ${capacity} taken`;
}

/**
 * When it starts if runs go on taking as long as they did: known times first, then how many have to go before it,
 * divided by how many go on at once.
 */
function estimate(run: RunFacts, blocker: Gate | null): number | null {
  const { state, now, startedAt, meanMs, ahead } = run;
  if (state === "RUNNING") return startedAt;
  if (isEnded(state)) return null;
  if (blocker === null) return now;
  if (blocker.until !== null) {
    const places = run.places.filter(({ kind }) => blocker.kind !== "RATE" || kind !== "RATE");
    const later = explain({ ...run, wakeAt: null, wakeKind: null, state: "WAITING", places }).blocker;
    return later === null ? Math.max(now, blocker.until) : null;
  }
  if (meanMs === null) return null;
  if (blocker.kind === "QUEUE" && ahead !== null && ahead <= AHEAD_COUNTED) {
    const takers = willing(run);
    const free = takers.reduce((sum, executor) => sum + room(executor), 0);
    if (ahead < free && Number.isFinite(free)) return now;
    // An executor without a capacity goes on with as many as it has now.
    const places = takers.reduce((sum, { capacity, running }) => sum + (capacity ?? Math.max(1, running)), 0);
    return now + Math.ceil((ahead + 1) / places) * meanMs;
  }
  const place = run.places.find(({ kind, state }) => HOLD_OF[kind] === blocker.kind && state === "LINE");
  return place === undefined ? null : now + Math.ceil((place.ahead + 1) / place.capacity) * meanMs;
}
