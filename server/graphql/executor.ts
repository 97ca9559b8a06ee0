/** Executors. */
import { drainExecutor, undrainExecutor } from "../store/executor-changes.ts";
import { EXECUTOR_STATES, type Executor, listExecutors } from "../store/executors.ts";
import { byName } from "./arguments.ts";
import { builder } from "./builder.ts";
import { connectionOf, pageArguments, pageCost } from "./connection.ts";
import { namespaceOf, namespaceShown, visible } from "./context.ts";

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
    serves: t.stringList({
      description: "Other namespaces whose runs it claims too, of those that the caller may see.",
      resolve: ({ serves }, _args, { catalog, principal }) => {
        const own = principal.namespaceId;
        const seen = (serves ?? []).filter((id) => own === null || id === own);
        return Promise.all(seen.map((id) => catalog.namespaceName(id)));
      },
    }),
    types: t.exposeStringList("types", { nullable: true, description: "Null: any." }),
    capacity: t.exposeInt("capacity", {
      nullable: true,
      description: "The most leases it may hold at once; null: as many as it asks for.",
    }),
    labels: t.field({ type: "JSON", nullable: true, resolve: ({ labels }) => text(labels) }),
    running: t.int({
      description: "Runs it holds now.",
      resolve: async ({ id }, _args, { load }) => (await load.runningCount(id)) ?? 0,
    }),
    registeredAt: t.expose("registeredAt", { type: "DateTime" }),
    lastHeartbeatAt: t.expose("lastHeartbeatAt", { type: "DateTime" }),
    load: t.field({
      type: "JSON",
      nullable: true,
      description: "CPU and memory in use as fractions of the machine, as last reported.",
      resolve: ({ load }) => text(load),
    }),
    loadAt: t.expose("loadAt", { type: "DateTime", nullable: true }),
    maxLoad: t.field({
      type: "JSON",
      nullable: true,
      description: "Above these it gets no new leases; null: whatever its load.",
      resolve: ({ maxLoad }) => text(maxLoad),
    }),
    overloaded: t.exposeBoolean("overloaded", {
      description: "Its load was reported lately and is above its limit: no new leases.",
    }),
    drainingSince: t.expose("drainingSince", { type: "DateTime", nullable: true }),
    drainReason: t.exposeString("drainReason", { nullable: true }),
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

builder.mutationFields((t) => ({
  drainExecutor: t.field({
    type: ExecutorType,
    description: "No new leases for it until undrainExecutor, also after a restart; those it holds go on.",
    args: { ...byName, reason: t.arg.string() },
    resolve: async (_root, { namespace, name, reason }, context) =>
      drainExecutor(context.definitions, await namespaceOf(context, namespace), name, reason ?? null),
  }),
  undrainExecutor: t.field({
    type: ExecutorType,
    args: byName,
    resolve: async (_root, { namespace, name }, context) =>
      undrainExecutor(context.definitions, await namespaceOf(context, namespace), name),
  }),
}));

builder.subscriptionField("executorChanged", (t) =>
  t.field({
    type: ExecutorType,
    args: { namespace: t.arg.string() },
    subscribe: async (_root, { namespace }, context) =>
      context.live.executors(context, await namespaceShown(context, namespace)),
    resolve: (executor: Executor) => executor,
  }),
);
