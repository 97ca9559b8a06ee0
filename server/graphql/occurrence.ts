/** The ledger of a trigger, and its audit. */

import { notFound } from "../core/rejection.ts";
import type { Difference } from "../core/trigger/audit.ts";
import { type Audit, auditTrigger } from "../store/audit.ts";
import { readClock } from "../store/definitions.ts";
import { listOccurrences, type OCCURRENCE_OUTCOMES, type Occurrence } from "../store/occurrences.ts";
import { findTrigger } from "../store/triggers.ts";
import { byName } from "./arguments.ts";
import { builder } from "./builder.ts";
import { connectionOf, pageArguments, pageCost } from "./connection.ts";
import { namespaceOf } from "./context.ts";
import { TriggerType } from "./trigger.ts";

const OutcomeType = builder.enumType("OccurrenceOutcome", {
  values: {
    FIRED: { description: "In time, by less than a second." },
    LATE: { description: "It fired late, but within the misfire threshold." },
    DST_SHIFTED: { description: "It fired in time, in place of a time that the clocks skipped." },
    MISFIRED: {
      description: "It was missed: with a run, the policy made up for it; without, it passed it over.",
    },
    EXCLUDED: { description: "A calendar excluded it." },
    PAUSED: { description: "It passed while the trigger was paused, and was not made up for." },
    DISCARDED: { description: "It came due, but its job's overlap policy or unique key discarded it." },
  } satisfies Record<(typeof OCCURRENCE_OUTCOMES)[number], object>,
});

export const OccurrenceType = builder.objectRef<Occurrence>("Occurrence").implement({
  description: "One nominal due time of a trigger and what became of it.",
  fields: (t) => ({
    scheduledAt: t.expose("scheduledAt", { type: "DateTime" }),
    until: t.expose("until", {
      type: "DateTime",
      nullable: true,
      description: "The last of them when this stands for more than ten times that passed in the same way.",
    }),
    count: t.exposeInt("count"),
    exact: t.exposeBoolean("exact", {
      description: "False: there were too many to count, at least `count`.",
    }),
    outcome: t.expose("outcome", { type: OutcomeType }),
    reason: t.exposeString("reason", {
      nullable: true,
      description: "The policy of a misfire, the calendars that excluded it, or from which day it was moved.",
    }),
    firedAt: t.expose("firedAt", { type: "DateTime", nullable: true }),
  }),
});

const OccurrenceConnection = builder.connectionObject({ type: OccurrenceType, name: "OccurrenceConnection" });

builder.objectField(TriggerType, "occurrences", (t) =>
  t.field({
    type: OccurrenceConnection,
    description: "Newest first.",
    complexity: pageCost,
    args: {
      outcomes: t.arg({ type: [OutcomeType], description: "Only these." }),
      from: t.arg({ type: "DateTime", description: "Inclusive." }),
      until: t.arg({ type: "DateTime", description: "Inclusive." }),
      ...pageArguments,
    },
    resolve: async ({ id }, { outcomes, from, until, ...page }, { database }) =>
      connectionOf(await listOccurrences(database.sql, id, { outcomes, from, until }, page)),
  }),
);

const DifferenceType = builder.objectRef<Difference>("AuditDifference").implement({
  fields: (t) => ({
    kind: t.expose("kind", {
      type: builder.enumType("AuditDifferenceKind", {
        values: {
          MISSING: { description: "A time of the schedule is not in the ledger." },
          UNEXPECTED: { description: "The ledger has what was no time of the schedule." },
          WRONG: { description: "The ledger's outcome or count cannot be." },
          RUN_MISSING: { description: "A fire's run is not there, though it should be kept." },
          NEXT: { description: "The next fire is not the schedule's." },
        } satisfies Record<Difference["kind"], object>,
      }),
    }),
    at: t.expose("at", { type: "DateTime" }),
    message: t.exposeString("message"),
  }),
});

const AuditType = builder.objectRef<Audit>("TriggerAudit").implement({
  description: "A trigger's ledger, compared with what its schedule and calendars said at each time.",
  fields: (t) => ({
    clean: t.boolean({ resolve: ({ differences }) => differences.length === 0 }),
    from: t.expose("from", { type: "DateTime" }),
    until: t.expose("until", {
      type: "DateTime",
      description:
        "Where it got to: the last time that has been decided about, or the most that one audit takes.",
    }),
    times: t.exposeInt("times", { description: "Times of the schedule that were looked up." }),
    runs: t.exposeInt("runs", { description: "Fires whose runs were looked up." }),
    differences: t.expose("differences", { type: [DifferenceType], description: "The first hundred." }),
  }),
});

const DAY_MS = 86_400_000;

builder.queryField("auditTrigger", (t) =>
  t.field({
    type: AuditType,
    description:
      "Computes a trigger's times anew and compares its ledger with them: no difference is how it should be.",
    complexity: 1_000,
    args: {
      ...byName,
      from: t.arg({ type: "DateTime", description: "Inclusive; unset: a day before `to`." }),
      to: t.arg({ type: "DateTime", description: "Inclusive; unset: now." }),
    },
    resolve: async (_root, { namespace, name, from, to }, context) => {
      const trigger = await findTrigger(context.database.sql, await namespaceOf(context, namespace), name);
      if (!trigger) throw notFound(`trigger "${name}"`, "name");
      const until = to ?? (await readClock(context.database.sql)).getTime();
      return auditTrigger({ sql: context.database.sql, catalog: context.catalog }, trigger, {
        from: from ?? until - DAY_MS,
        until,
      });
    },
  }),
);
