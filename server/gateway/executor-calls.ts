/** `PUT` and `DELETE /v1/executors/{name}`: an executor introduces itself, and leaves. */
import Type from "typebox";
import { ExecutorRequest } from "../../worker/protocol.ts";
import { checkName } from "../core/name.ts";
import { badInput, forbidden } from "../core/rejection.ts";
import { checkTasks, schemaText } from "../core/task-type.ts";
import { recordTaskTypes } from "../store/task-types.ts";
import { callerOf } from "./access.ts";
import { describe, ExecutorPath } from "./describe.ts";
import type { GatewayParts, Routes } from "./parts.ts";

const Done = Type.Object({});
const UNPRINTABLE = /\p{Cc}/u;

export function executorRoutes(app: Routes, { database, engine, presence }: GatewayParts): void {
  app.put(
    "/executors/:name",
    {
      config: { right: "work" },
      schema: describe("register", { params: ExecutorPath, body: ExecutorRequest, answers: { 200: Done } }),
    },
    async (request) => {
      const { principal, namespaceId } = callerOf(request);
      const { groups, types, labels, tasks = [] } = request.body;
      for (const [at, group] of groups.entries()) {
        checkName(group, `groups[${at}]`);
        if (principal.groups !== null && !principal.groups.includes(group)) {
          throw forbidden(`your token does not reach group "${group}"`);
        }
      }
      for (const [at, type] of (types ?? []).entries()) checkName(type, `types[${at}]`);
      for (const [label, value] of Object.entries(labels ?? {})) {
        if (UNPRINTABLE.test(label + value))
          throw badInput(`labels.${label}`, "must not hold control characters");
      }
      for (const [at, { type }] of tasks.entries()) checkName(type, `tasks[${at}].type`);
      checkTasks(tasks, types);
      const described = tasks.map(
        ({ type, title = null, description = null, inputSchema, outputSchema }, at) => ({
          type,
          title,
          description,
          inputSchema: schemaText(inputSchema, `tasks[${at}].inputSchema`),
          outputSchema: schemaText(outputSchema, `tasks[${at}].outputSchema`),
        }),
      );
      const name = checkName(request.params.name, "name");
      await presence.register({ namespaceId, name }, request.body, principal.groups);
      await recordTaskTypes(database.sql, namespaceId, described);
      return {};
    },
  );

  app.delete(
    "/executors/:name",
    {
      config: { right: "work" },
      schema: describe("leave", { params: ExecutorPath, answers: { 200: Done } }),
    },
    async (request) => {
      const { principal, namespaceId } = callerOf(request);
      const name = checkName(request.params.name, "name");
      const executorId = await presence.leave({ namespaceId, name }, principal.groups);
      // It is not coming back for any of them, however young.
      await engine.giveBackUnnamed(executorId, [], 0);
      return {};
    },
  );
}
