/** The fires of the time to come. */
import type { ResultOf } from "gql.tada";
import { graphql } from "./tada.ts";

export const ForecastQuery = graphql(`
  query Forecast($namespace: String, $job: String, $group: String) {
    forecast(namespace: $namespace, job: $job, group: $group, bucket: "PT1M") {
      from
      until
      counts
      triggers
      more
    }
  }
`);
export type Forecast = ResultOf<typeof ForecastQuery>["forecast"];
