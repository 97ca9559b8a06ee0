/** What people do with executors: drain one, so that it gets no new leases, and take that back. */
import { notFound } from "../core/rejection.ts";
import { checkText, type Definitions } from "./definitions.ts";
import { type Executor, readExecutors } from "./executors.ts";

/**
 * No new leases for it from now on; those it holds go on. It stays so, also when the process comes back under its
 * name, until somebody lifts it. Draining one that drains changes nothing but the reason. Throws NOT_FOUND.
 */
export async function drainExecutor(
  definitions: Definitions,
  namespaceId: number,
  name: string,
  reason: string | null,
): Promise<Executor> {
  const words = reason === null ? null : checkText(reason, "reason");
  const [row] = await definitions.sql<{ id: number }[]>`
    update escapement.executor set draining_at = coalesce(draining_at, escapement.clock()),
      drain_reason = coalesce(${words}, drain_reason)
    where namespace_id = ${namespaceId} and name = ${name} returning id`;
  return announced(definitions, name, row);
}

/** It may take runs again; its parked polls do so within a second. Throws NOT_FOUND. */
export async function undrainExecutor(
  definitions: Definitions,
  namespaceId: number,
  name: string,
): Promise<Executor> {
  const [row] = await definitions.sql<{ id: number }[]>`
    update escapement.executor set draining_at = null, drain_reason = null
    where namespace_id = ${namespaceId} and name = ${name} returning id`;
  return announced(definitions, name, row);
}

async function announced(
  { sql, channel }: Definitions,
  name: string,
  row: { id: number } | undefined,
): Promise<Executor> {
  const [executor] = row ? await readExecutors(sql, [row.id]) : [];
  if (!executor) throw notFound(`executor "${name}"`, "name");
  channel.publish([{ kind: "executor", id: executor.id, namespaceId: executor.namespaceId }]);
  return executor;
}
