/** Where drizzle-kit finds the schema when a migration is generated: `npx drizzle-kit generate`. */
import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: ["./server/store/schema.ts", "./server/store/schema/*.ts"],
  out: "./drizzle",
  casing: "snake_case",
  schemaFilter: ["escapement"],
});
