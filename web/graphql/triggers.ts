/** Reads of triggers: lists, one with its ledger, previews and audits. */
import type { FragmentOf, ResultOf } from "gql.tada";
import { graphql } from "./tada.ts";

export const PauseRow = graphql(`
  fragment PauseRow on TriggerPause {
    namespace
    kind
    target
    by
    reason
    at
    until
  }
`);
export type PauseRow = FragmentOf<typeof PauseRow>;

export const TriggersQuery = graphql(`
  query Triggers($namespace: String, $filter: TriggerFilter, $first: Int, $after: String) {
    triggers(namespace: $namespace, filter: $filter, first: $first, after: $after) {
      nodes {
        id
        name
        group
        state
        reason
        nextFireAt
        nextFires(first: 3)
        lastFireAt
        scheduleInWords
        misfire { policy threshold limit window }
        job { name }
        calendars { name }
        pauses { kind target namespace }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
`);
export type ListedTrigger = ResultOf<typeof TriggersQuery>["triggers"]["nodes"][number];

/** The schedule, with all that a form asks for. */
export const ScheduleParts = graphql(`
  fragment ScheduleParts on Trigger {
    schedule {
      __typename
      ... on OnceSchedule { at }
      ... on CronSchedule { expression timeZone dialect gap overlap }
      ... on FixedRateSchedule { every repeat }
      ... on FixedDelaySchedule { every repeat }
      ... on CalendarIntervalSchedule { every timeZone gap overlap missingDay }
      ... on DailyTimeIntervalSchedule { every from until weekdays timeZone repeat }
    }
  }
`);

/** What can be edited. */
const TriggerContent = graphql(
  `
    fragment TriggerContent on Trigger {
      id
      name
      version
      group
      job { name }
      ...ScheduleParts
      calendars { name }
      onExcluded
      startAt
      endAt
      jitter
      misfire { policy threshold limit window }
      priority
      input
    }
  `,
  [ScheduleParts],
);
export type TriggerContent = FragmentOf<typeof TriggerContent>;

export const TriggerQuery = graphql(
  `
    query Trigger(
      $namespace: String, $name: String!, $fires: Int, $outcomes: [OccurrenceOutcome!], $after: String
    ) {
      trigger(namespace: $namespace, name: $name) {
        ...TriggerContent
        state
        reason
        pauses { ...PauseRow }
        firedCount
        nextFireAt
        lastFireAt
        scheduleInWords
        upcoming(first: $fires) { at local offset note }
        createdAt
        updatedAt
        occurrences(first: 25, outcomes: $outcomes, after: $after) {
          nodes { scheduledAt until count exact outcome reason firedAt run { id state holds { kind } } }
          pageInfo { hasNextPage endCursor }
        }
      }
    }
  `,
  [TriggerContent, PauseRow],
);
export type Trigger = NonNullable<ResultOf<typeof TriggerQuery>["trigger"]>;

/** The newest version, for a form that somebody else was faster than. */
export const TriggerContentQuery = graphql(
  `
    query TriggerContent($namespace: String, $name: String!) {
      trigger(namespace: $namespace, name: $name) { ...TriggerContent }
    }
  `,
  [TriggerContent],
);

/** What a trigger's calendars exclude next, on the clock of its schedule. */
export const TriggerCalendarsQuery = graphql(`
  query TriggerCalendars($namespace: String, $name: String!, $from: DateTime, $timeZone: String) {
    trigger(namespace: $namespace, name: $name) {
      id
      calendars { id name timeZone excluded(first: 3, from: $from, timeZone: $timeZone) { from until by } }
    }
  }
`);

export const TriggerNamesQuery = graphql(`
  query TriggerNames($namespace: String, $search: String) {
    triggers(namespace: $namespace, filter: { search: $search }, first: 20) {
      nodes { id name group scheduleInWords }
    }
  }
`);

export const TriggerEvents = graphql(`
  subscription TriggerEvents($namespace: String) {
    triggerChanged(namespace: $namespace) { id name }
  }
`);

export const PreviewQuery = graphql(`
  query Preview(
    $schedule: ScheduleInput!
    $calendars: [String!]
    $onExcluded: OnExcluded
    $startAt: DateTime
    $endAt: DateTime
    $jitter: Duration
    $namespace: String
    $name: String
  ) {
    describeSchedule(schedule: $schedule, namespace: $namespace, name: $name)
    previewFires(
      schedule: $schedule
      calendars: $calendars
      onExcluded: $onExcluded
      startAt: $startAt
      endAt: $endAt
      jitter: $jitter
      namespace: $namespace
      name: $name
      first: 8
    ) { at local offset note }
  }
`);

export const AuditQuery = graphql(`
  query Audit($namespace: String, $name: String!, $from: DateTime, $to: DateTime) {
    auditTrigger(namespace: $namespace, name: $name, from: $from, to: $to) {
      clean
      from
      until
      times
      runs
      differences { kind at message }
    }
  }
`);
export type Audit = ResultOf<typeof AuditQuery>["auditTrigger"];
