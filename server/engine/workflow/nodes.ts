/**
 * Starts nodes of workflows, in the transaction that has their runs locked: whatever can start does, and what is over at
 * once (from the cache, in a dry run, or because its input cannot be made) may let the next ones start.
 */
import { LIMITS } from "../../config.ts";
import { Rejection } from "../../core/rejection.ts";
import { advance, type Step } from "../../core/workflow/advance.ts";
import { beginNode, type NodeStart } from "../../core/workflow/begin-node.ts";
import type { Workflow, WorkflowNode } from "../../core/workflow/graph.ts";
import { wiringOf } from "../../core/workflow/graph.ts";
import { resumed } from "../../core/workflow/resume.ts";
import type { NodeState } from "../../core/workflow/state.ts";
import type { JobVersion } from "../../store/catalog.ts";
import type { Transaction } from "../../store/connection.ts";
import type { EngineContext } from "../context.ts";
import { type Inserted, insertRuns, type KeyedRuns } from "../enqueue.ts";
import type { NewRun } from "../start/new-run.ts";
import { type BornEnded, insertEnded } from "./born-ended.ts";
import { type Cached, cacheKey, readCached } from "./cache.ts";
import { type Findings, lettersOf, nodeState, nodeStates, noteMembers, readFindings } from "./members.ts";
import type { OpenRun } from "./open.ts";

/** A workflow's run while it is decided about. */
export interface Moving {
  run: OpenRun;
  workflow: Workflow;
  states: NodeState[];
  forced: ReadonlySet<number>;
  /** Nodes that failed just now. */
  failed: number[];
  step: Step;
}

/** What became of the starts of one transaction, to be told when it has committed. */
export interface StartedNodes {
  requests: KeyedRuns[];
  answers: Inserted[];
}

/** A job of a node has changed under us: the transaction is of no use, and is tried again. */
export class Stale extends Error {}

const NO_STEP: Step = { start: [], settle: [], stop: false, end: null };

export function moving(run: OpenRun, workflow: Workflow): Moving {
  const before = nodeStates(run.states);
  const started = { run, workflow, failed: [], step: NO_STEP };
  if (run.resume === null || run.suspended) return { ...started, states: before, forced: new Set() };
  run.halt = null;
  return { ...started, ...resumed(workflow, before, run.resume) };
}

/** Starts all that can start, round by round; leaves in each `step` what else is to be done. */
export async function startNodes(
  context: EngineContext,
  transaction: Transaction,
  all: Moving[],
): Promise<StartedNodes> {
  const source = `${context.serverId}/workflow`;
  const waiting: Begun[] = [];
  for (let open = all; open.length > 0; ) {
    const starting = open.flatMap((one) => decide(one).map((place) => ({ one, run: one.run, place })));
    const findings = await readFindings(transaction, starting, statesOf(all));
    const begun = await Promise.all(
      starting.map(({ one, place }, at) => begin(context, one, place, findings[at] as Findings)),
    );
    await fromCache(transaction, begun);
    const over = begun.filter((one): one is Begun & { over: BornEnded } => one.over !== null);
    waiting.push(...begun.filter((one) => one.over === null));
    const ids = await insertEnded(
      transaction,
      over.map((one) => one.over),
      source,
    );
    await noteMembers(
      transaction,
      over.map((one, at) => memberOf(one, ids[at] as string)),
    );
    for (const { moving: one, place, over: ended, to } of over) {
      settle(one, place, ended.state, to);
    }
    open = [...new Set(over.map((one) => one.moving))];
  }
  for (const one of all) one.run.states = lettersOf(one.states);
  return await insert(transaction, waiting, source);
}

/** The decision about one run; returns the places to start, more important nodes first. */
function decide(one: Moving): number[] {
  const { run, workflow, states, forced } = one;
  const step = advance(workflow, {
    states,
    chosen: run.chosen,
    suspended: run.suspended,
    cancelled: run.cancelRequested || run.halt === "CANCELLED" || run.halt === "TIMED_OUT",
    failureStrategy: run.options.failureStrategy ?? workflow.failureStrategy,
    forced,
  });
  for (const { index, state } of step.settle) states[index] = state;
  for (const place of step.start) states[place] = "STARTED";
  one.step = step;
  one.forced = new Set();
  const priority = (place: number): number => workflow.nodes[place]?.priority ?? 5;
  return step.start.sort((a, b) => priority(b) - priority(a) || a - b);
}

/** What the end of a node's run means: its state, and where it goes on if it chose. */
export function settle(
  { run, workflow, states, failed }: Moving,
  place: number,
  state: "SUCCEEDED" | "FAILED" | "CANCELLED" | "SKIPPED",
  to: readonly string[] | null,
): void {
  const next = nodeState(state, workflow.nodes[place] as WorkflowNode);
  states[place] = next;
  if (next === "FAILED") failed.push(place);
  if (to === null) return;
  const { indexOf } = wiringOf(workflow);
  run.chosen.set(
    place,
    to.flatMap((key) => indexOf.get(key) ?? []),
  );
}

const statesOf = (all: Moving[]) => {
  const byRun = new Map(all.map((one) => [one.run.id, one.states]));
  return (run: OpenRun): readonly NodeState[] => byRun.get(run.id) ?? [];
};

interface Begun {
  moving: Moving;
  place: number;
  run: NewRun;
  handedOn: string | null;
  cached: Cached | null;
  over: BornEnded | null;
  /** Of a node that chose. */
  to: readonly string[] | null;
}

const memberOf = ({ moving, place, handedOn }: Begun, memberId: string) => ({
  runId: moving.run.id,
  place,
  memberId,
  handedOn,
});

async function begin(
  { catalog, floors }: EngineContext,
  one: Moving,
  place: number,
  findings: Findings,
): Promise<Begun> {
  const { run, workflow, states } = one;
  const node = workflow.nodes[place] as WorkflowNode;
  const version = await catalog.nodeVersion(run.version, place);
  floors.expect(version.queueId, run.priority);
  const begun = (start: NodeStart): Begun => ({
    moving: one,
    place,
    run: newRun(run, version, start),
    handedOn: start.handedOn,
    cached: null,
    over: null,
    to: null,
  });
  try {
    const startup = objectOf(run.input);
    const start = beginNode(workflow, place, { run: run.facts, now: run.now, startup, states, ...findings });
    refuseLarge(start.input);
    const next = begun(start);
    if (run.options.dryRun) {
      next.run.tags = ["dry-run"];
      next.to = chosenBy(node, start.input);
      next.over = { run: next.run, state: "SUCCEEDED", output: next.to ? start.input : null, error: null };
    } else if (node.cache) {
      next.cached = { namespaceId: version.namespaceId, key: cacheKey(version.jobId, node, start.input) };
    }
    return next;
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    const next = begun({ input: null, delayMs: 0, handedOn: null });
    const message = error.field === undefined ? error.message : `${error.field}: ${error.message}`;
    next.over = {
      run: next.run,
      state: "FAILED",
      output: null,
      error: JSON.stringify({ message, type: "NodeInput" }),
    };
    return next;
  }
}

function newRun(run: OpenRun, version: JobVersion, { input, delayMs }: NodeStart): NewRun {
  return {
    version,
    queueId: version.queueId,
    // What a workflow is worth counts first (D2); among its nodes, their order does.
    priority: run.priority,
    triggerId: null,
    parentId: run.id,
    runAt: null,
    delayMs: delayMs > 0 ? delayMs : null,
    input,
    bytes: null,
    tags: null,
    gates: version.paused ? "[]" : null,
    retry: null,
    skipAfterMs: null,
  };
}

/** A start's parameters: the members of its input. */
export function objectOf(json: string | null): Record<string, unknown> {
  const value: unknown = json === null ? null : JSON.parse(json);
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function refuseLarge(input: string | null): void {
  const size = input === null ? 0 : Buffer.byteLength(input);
  if (size <= LIMITS.inputBytes) return;
  throw new Rejection(
    "LIMIT_EXCEEDED",
    `has ${size} bytes; at most ${LIMITS.inputBytes} are allowed`,
    "input",
  );
}

/** Where a node that chooses goes on, which its input says from its start on. */
export function chosenBy({ control }: WorkflowNode, json: string | null): string[] | null {
  if (control?.kind !== "switch" && control?.kind !== "conditions") return null;
  const { to } = JSON.parse(json ?? "{}");
  return Array.isArray(to) ? to : [];
}

async function fromCache(transaction: Transaction, begun: Begun[]): Promise<void> {
  const asked = begun.flatMap(({ cached }) => cached ?? []);
  const known = await readCached(transaction, asked);
  for (const one of begun) {
    const hit = one.cached && known.get(one.cached.key.toString("hex"));
    if (hit === undefined || one.cached === null) continue;
    one.run.tags = ["cached"];
    one.over = { run: one.run, state: "SUCCEEDED", output: hit, error: null };
  }
}

async function insert(transaction: Transaction, begun: Begun[], source: string): Promise<StartedNodes> {
  if (begun.length === 0) return { requests: [], answers: [] };
  const requests: KeyedRuns[] = [{ runs: begun.map(({ run }) => run), key: null }];
  const answers = await insertRuns(transaction, requests, source, [], undefined, true);
  const [answer] = answers;
  if (answer?.status !== "started") throw new Stale("the jobs of nodes have changed");
  await noteMembers(
    transaction,
    begun.map((one, at) => memberOf(one, answer.runs[at]?.id as string)),
  );
  return { requests, answers };
}
