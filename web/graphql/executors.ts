/** Documents about executors. */
import type { ResultOf } from "gql.tada";
import { graphql } from "./tada.ts";

export const ExecutorsQuery = graphql(`
  query Executors($namespace: String, $filter: ExecutorFilter, $first: Int, $after: String) {
    executors(namespace: $namespace, filter: $filter, first: $first, after: $after) {
      nodes { id name state groups types capacity running registeredAt lastHeartbeatAt }
      pageInfo { hasNextPage endCursor }
    }
  }
`);
export type Executor = ResultOf<typeof ExecutorsQuery>["executors"]["nodes"][number];

export const ExecutorEvents = graphql(`
  subscription ExecutorEvents($namespace: String) {
    executorChanged(namespace: $namespace) { id name }
  }
`);
