/** Drafts of workflows: saved at any time, said what is wrong with them, and published as the job's next version. */
import { coerceInputValue, GraphQLError, type GraphQLInputType, type GraphQLSchema } from "graphql";
import { badInput, type FieldFault, notFound, Rejection } from "../core/rejection.ts";
import { type Draft, discardDraft, findDraft, listDrafts, saveDraft } from "../store/drafts.ts";
import { checkJob, createJob, replaceJob } from "../store/job-changes.ts";
import { findJob } from "../store/jobs.ts";
import { byName } from "./arguments.ts";
import { builder } from "./builder.ts";
import { whoIs } from "./caller.ts";
import { type Context, namespaceOf, namespaceShown } from "./context.ts";
import { JobInput, JobType, readJob } from "./job.ts";
import { JsonText } from "./json.ts";

const FaultType = builder.objectRef<FieldFault>("Fault").implement({
  description: "Something that is wrong, and where.",
  fields: (t) => ({ field: t.exposeString("field"), message: t.exposeString("message") }),
});

const DraftType = builder.objectRef<Draft>("Draft").implement({
  description: "A workflow that somebody is drawing.",
  fields: (t) => ({
    namespace: t.string({
      resolve: ({ namespaceId }, _args, { catalog }) => catalog.namespaceName(namespaceId),
    }),
    name: t.exposeString("name", { description: "Of the job that it becomes." }),
    content: t.expose("content", { type: "JSON", description: "The JobInput, as it was saved." }),
    revision: t.exposeInt("revision", { description: "Grows with every change." }),
    savedBy: t.exposeString("savedBy"),
    savedAt: t.expose("savedAt", { type: "DateTime" }),
    faults: t.field({
      type: [FaultType],
      description: "What is in the way of publishing it, all at once; none: it can be published.",
      resolve: (draft, _args, _context, { schema }) => faultsOf(draft, schema),
    }),
    job: t.field({
      type: JobType,
      nullable: true,
      description: "What is online; null: it has never been published.",
      resolve: ({ namespaceId, name }, _args, { database }) => findJob(database.sql, namespaceId, name),
    }),
  }),
});

type Input = typeof JobInput.$inferInput;

/** What was saved, read as a request would be. Throws BAD_INPUT. */
function readDraft({ content }: Draft, schema: GraphQLSchema): Input {
  const type = schema.getType("JobInput") as GraphQLInputType;
  return coerceInputValue(JSON.parse(content), type, (path, _value, error) => {
    throw badInput(path.join("."), error.message);
  }) as Input;
}

function faultsOf(draft: Draft, schema: GraphQLSchema): FieldFault[] {
  try {
    checkJob(readJob(readDraft(draft, schema)));
    return [];
  } catch (error) {
    if (!(error instanceof Rejection || error instanceof GraphQLError)) throw error;
    if (error instanceof Rejection && error.faults) return [...error.faults];
    return [{ field: (error instanceof Rejection && error.field) || "input", message: error.message }];
  }
}

/** Arguments back into the JSON that they came from. */
function jsonOf(value: unknown): unknown {
  if (value instanceof JsonText) return JSON.parse(value.text);
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, jsonOf(one)]));
}

async function draftOf(context: Context, namespaceId: number, name: string): Promise<Draft> {
  const draft = await findDraft(context.database.sql, namespaceId, name);
  if (!draft) throw notFound(`draft "${name}"`, "name");
  return draft;
}

builder.objectField(JobType, "draft", (t) =>
  t.field({
    type: DraftType,
    nullable: true,
    description: "What somebody is making of it.",
    resolve: ({ namespaceId, name }, _args, { database }) => findDraft(database.sql, namespaceId, name),
  }),
);

builder.queryFields((t) => ({
  draft: t.field({
    type: DraftType,
    nullable: true,
    args: byName,
    resolve: async (_root, { namespace, name }, context) =>
      findDraft(context.database.sql, await namespaceOf(context, namespace), name),
  }),
  drafts: t.field({
    type: [DraftType],
    description: "By name.",
    args: { namespace: t.arg.string() },
    resolve: async (_root, { namespace }, context) =>
      listDrafts(context.database.sql, await namespaceShown(context, namespace)),
  }),
}));

const revised = builder.args((t) => ({
  revision: t.int({ description: "Only if it still is this one; 0: only if there is none yet." }),
}));

builder.mutationFields((t) => ({
  saveDraft: t.field({
    type: DraftType,
    description:
      "Keeps it as it is, right or wrong; `faults` says what is missing. Nothing that runs is changed.",
    args: { input: t.arg({ type: JobInput, required: true }), ...revised },
    resolve: async (_root, { input, revision }, context) => {
      const namespaceId = await namespaceOf(context, input.namespace);
      if (input.workflow == null)
        throw badInput("workflow", "drafts are for workflows; createJob makes a task");
      const content = JSON.stringify(jsonOf(input));
      const savedBy = whoIs(context.principal);
      return saveDraft(
        context.database.sql,
        { namespaceId, name: input.name, content, savedBy },
        revision ?? null,
      );
    },
  }),
  publishDraft: t.field({
    type: JobType,
    description:
      "Puts it online: the next start runs it, and runs that have begun keep the version they have.",
    args: { ...byName, ...revised },
    resolve: async (_root, { namespace, name, revision }, context, { schema }) => {
      const namespaceId = await namespaceOf(context, namespace);
      const draft = await draftOf(context, namespaceId, name);
      const input = readJob(readDraft(draft, schema));
      const online = await findJob(context.database.sql, namespaceId, name);
      const job = online
        ? await replaceJob(context.definitions, namespaceId, input)
        : await createJob(context.definitions, namespaceId, input);
      await discardDraft(context.database.sql, namespaceId, name, revision ?? draft.revision);
      return job;
    },
  }),
  discardDraft: t.boolean({
    description: "What is online stays as it is.",
    args: { ...byName, ...revised },
    resolve: async (_root, { namespace, name, revision }, context) => {
      await discardDraft(context.database.sql, await namespaceOf(context, namespace), name, revision ?? null);
      return true;
    },
  }),
}));
