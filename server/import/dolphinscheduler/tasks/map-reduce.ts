/** MR tasks: a map-reduce of Hadoop. */
import { type NodeContext, type NodeKind, problem, textOf } from "../context.ts";
import { text } from "../readers.ts";
import type { Members } from "../report.ts";
import { jarOf, mainArgs, settingsOf, wordsOf } from "./cluster.ts";

export function mapReduce(context: NodeContext): NodeKind {
  const { params } = context.task;
  const take = (name: string, to: string) => {
    const value = text(params, name, `input.${to}`) ?? "";
    return value === "" ? undefined : textOf(context, value, `taskParams.${name}`);
  };
  params.leave("programType", "the file itself says it", true);
  const { conf, rest } = settingsOf(wordsOf(take("others", "conf") ?? ""), /^-D(.+)?$/);
  if (rest.length > 0)
    problem(
      context,
      `has options that are not mapped: ${rest.join(" ")}; put them into \`input\` by their names`,
    );
  const input: Members = {
    jar: jarOf(context),
    mainClass: take("mainClass", "mainClass"),
    args: mainArgs(context),
    name: take("appName", "name"),
    queue: take("yarnQueue", "queue") ?? take("queue", "queue"),
    conf: Object.keys(conf).length === 0 ? undefined : conf,
  };
  return {
    type: "mr",
    input: Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)),
  };
}
