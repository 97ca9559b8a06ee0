/** Lists for clients: the arguments every list has, and a page in Relay's shape. */
import type { Page, PageRequest } from "../store/page.ts";
import { builder } from "./builder.ts";

/** `first` and `after`. */
export const pageArguments = builder.args((t) => ({
  first: t.int({ description: "At most 200; 50 by default." }),
  after: t.string({ description: "A cursor of an earlier page: the list goes on after it." }),
}));

const PAGE = 50;

/** What a page may cost: each of its rows once. */
export function pageCost({ first }: PageRequest): { field: number; multiplier: number } {
  return { field: 1, multiplier: Math.max(first ?? PAGE, 0) };
}

export function connectionOf<Row>(page: Page<Row>) {
  const edges = page.rows.map((node) => ({ cursor: page.cursorOf(node), node }));
  return {
    edges,
    pageInfo: {
      hasNextPage: page.hasNextPage,
      hasPreviousPage: page.hasPreviousPage,
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}
