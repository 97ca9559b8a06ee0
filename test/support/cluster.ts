/** One PostgreSQL for the whole test run, with a migrated template database that every test copies. */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import type { TestProject } from "vitest/node";
import { startPostgres } from "../../server/embedded/postgres.ts";
import { migrate } from "../../server/store/migrate.ts";
import { withDatabase } from "./database.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** A database of the cluster that tests may connect to for creating others. */
    clusterUrl: string;
    /** The migrated, otherwise empty database to copy. */
    templateDatabase: string;
  }
}

/** Speed instead of durability: nobody needs a test run's data after a power cut. */
const SETTINGS = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  max_connections: "200",
  max_prepared_transactions: "4",
};

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const cluster = process.env.TEST_DATABASE_URL ? undefined : await startTemporary();
  const clusterUrl = process.env.TEST_DATABASE_URL ?? cluster?.url ?? "";
  const templateDatabase = `escapement_template_${randomBytes(6).toString("hex")}`;
  const admin = postgres(clusterUrl, { max: 1, onnotice: () => {} });
  const dropTemplate = () => admin`drop database if exists ${admin(templateDatabase)} with (force)`;
  const stop = async () => {
    // The cluster of our own goes as a whole; one that was lent to us gets back what it was.
    if (!cluster) await dropTemplate();
    await admin.end();
    await cluster?.stop();
  };
  try {
    await admin`create database ${admin(templateDatabase)}`;
    await migrate(withDatabase(clusterUrl, templateDatabase));
  } catch (error) {
    await stop();
    throw error;
  }
  project.provide("clusterUrl", clusterUrl);
  project.provide("templateDatabase", templateDatabase);
  return stop;
}

/** Its watchdog ends the server and deletes the folder even after a Ctrl-C or a kill. */
function startTemporary() {
  const dataDir = mkdtempSync(join(tmpdir(), "escapement-test-"));
  chmodSync(dataDir, 0o755); // root runs PostgreSQL as somebody else, who has to get in
  return startPostgres({ dataDir, settings: SETTINGS, temporary: true });
}
