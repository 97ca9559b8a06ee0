/** (i) Runs with affinity keys and limits, and those without keys beside them. */
import type { Measure } from "../measure.ts";

export const affinity: Measure = {
  key: "affinity",
  title: "affinity keys and limits",
  skip: () => "not yet: this version has no affinity and no limits",
  trials: () => [],
  rows: () => [],
};
