/** Dead letters: found, counted, put back into the queue, taken off the list. Each is a run. */
import { LIMITS } from "../config.ts";
import { badInput, illegalState, limitExceeded } from "../core/rejection.ts";
import {
  countDeadLetters,
  type DeadLetterFilter,
  type DeadLetterGroup,
  groupDeadLetters,
  listDeadLetters,
} from "../store/dead-letters.ts";
import { isRunId } from "../store/page.ts";
import { builder } from "./builder.ts";
import { BulkChangeType, bulkArguments } from "./bulk.ts";
import { connectionOf, pageArguments, pageCost } from "./connection.ts";
import { namespaceShown, present } from "./context.ts";
import { JobType } from "./job.ts";
import { RunConnection, RunType, runOf } from "./run.ts";
import { answer, newInput, readNewInput } from "./run-changes.ts";

const FilterInput = builder.inputType("DeadLetterFilter", {
  fields: (t) => ({
    ids: t.idList({ description: "Only these." }),
    job: t.string({ description: "The job's name." }),
    errorType: t.string({
      description: "The type of the error, such as ValueError; empty: errors without one.",
    }),
    failedAfter: t.field({ type: "DateTime", description: "Inclusive." }),
    failedBefore: t.field({ type: "DateTime", description: "Exclusive." }),
  }),
});

/** Throws BAD_INPUT for text that no column holds, and LIMIT_EXCEEDED for too many ids. */
function readFilter(filter: typeof FilterInput.$inferInput | null | undefined): DeadLetterFilter {
  const { ids, job, errorType, ...times } = filter ?? {};
  if (ids != null && ids.length > LIMITS.bulkRuns) {
    throw limitExceeded(`has ${ids.length} ids; at most ${LIMITS.bulkRuns} are allowed`, "filter.ids");
  }
  for (const [field, text] of Object.entries({ job, errorType })) {
    if (text?.includes("\0")) throw badInput(`filter.${field}`, "must not hold the character U+0000");
  }
  // No run has a malformed id.
  return { ...times, job, errorType, ids: ids?.filter(isRunId) };
}

const GroupType = builder.objectRef<DeadLetterGroup>("DeadLetterGroup").implement({
  description: "Dead letters of one job with one type of error.",
  fields: (t) => ({
    job: t.field({ type: JobType, resolve: ({ jobId }, _args, { load }) => present(load.job(jobId)) }),
    errorType: t.exposeString("errorType", { nullable: true }),
    count: t.exposeInt("count"),
    firstAt: t.expose("firstAt", { type: "DateTime" }),
    lastAt: t.expose("lastAt", { type: "DateTime" }),
  }),
});

builder.objectFields(RunType, (t) => ({
  deadLetter: t.boolean({
    description: "It failed for good, and is kept until it is redriven or discarded.",
    resolve: async ({ id, state }, _args, { load }) => state === "FAILED" && (await load.dead(id)) === true,
  }),
}));

/** The largest groups; a page of them. */
const GROUPS_SHOWN = 100;

const scope = builder.args((t) => ({
  namespace: t.string({ description: "Unset: every one the caller may see." }),
  filter: t.field({ type: FilterInput }),
}));

builder.queryFields((t) => ({
  deadLetters: t.field({
    type: RunConnection,
    description: "Runs that failed for good and are kept, last failure first.",
    complexity: pageCost,
    args: { ...scope, ...pageArguments },
    resolve: async (_root, { namespace, filter, ...page }, context) => {
      const namespaceId = await namespaceShown(context, namespace);
      return connectionOf(await listDeadLetters(context.database.sql, namespaceId, readFilter(filter), page));
    },
  }),
  deadLetterCount: t.int({
    args: scope,
    resolve: async (_root, { namespace, filter }, context) =>
      countDeadLetters(context.database.sql, await namespaceShown(context, namespace), readFilter(filter)),
  }),
  deadLetterGroups: t.field({
    type: [GroupType],
    description: "By job and type of error, the largest first, at most 100.",
    complexity: GROUPS_SHOWN,
    args: scope,
    resolve: async (_root, { namespace, filter }, context) =>
      groupDeadLetters(
        context.database.sql,
        await namespaceShown(context, namespace),
        readFilter(filter),
        GROUPS_SHOWN,
      ),
  }),
}));

/** Whoever means everything says `{}`. */
const changed = builder.args((t) => ({
  namespace: t.string({ description: "Unset: every one the caller may see." }),
  filter: t.field({ type: FilterInput, required: true }),
}));

builder.mutationFields((t) => ({
  redriveDeadLetter: t.field({
    type: RunType,
    description:
      "Puts a dead letter back into the queue, with all its retries: the same run, with another input if one is given.",
    args: { id: t.arg.id({ required: true }), ...newInput },
    resolve: async (_root, { id, ...given }, context, info) => {
      await runOf(context, id);
      const options = { input: readNewInput(given), deadOnly: true };
      return answer(context, info, await context.engine.redrive(id, options));
    },
  }),
  redriveDeadLetters: t.field({
    type: BulkChangeType,
    description: "Puts dead letters back into the queue, oldest run first; all at once, or `perSecond`.",
    args: {
      ...changed,
      ...bulkArguments,
      perSecond: t.arg.float({ description: "One after the other at this pace, instead of all at once." }),
      startAt: t.arg({ type: "DateTime", description: "When the first starts; unset: now." }),
    },
    resolve: async (_root, { namespace, filter, perSecond, startAt, ...page }, context) => {
      const namespaceId = await namespaceShown(context, namespace);
      const pace = { perSecond: perSecond ?? null, startAt: startAt ?? null };
      return context.engine.redriveDeadLetters({ namespaceId, filter: readFilter(filter) }, page, pace);
    },
  }),
  discardDeadLetter: t.field({
    type: RunType,
    description: "Takes it off the list; the run stays in the history as long as others do.",
    args: { id: t.arg.id({ required: true }) },
    resolve: async (_root, { id }, context) => {
      const { namespaceId } = await runOf(context, id);
      const done = await context.engine.discardDeadLetters({ namespaceId, filter: { ids: [id] } }, {});
      if (done.changed === 0) throw illegalState("the run is no dead letter");
      return runOf(context, id);
    },
  }),
  discardDeadLetters: t.field({
    type: BulkChangeType,
    description: "Takes dead letters off the list; the runs stay in the history as long as others do.",
    args: { ...changed, ...bulkArguments },
    resolve: async (_root, { namespace, filter, ...page }, context) => {
      const namespaceId = await namespaceShown(context, namespace);
      return context.engine.discardDeadLetters({ namespaceId, filter: readFilter(filter) }, page);
    },
  }),
}));
