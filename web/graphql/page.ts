/** Pages of a Relay connection. */

/** The cursor that the next page starts after, if there is a next page. */
export const nextCursor = (
  page: { hasNextPage: boolean; endCursor: string | null } | undefined,
): string | undefined => (page?.hasNextPage ? (page.endCursor ?? undefined) : undefined);
