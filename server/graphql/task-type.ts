/** Task types, as the workers that serve them describe them. */
import { listTaskTypes, type TaskType } from "../store/task-types.ts";
import { builder } from "./builder.ts";
import { namespaceShown } from "./context.ts";

const TaskTypeType = builder.objectRef<TaskType>("TaskType").implement({
  description: "What workers say of a task type that they serve: enough to draw a form for a job's input.",
  fields: (t) => ({
    namespace: t.string({
      resolve: ({ namespaceId }, _args, { catalog }) => catalog.namespaceName(namespaceId),
    }),
    type: t.exposeString("type"),
    title: t.exposeString("title", { nullable: true }),
    description: t.exposeString("description", { nullable: true }),
    inputSchema: t.expose("inputSchema", {
      type: "JSON",
      nullable: true,
      description: "A JSON Schema, 2020-12. The worker checks inputs against it; the server does not.",
    }),
    outputSchema: t.expose("outputSchema", {
      type: "JSON",
      nullable: true,
      description: "A JSON Schema, 2020-12, for people: nobody checks it.",
    }),
    groups: t.exposeStringList("groups", {
      description: "Worker groups in which an executor is alive that takes it.",
    }),
    lastSeenAt: t.expose("lastSeenAt", {
      type: "DateTime",
      description: "When an executor that names it was last heard of.",
    }),
  }),
});

builder.queryField("taskTypes", (t) =>
  t.field({
    type: [TaskTypeType],
    description:
      "By name, up to 500. Of what workers of different versions say, the last one to register is right.",
    args: {
      namespace: t.arg.string(),
      type: t.arg.string({ description: "That one alone." }),
    },
    resolve: async (_root, { namespace, type }, context) =>
      listTaskTypes(context.database.sql, await namespaceShown(context, namespace), type ?? null),
  }),
);
