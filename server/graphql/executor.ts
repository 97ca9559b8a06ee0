/** Executors. */
import { EXECUTOR_STATES, type Executor, listExecutors } from "../store/executors.ts";
import { builder } from "./builder.ts";
import { connectionOf, pageArguments, pageCost } from "./connection.ts";
import { namespaceShown, visible } from "./context.ts";

const ExecutorState = builder.enumType("ExecutorState", { values: EXECUTOR_STATES });

export const ExecutorType = builder.objectRef<Executor>("Executor");

builder.node(ExecutorType, {
  id: { resolve: ({ id }) => String(id) },
  loadOne: async (id, context) => visible(context, await context.load.executor(Number(id))),
  fields: (t) => ({
    namespace: t.string({
      resolve: ({ namespaceId }, _args, { catalog }) => catalog.namespaceName(namespaceId),
    }),
    name: t.exposeString("name"),
    state: t.expose("state", { type: ExecutorState }),
    groups: t.exposeStringList("groups"),
    types: t.exposeStringList("types", { nullable: true, description: "Null: any." }),
    capacity: t.exposeInt("capacity", { nullable: true }),
    labels: t.field({ type: "JSON", nullable: true, resolve: ({ labels }) => text(labels) }),
    running: t.int({
      description: "Runs it holds now.",
      resolve: async ({ id }, _args, { load }) => (await load.runningCount(id)) ?? 0,
    }),
    registeredAt: t.expose("registeredAt", { type: "DateTime" }),
    lastHeartbeatAt: t.expose("lastHeartbeatAt", { type: "DateTime" }),
    load: t.field({ type: "JSON", nullable: true, resolve: ({ load }) => text(load) }),
  }),
});

const text = (value: unknown): string | null => (value == null ? null : JSON.stringify(value));

const ExecutorConnection = builder.connectionObject({ type: ExecutorType, name: "ExecutorConnection" });

const ExecutorFilter = builder.inputType("ExecutorFilter", {
  fields: (t) => ({
    state: t.field({ type: ExecutorState }),
    group: t.string(),
    search: t.string({ description: "A part of the name, in any letter case." }),
  }),
});

builder.queryField("executors", (t) =>
  t.field({
    type: ExecutorConnection,
    description: "By name.",
    complexity: pageCost,
    args: { namespace: t.arg.string(), filter: t.arg({ type: ExecutorFilter }), ...pageArguments },
    resolve: async (_root, { namespace, filter, ...page }, context) =>
      connectionOf(
        await listExecutors(
          context.database.sql,
          await namespaceShown(context, namespace),
          filter ?? {},
          page,
        ),
      ),
  }),
);

builder.subscriptionField("executorChanged", (t) =>
  t.field({
    type: ExecutorType,
    args: { namespace: t.arg.string() },
    subscribe: async (_root, { namespace }, context) =>
      context.live.executors(context, await namespaceShown(context, namespace)),
    resolve: (executor: Executor) => executor,
  }),
);
