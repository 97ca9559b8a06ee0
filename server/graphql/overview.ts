/** What happens now. */
import { badInput } from "../core/rejection.ts";
import type { Overview } from "../store/overview.ts";
import { DAY_MINUTES, type Minute } from "../store/tally.ts";
import { builder } from "./builder.ts";
import { namespaceShown } from "./context.ts";

const OverviewPoint = builder.objectRef<Minute>("OverviewPoint").implement({
  fields: (t) => ({
    at: t.expose("at", { type: "DateTime" }),
    started: t.exposeInt("STARTED"),
    succeeded: t.exposeInt("SUCCEEDED"),
    failed: t.exposeInt("FAILED"),
    cancelled: t.exposeInt("CANCELLED"),
  }),
});

const OverviewType = builder.objectRef<Overview>("Overview").implement({
  description: "What happens now, in one answer; at most about a second old.",
  fields: (t) => ({
    at: t.expose("at", { type: "DateTime" }),
    waiting: t.exposeInt("waiting"),
    ready: t.exposeInt("ready"),
    running: t.exposeInt("running"),
    succeeded: t.exposeInt("succeeded", { description: "Ended in the last 24 hours, as the next two." }),
    failed: t.exposeInt("failed"),
    cancelled: t.exposeInt("cancelled"),
    startRate: t.exposeFloat("startRate", { description: "Runs per second over the last minute." }),
    endRate: t.exposeFloat("endRate", { description: "Runs per second over the last minute." }),
    oldestReadySeconds: t.exposeFloat("oldestReadySeconds", {
      nullable: true,
      description: "How long the oldest ready run has been ready; null when none is.",
    }),
    triggerLatenessSeconds: t.exposeFloat("triggerLatenessSeconds", {
      nullable: true,
      description: "How late the most overdue trigger is; null when none is due.",
    }),
    executorsOnline: t.exposeInt("executorsOnline"),
    history: t.field({
      type: [OverviewPoint],
      description: "Per minute, oldest first, the current minute included; at most a day.",
      args: { minutes: t.arg.int({ defaultValue: 60 }) },
      resolve: (overview, { minutes }) => {
        const count = minutes ?? 60;
        if (count >= 0 && count <= DAY_MINUTES) return overview.minutes(count);
        throw badInput("minutes", `must be from 0 to ${DAY_MINUTES}`);
      },
    }),
  }),
});

builder.queryField("overview", (t) =>
  t.field({
    type: OverviewType,
    description: "Without `namespace`: all that the caller may see.",
    args: { namespace: t.arg.string() },
    resolve: async (_root, { namespace }, context) =>
      context.overviews.read(await namespaceShown(context, namespace)),
  }),
);

builder.subscriptionField("overviewChanged", (t) =>
  t.field({
    type: OverviewType,
    description: "At once, and then when something has changed, at most once a second.",
    args: { namespace: t.arg.string() },
    subscribe: async (_root, { namespace }, context) =>
      context.live.overviews(context, await namespaceShown(context, namespace)),
    resolve: (overview: Overview) => overview,
  }),
);
