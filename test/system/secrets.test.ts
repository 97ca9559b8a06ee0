/** Secrets with the program as users run it: a command gets one from the built-in worker, which never has the key. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { ref } from "../support/secrets.ts";
import { descendantsOf, type Program, startProgram } from "./program.ts";

const KEY = randomBytes(32).toString("base64");
const VALUE = "value-of-the-token";
const dataDir = mkdtempSync(join(tmpdir(), "escapement-secrets-"));
let database: TestDatabase;
let program: Program;

beforeAll(async () => {
  database = await createTestDatabase();
  program = await startProgram("dev", {
    DATABASE_URL: database.url,
    ESCAPEMENT_DATA_DIR: dataDir,
    ESCAPEMENT_DEMO: "0",
    ESCAPEMENT_SECRET_KEY: KEY,
    ESCAPEMENT_SHELL: "1",
  });
});
afterAll(async () => {
  await program.killTree();
  await database.drop();
  rmSync(dataDir, { recursive: true, force: true });
});

test("a command gets a secret by its environment, and its log does not show it", async () => {
  const input = {
    command: 'echo "token=$TOKEN" >&2; printf %s "$TOKEN" | wc -c | tr -d " "',
    env: { TOKEN: ref("TOKEN") },
  };
  const { startRun } = await program.graphql<{ startRun: { id: string } }>(
    `mutation ($value: String!, $input: JSON) {
      setSecret(name: "TOKEN", value: $value) { version }
      createJob(input: { name: "command", type: "shell", input: $input }) { version }
      startRun(input: { job: "command" }) { id }
    }`,
    { value: VALUE, input },
  );
  const { body } = await program.call("GET", `/v1/runs/${startRun.id}?waitSeconds=30`);
  expect(body).toMatchObject({ state: "SUCCEEDED", output: { stdout: `${VALUE.length}` } });
  const { run } = await program.graphql<{ run: { log: { text: string } } }>(
    "query ($id: ID!) { run(id: $id) { log { text } } }",
    { id: startRun.id },
  );
  expect(run.log.text).toMatch(/ token=\*\*\*\n/);
  expect(program.output()).not.toContain(VALUE);
});

test("the built-in worker does not have the key, nor does the server print it", ({ skip }) => {
  skip(!existsSync("/proc"), "there is no /proc to look at environments");
  const below = descendantsOf(program.pid).map((pid) => readFileSync(`/proc/${pid}/environ`, "utf8"));
  const workers = below.filter((environment) => environment.includes("ESCAPEMENT_URL="));
  expect(workers.length).toBeGreaterThan(0);
  for (const environment of workers) expect(environment).not.toContain("ESCAPEMENT_SECRET_KEY");
  expect(program.output()).not.toContain(KEY);
});
