/** What SPARK and MR tasks have in common: a program in a jar, and the words of a command line. */
import { type NodeContext, problem, textOf } from "../context.ts";
import { text } from "../readers.ts";

const FILE = "a file of the resource centre, by its name: say where the worker finds it";

/** The file to submit, which an export names in one of several ways. */
export function jarOf(context: NodeContext): string | undefined {
  const { params } = context.task;
  const fields = params.within("mainJar");
  if (fields === null) return text(params, "mainJar", "input.jar", FILE);
  const name = text(fields, ["resourceName", "res", "name"], "input.jar", FILE) ?? "";
  const id =
    name === ""
      ? text(fields, "id", "input.jar", "the number that the resource centre has for it")
      : undefined;
  fields.finish();
  if (name !== "") return name;
  if (id === undefined) return undefined;
  problem(context, "names its jar by a number only: put its path into `input.jar`");
  return `resource-${id}`;
}

/** The program's own arguments, as a shell would take them apart. */
export function mainArgs(context: NodeContext): string[] | undefined {
  const given = text(context.task.params, "mainArgs", "input.args") ?? "";
  if (given.trim() === "") return undefined;
  return wordsOf(textOf(context, given, "taskParams.mainArgs"));
}

/** Words between blanks; quotes keep blanks together, and so do references. */
export function wordsOf(line: string): string[] {
  const words = line.match(/(?:\$\{[^}]*\}|\$\[[^\]]*\]|"[^"]*"|'[^']*'|[^\s])+/g) ?? [];
  return words.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, (_, double, single) => double ?? single));
}

/**
 * Settings among the words of a command: `option` matches the word before one, and in its first group what is joined to
 * it. The words that are none are left.
 */
export function settingsOf(
  words: string[],
  option: RegExp,
): { conf: Record<string, string>; rest: string[] } {
  const conf: Record<string, string> = {};
  const rest: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    const match = option.exec(word);
    const setting = match === null ? "" : match[1] || (words[++at] ?? "");
    const equals = setting.indexOf("=");
    if (equals > 0) conf[setting.slice(0, equals)] = setting.slice(equals + 1);
    else rest.push(...[word, setting].filter(Boolean));
  }
  return { conf, rest };
}
