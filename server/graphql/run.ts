/** Runs: what they are. run-lists.ts finds them, run-changes.ts starts and stops them. */
import { STEPS } from "../core/execution.ts";
import { explain } from "../core/explain.ts";
import { HOLD_OF } from "../core/gate.ts";
import type { Requirement } from "../core/placement.ts";
import { notFound } from "../core/rejection.ts";
import { HOLD_KINDS, type HoldKind, isEnded, RUN_STATES } from "../core/run.ts";
import { readExplanationFacts } from "../store/explain.ts";
import { listJoined } from "../store/joined.ts";
import { isRunId } from "../store/page.ts";
import type { Pause } from "../store/pauses.ts";
import { listRuns } from "../store/run-list.ts";
import { createdAt, type Run } from "../store/runs.ts";
import { checkLogFilter, logCost, logFilter } from "./arguments.ts";
import { builder } from "./builder.ts";
import { connectionOf, pageArguments, pageCost } from "./connection.ts";
import { type Context, present, visible } from "./context.ts";
import { ExecutorType } from "./executor.ts";
import { ExplanationType } from "./explain.ts";
import { JobType } from "./job.ts";
import { readChunk, readLogCursor } from "./log.ts";
import { PauseType } from "./pause.ts";
import { Retry } from "./retry.ts";
import { AttemptType, FileType, failureOf, LogChunkType, RunError } from "./run-parts.ts";
import { TriggerType } from "./trigger.ts";

export const RunState = builder.enumType("RunState", { values: RUN_STATES });

interface Hold {
  kind: HoldKind;
  until: Date | null;
  runIds: string[];
  pause?: Pause;
}

export const RunType = builder.objectRef<Run>("Run");

const HoldType = builder.objectRef<Hold>("Hold").implement({
  description: "A reason why a run may not start yet.",
  fields: (t) => ({
    kind: t.expose("kind", { type: builder.enumType("HoldKind", { values: HOLD_KINDS }) }),
    until: t.expose("until", { type: "DateTime", nullable: true }),
    pause: t.field({ type: PauseType, nullable: true, resolve: ({ pause }) => pause }),
    runs: t.field({
      type: [RunType],
      description: "Runs it waits for; of those that have the places of a limit, the oldest ten.",
      resolve: async ({ runIds }, _args, context) => {
        const runs = await Promise.all(runIds.map((id) => context.load.run(id)));
        return runs.flatMap((run) => visible(context, run) ?? []);
      },
    }),
  }),
});

async function holdsOf(run: Run, { load }: Context): Promise<Hold[]> {
  if (run.state !== "WAITING") return [];
  const [dependencies, gate, pause] = await Promise.all([
    load.dependencies(run.id),
    load.gateHold(run.id),
    load.pause(run.id),
  ]);
  const runIds = dependencies ?? [];
  return [
    ...(run.wakeKind === null ? [] : [{ kind: run.wakeKind, until: run.wakeAt, runIds: [] }]),
    ...(runIds.length === 0 ? [] : [{ kind: "DEPENDENCY" as const, until: null, runIds }]),
    ...(gate === null ? [] : [{ kind: HOLD_OF[gate.kind], until: gate.until, runIds: gate.heldBy }]),
    ...(pause === null ? [] : [{ kind: "PAUSED" as const, until: null, runIds: [], pause }]),
  ];
}

const versionOf = async ({ versionId }: Run, { catalog }: Context) =>
  present(catalog.versions([versionId]).then((versions) => versions.get(versionId) ?? null));

/** What it asks of its executor, which its queue tells. */
async function requirementOf({ queueId }: Run, { catalog }: Context): Promise<Requirement> {
  if (!catalog.queue(queueId)) await catalog.refreshQueues();
  return catalog.queue(queueId)?.requirement ?? {};
}

/** Five queries each: for one run or some, not for every line of a list. */
const EXPLAIN_COST = 500;

const INPUT_IN_BYTES = 2;

async function inputOf(run: Run, context: Context): Promise<string | null> {
  if (run.payload === INPUT_IN_BYTES) return null;
  if (run.payload !== 0) return (await context.load.payload(run.id))?.json ?? null;
  return run.input ?? (await versionOf(run, context)).input;
}

async function isLate(run: Run, context: Context): Promise<boolean> {
  const attempts = run.attempt === 0 ? [] : await context.load.attempts(run.id);
  const startedAt = attempts?.[0]?.startedAt ?? run.startedAt;
  if (startedAt === null && isEnded(run.state)) return false;
  const waitedMs = (startedAt ?? run.readAt).getTime() - run.scheduledAt.getTime();
  return waitedMs > (await versionOf(run, context)).startDeadlineMs;
}

builder.node(RunType, {
  id: { resolve: ({ id }) => id },
  loadOne: async (id, context) => visible(context, await context.load.run(id)),
  fields: (t) => ({
    namespace: t.string({
      resolve: ({ namespaceId }, _args, { catalog }) => catalog.namespaceName(namespaceId),
    }),
    job: t.field({ type: JobType, resolve: ({ jobId }, _args, { load }) => present(load.job(jobId)) }),
    jobVersion: t.int({ resolve: async (run, _args, context) => (await versionOf(run, context)).version }),
    trigger: t.field({
      type: TriggerType,
      nullable: true,
      resolve: ({ triggerId }, _args, { load }) => (triggerId === null ? null : load.trigger(triggerId)),
    }),
    state: t.expose("state", { type: RunState }),
    step: t.field({
      type: builder.enumType("Step", { values: STEPS }),
      nullable: true,
      description: "Of a job that goes by steps (`execution`).",
      resolve: async (run, _args, context) =>
        (await versionOf(run, context)).execution === "SINGLE"
          ? null
          : ((await context.load.step(run.id)) ?? "ROOT"),
    }),
    reduce: t.field({
      type: RunType,
      nullable: true,
      description:
        "Of a ROOT that has dealt out: the REDUCE, whose state is that of the whole. A MAP's is the server's own; it fails unless every PART succeeded.",
      resolve: async (run, _args, context) => {
        if ((await versionOf(run, context)).execution === "SINGLE") return null;
        const id = await context.load.reduce(run.id);
        return id === null ? null : context.load.run(id);
      },
    }),
    holds: t.field({ type: [HoldType], resolve: (run, _args, context) => holdsOf(run, context) }),
    explain: t.field({
      type: ExplanationType,
      description: "Why it is not running yet: what it has passed and what it waits for.",
      complexity: EXPLAIN_COST,
      resolve: async (run, _args, context) => {
        if (!context.catalog.queue(run.queueId)) await context.catalog.refreshQueues();
        const queue = context.catalog.queue(run.queueId);
        const version = await versionOf(run, context);
        return explain(await readExplanationFacts(context.database.sql, run, version, queue));
      },
    }),
    priority: t.exposeInt("priority"),
    input: t.field({
      type: "JSON",
      nullable: true,
      description: "Its own, or else the job's.",
      resolve: (run, _args, context) => inputOf(run, context),
    }),
    inputBytes: t.field({
      type: "Base64",
      nullable: true,
      resolve: async ({ id, payload }, _args, { load }) =>
        payload === INPUT_IN_BYTES ? (await load.payload(id))?.bytes : null,
    }),
    retry: t.field({
      type: Retry,
      description: "Its own policy, or else its job's.",
      resolve: async (run, _args, context) =>
        (await context.load.extras(run.id))?.retry ?? (await versionOf(run, context)).retry,
    }),
    checkpoint: t.field({
      type: "JSON",
      nullable: true,
      description: "What an attempt saved for the next one; forgotten when the run succeeds.",
      resolve: async ({ id }, _args, { load }) => (await load.extras(id))?.checkpoint,
    }),
    output: t.field({
      type: "JSON",
      nullable: true,
      resolve: ({ id, longOutput, output }, _args, { load }) => (longOutput ? load.output(id) : output),
    }),
    outputBytes: t.field({
      type: "Base64",
      nullable: true,
      description: "The output of a run that gave bytes instead of JSON.",
      resolve: ({ id, state, output, longOutput }, _args, { load }) =>
        state === "SUCCEEDED" && output === null && !longOutput ? load.outputBytes(id) : null,
    }),
    error: t.field({ type: RunError, nullable: true, resolve: failureOf }),
    progress: t.exposeFloat("progress", { nullable: true, description: "From 0 to 1." }),
    message: t.exposeString("message", {
      nullable: true,
      description: "What the executor says it is doing.",
    }),
    cancelRequested: t.exposeBoolean("cancelRequested"),
    executor: t.field({
      type: ExecutorType,
      nullable: true,
      resolve: ({ executor }, _args, { load }) => (executor === null ? null : load.executor(executor)),
    }),
    requiredExecutor: t.string({
      nullable: true,
      description: "The one executor that may run it; null: any that fits.",
      resolve: async (run, _args, context) => (await requirementOf(run, context)).executor,
    }),
    requires: t.field({
      type: "JSON",
      nullable: true,
      description: "Labels its executor must have.",
      resolve: async (run, _args, context) => {
        const { labels } = await requirementOf(run, context);
        return labels ? JSON.stringify(labels) : null;
      },
    }),
    attempt: t.int({
      description: "The number of the current or last attempt; 0 before the first.",
      resolve: ({ attempt }) => attempt ?? 0,
    }),
    attempts: t.field({
      type: [AttemptType],
      description: "First to last.",
      resolve: async ({ id }, _args, { load }) => (await load.attempts(id)) ?? [],
    }),
    scheduledAt: t.expose("scheduledAt", { type: "DateTime" }),
    createdAt: t.field({ type: "DateTime", resolve: ({ id }) => createdAt(id) }),
    readyAt: t.expose("readyAt", { type: "DateTime", nullable: true }),
    startedAt: t.expose("startedAt", {
      type: "DateTime",
      nullable: true,
      description: "Of the last attempt.",
    }),
    endedAt: t.expose("endedAt", { type: "DateTime", nullable: true }),
    late: t.boolean({
      description: "It started, or still waits, more than the job's startDeadline after scheduledAt.",
      resolve: (run, _args, context) => isLate(run, context),
    }),
    tags: t.stringList({ resolve: ({ tags }) => tags ?? [] }),
    parent: t.field({
      type: RunType,
      nullable: true,
      resolve: ({ parentId }, _args, { load }) => (parentId === null ? null : load.run(parentId)),
    }),
    children: t.field({
      type: RunConnection,
      description: "Newest first.",
      complexity: pageCost,
      args: pageArguments,
      resolve: async ({ id, namespaceId }, page, { database }) =>
        connectionOf(await listRuns(database.sql, namespaceId, { parent: id }, page)),
    }),
    results: t.field({
      type: RunConnection,
      description: "The runs that it joined and that have ended, oldest first: what it was given as results.",
      complexity: pageCost,
      args: pageArguments,
      resolve: async ({ id }, page, { database }) => connectionOf(await listJoined(database.sql, id, page)),
    }),
    log: t.field({
      type: LogChunkType,
      description:
        "A piece of an attempt's log; of the last attempt's unless `attempt` or `after` says which.",
      complexity: (filter) => ({ field: logCost(filter) }),
      args: { attempt: t.arg.int(), after: t.arg.string(), ...logFilter },
      resolve: (run, { attempt, after, ...filter }, { outputs }) =>
        readChunk(outputs, run, attempt, readLogCursor(after), checkLogFilter(filter)),
    }),
    files: t.field({
      type: [FileType],
      resolve: async ({ id }, _args, { outputs }) =>
        (await outputs.listFiles(id)).map((file) => ({ ...file, runId: id })),
    }),
  }),
});

/** The run, if the caller may see it. Throws NOT_FOUND, for a malformed id too. */
export async function runOf(context: Context, id: string): Promise<Run> {
  const run = isRunId(id) ? visible(context, await context.load.run(id)) : null;
  if (run === null) throw notFound(`run "${id}"`, "id");
  return run;
}

export const RunConnection = builder.connectionObject({ type: RunType, name: "RunConnection" });
