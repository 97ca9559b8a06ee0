/** Types that no worker of ours knows: the type in small letters, and all that it is given. */
import { type NodeContext, type NodeKind, problem, templateOf } from "../context.ts";

/** What every task has, and what has places of its own. */
const COMMON = [
  "localParams",
  "resourceList",
  "varPool",
  "dependence",
  "conditionResult",
  "switchResult",
  "waitStartTimeout",
];

export function other(context: NodeContext): NodeKind {
  const { params, type } = context.task;
  const name = type.toLowerCase().replace(/[^a-z0-9_.-]+/g, "-") || "unknown";
  const note = `no worker of type ${name} comes along; write one that takes this input`;
  const members = params.names().filter((each) => !COMMON.includes(each));
  const input = members.map((each): [string, unknown] => [
    each,
    templateOf(context, params.take(each, `input.${each}`, note), `taskParams.${each}`),
  ]);
  problem(context, `is of type ${type || "(none)"}: ${note}`);
  return { type: name, input: Object.fromEntries(input) };
}
