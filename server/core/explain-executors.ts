/** The last two gates of a run: somebody who may take it, and those who go first. By the claim's own predicates. */
import {
  AHEAD_COUNTED,
  block,
  type ExecutorFacts,
  type Gate,
  type GateLink,
  pass,
  plural,
  type RunFacts,
} from "./explain-gate.ts";
import { fits, mayTake } from "./placement.ts";

/** Those of the group that may ever run it, live or not. */
function able({ executors, requirement, type }: RunFacts): ExecutorFacts[] {
  return executors.filter((executor) => fits(requirement, executor) && takes(executor, type));
}

const takes = ({ types }: ExecutorFacts, type: string): boolean => types === null || types.includes(type);

/** Those that would get it now, were they below their capacity. */
export function willing(run: RunFacts): ExecutorFacts[] {
  return able(run).filter((executor) => executor.live && mayTake(executor));
}

/** How many more runs an executor can hold; without a capacity that is for it to say. */
export const room = ({ capacity, running }: ExecutorFacts): number =>
  capacity == null ? Number.POSITIVE_INFINITY : Math.max(0, capacity - running);

const linksTo = (executors: ExecutorFacts[]): GateLink[] =>
  executors.slice(0, 10).map(({ id, name }) => ({ kind: "EXECUTOR", id: String(id), name }));

export function executors(run: RunFacts): Gate[] {
  if (run.state === "RUNNING") return [];
  const group: GateLink = { kind: "GROUP", id: null, name: run.group };
  const takers = willing(run);
  if (takers.length > 0) {
    const who = plural(takers.length, "live executor");
    return [
      pass("EXECUTORS", `finds ${who} of group ${run.group} for type ${run.type}`, [
        group,
        ...linksTo(takers),
      ]),
    ];
  }
  const known = able(run);
  const lack = known.length === 0 ? nobodyAble(run) : nobodyWilling(run, known);
  return [block("EXECUTORS", `waits for an executor: ${lack}`, [group, ...linksTo(known)])];
}

function nobodyAble({ executors, group, type, requirement }: RunFacts): string {
  const { executor: name, labels } = requirement;
  const asked = executors.filter((executor) => name === undefined || executor.name === name);
  if (executors.length === 0) return `none has polled group ${group} yet`;
  if (asked.length === 0) return `${name}, which it asks for, has not polled group ${group} yet`;
  const who = name ?? `none of the ${executors.length} of group ${group}`;
  if (asked.some((executor) => fits(requirement, executor))) {
    return name === undefined ? `${who} takes type ${type}` : `${who} does not take type ${type}`;
  }
  const wanted = Object.entries(labels ?? {}).map(([label, value]) => `${label}=${value}`);
  return `${who} ${name === undefined ? "has" : "does not have"} the labels ${wanted.join(", ")}`;
}

function nobodyWilling({ group }: RunFacts, known: ExecutorFacts[]): string {
  const [only] = known;
  if (known.length === 1 && only) return `${only.name} is ${refusal(only)}`;
  const counts = new Map<string, number>();
  for (const executor of known) counts.set(refusal(executor), (counts.get(refusal(executor)) ?? 0) + 1);
  const states = [...counts].map(([state, count]) => `${count} ${count === 1 ? "is" : "are"} ${state}`);
  return `of the ${known.length} of group ${group} that could run it, ${states.join(" and ")}`;
}

function refusal({ live, draining }: ExecutorFacts): string {
  if (!live) return "offline";
  return draining ? "draining" : "above its load limit";
}

export function queue(run: RunFacts): Gate[] {
  if (run.state !== "READY" || run.ahead === null) return [];
  const takers = willing(run);
  if (takers.length > 0 && takers.every((executor) => room(executor) === 0)) {
    const who = takers.length === 1 ? `${takers[0]?.name} is` : `all ${takers.length} executors for it are`;
    return [block("QUEUE", `is in its queue while ${who} at capacity${before(run.ahead)}`, linksTo(takers))];
  }
  const job: GateLink = { kind: "JOB", id: String(run.job.id), name: run.job.name };
  if (run.ahead === 0) return [pass("QUEUE", "is the next of its queue", [job])];
  return [block("QUEUE", `is in its queue${before(run.ahead)}`, [job])];
}

function before(ahead: number): string {
  if (ahead === 0) return ", and it is the next";
  if (ahead > AHEAD_COUNTED) return `, with more than ${AHEAD_COUNTED} runs before it`;
  return `, with ${plural(ahead, "run")} before it`;
}
