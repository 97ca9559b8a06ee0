/** Documents about jobs. */
import type { FragmentOf, ResultOf } from "gql.tada";
import { graphql } from "./tada.ts";

const JobRow = graphql(`
  fragment JobRow on Job {
    id
    name
    description
    tags
    type
    group
    nextFireAt
    runs(first: 12) {
      nodes { id state createdAt endedAt holds { kind } }
    }
  }
`);
export type JobRow = FragmentOf<typeof JobRow>;

export const JobsQuery = graphql(
  `
    query Jobs($namespace: String, $filter: JobFilter, $first: Int, $after: String) {
      jobs(namespace: $namespace, filter: $filter, first: $first, after: $after) {
        nodes { ...JobRow }
        pageInfo { hasNextPage endCursor }
      }
    }
  `,
  [JobRow],
);

export const JobQuery = graphql(`
  query Job($namespace: String, $name: String!) {
    groups(namespace: $namespace) { name maxParallel }
    job(namespace: $namespace, name: $name) {
      id
      name
      description
      tags
      type
      group
      input
      priority
      maxParallel
      maxParallelPerKey { key max }
      rate { max every key }
      retry {
        __typename
        ... on RetryOff { off }
        ... on FixedRetry { fixedDelay: delay max maxElapsed }
        ... on BackoffRetry { initialDelay delay factor cap max maxElapsed jitter }
      }
      timeout
      startDeadline
      version
      createdAt
      updatedAt
      nextFireAt
      triggers(first: 20) {
        nodes {
          id
          name
          state
          nextFireAt
          scheduleInWords
        }
        pageInfo { hasNextPage }
      }
    }
  }
`);
export type Job = NonNullable<ResultOf<typeof JobQuery>["job"]>;

/** Names for suggestions and pickers. */
export const JobNamesQuery = graphql(`
  query JobNames($namespace: String, $search: String) {
    jobs(namespace: $namespace, filter: { search: $search }, first: 20) {
      nodes { id name type input }
    }
  }
`);

export const JobEvents = graphql(`
  subscription JobEvents($namespace: String) {
    jobChanged(namespace: $namespace) { id name }
  }
`);

export const CreateJob = graphql(`
  mutation CreateJob($input: JobInput!) {
    createJob(input: $input) { id name }
  }
`);
