/** Documents about calendars. */
import type { FragmentOf, ResultOf } from "gql.tada";
import { graphql } from "./tada.ts";
import { FireChangesParts } from "./trigger-changes.ts";
import { ScheduleParts } from "./triggers.ts";

/** The rule, with all that a form asks for. */
const RuleParts = graphql(`
  fragment RuleParts on Calendar {
    rule {
      __typename
      ... on AnnualCalendar { annualDays: days }
      ... on HolidaysCalendar { dates { date label } }
      ... on WeeklyCalendar { weekdays }
      ... on MonthlyCalendar { monthlyDays: days }
      ... on DailyCalendar { from until invert }
      ... on CronCalendar { expression dialect }
      ... on PeriodsCalendar { periods { from until label } }
    }
  }
`);

const CalendarContent = graphql(
  `
    fragment CalendarContent on Calendar {
      id
      name
      description
      timeZone
      version
      base { name }
      ...RuleParts
    }
  `,
  [RuleParts],
);
export type CalendarContent = FragmentOf<typeof CalendarContent>;

export const CalendarsQuery = graphql(
  `
    query Calendars($namespace: String, $search: String, $first: Int, $after: String) {
      calendars(namespace: $namespace, search: $search, first: $first, after: $after) {
        nodes { ...CalendarContent triggers(first: 4) { nodes { id name } pageInfo { hasNextPage } } }
        pageInfo { hasNextPage endCursor }
      }
    }
  `,
  [CalendarContent],
);
export type ListedCalendar = ResultOf<typeof CalendarsQuery>["calendars"]["nodes"][number];

/** Names for pickers; a namespace with more than this has its calendars found by search. */
export const CalendarNamesQuery = graphql(`
  query CalendarNames($namespace: String) {
    calendars(namespace: $namespace, first: 200) { nodes { id name description } pageInfo { hasNextPage } }
  }
`);

export const CalendarQuery = graphql(
  `
    query Calendar($namespace: String, $name: String!) {
      calendar(namespace: $namespace, name: $name) {
        ...CalendarContent
        createdAt
        updatedAt
        triggers(first: 50) {
          nodes { id name state nextFireAt scheduleInWords }
          pageInfo { hasNextPage }
        }
      }
    }
  `,
  [CalendarContent],
);
export type Calendar = NonNullable<ResultOf<typeof CalendarQuery>["calendar"]>;

export const ExcludedQuery = graphql(`
  query Excluded($namespace: String, $name: String!, $from: DateTime, $timeZone: String, $first: Int) {
    calendar(namespace: $namespace, name: $name) {
      id
      excluded(from: $from, timeZone: $timeZone, first: $first) { from until by }
    }
  }
`);

export const CalendarContentQuery = graphql(
  `
    query CalendarContent($namespace: String, $name: String!) {
      calendar(namespace: $namespace, name: $name) { ...CalendarContent }
    }
  `,
  [CalendarContent],
);

/** What a change does to the triggers that go by the calendar. */
const CalendarEffects = graphql(
  `
    fragment CalendarEffects on Calendar {
      changes {
        triggers
        moved
        changes(first: 50) { trigger { id name ...ScheduleParts } changes { ...FireChangesParts } }
      }
    }
  `,
  [ScheduleParts, FireChangesParts],
);
export type CalendarEffects = NonNullable<FragmentOf<typeof CalendarEffects>["changes"]>;

export const CreateCalendar = graphql(`
  mutation CreateCalendar($input: CalendarInput!) {
    createCalendar(input: $input) { id name }
  }
`);

export const UpdateCalendar = graphql(
  `
    mutation UpdateCalendar(
      $namespace: String, $name: String!, $input: CalendarPatch!, $version: Int, $dryRun: Boolean
    ) {
      updateCalendar(namespace: $namespace, name: $name, input: $input, version: $version, dryRun: $dryRun) {
        id
        version
        ...CalendarEffects
      }
    }
  `,
  [CalendarEffects],
);

export const ImportCalendar = graphql(
  `
    mutation ImportCalendar($input: CalendarImport!, $dryRun: Boolean) {
      importCalendar(input: $input, dryRun: $dryRun) {
        ...CalendarContent
        skipped
        ...CalendarEffects
      }
    }
  `,
  [CalendarContent, CalendarEffects],
);
export type Imported = ResultOf<typeof ImportCalendar>["importCalendar"];

export const DeleteCalendar = graphql(`
  mutation DeleteCalendar($namespace: String, $name: String!) {
    deleteCalendar(namespace: $namespace, name: $name)
  }
`);
