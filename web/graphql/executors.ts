/** Documents about executors. */
import type { ResultOf } from "gql.tada";
import { graphql } from "./tada.ts";

export const ExecutorsQuery = graphql(`
  query Executors($namespace: String, $filter: ExecutorFilter, $first: Int, $after: String) {
    executors(namespace: $namespace, filter: $filter, first: $first, after: $after) {
      nodes {
        id name state groups serves types capacity running labels load maxLoad overloaded drainingSince drainReason
        registeredAt lastHeartbeatAt
      }
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

export const DrainExecutor = graphql(`
  mutation DrainExecutor($namespace: String, $name: String!, $reason: String) {
    drainExecutor(namespace: $namespace, name: $name, reason: $reason) { id state }
  }
`);

export const UndrainExecutor = graphql(`
  mutation UndrainExecutor($namespace: String, $name: String!) {
    undrainExecutor(namespace: $namespace, name: $name) { id state }
  }
`);
