/** What newer rules of time zones did to triggers. */
import type { ResultOf } from "gql.tada";
import { graphql } from "./tada.ts";

export const TimeZoneUpdatesQuery = graphql(`
  query TimeZoneUpdates {
    timeZoneUpdates {
      at
      before
      after
      endedAt
      examined
      moved
      moves { trigger { id name namespace } before after }
    }
  }
`);
export type TimeZoneUpdate = ResultOf<typeof TimeZoneUpdatesQuery>["timeZoneUpdates"][number];
