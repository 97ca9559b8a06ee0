/** The table of secrets, for drizzle. */
import { sql } from "drizzle-orm";
import { check, integer, primaryKey, text } from "drizzle-orm/pg-core";
import { bytea, escapement, instant, namespace } from "../schema.ts";

export const secret = escapement.table(
  "secret",
  {
    namespaceId: integer()
      .notNull()
      .references(() => namespace.id),
    name: text().notNull(),
    /** core/secret's Sealed: nonce, tag and encrypted text. */
    cipher: bytea().notNull(),
    /** Which of the servers' keys it is encrypted with. */
    keyId: text().notNull(),
    /** Grows with every new value. */
    version: integer().notNull().default(1),
    description: text(),
    createdAt: instant().notNull().default(sql`escapement.clock()`),
    /** Of the value; encrypting it anew changes nothing about it. */
    updatedAt: instant().notNull().default(sql`escapement.clock()`),
    updatedBy: text().notNull(),
  },
  (t) => [
    primaryKey({ name: "secret_name_once", columns: [t.namespaceId, t.name] }),
    check("secret_version_positive", sql`version >= 1`),
  ],
);
