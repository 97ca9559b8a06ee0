/** How the tests run: one embedded PostgreSQL for the whole run, a template database per file. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  // graphql 16 ships two builds; without the alias Vite loads one and Node the other, and their classes differ.
  resolve: { alias: { graphql: "graphql/index.js" } },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/cluster.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // How long to wait for something that must happen; a busy machine is slow, not wrong.
    expect: { poll: { timeout: 20_000, interval: 50 } },
  },
});
