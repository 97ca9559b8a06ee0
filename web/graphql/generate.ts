/** Writes the schema's types for gql.tada, from ../../schema.graphql. Run it with `node --import tsx web/graphql/generate.ts`. */
import { readFile, writeFile } from "node:fs/promises";
import { outputIntrospectionFile } from "@gql.tada/internal";
import { buildSchema, introspectionFromSchema } from "graphql";

const sdl = await readFile(new URL("../../schema.graphql", import.meta.url), "utf8");
const introspection = introspectionFromSchema(buildSchema(sdl), { descriptions: false });
await writeFile(
  new URL("schema.generated.d.ts", import.meta.url),
  outputIntrospectionFile(introspection, { fileType: ".d.ts", shouldPreprocess: true }),
);
