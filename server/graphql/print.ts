/** Writes schema.graphql. With `--check` it only says whether the file is as the code has it. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { printedSchema } from "./schema.ts";

const FILE = fileURLToPath(new URL("../../schema.graphql", import.meta.url));
const text = printedSchema();

if (!process.argv.includes("--check")) writeFileSync(FILE, text);
else if (readFileSync(FILE, "utf8") !== text) {
  console.error("schema.graphql is not what the code says. Run: npm run generate");
  process.exitCode = 1;
}
