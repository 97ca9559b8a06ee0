/** Runs started, cancelled and tried again. The engine does it; what is asked for of the answer decides what is read. */
import { type GraphQLResolveInfo, Kind } from "graphql";
import { durationMs } from "../core/duration.ts";
import { checkLabels, type Requirement } from "../core/placement.ts";
import { badInput } from "../core/rejection.ts";
import { checkRetry } from "../core/retry.ts";
import type { RunState } from "../core/run.ts";
import type { RunOptions } from "../core/workflow/scope.ts";
import type { NewInput, NewTime, StartedRun, StartItem } from "../engine/engine.ts";
import { checkText } from "../store/definitions.ts";
import type { Run } from "../store/runs.ts";
import { builder } from "./builder.ts";
import { BulkChangeType, bulkArguments } from "./bulk.ts";
import { type Context, namespaceOf, namespaceShown, present } from "./context.ts";
import type { JsonText } from "./json.ts";
import { RetryInput } from "./retry.ts";
import { RunType, runOf } from "./run.ts";
import { RunFilter, readRunFilter } from "./run-lists.ts";
import { FailureStrategy } from "./workflow-input.ts";
import { NodeScope } from "./workflow-run.ts";

const AffinityInput = builder.inputType("AffinityInput", {
  fields: (t) => ({ group: t.string({ required: true }), key: t.string({ required: true }) }),
});

const StartRunInput = builder.inputType("StartRunInput", {
  fields: (t) => ({
    namespace: t.string({ defaultValue: "default" }),
    job: t.string({ required: true }),
    input: t.field({ type: "JSON", description: "Unset: the job's." }),
    inputBytes: t.field({ type: "Base64", description: "Instead of input." }),
    priority: t.int({ description: "Unset: the job's." }),
    runAt: t.field({ type: "DateTime" }),
    delay: t.field({ type: "Duration", description: "Instead of runAt." }),
    tags: t.stringList(),
    affinity: t.field({
      type: AffinityInput,
      description: "Runs with the same group and key go one after the other, across jobs.",
    }),
    idempotencyKey: t.string({ description: "The same request with the same key starts nothing new." }),
    after: t.idList({ description: "Runs to wait for, whatever they end as." }),
    executor: t.string({ description: "The one executor that may run it; it waits for that one." }),
    requires: t.field({
      type: "JSON",
      description: 'Labels its executor must have, such as {gpu: "a100"}, beside those the job requires.',
    }),
    joins: t.idList({
      description:
        "Runs to wait for together with all that they start, whatever they end as; they become this run's results.",
    }),
    retry: t.field({ type: RetryInput, description: "Instead of the job's." }),
    nodes: t.stringList({ description: "Of a workflow: start at these nodes. Unset: everywhere." }),
    nodeScope: t.field({ type: NodeScope, description: "How far from them. Unset: ONLY them." }),
    failureStrategy: t.field({ type: FailureStrategy, description: "Instead of the workflow's." }),
    dryRun: t.boolean({ description: "Of a workflow: its nodes are walked through, and none is run." }),
  }),
});

type StartInput = typeof StartRunInput.$inferInput;

/** Throws NOT_FOUND for a namespace the caller may not see; each is looked up once, however many runs name it. */
async function checkNamespaces(context: Context, inputs: StartInput[], placeOf: (at: number) => string) {
  const seen = new Set<string>();
  for (const [at, input] of inputs.entries()) {
    const namespace = namespaceAsked(input);
    if (seen.has(namespace)) continue;
    seen.add(namespace);
    await namespaceOf(context, namespace, `${placeOf(at)}namespace`);
  }
}

const namespaceAsked = (input: StartInput): string => input.namespace ?? "default";

/** `place` is where the input stands in the request. */
function readStart(input: StartInput, place: string): StartItem {
  return {
    namespace: namespaceAsked(input),
    job: checkText(input.job, `${place}job`),
    input: input.input?.text ?? null,
    inputBytes: input.inputBytes ?? null,
    priority: input.priority ?? null,
    runAt: input.runAt ?? null,
    delayMs: input.delay == null ? null : durationMs(input.delay, `${place}delay`),
    tags: input.tags ?? null,
    affinity: input.affinity ?? null,
    idempotencyKey:
      input.idempotencyKey == null ? null : checkText(input.idempotencyKey, `${place}idempotencyKey`),
    after: input.after ?? null,
    requires: readRequirement(input, place),
    joins: input.joins ?? null,
    retry: checkRetry(input.retry, `${place}retry`),
    workflow: readOptions(input, place),
  };
}

function readOptions(
  { nodes, nodeScope, failureStrategy, dryRun }: StartInput,
  place: string,
): RunOptions | null {
  if (nodeScope != null && nodes == null)
    throw badInput(`${place}nodes`, "name the nodes that the scope is about");
  const options: RunOptions = {
    ...(nodes == null ? {} : { nodes: [...new Set(nodes)], nodeScope: nodeScope ?? "ONLY" }),
    ...(failureStrategy == null ? {} : { failureStrategy }),
    ...(dryRun ? { dryRun } : {}),
  };
  return Object.keys(options).length === 0 ? null : options;
}

function readRequirement({ executor, requires }: StartInput, place: string): Requirement | null {
  if (executor == null && requires == null) return null;
  return {
    ...(executor == null ? {} : { executor }),
    ...(requires == null ? {} : { labels: checkLabels(JSON.parse(requires.text), `${place}requires`) }),
  };
}

/** Fields that the engine's answer already tells. */
const TOLD = new Set(["id", "state", "createdAt", "__typename"]);

function asksOnlyWhatIsTold({ fieldNodes }: GraphQLResolveInfo): boolean {
  return fieldNodes.every(({ selectionSet }) =>
    selectionSet?.selections.every((field) => field.kind === Kind.FIELD && TOLD.has(field.name.value)),
  );
}

/** What a run of which nothing but `TOLD` is shown has for the rest. */
const BLANK: Run = {
  id: "",
  state: "READY",
  namespaceId: 0,
  jobId: 0,
  versionId: 0,
  queueId: 0,
  triggerId: null,
  parentId: null,
  priority: 0,
  input: null,
  payload: 0,
  tags: null,
  wakeAt: null,
  wakeKind: null,
  readyAt: null,
  executor: null,
  attempt: null,
  startedAt: null,
  endedAt: null,
  progress: null,
  message: null,
  output: null,
  cancelRequested: false,
  longOutput: false,
  error: null,
  scheduledAt: new Date(0),
  readAt: new Date(0),
};

/** For answers that show nothing but `TOLD`. The blank is shared: lists of 10,000 are made of these. */
function toldOf({ id, state }: StartedRun): Run {
  const run: Run = Object.create(BLANK);
  run.id = id;
  run.state = state;
  return run;
}

export async function answer(
  context: Context,
  info: GraphQLResolveInfo,
  run: { id: string; state: RunState },
): Promise<Run> {
  return asksOnlyWhatIsTold(info) ? toldOf(run) : present(context.load.run(run.id));
}

/** Another input for a run that is run once more. */
export const newInput = builder.args((t) => ({
  input: t.field({ type: "JSON", description: "Instead of the input it had." }),
  inputBytes: t.field({ type: "Base64", description: "Instead of input." }),
}));

/** Throws BAD_INPUT when both are given; undefined when neither is. */
export function readNewInput(given: {
  input?: JsonText | null | undefined;
  inputBytes?: Buffer | null | undefined;
}): NewInput | undefined {
  if (given.input != null && given.inputBytes != null) {
    throw badInput("inputBytes", "give either input or inputBytes, not both");
  }
  if (given.input == null && given.inputBytes == null) return undefined;
  return { json: given.input?.text ?? null, bytes: given.inputBytes ?? null };
}

/** Reading 10,000 runs at once takes ten queries, not 10,000; a list of them costs as much as this many. */
const START_LIST_COST = 100;

const newTime = builder.args((t) => ({
  runAt: t.field({ type: "DateTime" }),
  delay: t.field({ type: "Duration", description: "From now; instead of runAt." }),
}));

const readNewTime = ({
  runAt,
  delay,
}: {
  runAt?: number | null | undefined;
  delay?: string | null | undefined;
}): NewTime => ({ runAt, delayMs: delay == null ? null : durationMs(delay, "delay") });

builder.mutationFields((t) => ({
  startRun: t.field({
    type: RunType,
    args: { input: t.arg({ type: StartRunInput, required: true }) },
    resolve: async (_root, { input }, context, info) => {
      await checkNamespaces(context, [input], () => "");
      const [run] = await context.engine.start([readStart(input, "")]);
      if (!run) throw new Error("the engine started nothing");
      return answer(context, info, run);
    },
  }),
  startRuns: t.field({
    type: [RunType],
    description: "All or none, up to 10,000.",
    complexity: { field: 1, multiplier: START_LIST_COST },
    args: { input: t.arg({ type: [StartRunInput], required: true }) },
    resolve: async (_root, { input }, context, info) => {
      const placeOf = (at: number) => `input[${at}].`;
      await checkNamespaces(context, input, placeOf);
      const items = input.map((one, at) => readStart(one, placeOf(at)));
      const started = await context.engine.start(items, { field: "input" });
      if (asksOnlyWhatIsTold(info)) return started.map(toldOf);
      return Promise.all(started.map((run) => present(context.load.run(run.id))));
    },
  }),
  cancelRun: t.field({
    type: RunType,
    description:
      "A waiting or ready run ends at once; a running one is told to stop. A ROOT takes along what it has dealt out, also when it has ended itself; so does its REDUCE.",
    args: { id: t.arg.id({ required: true }), reason: t.arg.string() },
    resolve: async (_root, { id, reason }, context, info) => {
      await runOf(context, id);
      const words = reason == null ? null : checkText(reason, "reason");
      return answer(context, info, await context.engine.cancel(id, words));
    },
  }),
  cancelRuns: t.field({
    type: BulkChangeType,
    description:
      "Cancels what the filter finds of runs that have not ended, oldest first; `{}` finds all. Running ones are told to stop. ROOTs take along what they have dealt out, which counts as changed.",
    args: {
      namespace: t.arg.string({ description: "Unset: every one the caller may see." }),
      filter: t.arg({ type: RunFilter, required: true }),
      reason: t.arg.string(),
      ...bulkArguments,
    },
    resolve: async (_root, { namespace, filter, reason, ...page }, context) => {
      const words = reason == null ? null : checkText(reason, "reason");
      const namespaceId = await namespaceShown(context, namespace);
      return context.engine.cancelRuns({ namespaceId, filter: readRunFilter(filter) }, words, page);
    },
  }),
  rescheduleRun: t.field({
    type: RunType,
    description: "Another time for a run that no executor has yet; a time that is over means now.",
    args: { id: t.arg.id({ required: true }), ...newTime },
    resolve: async (_root, { id, ...time }, context, info) => {
      await runOf(context, id);
      return answer(context, info, await context.engine.reschedule(id, readNewTime(time)));
    },
  }),
  rescheduleRuns: t.field({
    type: BulkChangeType,
    description:
      "Another time for what the filter finds of waiting and ready runs, oldest first: when the service they need asks to be left alone.",
    args: {
      namespace: t.arg.string({ description: "Unset: every one the caller may see." }),
      filter: t.arg({ type: RunFilter, required: true }),
      ...newTime,
      spread: t.arg({
        type: "Duration",
        description:
          "Not all of them at once: each at a moment of its own, which its id tells, in so long after that time. At most a day.",
      }),
      ...bulkArguments,
    },
    resolve: async (_root, { namespace, filter, runAt, delay, spread, ...page }, context) => {
      const namespaceId = await namespaceShown(context, namespace);
      const scope = { namespaceId, filter: readRunFilter(filter) };
      const spreadMs = spread == null ? null : durationMs(spread, "spread");
      return context.engine.rescheduleRuns(scope, { ...readNewTime({ runAt, delay }), spreadMs }, page);
    },
  }),
  runNow: t.field({
    type: RunType,
    description: "A run that waits for its time or its next try does so no longer.",
    args: { id: t.arg.id({ required: true }), ...newInput },
    resolve: async (_root, { id, ...given }, context, info) => {
      await runOf(context, id);
      return answer(context, info, await context.engine.hasten(id, readNewInput(given)));
    },
  }),
  rerunRun: t.field({
    type: RunType,
    description:
      "Starts a new run like one that has ended, of the job as it is now; the new one names it. A ROOT begins anew with all that follows, a PART runs alone.",
    args: {
      id: t.arg.id({ required: true }),
      ...newInput,
      idempotencyKey: t.arg.string({ description: "The same request with the same key starts nothing new." }),
    },
    resolve: async (_root, { id, idempotencyKey, ...given }, context, info) => {
      await runOf(context, id);
      const key = idempotencyKey == null ? null : checkText(idempotencyKey, "idempotencyKey");
      const changes = { input: readNewInput(given), idempotencyKey: key };
      return answer(context, info, await context.engine.rerun(id, changes));
    },
  }),
  retryRun: t.field({
    type: RunType,
    description: "Puts a failed, cancelled or skipped run back into the queue, with all its retries.",
    args: { id: t.arg.id({ required: true }), ...newInput },
    resolve: async (_root, { id, ...given }, context, info) => {
      await runOf(context, id);
      return answer(context, info, await context.engine.redrive(id, { input: readNewInput(given) }));
    },
  }),
}));
