/** What updates of the time zone data have done to triggers. */
import { listTimeZoneUpdates, type TimeZoneUpdate } from "../store/time-zone-updates.ts";
import { builder } from "./builder.ts";
import { TriggerType } from "./trigger.ts";

const MoveType = builder.objectRef<TimeZoneUpdate["moves"][number]>("TimeZoneMove").implement({
  fields: (t) => ({
    trigger: t.field({
      type: TriggerType,
      nullable: true,
      description: "Null when it is gone.",
      resolve: ({ triggerId }, _args, { load }) => load.trigger(triggerId),
    }),
    before: t.expose("before", { type: "DateTime", description: "When it was due next." }),
    after: t.expose("after", { type: "DateTime" }),
  }),
});

const UpdateType = builder.objectRef<TimeZoneUpdate>("TimeZoneUpdate").implement({
  description: "A server with newer rules of time zones computed the next time of every trigger anew.",
  fields: (t) => ({
    before: t.exposeString("before", { description: "The version of the data, such as 2025b." }),
    after: t.exposeString("after"),
    at: t.expose("at", { type: "DateTime" }),
    endedAt: t.expose("endedAt", { type: "DateTime", nullable: true, description: "Null while it goes on." }),
    examined: t.exposeInt("examined"),
    moved: t.exposeInt("moved", { description: "Triggers whose next time is another." }),
    moves: t.expose("moves", { type: [MoveType], description: "The first thousand or so." }),
  }),
});

builder.queryField("timeZoneUpdates", (t) =>
  t.field({
    type: [UpdateType],
    description: "Newest first, the last twenty.",
    resolve: (_root, _args, { database }) => listTimeZoneUpdates(database.sql),
  }),
);
