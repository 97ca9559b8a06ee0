/** Namespaces: created once, never renamed, known to every server by name and number, with settings for their jobs. */
import { checkName } from "../core/name.ts";
import { badInput, conflict, notFound } from "../core/rejection.ts";
import { checkRetention, type Retention, type RetentionInput } from "../core/retention.ts";
import { checkRetry, type RetryInput, type RetryPolicy } from "../core/retry.ts";
import type { Sql } from "./connection.ts";
import { type Definitions, KEEPABLE } from "./definitions.ts";

export interface Namespace {
  id: number;
  name: string;
  /** Of jobs without a policy of their own; null: the server's. */
  retry: RetryPolicy | null;
  /** Of the outputs of jobs that say nothing themselves; null: as long as their runs. */
  retention: Retention | null;
  /** What it gets of executors that work for several namespaces, compared with the others. */
  weight: number;
  createdAt: Date;
}

/** What is absent stays as it is; null clears the retention, and otherwise stands for "absent". */
export interface NamespacePatch {
  retry?: RetryInput | null | undefined;
  retention?: RetentionInput | null | undefined;
  weight?: number | null | undefined;
}

const WEIGHT_MAX = 100;

function checkWeight(weight: number): number {
  if (Number.isInteger(weight) && weight >= 1 && weight <= WEIGHT_MAX) return weight;
  throw badInput("weight", `must be a whole number from 1 to ${WEIGHT_MAX}`);
}

/** Throws BAD_INPUT for a name that is not one, CONFLICT when it is taken. */
export async function createNamespace(sql: Sql, name: string): Promise<Namespace> {
  const [created] = await sql<Namespace[]>`
    insert into escapement.namespace (name) values (${checkName(name, "name")})
    on conflict (name) do nothing
    returning id, name, retry, retention, weight, created_at as "createdAt"`;
  if (!created) throw conflict(`there is already a namespace "${name}"`, "name");
  return created;
}

/**
 * Holds from now on for every job that inherits, runs that wait or run included: a policy is asked when an attempt
 * fails. Throws BAD_INPUT naming the field, and NOT_FOUND.
 */
export async function updateNamespace(
  { sql, catalog, channel }: Definitions,
  id: number,
  patch: NamespacePatch,
): Promise<Namespace> {
  const retry = checkRetry(patch.retry);
  const retention = patch.retention == null ? null : checkRetention(patch.retention, KEEPABLE);
  const weight = patch.weight == null ? null : checkWeight(patch.weight);
  const [updated] = await sql<Namespace[]>`
    update escapement.namespace set
      retry = case when ${patch.retry != null} then ${retry && sql.json(retry)}::jsonb else retry end,
      retention = case when ${patch.retention !== undefined} then ${retention && sql.json({ ...retention })}::jsonb
        else retention end,
      weight = coalesce(${weight}::smallint, weight)
    where id = ${id}
    returning id, name, retry, retention, weight, created_at as "createdAt"`;
  if (!updated) throw notFound("such namespace", "name");
  catalog.forgetSettings();
  channel.publish([{ kind: "namespace", id, namespaceId: id }]);
  return updated;
}

/** By name; only the one with the number `scope`, when it is given. */
export function listNamespaces(sql: Sql, scope: number | null): Promise<Namespace[]> {
  return sql<Namespace[]>`
    select id, name, retry, retention, weight, created_at as "createdAt" from escapement.namespace
    where ${scope}::int is null or id = ${scope}
    order by name`;
}
