/** Where runs are found: by id, in lists, from their job or occurrence, and as they change. */
import { isRunId } from "../store/page.ts";
import { listRuns } from "../store/run-list.ts";
import type { Run } from "../store/runs.ts";
import { checkLogFilter, logFilter } from "./arguments.ts";
import { builder } from "./builder.ts";
import { connectionOf, pageArguments, pageCost } from "./connection.ts";
import { namespaceShown, visible } from "./context.ts";
import { JobType } from "./job.ts";
import { type LogChunk, readLogCursor } from "./log.ts";
import { OccurrenceType } from "./occurrence.ts";
import { RunConnection, RunState, RunType, runOf } from "./run.ts";
import { LogChunkType } from "./run-parts.ts";

export const RunFilter = builder.inputType("RunFilter", {
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

export const readRunFilter = (filter: typeof RunFilter.$inferInput | null | undefined) => ({
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
          readRunFilter(filter),
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
      connectionOf(await listRuns(database.sql, namespaceId, { ...readRunFilter(filter), jobId: id }, page)),
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
    args: { id: t.arg.id({ required: true }), after: t.arg.string(), ...logFilter },
    subscribe: async (_root, { id, after, ...filter }, context) => {
      await runOf(context, id);
      return context.live.log(context, id, readLogCursor(after), checkLogFilter(filter));
    },
    resolve: (chunk: LogChunk) => chunk,
  }),
}));
