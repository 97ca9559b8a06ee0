/** Namespaces. */
import { createNamespace, listNamespaces, type Namespace } from "../store/namespaces.ts";
import { builder } from "./builder.ts";

const NamespaceType = builder.objectRef<Namespace>("Namespace").implement({
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => `namespace_${id}` }),
    name: t.exposeString("name"),
    createdAt: t.expose("createdAt", { type: "DateTime" }),
  }),
});

const NamespaceInput = builder.inputType("NamespaceInput", {
  fields: (t) => ({ name: t.string({ required: true }) }),
});

builder.queryField("namespaces", (t) =>
  t.field({
    type: [NamespaceType],
    description: "Those the caller may see, by name.",
    resolve: (_root, _args, { database, principal }) => listNamespaces(database.sql, principal.namespaceId),
  }),
);

builder.mutationField("createNamespace", (t) =>
  t.field({
    type: NamespaceType,
    args: { input: t.arg({ type: NamespaceInput, required: true }) },
    resolve: (_root, { input }, { database }) => createNamespace(database.sql, input.name),
  }),
);
