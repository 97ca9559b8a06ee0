/** Documents about what happens now, and about who asks. */
import type { FragmentOf } from "gql.tada";
import { graphql } from "./tada.ts";

const Numbers = graphql(`
  fragment Numbers on Overview {
    at
    waiting
    ready
    running
    succeeded
    failed
    cancelled
    startRate
    endRate
    oldestReadySeconds
    triggerLatenessSeconds
    executorsOnline
  }
`);
export type Numbers = FragmentOf<typeof Numbers>;

export const OverviewQuery = graphql(
  `
    query Overview($namespace: String) {
      overview(namespace: $namespace) { ...Numbers }
    }
  `,
  [Numbers],
);

export const OverviewEvents = graphql(
  `
    subscription OverviewEvents($namespace: String) {
      overviewChanged(namespace: $namespace) { ...Numbers }
    }
  `,
  [Numbers],
);

export const HistoryQuery = graphql(`
  query History($namespace: String, $minutes: Int) {
    overview(namespace: $namespace) {
      at
      history(minutes: $minutes) { at started succeeded failed }
    }
  }
`);

export const WhoAsks = graphql(`
  query WhoAsks {
    viewer { role namespace authentication }
    namespaces { id name }
  }
`);

/** Whether a namespace has anything in it. */
export const HasJobs = graphql(`
  query HasJobs($namespace: String) {
    jobs(namespace: $namespace, first: 1) { nodes { id } }
  }
`);
