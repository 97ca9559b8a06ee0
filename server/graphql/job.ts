/** Jobs. Runs and triggers add their lists to it. */
import type { Execution } from "../core/execution.ts";
import type { KeyLimit as Limit, OverlapPolicy } from "../core/gate.ts";
import type { Rate as RateLimit } from "../core/rate.ts";
import type { LatePolicy } from "../core/run.ts";
import { createJob, deleteJob, updateJob } from "../store/job-changes.ts";
import { findJob, type Job, listJobs } from "../store/jobs.ts";
import { byName } from "./arguments.ts";
import { builder } from "./builder.ts";
import { connectionOf, pageArguments, pageCost } from "./connection.ts";
import { namespaceOf, namespaceShown, visible } from "./context.ts";
import { textOf } from "./json.ts";
import { PauseType } from "./pause.ts";
import { Retention, RetentionInput } from "./retention.ts";
import { Retry, RetryInput } from "./retry.ts";
import { Unique, UniqueInput } from "./unique.ts";
import { readWorkflow, WorkflowInput, WorkflowType } from "./workflow-input.ts";

const Overlap = builder.enumType("OverlapPolicy", {
  description:
    "What happens to a run of a job of which another has not ended, whatever started it and at which version.",
  values: {
    PARALLEL: { description: "It goes on." },
    SERIAL_WAIT: { description: "It waits; first come, first served." },
    SERIAL_DISCARD: { description: "It ends SKIPPED." },
    SERIAL_PRIORITY: {
      description: "It waits; higher priority first, and an hour of waiting counts as one point.",
    },
    SERIAL_REPLACE: { description: "The other is cancelled; it starts when that one has stopped." },
  } satisfies Record<OverlapPolicy, object>,
});

const Late = builder.enumType("LatePolicy", {
  description: "What becomes of a run that could only start after its startDeadline.",
  values: {
    RUN: { description: "It starts late, and is marked so." },
    SKIP: { description: "It ends SKIPPED, whatever held it up; one that has started before never does." },
  } satisfies Record<LatePolicy, object>,
});

const ExecutionType = builder.enumType("Execution", {
  description:
    "How many runs one start of the job means. All but SINGLE go by steps, which each lease names.",
  values: {
    SINGLE: { description: "One." },
    BROADCAST: {
      description:
        "A ROOT that prepares, a PART for each executor of the group that is alive when the root starts, for it alone, and a REDUCE with all their results.",
    },
    MAP: {
      description:
        "A ROOT that starts PARTs, which may start more. Its REDUCE is the server's own: it fails unless every PART succeeded.",
    },
    MAP_REDUCE: {
      description:
        "The same, and a REDUCE with all results, failures too, once all of them have ended; it decides the outcome.",
    },
  } satisfies Record<Execution, object>,
});

const KeyLimit = builder.objectRef<Limit>("KeyLimit").implement({
  description: "At most so many runs per key.",
  fields: (t) => ({
    key: t.exposeString("key", { description: "A path into the input, such as input.customer." }),
    max: t.exposeInt("max"),
  }),
});

const KeyLimitInput = builder.inputType("KeyLimitInput", {
  description: "At most so many runs per key. A start whose input has nothing at the path is refused.",
  fields: (t) => ({
    key: t.string({ required: true, description: "A path into the input, such as input.customer." }),
    max: t.int({ required: true }),
  }),
});

const Rate = builder.objectRef<RateLimit>("Rate").implement({
  description: "At most so many starts in any interval of a length.",
  fields: (t) => ({
    max: t.exposeInt("max"),
    every: t.expose("everyMs", { type: "Duration" }),
    key: t.exposeString("key", {
      nullable: true,
      description: "For each value at this path of the input; null: for the whole job.",
    }),
  }),
});

const RateInput = builder.inputType("RateInput", {
  description:
    "At most `max` attempts begin in any interval of length `every`, retries included. Further runs wait, higher priority first.",
  fields: (t) => ({
    max: t.int({ required: true, description: "At most 10,000." }),
    every: t.field({ type: "Duration", required: true, description: "At most 30 days." }),
    key: t.string({
      description:
        "For each value at this path of the input, such as input.customer; a start without one is refused. Unset: for the whole job.",
    }),
  }),
});

export const JobType = builder.objectRef<Job>("Job");

builder.node(JobType, {
  id: { resolve: ({ id }) => String(id) },
  loadOne: async (id, context) => visible(context, await context.load.job(Number(id))),
  fields: (t) => ({
    namespace: t.string({
      resolve: ({ namespaceId }, _args, { catalog }) => catalog.namespaceName(namespaceId),
    }),
    name: t.exposeString("name"),
    description: t.exposeString("description", { nullable: true }),
    tags: t.exposeStringList("tags"),
    type: t.exposeString("type", { nullable: true, description: "Null: it is a workflow." }),
    workflow: t.expose("workflow", {
      type: WorkflowType,
      nullable: true,
      description: "Null: it is a task.",
    }),
    group: t.exposeString("group", {
      description:
        "Of a workflow: that of its nodes, unless they have one. So are requires, retry and timeout.",
    }),
    requires: t.field({
      type: "JSON",
      nullable: true,
      description: "Labels an executor must have to run it.",
      resolve: ({ requires }) => (requires === null ? null : JSON.stringify(requires)),
    }),
    input: t.expose("input", {
      type: "JSON",
      nullable: true,
      description: "Of runs without an input of their own.",
    }),
    priority: t.exposeInt("priority", {
      description: "Higher starts first; an hour of waiting counts as one point.",
    }),
    retry: t.field({
      type: Retry,
      description: "Its own policy, or else its namespace's, or else the server's.",
      resolve: ({ retry, namespaceRetry }, _args, { catalog }) =>
        retry ?? namespaceRetry ?? catalog.defaultRetry,
    }),
    retryInherited: t.boolean({
      description: "The policy is the namespace's or the server's.",
      resolve: ({ retry }) => retry === null,
    }),
    timeout: t.expose("timeoutMs", { type: "Duration", description: "Of one attempt." }),
    startDeadline: t.expose("startDeadlineMs", {
      type: "Duration",
      description: "A run that starts later than this after its scheduled time is late.",
    }),
    deadLetter: t.exposeBoolean("deadLetter", {
      description: "A run that fails for good is kept until it is redriven or discarded.",
    }),
    overlap: t.expose("overlap", { type: Overlap }),
    execution: t.expose("execution", { type: ExecutionType }),
    maxParallel: t.exposeInt("maxParallel", {
      nullable: true,
      description: "Runs of it ready or running at once, in the whole cluster.",
    }),
    maxParallelPerKey: t.expose("maxParallelPerKey", {
      type: KeyLimit,
      nullable: true,
      description: "The same for its runs with equal keys.",
    }),
    rate: t.expose("rate", {
      type: Rate,
      nullable: true,
      description: "How many attempts of its runs may begin in any interval, in the whole cluster.",
    }),
    retention: t.expose("retention", {
      type: Retention,
      nullable: true,
      description: "Of its runs' logs and files; null: the namespace's.",
    }),
    late: t.expose("late", { type: Late }),
    unique: t.expose("unique", {
      type: Unique,
      nullable: true,
      description: "Which starts are answered with the run that is there; null: none.",
    }),
    version: t.exposeInt("version", {
      description: "Grows with every change; a run keeps the one it started with.",
    }),
    createdAt: t.expose("createdAt", { type: "DateTime" }),
    updatedAt: t.expose("updatedAt", { type: "DateTime" }),
    deletedAt: t.expose("deletedAt", {
      type: "DateTime",
      nullable: true,
      description: "A deleted job is kept for the runs that name it.",
    }),
    pause: t.field({
      type: PauseType,
      nullable: true,
      description: "Of the job itself; its group or namespace may be paused too.",
      resolve: ({ id }, _args, { load }) => load.jobPause(id),
    }),
    running: t.boolean({
      description: "A run of it is leased right now.",
      resolve: async ({ id }, _args, { load }) => (await load.jobActivity(id))?.running ?? false,
    }),
    nextFireAt: t.field({
      type: "DateTime",
      nullable: true,
      resolve: async ({ id }, _args, { load }) => (await load.jobActivity(id))?.nextFireAt,
    }),
  }),
});

const JobConnection = builder.connectionObject({ type: JobType, name: "JobConnection" });

const JobFilter = builder.inputType("JobFilter", {
  fields: (t) => ({
    search: t.string({ description: "A part of the name or description, in any letter case." }),
    tags: t.stringList({ description: "All of them." }),
    type: t.string(),
    group: t.string(),
    workflow: t.boolean({ description: "Only workflows, or only tasks." }),
  }),
});

export const JobInput = builder.inputType("JobInput", {
  fields: (t) => ({
    namespace: t.string({ defaultValue: "default" }),
    name: t.string({ required: true }),
    description: t.string(),
    tags: t.stringList(),
    type: t.string({ description: "Which code runs: what workers take by type." }),
    workflow: t.field({ type: WorkflowInput, description: "Instead of type." }),
    group: t.string({
      defaultValue: "default",
      description:
        "Where it runs: workers poll groups. Of a workflow, what its nodes have unless they say otherwise; so are requires, retry and timeout.",
    }),
    requires: t.field({
      type: "JSON",
      description: 'Labels its executors must have, such as {gpu: "a100"}.',
    }),
    input: t.field({ type: "JSON" }),
    priority: t.int({
      defaultValue: 5,
      description: "Higher starts first; an hour of waiting counts as one point.",
    }),
    retry: t.field({ type: RetryInput }),
    timeout: t.field({ type: "Duration", defaultValue: "PT5M" }),
    startDeadline: t.field({ type: "Duration", defaultValue: "PT15M" }),
    deadLetter: t.boolean({ defaultValue: true, description: "Keep runs that fail for good." }),
    overlap: t.field({ type: Overlap, defaultValue: "PARALLEL" }),
    execution: t.field({ type: ExecutionType, defaultValue: "SINGLE" }),
    maxParallel: t.int({
      description: "Runs of it ready or running at once, in the whole cluster. Unset: no limit.",
    }),
    maxParallelPerKey: t.field({
      type: KeyLimitInput,
      description: "The same for its runs with equal keys.",
    }),
    rate: t.field({ type: RateInput, description: "Unset: as fast as can be." }),
    retention: t.field({ type: RetentionInput, description: "Absent: the namespace's." }),
    late: t.field({ type: Late, defaultValue: "RUN" }),
    unique: t.field({ type: UniqueInput }),
  }),
});

const JobPatch = builder.inputType("JobPatch", {
  description: "What is absent stays as it is; null clears what a job can be without.",
  fields: (t) => ({
    description: t.string(),
    tags: t.stringList(),
    type: t.string(),
    workflow: t.field({ type: WorkflowInput, description: "Instead of type." }),
    group: t.string(),
    requires: t.field({ type: "JSON" }),
    input: t.field({ type: "JSON" }),
    priority: t.int(),
    retry: t.field({ type: RetryInput }),
    timeout: t.field({ type: "Duration" }),
    startDeadline: t.field({ type: "Duration" }),
    deadLetter: t.boolean(),
    overlap: t.field({ type: Overlap }),
    execution: t.field({ type: ExecutionType }),
    maxParallel: t.int(),
    maxParallelPerKey: t.field({ type: KeyLimitInput }),
    rate: t.field({ type: RateInput }),
    retention: t.field({ type: RetentionInput }),
    late: t.field({ type: Late }),
    unique: t.field({ type: UniqueInput }),
  }),
});

const DRY_RUN = "Answers with the job as it would be, or with what is wrong, and changes nothing.";

const readPatch = (input: typeof JobPatch.$inferInput) => ({
  ...input,
  input: textOf(input.input),
  requires: textOf(input.requires),
  workflow: readWorkflow(input.workflow),
});

/** As the store reads it. */
export function readJob(input: typeof JobInput.$inferInput) {
  return {
    ...input,
    input: textOf(input.input),
    requires: textOf(input.requires),
    workflow: readWorkflow(input.workflow),
  };
}

builder.queryFields((t) => ({
  job: t.field({
    type: JobType,
    nullable: true,
    args: byName,
    resolve: async (_root, { namespace, name }, context) =>
      findJob(context.database.sql, await namespaceOf(context, namespace), name),
  }),
  jobs: t.field({
    type: JobConnection,
    description: "By name.",
    complexity: pageCost,
    args: { namespace: t.arg.string(), filter: t.arg({ type: JobFilter }), ...pageArguments },
    resolve: async (_root, { namespace, filter, ...page }, context) =>
      connectionOf(
        await listJobs(context.database.sql, await namespaceShown(context, namespace), filter ?? {}, page),
      ),
  }),
}));

builder.mutationFields((t) => ({
  createJob: t.field({
    type: JobType,
    args: {
      input: t.arg({ type: JobInput, required: true }),
      dryRun: t.arg.boolean({ defaultValue: false, description: DRY_RUN }),
    },
    resolve: async (_root, { input, dryRun }, context) =>
      createJob(context.definitions, await namespaceOf(context, input.namespace), readJob(input), {
        dryRun: dryRun ?? false,
      }),
  }),
  updateJob: t.field({
    type: JobType,
    args: {
      ...byName,
      input: t.arg({ type: JobPatch, required: true }),
      version: t.arg.int({
        description: "Refuse the change with CONFLICT unless this is the job's version.",
      }),
      dryRun: t.arg.boolean({ defaultValue: false, description: DRY_RUN }),
    },
    resolve: async (_root, { namespace, name, input, version, dryRun }, context) => {
      const namespaceId = await namespaceOf(context, namespace);
      return updateJob(context.definitions, namespaceId, name, readPatch(input), {
        version,
        dryRun: dryRun ?? false,
      });
    },
  }),
  deleteJob: t.boolean({
    description: "Its triggers go with it, unless they are to be kept; runs that have begun go on.",
    args: {
      ...byName,
      keepTriggers: t.arg.boolean({
        defaultValue: false,
        description:
          "Its triggers stay, in ERROR, until they are reset to a new job of that name or updated with another.",
      }),
    },
    resolve: async (_root, { namespace, name, keepTriggers }, context) => {
      const namespaceId = await namespaceOf(context, namespace);
      await deleteJob(context.definitions, namespaceId, name, keepTriggers ?? false);
      return true;
    },
  }),
}));

builder.subscriptionField("jobChanged", (t) =>
  t.field({
    type: JobType,
    description: "A job was created, changed or deleted, or it gained or lost a trigger.",
    args: { namespace: t.arg.string() },
    subscribe: async (_root, { namespace }, context) =>
      context.live.jobs(context, await namespaceShown(context, namespace)),
    resolve: (job: Job) => job,
  }),
);
