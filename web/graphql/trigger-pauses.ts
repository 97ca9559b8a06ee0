/** Pauses of triggers, of one and of many. */
import { graphql } from "./tada.ts";
import { PauseRow } from "./triggers.ts";

/** Those of a namespace and those of all. */
export const TriggerPausesQuery = graphql(
  `
    query TriggerPauses($namespace: String) {
      triggerPauses(namespace: $namespace) { ...PauseRow }
    }
  `,
  [PauseRow],
);

/** How many triggers would stop firing: those that fire by the clock, and those that wait for their run. */
export const ActiveTriggersQuery = graphql(`
  query ActiveTriggers($namespace: String, $group: String, $job: String, $from: DateTime, $until: DateTime) {
    forecast(namespace: $namespace, group: $group, job: $job, from: $from, until: $until) { triggers more }
    triggers(namespace: $namespace, filter: { group: $group, job: $job, state: BLOCKED }, first: 200) {
      nodes { id }
      pageInfo { hasNextPage }
    }
  }
`);

export const PauseTrigger = graphql(`
  mutation PauseTrigger($namespace: String, $name: String!, $reason: String, $until: DateTime) {
    pauseTrigger(namespace: $namespace, name: $name, reason: $reason, until: $until) { id state reason }
  }
`);

export const PauseTriggers = graphql(
  `
    mutation PauseTriggers($scope: TriggerScope!, $reason: String, $until: DateTime) {
      pauseTriggers(scope: $scope, reason: $reason, until: $until) { ...PauseRow }
    }
  `,
  [PauseRow],
);

export const ResumeTrigger = graphql(`
  mutation ResumeTrigger($namespace: String, $name: String!, $missed: MisfirePolicy) {
    resumeTrigger(namespace: $namespace, name: $name, missed: $missed) { id state reason }
  }
`);

export const ResumeTriggers = graphql(`
  mutation ResumeTriggers($scope: TriggerScope!, $missed: MisfirePolicy) {
    resumeTriggers(scope: $scope, missed: $missed)
  }
`);
