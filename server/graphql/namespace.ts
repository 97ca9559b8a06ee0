/** Namespaces and their settings. */
import { createNamespace, listNamespaces, type Namespace, updateNamespace } from "../store/namespaces.ts";
import { builder } from "./builder.ts";
import { namespaceOf } from "./context.ts";
import { Retention, RetentionInput } from "./retention.ts";
import { Retry, RetryInput } from "./retry.ts";

const NamespaceType = builder.objectRef<Namespace>("Namespace").implement({
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => `namespace_${id}` }),
    name: t.exposeString("name"),
    retry: t.field({
      type: Retry,
      description: "Of jobs without a policy of their own: the namespace's, or else the server's.",
      resolve: ({ retry }, _args, { catalog }) => retry ?? catalog.defaultRetry,
    }),
    retryInherited: t.boolean({
      description: "The policy is the server's.",
      resolve: ({ retry }) => retry === null,
    }),
    retention: t.expose("retention", {
      type: Retention,
      nullable: true,
      description: "Of the logs and files of jobs without one of their own; null: as long as their runs.",
    }),
    weight: t.exposeInt("weight", {
      description:
        "What it gets of executors that claim for several namespaces, compared with the others while all have ready runs.",
    }),
    createdAt: t.expose("createdAt", { type: "DateTime" }),
  }),
});

const NamespaceInput = builder.inputType("NamespaceInput", {
  fields: (t) => ({ name: t.string({ required: true }) }),
});

const NamespacePatch = builder.inputType("NamespacePatch", {
  description: "What is absent stays as it is; null clears the retention.",
  fields: (t) => ({
    retry: t.field({ type: RetryInput, description: "For jobs that say nothing about retries." }),
    retention: t.field({ type: RetentionInput, description: "For jobs that say nothing about it." }),
    weight: t.int({ description: "1 to 100; 1 at first." }),
  }),
});

builder.queryField("namespaces", (t) =>
  t.field({
    type: [NamespaceType],
    description: "Those the caller may see, by name.",
    resolve: (_root, _args, { database, principal }) => listNamespaces(database.sql, principal.namespaceId),
  }),
);

builder.mutationFields((t) => ({
  createNamespace: t.field({
    type: NamespaceType,
    args: { input: t.arg({ type: NamespaceInput, required: true }) },
    resolve: (_root, { input }, { database }) => createNamespace(database.sql, input.name),
  }),
  updateNamespace: t.field({
    type: NamespaceType,
    description: "Its settings hold at once, for runs that wait or run too.",
    args: {
      name: t.arg.string({ required: true }),
      input: t.arg({ type: NamespacePatch, required: true }),
    },
    resolve: async (_root, { name, input }, context) =>
      updateNamespace(context.definitions, await namespaceOf(context, name, "name"), input),
  }),
}));
