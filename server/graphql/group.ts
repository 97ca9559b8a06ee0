/** Worker groups and their limits. pause-changes.ts pauses them. */
import { checkName } from "../core/name.ts";
import { type Group, listGroups } from "../store/groups.ts";
import { builder } from "./builder.ts";
import { namespaceOf, namespaceShown } from "./context.ts";

const GroupType = builder.objectRef<Group>("Group").implement({
  description: "Workers that poll the same name, and the runs that are for them.",
  fields: (t) => ({
    namespace: t.string({
      resolve: ({ namespaceId }, _args, { catalog }) => catalog.namespaceName(namespaceId),
    }),
    name: t.exposeString("name"),
    maxParallel: t.exposeInt("maxParallel", {
      nullable: true,
      description:
        "Runs for it ready or running at once, of whatever job, in the whole cluster; null: no limit.",
    }),
  }),
});

const GroupPatch = builder.inputType("GroupPatch", {
  description: "What is absent stays as it is; null clears the limit.",
  fields: (t) => ({ maxParallel: t.int() }),
});

builder.queryField("groups", (t) =>
  t.field({
    type: [GroupType],
    description: "Those that a job has named or that have a limit, by name.",
    args: { namespace: t.arg.string() },
    resolve: async (_root, { namespace }, context) =>
      listGroups(context.database.sql, await namespaceShown(context, namespace)),
  }),
);

builder.mutationField("updateGroup", (t) =>
  t.field({
    type: GroupType,
    description:
      "A limit holds at once, for runs that wait, too. Running runs go on and count; ready runs of a group that had no limit stand in line.",
    args: {
      namespace: t.arg.string({ defaultValue: "default" }),
      name: t.arg.string({ required: true }),
      input: t.arg({ type: GroupPatch, required: true }),
    },
    resolve: async (_root, { namespace, name, input: { maxParallel } }, context) => {
      const namespaceId = await namespaceOf(context, namespace);
      checkName(name, "name");
      if (maxParallel !== undefined) await context.engine.limitGroup(namespaceId, name, maxParallel);
      const groups = await listGroups(context.database.sql, namespaceId);
      return groups.find((group) => group.name === name) ?? { namespaceId, name, maxParallel: null };
    },
  }),
);
