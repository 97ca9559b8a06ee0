/** Secrets: written encrypted, shown without their values, read for leases. secret-rotation.ts changes their keys. */
import { randomBytes } from "node:crypto";
import { LIMITS } from "../config.ts";
import { checkName } from "../core/name.ts";
import { badInput, limitExceeded, notFound } from "../core/rejection.ts";
import { NONCE_BYTES, type SecretKey, type SecretPlace, seal, sealingKey, unseal } from "../core/secret.ts";
import type { Sql } from "./connection.ts";
import { checkText } from "./definitions.ts";
import {
  every,
  type Fragment,
  fromCursor,
  type Page,
  type PageRequest,
  pageOf,
  pageSize,
  toCursor,
} from "./page.ts";

/** A secret as people see it. */
export interface Secret {
  namespaceId: number;
  name: string;
  description: string | null;
  /** Grows with every new value. */
  version: number;
  createdAt: Date;
  /** Of the value. */
  updatedAt: Date;
  updatedBy: string;
}

/** A secret by its namespace, which is known by number and by name. */
export interface NamedSecret extends SecretPlace {
  namespaceId: number;
}

const columns = (sql: Sql): Fragment => sql`
  s.namespace_id as "namespaceId", s.name, s.description, s.version, s.created_at as "createdAt",
  s.updated_at as "updatedAt", s.updated_by as "updatedBy"`;

/** By namespace, then name. Null `namespaceId`: every namespace. */
export async function listSecrets(
  sql: Sql,
  namespaceId: number | null,
  { search }: { search?: string | null | undefined },
  page: PageRequest,
): Promise<Page<Secret>> {
  const after = fromCursor(page.after, "number", "name");
  const rows = await sql<Secret[]>`
    select ${columns(sql)} from escapement.secret s
    where ${every(sql, [
      namespaceId !== null && sql`s.namespace_id = ${namespaceId}`,
      after !== null && sql`(s.namespace_id, s.name) > (${after[0] as number}, ${after[1] as string})`,
      search != null && sql`position(lower(${search}) in lower(s.name)) > 0`,
    ])}
    order by s.namespace_id, s.name limit ${pageSize(page.first) + 1}`;
  return pageOf(rows, page, (secret) => toCursor(secret.namespaceId, secret.name));
}

export interface NewSecret {
  value: string;
  /** Absent: as it was. */
  description?: string | null | undefined;
  /** Who sets it. */
  by: string;
}

/**
 * Creates a secret or gives it another value. Throws BAD_INPUT naming the field, ILLEGAL_STATE without a key, and
 * LIMIT_EXCEEDED for a value that is too large or one secret too many.
 */
export async function setSecret(
  sql: Sql,
  keys: readonly SecretKey[],
  place: NamedSecret,
  { value, description, by }: NewSecret,
): Promise<Secret> {
  checkName(place.name, "name");
  checkValue(value);
  const words = description == null ? null : checkText(description, "description");
  const { cipher, keyId } = seal(sealingKey(keys), place, value, randomBytes(NONCE_BYTES));
  const { namespaceId, name } = place;
  // Of two that are created at once, both may be the last one.
  const [secret] = await sql<Secret[]>`
    insert into escapement.secret as s (namespace_id, name, cipher, key_id, description, updated_by)
    select ${namespaceId}, ${name}, ${cipher}, ${keyId}, ${words}::text, ${by}
    where exists (select from escapement.secret o where o.namespace_id = ${namespaceId} and o.name = ${name})
      or (select count(*) from escapement.secret o where o.namespace_id = ${namespaceId}) < ${LIMITS.secretsPerNamespace}
    on conflict (namespace_id, name) do update set
      cipher = excluded.cipher, key_id = excluded.key_id, version = s.version + 1,
      description = case when ${description !== undefined} then excluded.description else s.description end,
      updated_at = escapement.clock(), updated_by = excluded.updated_by
    returning ${columns(sql)}`;
  if (secret) return secret;
  throw limitExceeded(
    `namespace "${place.namespace}" has ${LIMITS.secretsPerNamespace} secrets, which is as many as there may be; delete some`,
    "name",
  );
}

/** Half characters have no bytes in UTF-8; few places that a secret is for take U+0000. */
const UNUSABLE = /[\p{Cs}\0]/u;

function checkValue(value: string): void {
  if (value === "") throw badInput("value", "must not be empty; deleteSecret takes a secret away");
  if (UNUSABLE.test(value)) throw badInput("value", "must be text, without U+0000 and half characters");
  const size = Buffer.byteLength(value);
  if (size > LIMITS.secretBytes) {
    throw limitExceeded(`has ${size} bytes; at most ${LIMITS.secretBytes} are allowed`, "value");
  }
}

/** Runs that refer to it fail from now on. Throws NOT_FOUND. */
export async function deleteSecret(sql: Sql, namespaceId: number, name: string): Promise<void> {
  const { count } = await sql`
    delete from escapement.secret where namespace_id = ${namespaceId} and name = ${name}`;
  if (count === 0) throw notFound(`secret "${name}"`, "name");
}

/** The value of a secret, or why it cannot be had; null: there is no such secret. */
export type SecretValue = { text: string } | { fault: string } | null;

/** What these secrets say, in their order, in one query. */
export async function readSecrets(
  sql: Sql,
  keys: readonly SecretKey[],
  places: readonly NamedSecret[],
): Promise<SecretValue[]> {
  const rows = await sql<{ n: number; cipher: Buffer; keyId: string }[]>`
    select w.n::int, s.cipher, s.key_id as "keyId"
    from unnest(${places.map(({ namespaceId }) => namespaceId)}::int[], ${places.map(({ name }) => name)}::text[])
      with ordinality as w(namespace_id, name, n)
    join escapement.secret s on s.namespace_id = w.namespace_id and s.name = w.name`;
  const values = new Array<SecretValue>(places.length).fill(null);
  for (const { n, ...sealed } of rows) {
    values[n - 1] = opened(keys, places[n - 1] as NamedSecret, sealed);
  }
  return values;
}

/** A text, or what `unseal` says instead. */
export function opened(
  keys: readonly SecretKey[],
  place: SecretPlace,
  sealed: { cipher: Buffer; keyId: string },
): { text: string } | { fault: string } {
  try {
    return { text: unseal(keys, place, sealed) };
  } catch (error) {
    return { fault: (error as Error).message };
  }
}
