/** Parameters of a process: what goes into its workflow, and what comes out. */
import { type NamedProcess, sayUnknown } from "./context.ts";
import { listOf } from "./json.ts";
import { type Parameter, sayParameters, typedValue } from "./parameters.ts";
import type { Members } from "./report.ts";
import { convertedWithin, nodePath, paramPath, type Scope, step } from "./template.ts";

/** Those that come out too: they go in with what they have at first. */
export function globalParams({ globals, source }: NamedProcess, scope: Scope): Members | undefined {
  const { fields, entries } = source;
  const taken =
    ["globalParams", "globalParamList"].find((name) => listOf(fields.peek(name)).length > 0) ??
    "globalParams";
  sayParameters(fields, taken, "workflow.params", true);
  for (const name of ["globalParams", "globalParamList"])
    if (name !== taken) fields.leave(name, `the same as ${taken}`, true);
  if (globals.length === 0) return undefined;
  return Object.fromEntries(
    globals.map((parameter) => {
      const result = convertedWithin(typedValue(parameter), scope);
      sayUnknown(entries, result, `${taken}.${parameter.name}`);
      return [parameter.name, result.value];
    }),
  );
}

/** What a process gives to the one that it is a part of: by the last task that gives out the name, else as it came in. */
export function outputOf(
  { globals, source }: NamedProcess,
  all: readonly { key: string; locals: Parameter[] }[],
): Members | undefined {
  const outs = globals.filter(({ isOut }) => isOut);
  if (outs.length === 0) return undefined;
  return Object.fromEntries(
    outs.map(({ name }) => {
      const giver = all.findLast(({ locals }) => locals.some((local) => local.isOut && local.name === name));
      source.entries.push({
        field: `globalParams.${name}`,
        outcome: "different",
        to: "workflow.output",
        note:
          giver === undefined
            ? "comes out as it came in: no task gives it out"
            : `comes out as ${giver.key} gives it out`,
      });
      return [
        name,
        giver === undefined ? `\${${paramPath(name)}}` : `\${${nodePath(giver.key)}.output${step(name)}}`,
      ];
    }),
  );
}
