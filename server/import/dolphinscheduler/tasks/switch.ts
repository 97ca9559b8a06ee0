/** SWITCH tasks: a branch by parameters. */
import { type NodeContext, type NodeKind, problem } from "../context.ts";
import { celOf } from "../expression.ts";
import { text } from "../readers.ts";
import type { Fields, Members } from "../report.ts";
import { branchOf } from "./conditions.ts";

export function switched(context: NodeContext): NodeKind {
  const { task } = context;
  const result = task.params.within("switchResult") ?? task.fields.within("switchResult");
  task.params.leave("nextBranch", "what an earlier instance found", true);
  if (result === null) problem(context, "has no cases");
  const cases = (result?.each("dependTaskList", "input.cases") ?? []).map((item, index) =>
    caseOf(context, item, index),
  );
  const byDefault = branchOf(context, result, "nextNode", "input.default");
  result?.finish();
  return {
    type: "switch",
    isControl: true,
    input: { cases, ...(byDefault.length === 0 ? {} : { default: byDefault }) },
  };
}

function caseOf(context: NodeContext, item: Fields, index: number): Members {
  const condition = text(item, "condition", `input.cases[${index}].when`) ?? "";
  // An empty condition stood for the default before that had a place of its own.
  const when = condition.trim() === "" ? "true" : celOf(condition, context.expressions);
  if (when === null) {
    problem(
      context,
      `has the case "${condition}", which cannot be said in CEL: it is false until you write it`,
    );
    item.add("condition", "", { outcome: "unmapped", value: condition, note: "cannot be said in CEL" });
  } else item.say("condition", `input.cases[${index}].when`, `in CEL: ${when}`);
  const branch = branchOf(context, item, "nextNode", `input.cases[${index}].to`);
  item.finish();
  return { when: when ?? "false", to: branch };
}
