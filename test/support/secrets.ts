/** What tests of secrets share: keys, references, and a look into every table. */
import { randomBytes } from "node:crypto";
import { readSecretKeys, type SecretKey } from "../../server/core/secret.ts";
import { SECRET_OPENING } from "../../server/core/secret-reference.ts";
import type { Sql } from "../../server/store/connection.ts";

/** A new key, as a server would be given it. */
export function newKey(): SecretKey {
  const [key] = readSecretKeys(randomBytes(32).toString("base64"), "KEY");
  if (!key) throw new Error("no key");
  return key;
}

/** A reference to a secret. */
export const ref = (name: string): string => `${SECRET_OPENING}${name}}`;

/** Tables with a row in which the text stands, as it is or in bytes. */
export async function tablesWith(sql: Sql, text: string): Promise<string[]> {
  const tables = await sql<{ name: string }[]>`
    select relname as name from pg_class
    where relnamespace = 'escapement'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1`;
  const found: string[] = [];
  for (const { name } of tables) {
    const [row] = await sql`
      select from ${sql(`escapement.${name}`)} t
      where position(${text} in t::text) > 0 or position(${Buffer.from(text).toString("hex")} in t::text) > 0 limit 1`;
    if (row) found.push(name);
  }
  return found;
}
