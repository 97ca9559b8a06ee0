/** From a reference to its value in a scope. */
import { badInput } from "../rejection.ts";
import { asRejection, short } from "./fault.ts";
import type { Member } from "./json-tree.ts";
import type { RunMember, Target, ValueReference } from "./reference.ts";
import { type Path, pathText, type RunFacts, type TemplateScope, valueAt } from "./scope.ts";
import { systemValue } from "./system.ts";

/**
 * The value of a reference that is no secret, or its fallback. Throws BAD_INPUT that names the reference and what is
 * missing when it has neither.
 */
export function lookUp(
  { target, fallback, text }: ValueReference,
  scope: TemplateScope,
  member: Member,
): unknown {
  const value = find(target, scope, member);
  if (fallback && (value === undefined || value === null || value === "")) return fallback.value;
  if (value !== undefined) return value;
  const advice = target.kind === "run" || target.kind === "system" ? "" : "; or write a fallback after :-";
  throw badInput(member(), `${short(text, 200)} has no value: ${missing(target, scope)}${advice}`);
}

function find(target: Target, scope: TemplateScope, member: Member): unknown {
  if (target.kind === "params") return valueAt(scope.params, target.path);
  if (target.kind === "name") return valueAt(scope.names, [target.name, ...target.path]);
  if (target.kind === "node") return valueAt(scope.nodes, [target.key, ...target.path]);
  if (target.kind === "run") return factOf(target.member, scope.run);
  if (target.kind === "secret") return undefined;
  try {
    return systemValue(target.name, scope);
  } catch (error) {
    throw asRejection(error, member());
  }
}

const factOf = (member: RunMember, run: RunFacts): string =>
  member === "scheduledAt" ? new Date(run.scheduledAt).toISOString() : run[member];

function missing(target: Target, scope: TemplateScope): string {
  if (target.kind === "params") return lacking("params", scope.params, target.path);
  if (target.kind === "name") {
    if (!Object.hasOwn(scope.names, target.name)) return `there is no parameter ${target.name}`;
    return lacking(target.name, scope.names[target.name], target.path);
  }
  if (target.kind === "node") {
    if (!Object.hasOwn(scope.nodes, target.key)) return `node ${target.key} has not ended`;
    return lacking(`nodes${pathText([target.key])}`, scope.nodes[target.key], target.path);
  }
  return "it is not known here";
}

/** The first step that leads nowhere. */
function lacking(root: string, value: unknown, path: Path): string {
  const end = path.findIndex((_, index) => valueAt(value, path.slice(0, index + 1)) === undefined);
  const [step] = path.slice(end);
  const place = `${root}${pathText(path.slice(0, end))}`;
  return typeof step === "number" ? `${place} has no place ${step}` : `${place} has no member ${step}`;
}
