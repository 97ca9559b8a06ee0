/** Documents about triggers. */
import type { ResultOf } from "gql.tada";
import { graphql } from "./tada.ts";

const TriggerRow = graphql(`
  fragment TriggerRow on Trigger {
    id
    name
    state
    reason
    firedCount
    nextFireAt
    lastFireAt
    job { name }
    schedule {
      __typename
      ... on OnceSchedule { at }
      ... on CronSchedule { expression timeZone dialect }
      ... on FixedRateSchedule { every repeat }
      ... on FixedDelaySchedule { every repeat }
      ... on CalendarIntervalSchedule { every timeZone }
      ... on DailyTimeIntervalSchedule { every from until weekdays timeZone repeat }
    }
  }
`);

export const TriggersQuery = graphql(
  `
    query Triggers($namespace: String, $filter: TriggerFilter, $first: Int, $after: String) {
      triggers(namespace: $namespace, filter: $filter, first: $first, after: $after) {
        nodes { ...TriggerRow nextFires(first: 3) }
        pageInfo { hasNextPage endCursor }
      }
    }
  `,
  [TriggerRow],
);
export type ListedTrigger = ResultOf<typeof TriggersQuery>["triggers"]["nodes"][number];

export const TriggerQuery = graphql(
  `
    query Trigger($namespace: String, $name: String!, $fires: Int, $after: String) {
      trigger(namespace: $namespace, name: $name) {
        ...TriggerRow
        startAt
        endAt
        misfire { policy threshold limit }
        priority
        input
        jitter
        upcoming(first: $fires) { at local offset note }
        createdAt
        updatedAt
        occurrences(first: 25, after: $after) {
          nodes { scheduledAt until count outcome firedAt run { id state holds { kind } } }
          pageInfo { hasNextPage endCursor }
        }
      }
    }
  `,
  [TriggerRow],
);
export type Trigger = NonNullable<ResultOf<typeof TriggerQuery>["trigger"]>;

export const TriggerEvents = graphql(`
  subscription TriggerEvents($namespace: String) {
    triggerChanged(namespace: $namespace) { id name }
  }
`);

export const PauseTrigger = graphql(`
  mutation PauseTrigger($namespace: String, $name: String!, $reason: String) {
    pauseTrigger(namespace: $namespace, name: $name, reason: $reason) { id state reason }
  }
`);

export const ResumeTrigger = graphql(`
  mutation ResumeTrigger($namespace: String, $name: String!) {
    resumeTrigger(namespace: $namespace, name: $name) { id state reason }
  }
`);

export const PreviewSchedule = graphql(`
  query PreviewSchedule(
    $schedule: ScheduleInput!
    $startAt: DateTime
    $jitter: Duration
    $namespace: String
    $name: String
  ) {
    previewFires(
      schedule: $schedule
      startAt: $startAt
      jitter: $jitter
      namespace: $namespace
      name: $name
      first: 5
    ) { at local offset note }
  }
`);

export const CreateTrigger = graphql(`
  mutation CreateTrigger($input: TriggerInput!) {
    createTrigger(input: $input) { id name }
  }
`);
