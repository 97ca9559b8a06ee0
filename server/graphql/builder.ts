/** The schema's builder: scalars, defaults and limits. No types of its own; each noun's file adds them. */
import SchemaBuilder from "@pothos/core";
import ComplexityPlugin from "@pothos/plugin-complexity";
import RelayPlugin from "@pothos/plugin-relay";
import { LIMITS } from "../config.ts";
import { limitExceeded } from "../core/rejection.ts";
import type { Context } from "./context.ts";
import { readId, writeId } from "./id.ts";
import type { JsonText } from "./json.ts";

interface Types {
  Context: Context;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: false;
  DefaultNodeNullability: false;
  Scalars: {
    ID: { Input: string; Output: string | number };
    /** Epoch milliseconds. */
    DateTime: { Input: number; Output: Date | number };
    /** ISO 8601 text in; out milliseconds, or text where months and days have no exact length. */
    Duration: { Input: string; Output: number | string };
    /** JSON text. */
    JSON: { Input: JsonText; Output: string };
    Base64: { Input: Buffer; Output: Buffer };
  };
}

export const builder = new SchemaBuilder<Types>({
  plugins: [RelayPlugin, ComplexityPlugin],
  defaultFieldNullability: false,
  relay: {
    cursorType: "String",
    edgesFieldOptions: { nullable: false },
    nodeFieldOptions: { nullable: false },
    nodesOnConnection: true,
    nodesQueryOptions: false,
    nodeQueryOptions: {
      // A malformed id is the id of nothing.
      resolve: (_root, { id }, _context, _info, load) => (id.typename === "" ? null : load(id)),
    },
    encodeGlobalID: (type, id) => writeId(type, String(id)),
    decodeGlobalID: readId,
  },
  complexity: {
    limit: { depth: LIMITS.graphqlDepth, complexity: LIMITS.graphqlComplexity },
    defaultListMultiplier: 1,
    complexityError: (kind, { depth, complexity }) =>
      kind === "Depth"
        ? limitExceeded(`the query is ${depth} levels deep; at most ${LIMITS.graphqlDepth} are allowed`)
        : limitExceeded(
            `the query could return ${complexity} values; at most ${LIMITS.graphqlComplexity} are allowed: ask for smaller pages or fewer fields`,
          ),
  },
});

builder.queryType({});
builder.mutationType({});
builder.subscriptionType({});
