/** Encrypts secrets with another key: those that are not under the first key of this server yet. */
import { randomBytes } from "node:crypto";
import { LIMITS } from "../config.ts";
import { NONCE_BYTES, type SecretKey, seal, sealingKey } from "../core/secret.ts";
import type { Sql } from "./connection.ts";
import { type NamedSecret, opened } from "./secrets.ts";

/** A secret that no key of this server opens, and what to do about it. */
export interface UnreadableSecret {
  namespaceId: number;
  name: string;
  reason: string;
}

/** What one call did. */
export interface Rotation {
  rotated: number;
  /** Those left to another call. */
  left: number;
  /** They stay as they are; the first of them. */
  unreadable: UnreadableSecret[];
}

const UNREADABLE_SHOWN = 100;

interface Row extends NamedSecret {
  cipher: Buffer;
  keyId: string;
}

/** Null `namespaceId`: of every namespace. Values, versions and times stay. Throws ILLEGAL_STATE without a key. */
export async function rotateSecrets(
  sql: Sql,
  keys: readonly SecretKey[],
  namespaceId: number | null,
): Promise<Rotation> {
  const to = sealingKey(keys);
  const unreadable: UnreadableSecret[] = [];
  let rotated = 0;
  let after = { namespaceId: 0, name: "" };
  for (let looked = 0; looked < LIMITS.secretsPerRotation; looked += LIMITS.secretBatch) {
    const rows = await sql<Row[]>`
      select s.namespace_id as "namespaceId", n.name as namespace, s.name, s.cipher, s.key_id as "keyId"
      from escapement.secret s join escapement.namespace n on n.id = s.namespace_id
      where ${others(sql, to, namespaceId, after)}
      order by s.namespace_id, s.name limit ${LIMITS.secretBatch}`;
    const last = rows.at(-1);
    if (!last) return { rotated, left: 0, unreadable };
    after = last;
    const fresh = rows.flatMap((row) => {
      const found = opened(keys, row, row);
      if ("text" in found)
        return [{ ...row, sealed: seal(to, row, found.text, randomBytes(NONCE_BYTES)).cipher }];
      if (unreadable.length < UNREADABLE_SHOWN) unreadable.push({ ...place(row), reason: found.fault });
      return [];
    });
    rotated += await write(sql, to, fresh);
  }
  const [row] = await sql<{ left: number }[]>`
    select count(*)::int as left from escapement.secret s where ${others(sql, to, namespaceId, after)}`;
  return { rotated, left: row?.left ?? 0, unreadable };
}

const place = ({ namespaceId, name }: Row) => ({ namespaceId, name });

function others(
  sql: Sql,
  to: SecretKey,
  namespaceId: number | null,
  after: Omit<UnreadableSecret, "reason">,
) {
  return sql`s.key_id <> ${to.id} and (s.namespace_id, s.name) > (${after.namespaceId}, ${after.name})
    ${namespaceId === null ? sql`` : sql`and s.namespace_id = ${namespaceId}`}`;
}

/** Only over what was read: somebody may have set it anew meanwhile, or deleted it and set it again. */
async function write(sql: Sql, { id }: SecretKey, rows: (Row & { sealed: Buffer })[]): Promise<number> {
  const hex = (pick: (row: Row & { sealed: Buffer }) => Buffer) =>
    rows.map((row) => pick(row).toString("hex"));
  const { count } = await sql`
    update escapement.secret s set cipher = decode(r.sealed, 'hex'), key_id = ${id}
    from unnest(${rows.map((row) => row.namespaceId)}::int[], ${rows.map((row) => row.name)}::text[],
      ${hex((row) => row.cipher)}::text[], ${hex((row) => row.sealed)}::text[]) as r(namespace_id, name, cipher, sealed)
    where s.namespace_id = r.namespace_id and s.name = r.name and s.cipher = decode(r.cipher, 'hex')`;
  return count;
}
