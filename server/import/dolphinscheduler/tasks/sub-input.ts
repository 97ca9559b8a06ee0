/** What a process gives to another that it starts: its own parameters as far as the other has none of the name. */
import type { NamedProcess, NodeContext } from "../context.ts";
import type { Members } from "../report.ts";
import { paramPath, referenceTo } from "../template.ts";

/** Undefined when there is nothing to give. `other` is null when it is not known what that has. */
export function nodeInput(
  { process, locals, scope, task }: NodeContext,
  other: NamedProcess | null,
): Members | undefined {
  const own = new Set(other?.globals.map(({ name }) => name));
  const inherited = process.globals.map(({ name }) => name).filter((name) => !own.has(name));
  const given = locals.filter(({ isOut }) => !isOut).map(({ name }) => name);
  const names = [...new Set([...inherited, ...given])];
  if (names.length === 0) return undefined;
  if (inherited.length > 0 && other === null) {
    task.entries.push({
      field: "globalParams",
      outcome: "different",
      to: "input",
      note: "every parameter of this process is given to the other one, which is not in the export: leave out those that it has itself",
    });
  }
  return Object.fromEntries(
    names.map((name) => [name, referenceTo(name, scope) ?? `\${${paramPath(name)}}`]),
  );
}
