/** A trigger run now, outside its schedule. */
import { notFound } from "../core/rejection.ts";
import { checkText } from "../store/definitions.ts";
import { findTrigger } from "../store/triggers.ts";
import { byName } from "./arguments.ts";
import { builder } from "./builder.ts";
import { namespaceOf, present } from "./context.ts";
import { textOf } from "./json.ts";
import { RunType } from "./run.ts";
import { answer } from "./run-changes.ts";

builder.mutationField("fireTrigger", (t) =>
  t.field({
    type: RunType,
    description:
      "Starts a run of the trigger's job at once, with the trigger's input and priority, whatever its state. Its schedule and ledger stay as they are.",
    args: {
      ...byName,
      input: t.arg({ type: "JSON", description: "Instead of the trigger's." }),
      idempotencyKey: t.arg.string({ description: "The same request with the same key starts nothing new." }),
    },
    resolve: async (_root, { namespace, name, input, idempotencyKey }, context, info) => {
      const { catalog, engine, load } = context;
      const namespaceId = await namespaceOf(context, namespace);
      const trigger = await findTrigger(context.database.sql, namespaceId, name);
      if (!trigger) throw notFound(`trigger "${name}"`, "name");
      const [run] = await engine.start([
        {
          namespace: await catalog.namespaceName(namespaceId),
          job: (await present(load.job(trigger.jobId))).name,
          input: textOf(input) ?? trigger.input,
          priority: trigger.priority,
          triggerId: trigger.id,
          idempotencyKey: idempotencyKey == null ? null : checkText(idempotencyKey, "idempotencyKey"),
        },
      ]);
      if (!run) throw new Error("a start made no run");
      return answer(context, info, run);
    },
  }),
);
