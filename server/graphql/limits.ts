/** What a document may be like before it is run; how deep it goes and what it could return is the builder's matter. */
import { maxAliasesPlugin } from "@escape.tech/graphql-armor-max-aliases";
import { maxTokensPlugin } from "@escape.tech/graphql-armor-max-tokens";
import type { DocumentNode } from "graphql";
import { LIMITS } from "../config.ts";
import { limitExceeded } from "../core/rejection.ts";

/** The largest documents of the dashboard have 3 kB; long values belong into variables. */
const QUERY_CHARACTERS = 128 * 1024;

/** Documents kept parsed: the dashboard has some twenty. A document of all allowed tokens takes about 2 MB. */
const DOCUMENTS_KEPT = 100;

/** Throws LIMIT_EXCEEDED for a document too long to be looked at. */
export function checkQuery(query: unknown): void {
  if (typeof query === "string" && query.length > QUERY_CHARACTERS) {
    throw limitExceeded(
      `the query has ${query.length} characters; at most ${QUERY_CHARACTERS} are allowed: send long values as variables`,
    );
  }
}

export const limitPlugins = () => [
  { onParams: ({ params }: { params: { query?: unknown } }) => checkQuery(params.query) },
  maxTokensPlugin({
    n: LIMITS.graphqlTokens,
    onReject: [
      () => {
        throw limitExceeded(
          `the query has more than ${LIMITS.graphqlTokens} tokens; send lists and large values as variables`,
        );
      },
    ],
  }),
  maxAliasesPlugin({
    n: LIMITS.graphqlAliases,
    onReject: [
      () => {
        throw limitExceeded(
          `the query has more than ${LIMITS.graphqlAliases} aliases; send several requests instead`,
        );
      },
    ],
  }),
];

/** Keeps parsed documents and forgets the oldest; a wrong one is parsed again each time. */
export function documentCache() {
  const documents = new Map<string, DocumentNode>();
  return {
    documentCache: {
      get: (source: string) => documents.get(source),
      set: (source: string, document: DocumentNode) => {
        documents.set(source, document);
        const [oldest] = documents.keys();
        if (documents.size > DOCUMENTS_KEPT && oldest !== undefined) documents.delete(oldest);
      },
    },
    errorCache: { get: () => undefined, set: () => {} },
  };
}
