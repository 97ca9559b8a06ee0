/** Namespaces: created once, never renamed, and known to every server by name and number. */
import { checkName } from "../core/name.ts";
import { conflict } from "../core/rejection.ts";
import type { Sql } from "./connection.ts";

export interface Namespace {
  id: number;
  name: string;
  createdAt: Date;
}

/** Throws BAD_INPUT for a name that is not one, CONFLICT when it is taken. */
export async function createNamespace(sql: Sql, name: string): Promise<Namespace> {
  const [created] = await sql<Namespace[]>`
    insert into escapement.namespace (name) values (${checkName(name, "name")})
    on conflict (name) do nothing
    returning id, name, created_at as "createdAt"`;
  if (!created) throw conflict(`there is already a namespace "${name}"`, "name");
  return created;
}

/** By name; only the one with the number `scope`, when it is given. */
export function listNamespaces(sql: Sql, scope: number | null): Promise<Namespace[]> {
  return sql<Namespace[]>`
    select id, name, created_at as "createdAt" from escapement.namespace
    where ${scope}::int is null or id = ${scope}
    order by name`;
}
