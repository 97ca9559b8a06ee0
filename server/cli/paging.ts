/** Lists that come in pages. */
import type { Client, Variables } from "./client.ts";

interface Connection<Node> {
  nodes: Node[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}

/** What the server gives at once. */
const PAGE = 200;

/**
 * Up to `limit` of a list. `query` has the variables $first and $after besides its own, and asks for `nodes` and
 * `pageInfo { hasNextPage endCursor }` of the one field `field`.
 */
export async function readList<Node>(
  client: Client,
  field: string,
  query: string,
  variables: Variables,
  limit: number,
): Promise<Node[]> {
  const found: Node[] = [];
  for (let after: string | null = null; found.length < limit; ) {
    const first = Math.min(PAGE, limit - found.length);
    const answer: Record<string, Connection<Node>> = await client.ask(query, { ...variables, first, after });
    const page = answer[field];
    if (page === undefined) throw new Error(`the query asks for no ${field}`);
    found.push(...page.nodes);
    after = page.pageInfo.endCursor;
    if (!page.pageInfo.hasNextPage || after === null) break;
  }
  return found;
}

/** For lists of what people have defined, which has no end that anybody would want to see. */
export const ALL = 1_000_000;
