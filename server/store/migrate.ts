/** Brings a database to this version's tables. Any number of servers may call it at once: they take turns. */
import { fileURLToPath } from "node:url";
import { drizzle } from "drizzle-orm/postgres-js";
import { migrate as applyMigrations } from "drizzle-orm/postgres-js/migrator";
import postgres from "postgres";

const FOLDER = fileURLToPath(new URL("../../drizzle", import.meta.url));
/** An advisory lock is fine here: one session, a few milliseconds, and nothing relies on it later. */
const LOCK_KEY = 7_305_001;

/**
 * Applies what is missing of drizzle/ in one transaction per call.
 * @throws when the database is out of reach or a migration fails; nothing of it stays.
 */
export async function migrate(databaseUrl: string): Promise<void> {
  const connection = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await connection`select pg_advisory_lock(${LOCK_KEY})`;
    await applyMigrations(drizzle(connection), {
      migrationsFolder: FOLDER,
      migrationsSchema: "escapement_migrations",
    });
  } finally {
    await connection.end({ timeout: 5 });
  }
}
