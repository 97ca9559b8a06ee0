/** Pausing and resuming runs, jobs, groups and namespaces. */
import { checkName } from "../core/name.ts";
import { notFound } from "../core/rejection.ts";
import { checkText } from "../store/definitions.ts";
import { findJob, type Job } from "../store/jobs.ts";
import { byName } from "./arguments.ts";
import { builder } from "./builder.ts";
import { whoIs } from "./caller.ts";
import { type Context, namespaceOf, present } from "./context.ts";
import { JobType } from "./job.ts";
import { RunType, runOf } from "./run.ts";

const words = (reason: string | null | undefined): string | null =>
  reason == null ? null : checkText(reason, "reason");

async function jobOf(context: Context, namespace: string | null | undefined, name: string): Promise<Job> {
  const job = await findJob(context.database.sql, await namespaceOf(context, namespace), name);
  if (!job) throw notFound(`job "${name}"`, "name");
  return job;
}

const jobScope = ({ namespaceId, id }: Job) => ({ namespaceId, kind: "JOB" as const, target: String(id) });
const groupScope = async (context: Context, namespace: string | null | undefined, group: string) => ({
  namespaceId: await namespaceOf(context, namespace),
  kind: "GROUP" as const,
  target: checkName(group, "group"),
});
const namespaceScope = async (context: Context, name: string) => ({
  namespaceId: await namespaceOf(context, name, "name"),
  kind: "NAMESPACE" as const,
  target: "",
});

const byGroup = builder.args((t) => ({
  namespace: t.string({ defaultValue: "default" }),
  group: t.string({ required: true }),
}));
const reasoned = builder.args((t) => ({ reason: t.string() }));

builder.mutationFields((t) => ({
  suspendRun: t.field({
    type: RunType,
    description: "It does not start until it is resumed; if it is running, its next attempt does not.",
    args: { id: t.arg.id({ required: true }), ...reasoned },
    resolve: async (_root, { id, reason }, context) => {
      await runOf(context, id);
      await context.engine.suspendRun(id, whoIs(context.principal), words(reason));
      return present(context.load.run(id));
    },
  }),
  resumeRun: t.field({
    type: RunType,
    args: { id: t.arg.id({ required: true }) },
    resolve: async (_root, { id }, context) => {
      await runOf(context, id);
      await context.engine.resumeRun(id);
      return present(context.load.run(id));
    },
  }),
  pauseJob: t.field({
    type: JobType,
    description: "Its triggers go on, and what they fire waits; `pauseTriggers` stops them from firing.",
    args: { ...byName, ...reasoned },
    resolve: async (_root, { namespace, name, reason }, context) => {
      const job = await jobOf(context, namespace, name);
      await context.engine.pause(jobScope(job), whoIs(context.principal), words(reason));
      return jobOf(context, namespace, name);
    },
  }),
  resumeJob: t.field({
    type: JobType,
    args: byName,
    resolve: async (_root, { namespace, name }, context) => {
      await context.engine.resume(jobScope(await jobOf(context, namespace, name)));
      return jobOf(context, namespace, name);
    },
  }),
  pauseGroup: t.boolean({
    description: "No run that is for this group of workers starts.",
    args: { ...byGroup, ...reasoned },
    resolve: async (_root, { namespace, group, reason }, context) => {
      const scope = await groupScope(context, namespace, group);
      await context.engine.pause(scope, whoIs(context.principal), words(reason));
      return true;
    },
  }),
  resumeGroup: t.boolean({
    args: byGroup,
    resolve: async (_root, { namespace, group }, context) => {
      await context.engine.resume(await groupScope(context, namespace, group));
      return true;
    },
  }),
  pauseNamespace: t.boolean({
    args: { name: t.arg.string({ required: true }), ...reasoned },
    resolve: async (_root, { name, reason }, context) => {
      const scope = await namespaceScope(context, name);
      await context.engine.pause(scope, whoIs(context.principal), words(reason));
      return true;
    },
  }),
  resumeNamespace: t.boolean({
    args: { name: t.arg.string({ required: true }) },
    resolve: async (_root, { name }, context) => {
      await context.engine.resume(await namespaceScope(context, name));
      return true;
    },
  }),
}));
