/** What a worker can be told, and what it takes when it is not told. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { Handler } from "./attempt.ts";
import type { WorkerEvent } from "./events.ts";
import type { Load, TaskDescription } from "./protocol.ts";
import { descriptionOf, type Task } from "./task.ts";

/** The protocol's limit for the leases that one heartbeat names. */
const CONCURRENCY_MAX = 10_000;
/** The protocol's limit for the tasks that one registration describes. */
const TASKS_MAX = 200;

export interface WorkerOptions {
  /** Where the control plane listens, such as http://127.0.0.1:4400. */
  url: string;
  token?: string | undefined;
  /** For servers without authentication and for tokens of no one namespace. */
  namespace?: string | undefined;
  /** Namespaces to take runs from, each its fair share. Default: only its own. */
  namespaces?: string[] | undefined;
  /** This process's name, unique among those alive; made up from host and process by default. */
  executor?: string | undefined;
  /** Worker groups to take runs from. Default: `default`. */
  groups?: string[] | undefined;
  /** Runs at the same time. Default: 10. */
  concurrency?: number | undefined;
  /** What runs may require: `{ gpu: "a100" }`. */
  labels?: Record<string, string> | undefined;
  /** Above these fractions of the machine (`{ cpu: 0.9 }`) it gets no new runs. Default: load stops nothing. */
  maxLoad?: Load | undefined;
  /** What to do with a run, by its task type. Runs of other types are left to other workers. */
  handlers?: Record<string, Handler> | undefined;
  /** Task types that describe themselves, each under its own name: `[http(), shell({ environment })]`. */
  tasks?: Task[] | undefined;
  /** How long a poll may stay parked at the server. Default: 30. */
  waitSeconds?: number | undefined;
  /** Hears everything worth telling. By default what a person should know goes to stderr. */
  onEvent?: ((event: WorkerEvent) => void) | undefined;
}

export interface StopOptions {
  /** How long handlers may go on. Default: 20. */
  drainSeconds?: number | undefined;
}

/** Unique among processes; a host's name may hold what PROTOCOL.md "Names" does not allow. */
export function ownName(): string {
  const host = hostname()
    .replace(/[^A-Za-z0-9.-]/g, "_")
    .slice(0, 80);
  return `${host.replace(/^[.-]/, "_")}-${process.pid}-${randomBytes(3).toString("hex")}`;
}

/** Throws when it is not a number of runs that a worker can hold. */
export function checkedConcurrency(concurrency: number): number {
  if (Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= CONCURRENCY_MAX) return concurrency;
  throw new Error(`concurrency must be a whole number from 1 to ${CONCURRENCY_MAX}, not ${concurrency}.`);
}

/** What to do with runs, by type. Throws when that is nothing, or two things. */
export function handlersOf({ handlers = {}, tasks = [] }: WorkerOptions): Map<string, Handler> {
  const all = new Map(Object.entries(handlers));
  for (const task of tasks) {
    if (all.has(task.type)) throw new Error(`Two handlers are for the type "${task.type}".`);
    all.set(task.type, task);
  }
  if (all.size === 0) throw new Error("A worker needs at least one handler or task.");
  return all;
}

/** What the handlers that are tasks say of themselves. Throws when those are more than a worker may describe. */
export function descriptionsOf(handlers: Map<string, Handler>): TaskDescription[] {
  const descriptions = [...handlers].flatMap(([type, handler]) => descriptionOf(type, handler) ?? []);
  if (descriptions.length <= TASKS_MAX) return descriptions;
  throw new Error(`A worker may describe ${TASKS_MAX} tasks, not ${descriptions.length}.`);
}
