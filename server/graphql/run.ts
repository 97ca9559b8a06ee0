/** Runs: what they are, and the lists of them. run-changes.ts starts and stops them. */
import { ATTEMPT_OUTCOMES } from "../core/attempt.ts";
import { notFound } from "../core/rejection.ts";
import { HOLD_KINDS, type HoldKind, isEnded, RUN_STATES } from "../core/run.ts";
import type { OutputFile } from "../store/output-files.ts";
import { isRunId } from "../store/page.ts";
import { listRuns } from "../store/run-list.ts";
import { type Attempt, createdAt, type Run } from "../store/runs.ts";
import { builder } from "./builder.ts";
import { connectionOf, pageArguments, pageCost } from "./connection.ts";
import { type Context, namespaceShown, present, visible } from "./context.ts";
import { ExecutorType } from "./executor.ts";
import { JobType } from "./job.ts";
import { type LogChunk, logCursor, readChunk, readLogCursor } from "./log.ts";
import { OccurrenceType, TriggerType } from "./trigger.ts";

const RunState = builder.enumType("RunState", { values: RUN_STATES });

interface Failure {
  message: string;
  type?: string;
  stack?: string;
}

const RunError = builder.objectRef<Failure>("RunError").implement({
  fields: (t) => ({
    message: t.exposeString("message"),
    type: t.string({ nullable: true, resolve: ({ type }) => type }),
    stack: t.string({ nullable: true, resolve: ({ stack }) => stack }),
  }),
});

const failureOf = ({ error }: { error: string | null }): Failure | null =>
  error === null ? null : JSON.parse(error);

const AttemptType = builder.objectRef<Attempt>("Attempt").implement({
  description: "One try of a run: the history of one lease.",
  fields: (t) => ({
    number: t.exposeInt("number"),
    executor: t.exposeString("executor", { nullable: true }),
    startedAt: t.expose("startedAt", { type: "DateTime" }),
    endedAt: t.expose("endedAt", { type: "DateTime", nullable: true }),
    outcome: t.expose("outcome", { type: builder.enumType("AttemptOutcome", { values: ATTEMPT_OUTCOMES }) }),
    error: t.field({ type: RunError, nullable: true, resolve: failureOf }),
  }),
});

const LogChunkType = builder.objectRef<LogChunk>("LogChunk").implement({
  fields: (t) => ({
    text: t.exposeString("text"),
    cursor: t.string({ description: "Pass it as `after` to read on.", resolve: logCursor }),
    attempt: t.exposeInt("attempt"),
    ended: t.exposeBoolean("ended", { description: "No more will come." }),
  }),
});

const FileType = builder.objectRef<OutputFile & { runId: string }>("File").implement({
  description: "An output file of a run.",
  fields: (t) => ({
    name: t.exposeString("name"),
    attempt: t.exposeInt("attempt"),
    size: t.exposeFloat("size", { description: "Bytes." }),
    digest: t.string({ resolve: ({ sha256 }) => `sha256:${sha256}` }),
    createdAt: t.expose("storedAt", { type: "DateTime" }),
    url: t.string({
      description: "Where to download it, on this server.",
      resolve: ({ runId, attempt, name }) =>
        `/v1/runs/${runId}/files/${encodeURIComponent(name)}?attempt=${attempt}`,
    }),
  }),
});

interface Hold {
  kind: HoldKind;
  until: Date | null;
  runIds: string[];
}

export const RunType = builder.objectRef<Run>("Run");

const HoldType = builder.objectRef<Hold>("Hold").implement({
  description: "A reason why a run may not start yet.",
  fields: (t) => ({
    kind: t.expose("kind", { type: builder.enumType("HoldKind", { values: HOLD_KINDS }) }),
    until: t.expose("until", { type: "DateTime", nullable: true }),
    runs: t.field({
      type: [RunType],
      description: "Runs it waits for.",
      resolve: async ({ runIds }, _args, context) => {
        const runs = await Promise.all(runIds.map((id) => context.load.run(id)));
        return runs.flatMap((run) => visible(context, run) ?? []);
      },
    }),
  }),
});

async function holdsOf(run: Run, { load }: Context): Promise<Hold[]> {
  if (run.state !== "WAITING") return [];
  const runIds = (await load.dependencies(run.id)) ?? [];
  return [
    ...(run.wakeKind === null ? [] : [{ kind: run.wakeKind, until: run.wakeAt, runIds: [] }]),
    ...(runIds.length === 0 ? [] : [{ kind: "DEPENDENCY" as const, until: null, runIds }]),
  ];
}

const versionOf = async ({ versionId }: Run, { catalog }: Context) =>
  present(catalog.versions([versionId]).then((versions) => versions.get(versionId) ?? null));

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
    holds: t.field({ type: [HoldType], resolve: (run, _args, context) => holdsOf(run, context) }),
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
    output: t.field({
      type: "JSON",
      nullable: true,
      resolve: ({ id, longOutput, output }, _args, { load }) => (longOutput ? load.output(id) : output),
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
    log: t.field({
      type: LogChunkType,
      description:
        "A piece of an attempt's log; of the last attempt's unless `attempt` or `after` says which.",
      args: { attempt: t.arg.int(), after: t.arg.string() },
      resolve: (run, { attempt, after }, { outputs }) =>
        readChunk(outputs, run, attempt, readLogCursor(after)),
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

const RunConnection = builder.connectionObject({ type: RunType, name: "RunConnection" });

const RunFilter = builder.inputType("RunFilter", {
  fields: (t) => ({
    states: t.field({ type: [RunState] }),
    job: t.string({ description: "The job's name." }),
    trigger: t.string({ description: "The trigger's name." }),
    tags: t.stringList({ description: "All of them." }),
    createdAfter: t.field({ type: "DateTime", description: "Inclusive." }),
    createdBefore: t.field({ type: "DateTime", description: "Exclusive." }),
    parent: t.id(),
  }),
});

const readFilter = (filter: typeof RunFilter.$inferInput | null | undefined) => ({
  ...filter,
  // No run has a malformed id, so none has it as its parent.
  parent: filter?.parent != null && !isRunId(filter.parent) ? "0" : filter?.parent,
});

builder.queryFields((t) => ({
  run: t.field({
    type: RunType,
    nullable: true,
    args: { id: t.arg.id({ required: true }) },
    resolve: async (_root, { id }, context) =>
      isRunId(id) ? visible(context, await context.load.run(id)) : null,
  }),
  runs: t.field({
    type: RunConnection,
    description: "Newest first.",
    complexity: pageCost,
    args: { namespace: t.arg.string(), filter: t.arg({ type: RunFilter }), ...pageArguments },
    resolve: async (_root, { namespace, filter, ...page }, context) =>
      connectionOf(
        await listRuns(
          context.database.sql,
          await namespaceShown(context, namespace),
          readFilter(filter),
          page,
        ),
      ),
  }),
}));

builder.objectFields(JobType, (t) => ({
  lastRun: t.field({
    type: RunType,
    nullable: true,
    description: "The newest.",
    resolve: async ({ id }, _args, { load }) => {
      const runId = (await load.jobActivity(id))?.lastRunId;
      return runId == null ? null : load.run(runId);
    },
  }),
  runs: t.field({
    type: RunConnection,
    description: "Newest first.",
    complexity: pageCost,
    args: { filter: t.arg({ type: RunFilter }), ...pageArguments },
    resolve: async ({ id, namespaceId }, { filter, ...page }, { database }) =>
      connectionOf(await listRuns(database.sql, namespaceId, { ...readFilter(filter), jobId: id }, page)),
  }),
}));

builder.objectField(OccurrenceType, "run", (t) =>
  t.field({
    type: RunType,
    nullable: true,
    resolve: ({ runId }, _args, { load }) => (runId === null ? null : load.run(runId)),
  }),
);

builder.subscriptionFields((t) => ({
  runChanged: t.field({
    type: RunType,
    description: "Each state that a run comes into, from now on; not the one it is in.",
    args: { namespace: t.arg.string(), id: t.arg.id(), job: t.arg.string() },
    subscribe: async (_root, { namespace, id, job }, context) => {
      const namespaceId = await namespaceShown(context, namespace);
      return context.live.runs(context, { namespaceId, id, job });
    },
    resolve: (run: Run) => run,
  }),
  runLog: t.field({
    type: LogChunkType,
    description:
      "What is there after `after`, then what comes, attempt after attempt, until the run has ended.",
    args: { id: t.arg.id({ required: true }), after: t.arg.string() },
    subscribe: async (_root, { id, after }, context) => {
      await runOf(context, id);
      return context.live.log(context, id, readLogCursor(after));
    },
    resolve: (chunk: LogChunk) => chunk,
  }),
}));
