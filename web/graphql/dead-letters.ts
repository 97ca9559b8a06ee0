/** Documents about dead letters, and about changes of many runs. */
import type { ResultOf } from "gql.tada";
import { graphql } from "./tada.ts";

export const DeadLettersQuery = graphql(`
  query DeadLetters($namespace: String, $filter: DeadLetterFilter, $first: Int, $after: String) {
    deadLetterCount(namespace: $namespace, filter: $filter)
    deadLetterGroups(namespace: $namespace) {
      job { id name }
      errorType
      count
      lastAt
    }
    deadLetters(namespace: $namespace, filter: $filter, first: $first, after: $after) {
      nodes {
        id
        endedAt
        attempt
        input
        error { message type }
        job { name }
        redrives { number at }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
`);
export type DeadLetters = ResultOf<typeof DeadLettersQuery>;
export type DeadLetter = DeadLetters["deadLetters"]["nodes"][number];
export type DeadLetterGroup = DeadLetters["deadLetterGroups"][number];

export const RedriveDeadLetter = graphql(`
  mutation RedriveDeadLetter($id: ID!, $input: JSON) {
    redriveDeadLetter(id: $id, input: $input) { id state }
  }
`);

export const DiscardDeadLetter = graphql(`
  mutation DiscardDeadLetter($id: ID!) {
    discardDeadLetter(id: $id) { id deadLetter }
  }
`);

export const RedriveDeadLetters = graphql(`
  mutation RedriveDeadLetters(
    $namespace: String, $filter: DeadLetterFilter!, $perSecond: Float, $startAt: DateTime, $dryRun: Boolean, $after: String
  ) {
    bulk: redriveDeadLetters(
      namespace: $namespace, filter: $filter, perSecond: $perSecond, startAt: $startAt, dryRun: $dryRun, after: $after
    ) { matched changed cursor nextAt }
  }
`);

export const DiscardDeadLetters = graphql(`
  mutation DiscardDeadLetters($namespace: String, $filter: DeadLetterFilter!, $dryRun: Boolean, $after: String) {
    bulk: discardDeadLetters(namespace: $namespace, filter: $filter, dryRun: $dryRun, after: $after) {
      matched changed cursor nextAt
    }
  }
`);

export const CancelRuns = graphql(`
  mutation CancelRuns($namespace: String, $filter: RunFilter!, $reason: String, $dryRun: Boolean, $after: String) {
    bulk: cancelRuns(namespace: $namespace, filter: $filter, reason: $reason, dryRun: $dryRun, after: $after) {
      matched changed cursor nextAt
    }
  }
`);
