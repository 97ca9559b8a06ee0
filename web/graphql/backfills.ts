/** Documents about backfills. */
import type { FragmentOf, ResultOf } from "gql.tada";
import { graphql } from "./tada.ts";

const BackfillRow = graphql(`
  fragment BackfillRow on Backfill {
    id
    state
    reason
    job { name }
    trigger { name }
    progress { total pending started succeeded failed cancelled skipped kept }
    startedBy
    createdAt
    endedAt
  }
`);
export type BackfillRow = FragmentOf<typeof BackfillRow>;

export const BackfillsQuery = graphql(
  `
    query Backfills($namespace: String, $filter: BackfillFilter, $first: Int, $after: String) {
      backfills(namespace: $namespace, filter: $filter, first: $first, after: $after) {
        nodes { ...BackfillRow }
        pageInfo { hasNextPage endCursor }
      }
    }
  `,
  [BackfillRow],
);

export const BackfillQuery = graphql(
  `
    query Backfill($id: ID!, $states: [BackfillDateState!], $first: Int, $after: String) {
      node(id: $id) {
        __typename
        ... on Backfill {
          ...BackfillRow
          namespace
          maxParallel
          onFailure
          reprocess
          priority
          input
          dates(states: $states, first: $first, after: $after) {
            nodes { scheduledAt state run { id state startedAt endedAt error { message } holds { kind } } }
            pageInfo { hasNextPage endCursor }
          }
        }
      }
    }
  `,
  [BackfillRow],
);
export type Backfill = Extract<
  NonNullable<ResultOf<typeof BackfillQuery>["node"]>,
  { __typename: "Backfill" }
>;

/** The runs of its job, whose ends move it on; only says that something changed. */
export const BackfillRunEvents = graphql(`
  subscription BackfillRunEvents($namespace: String, $job: String) {
    runChanged(namespace: $namespace, job: $job) { id state }
  }
`);

export const CreateBackfill = graphql(`
  mutation CreateBackfill($input: BackfillInput!, $dryRun: Boolean) {
    createBackfill(input: $input, dryRun: $dryRun) {
      id
      progress { total pending kept }
      dates(first: 100) { nodes { scheduledAt state run { id } } pageInfo { hasNextPage } }
    }
  }
`);
export type PlannedBackfill = ResultOf<typeof CreateBackfill>["createBackfill"];

export const PauseBackfill = graphql(`
  mutation PauseBackfill($id: ID!, $reason: String) {
    pauseBackfill(id: $id, reason: $reason) { id state reason }
  }
`);

export const ResumeBackfill = graphql(`
  mutation ResumeBackfill($id: ID!) {
    resumeBackfill(id: $id) { id state reason }
  }
`);

export const CancelBackfill = graphql(`
  mutation CancelBackfill($id: ID!, $reason: String) {
    cancelBackfill(id: $id, reason: $reason) { id state reason }
  }
`);
