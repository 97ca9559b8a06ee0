/** Backfills: runs for a set of past dates, made, watched, paused and cancelled. */
import type { BackfillState, DateState, Reprocess } from "../core/backfill.ts";
import { notFound } from "../core/rejection.ts";
import {
  type Backfill,
  type BackfillDate,
  listBackfillDates,
  listBackfills,
  noProgress,
  type Progress,
} from "../store/backfills.ts";
import { checkText } from "../store/definitions.ts";
import { builder } from "./builder.ts";
import { whoIs } from "./caller.ts";
import { connectionOf, pageArguments, pageCost } from "./connection.ts";
import { type Context, namespaceOf, namespaceShown, present, visible } from "./context.ts";
import { readId } from "./id.ts";
import { JobType } from "./job.ts";
import { textOf } from "./json.ts";
import { RunType } from "./run.ts";
import { TriggerType } from "./trigger.ts";

const StateType = builder.enumType("BackfillState", {
  values: {
    RUNNING: { description: "Its dates start, so many at once." },
    PAUSED: { description: "Nothing new starts." },
    STOPPED: { description: "A date failed, and it was to stop then; it can be resumed." },
    CANCELLED: {},
    COMPLETE: { description: "Every date has ended, whatever as." },
  } satisfies Record<BackfillState, object>,
});

const DateStateType = builder.enumType("BackfillDateState", {
  values: {
    PENDING: {},
    STARTED: {},
    SUCCEEDED: {},
    FAILED: {},
    CANCELLED: {},
    SKIPPED: { description: "Its job's own policies skipped its run." },
    KEPT: { description: "It had a run already, which stays." },
  } satisfies Record<DateState, object>,
});

const ReprocessType = builder.enumType("BackfillReprocess", {
  description: "What becomes of dates that have had a run.",
  values: {
    NONE: { description: "They keep it." },
    FAILED: { description: "Those whose newest run failed, was cancelled or skipped are run once more." },
    ALL: { description: "All are run once more." },
  } satisfies Record<Reprocess, object>,
});

const OnFailure = builder.enumType("BackfillOnFailure", {
  values: {
    CONTINUE: { description: "The others go on." },
    STOP: { description: "Nothing new starts after a date that failed." },
  } as const,
});

const ProgressType = builder.objectRef<Progress>("BackfillProgress").implement({
  description: "How many of its dates are in which state.",
  fields: (t) => ({
    total: t.int({ resolve: (progress) => Object.values(progress).reduce((sum, count) => sum + count, 0) }),
    pending: t.exposeInt("PENDING"),
    started: t.exposeInt("STARTED"),
    succeeded: t.exposeInt("SUCCEEDED"),
    failed: t.exposeInt("FAILED"),
    cancelled: t.exposeInt("CANCELLED"),
    skipped: t.exposeInt("SKIPPED"),
    kept: t.exposeInt("KEPT"),
  }),
});

const DateType = builder.objectRef<BackfillDate>("BackfillDate").implement({
  fields: (t) => ({
    scheduledAt: t.expose("scheduledAt", { type: "DateTime" }),
    state: t.expose("state", { type: DateStateType }),
    run: t.field({
      type: RunType,
      nullable: true,
      description: "Null before it starts, and when it is no longer kept.",
      resolve: ({ runId }, _args, { load }) => (runId === null ? null : load.run(runId)),
    }),
  }),
});
const DateConnection = builder.connectionObject({ type: DateType, name: "BackfillDateConnection" });

const BackfillType = builder.objectRef<Backfill>("Backfill");

builder.node(BackfillType, {
  description: "Runs for a set of past due times, one for each.",
  id: { resolve: ({ id }) => String(id) },
  loadOne: async (id, context) => visible(context, await context.load.backfill(Number(id))),
  fields: (t) => ({
    namespace: t.string({
      resolve: ({ namespaceId }, _args, { catalog }) => catalog.namespaceName(namespaceId),
    }),
    job: t.field({ type: JobType, resolve: ({ jobId }, _args, { load }) => present(load.job(jobId)) }),
    trigger: t.field({
      type: TriggerType,
      nullable: true,
      description: "Whose times its dates are.",
      resolve: ({ triggerId }, _args, { load }) => (triggerId === null ? null : load.trigger(triggerId)),
    }),
    state: t.expose("state", { type: StateType }),
    reason: t.exposeString("reason", {
      nullable: true,
      description: "Why it is paused, stopped or cancelled.",
    }),
    maxParallel: t.exposeInt("maxParallel", { description: "How many dates run at once." }),
    onFailure: t.expose("onFailure", { type: OnFailure }),
    reprocess: t.expose("reprocess", { type: ReprocessType }),
    input: t.expose("input", { type: "JSON", nullable: true, description: "Null: the job's." }),
    priority: t.exposeInt("priority", { nullable: true, description: "Null: the job's." }),
    startedBy: t.exposeString("startedBy", { description: "The id of a token, or who needed none." }),
    progress: t.field({
      type: ProgressType,
      resolve: async ({ id, dates }, _args, { load }) => {
        if (dates === undefined) return (await load.backfillProgress(id)) ?? noProgress();
        const progress = noProgress();
        for (const { state } of dates) progress[state]++;
        return progress;
      },
    }),
    dates: t.field({
      type: DateConnection,
      description: "In the order in which they start.",
      complexity: pageCost,
      args: { states: t.arg({ type: [DateStateType] }), ...pageArguments },
      resolve: async (backfill, { states, ...page }, { database }) =>
        connectionOf(await listBackfillDates(database.sql, backfill, states, page)),
    }),
    createdAt: t.expose("createdAt", { type: "DateTime" }),
    endedAt: t.expose("endedAt", { type: "DateTime", nullable: true }),
  }),
});

builder.objectField(RunType, "backfill", (t) =>
  t.field({
    type: BackfillType,
    nullable: true,
    description: "That it is of.",
    resolve: async ({ id }, _args, { load }) => {
      const backfill = await load.backfillOfRun(id);
      return backfill === null ? null : load.backfill(backfill);
    },
  }),
);

const BackfillConnection = builder.connectionObject({ type: BackfillType, name: "BackfillConnection" });

const BackfillFilter = builder.inputType("BackfillFilter", {
  fields: (t) => ({
    job: t.string({ description: "The job's name." }),
    trigger: t.string({ description: "The trigger's name." }),
    states: t.field({ type: [StateType] }),
  }),
});

builder.queryField("backfills", (t) =>
  t.field({
    type: BackfillConnection,
    description: "Newest first. One alone is a `node`.",
    complexity: pageCost,
    args: { namespace: t.arg.string(), filter: t.arg({ type: BackfillFilter }), ...pageArguments },
    resolve: async (_root, { namespace, filter, ...page }, context) =>
      connectionOf(
        await listBackfills(
          context.database.sql,
          await namespaceShown(context, namespace),
          filter ?? {},
          page,
        ),
      ),
  }),
);

const BackfillInput = builder.inputType("BackfillInput", {
  description:
    "The past times of a trigger, or midnight of every day, from `from` to `to`; or a list of dates in the order in which they start.",
  fields: (t) => ({
    namespace: t.string({ defaultValue: "default" }),
    trigger: t.string({ description: "Whose schedule names the times, and whose job runs." }),
    job: t.string({ description: "Instead of a trigger: what runs each day, or on each date of the list." }),
    from: t.field({ type: "DateTime", description: "Inclusive." }),
    to: t.field({ type: "DateTime", description: "Inclusive." }),
    dates: t.field({ type: ["DateTime"], description: "Instead of a range." }),
    timeZone: t.string({ defaultValue: "UTC", description: "Of the days, without a trigger." }),
    order: t.field({
      type: builder.enumType("BackfillOrder", { values: ["ASCENDING", "DESCENDING"] as const }),
      defaultValue: "ASCENDING",
      description: "DESCENDING starts with the last.",
    }),
    maxParallel: t.int({
      defaultValue: 1,
      description: "How many dates run at once; 1: one after the other.",
    }),
    onFailure: t.field({ type: OnFailure, defaultValue: "CONTINUE" }),
    reprocess: t.field({ type: ReprocessType, defaultValue: "NONE" }),
    input: t.field({ type: "JSON", description: "Unset: the trigger's or the job's." }),
    priority: t.int({ description: "Unset: the trigger's or the job's." }),
  }),
});

/** Throws NOT_FOUND for what is not there or foreign. */
async function backfillIdOf(context: Context, id: string): Promise<number> {
  const read = readId(id);
  const found = read.typename === "Backfill" ? await context.load.backfill(Number(read.id)) : null;
  const backfill = visible(context, found);
  if (!backfill) throw notFound(`backfill "${id}"`, "id");
  return backfill.id;
}

const words = (reason: string | null | undefined): string | null =>
  reason == null ? null : checkText(reason, "reason");

builder.mutationFields((t) => ({
  createBackfill: t.field({
    type: BackfillType,
    description: "Each date has one run, whose scheduledAt it is.",
    args: {
      input: t.arg({ type: BackfillInput, required: true }),
      dryRun: t.arg.boolean({
        defaultValue: false,
        description: "Say which dates it would run, and start nothing.",
      }),
    },
    resolve: async (_root, { input, dryRun }, context) =>
      context.engine.createBackfill({
        ...input,
        namespaceId: await namespaceOf(context, input.namespace),
        input: textOf(input.input),
        by: whoIs(context.principal),
        dryRun,
      }),
  }),
  pauseBackfill: t.field({
    type: BackfillType,
    description: "What runs goes on, and nothing new starts.",
    args: { id: t.arg.id({ required: true }), reason: t.arg.string() },
    resolve: async (_root, { id, reason }, context) =>
      context.engine.pauseBackfill(await backfillIdOf(context, id), words(reason)),
  }),
  resumeBackfill: t.field({
    type: BackfillType,
    description: "Goes on, also after a failure that stopped it.",
    args: { id: t.arg.id({ required: true }) },
    resolve: async (_root, { id }, context) => context.engine.resumeBackfill(await backfillIdOf(context, id)),
  }),
  cancelBackfill: t.field({
    type: BackfillType,
    description: "Nothing new starts, and its runs are cancelled.",
    args: { id: t.arg.id({ required: true }), reason: t.arg.string() },
    resolve: async (_root, { id, reason }, context) =>
      context.engine.cancelBackfill(await backfillIdOf(context, id), words(reason)),
  }),
}));
