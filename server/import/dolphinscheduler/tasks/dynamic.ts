/** DYNAMIC tasks: another process once for each combination of parameters. */
import { jobOf, type NodeContext, type NodeKind, problem, textOf } from "../context.ts";
import { count, reference, text } from "../readers.ts";
import type { Members } from "../report.ts";
import { nodeInput } from "./sub-input.ts";
import { OTHER_PROCESS } from "./sub-process.ts";

export function dynamic(context: NodeContext): NodeKind {
  const { params } = context.task;
  const { job, process } = jobOf(context, reference(params, OTHER_PROCESS, "job"));
  const over = combinations(context);
  const filter = filterOf(context, Object.keys(over));
  const max = count(params, "maxNumOfSubWorkflowInstances", "input.max");
  const maxParallel = count(params, "degreeOfParallelism", "input.maxParallel");
  const input = nodeInput(context, process);
  return {
    type: "dynamic",
    job,
    isControl: true,
    input: {
      over,
      ...(filter === null ? {} : { filter }),
      ...(max === undefined ? {} : { max }),
      ...(maxParallel === undefined ? {} : { maxParallel }),
      ...(input === undefined ? {} : { input }),
    },
  };
}

/** Lists by the names of parameters. */
function combinations(context: NodeContext): Members {
  const lists = context.task.params.each("listParameters", "input.over").map((item): [string, unknown] => {
    const name = text(item, "name", "input.over") ?? "";
    const value = text(item, "value", `input.over.${name}`) ?? "";
    const separator = text(item, "separator", `input.over.${name}`) || ",";
    item.finish();
    const field = "taskParams.listParameters";
    if (!/^\s*\$\{[^}]*\}\s*$/.test(value))
      return [name, value.split(separator).map((part) => textOf(context, part.trim(), field))];
    problem(
      context,
      `takes the values of ${name} from ${value.trim()}: that has to be a list, and not text with separators`,
    );
    return [name, textOf(context, value.trim(), field)];
  });
  return Object.fromEntries(lists);
}

/** There, values that no combination may have; here, what is true of every one that runs. */
function filterOf({ task }: NodeContext, names: string[]): string | null {
  const given = text(task.params, "filterCondition", "input.filter") ?? "";
  if (given.trim() === "") return null;
  const values = given.split(",").map((value) => value.trim());
  const filter = names.map((name) => `!(params.${name} in ${JSON.stringify(values)})`).join(" && ");
  task.params.say(
    "filterCondition",
    "input.filter",
    `there, values to leave out; here, what has to be true: ${filter}`,
  );
  return filter;
}
