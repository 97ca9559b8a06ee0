/** The load that triggers will make. */
import { durationMs } from "../core/duration.ts";
import { readClock } from "../store/definitions.ts";
import { forecastTriggers, type TriggerForecast } from "../store/forecast.ts";
import { builder } from "./builder.ts";
import { namespaceShown } from "./context.ts";

const DAYS = 30;
const DAY_MS = 86_400_000;

const ForecastType = builder.objectRef<TriggerForecast>("Forecast").implement({
  description: "How many times triggers will fire, by stretches of time. Those that are paused are left out.",
  fields: (t) => ({
    from: t.expose("from", { type: "DateTime" }),
    until: t.expose("until", {
      type: "DateTime",
      description: "How far it was computed; the counts after it are 0 because nobody looked.",
    }),
    bucket: t.expose("bucketMs", { type: "Duration" }),
    counts: t.exposeIntList("counts", { description: "One number for each bucket from `from` on." }),
    total: t.float({ resolve: ({ counts }) => counts.reduce((sum, count) => sum + count, 0) }),
    peak: t.int({ resolve: ({ counts }) => counts.reduce((most, count) => Math.max(most, count), 0) }),
    peakAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "When the first of the fullest buckets begins; null when nothing fires.",
      resolve: ({ counts, from, bucketMs }) => {
        const peak = counts.reduce((most, count) => Math.max(most, count), 0);
        return peak === 0 ? null : from + counts.indexOf(peak) * bucketMs;
      },
    }),
    triggers: t.exposeInt("triggers", { description: "How many were counted." }),
    more: t.exposeBoolean("more", { description: "There are more triggers than can be counted at once." }),
  }),
});

builder.queryField("forecast", (t) =>
  t.field({
    type: ForecastType,
    complexity: 1_000,
    args: {
      namespace: t.arg.string(),
      job: t.arg.string({ description: "The job's name." }),
      group: t.arg.string({ description: "The triggers' group." }),
      from: t.arg({ type: "DateTime", description: "Unset: now." }),
      until: t.arg({ type: "DateTime", description: "Unset: 30 days after `from`." }),
      bucket: t.arg({ type: "Duration", defaultValue: "PT1M", description: "Whole minutes." }),
    },
    resolve: async (_root, { namespace, job, group, bucket, ...range }, context) => {
      const { database, catalog } = context;
      const namespaceId = await namespaceShown(context, namespace);
      const from = range.from ?? (await readClock(database.sql)).getTime();
      return forecastTriggers(
        { sql: database.sql, catalog },
        { namespaceId, job, group },
        {
          from,
          until: range.until ?? from + DAYS * DAY_MS,
          bucketMs: durationMs(bucket ?? "PT1M", "bucket"),
        },
      );
    },
  }),
);
