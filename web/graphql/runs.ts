/** Documents about runs. */
import type { FragmentOf, ResultOf } from "gql.tada";
import { graphql } from "./tada.ts";

/** One line of a runs list. */
const RunRow = graphql(`
  fragment RunRow on Run {
    id
    state
    holds { kind until runs { id } }
    priority
    attempt
    progress
    cancelRequested
    scheduledAt
    createdAt
    startedAt
    endedAt
    late
    tags
    error { message }
    job { name }
    trigger { name }
  }
`);
export type RunRow = FragmentOf<typeof RunRow>;

export const RunsQuery = graphql(
  `
    query Runs($namespace: String, $filter: RunFilter, $first: Int, $after: String) {
      runs(namespace: $namespace, filter: $filter, first: $first, after: $after) {
        nodes { ...RunRow }
        pageInfo { hasNextPage endCursor }
      }
    }
  `,
  [RunRow],
);

export const RunEvents = graphql(
  `
    subscription RunEvents($namespace: String, $job: String) {
      runChanged(namespace: $namespace, job: $job) { ...RunRow }
    }
  `,
  [RunRow],
);

export const RunQuery = graphql(
  `
    query Run($id: ID!) {
      run(id: $id) {
        ...RunRow
        namespace
        jobVersion
        input
        inputBytes
        deadLetter
        redrives { number at state edited }
        rerunOf { id }
        backfill { id }
        reduce { id state }
        reruns { id createdAt }
        output
        outputBytes
        message
        readyAt
        error { message type stack }
        executor { id name }
        requiredExecutor
        requires
        attempts { number executor startedAt endedAt outcome error { message type stack } }
        parent { id state job { name } }
        children(first: 50) {
          nodes { ...RunRow }
          pageInfo { hasNextPage }
        }
        files { name attempt size digest createdAt url }
      }
    }
  `,
  [RunRow],
);
export type Run = NonNullable<ResultOf<typeof RunQuery>["run"]>;

export const ExplainQuery = graphql(`
  query Explain($id: ID!) {
    run(id: $id) {
      id
      explain {
        summary
        estimatedStartAt
        gates { kind verdict message links { kind id name } }
      }
    }
  }
`);
export type Explanation = NonNullable<ResultOf<typeof ExplainQuery>["run"]>["explain"];

/** Only says that something changed: the page then reads the run again. */
export const RunChanged = graphql(`
  subscription RunChanged($namespace: String, $id: ID!) {
    runChanged(namespace: $namespace, id: $id) { id state progress message }
  }
`);

export const RunLogQuery = graphql(`
  query RunLog($id: ID!, $attempt: Int, $after: String, $search: String, $level: LogLevel) {
    run(id: $id) {
      id
      log(attempt: $attempt, after: $after, search: $search, level: $level) { text cursor attempt ended }
    }
  }
`);

export type LogChunk = ResultOf<typeof RunLogTail>["runLog"];

export const RunLogTail = graphql(`
  subscription RunLogTail($id: ID!, $after: String, $search: String, $level: LogLevel) {
    runLog(id: $id, after: $after, search: $search, level: $level) { text cursor attempt ended }
  }
`);

export const StartRun = graphql(`
  mutation StartRun($input: StartRunInput!) {
    startRun(input: $input) { id state }
  }
`);

export const CancelRun = graphql(`
  mutation CancelRun($id: ID!, $reason: String) {
    cancelRun(id: $id, reason: $reason) { id state cancelRequested }
  }
`);

export const RetryRun = graphql(`
  mutation RetryRun($id: ID!) {
    retryRun(id: $id) { id state }
  }
`);
