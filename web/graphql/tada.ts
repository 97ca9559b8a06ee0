/** The typed `graphql` tag: a document that the schema refuses does not compile. */
import { initGraphQLTada } from "gql.tada";
import type { Json } from "../model/json.ts";
import type { introspection } from "./schema.generated.d.ts";

export const graphql = initGraphQLTada<{
  introspection: introspection;
  disableMasking: true;
  scalars: { DateTime: string; Duration: string; JSON: Json; Base64: string };
}>();
