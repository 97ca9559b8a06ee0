/** In which order definitions are applied: what is named comes before what names it. */
import { type Definition, idOf, idOfDefinition } from "./definition.ts";
import { KINDS } from "./kinds.ts";

/** Calendars, jobs, triggers; within a kind by who names whom, and else as they were given. */
export function inOrder(definitions: Definition[]): Definition[] {
  return KINDS.flatMap((kind) => sorted(definitions.filter(({ types }) => types.kind === kind)));
}

/** Ids of what the definition cannot be there without. */
export function needs({ types, namespace, value }: Definition): string[] {
  const calendars = [value.calendars, value.base].flat().filter((name) => typeof name === "string");
  const job = typeof value.job === "string" ? [idOf("job", namespace, value.job)] : [];
  if (types.kind === "job") return started(value.workflow).map((name) => idOf("job", namespace, name));
  return [...calendars.map((name) => idOf("calendar", namespace, name)), ...job];
}

/** Ids of what the definition names besides: a workflow may wait for a job that is defined later. */
function mentions({ types, namespace, value }: Definition): string[] {
  return types.kind === "job" ? named(value.workflow).map((name) => idOf("job", namespace, name)) : [];
}

/** The jobs that the nodes of a workflow start. */
function started(workflow: unknown): string[] {
  const nodes = (workflow as { nodes?: unknown } | undefined)?.nodes;
  if (!Array.isArray(nodes)) return [];
  return nodes.map((node: { job?: unknown } | null) => node?.job).filter((job) => typeof job === "string");
}

/** Every `job` anywhere in it. */
function named(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) =>
    key === "job" && typeof member === "string" ? [member] : named(member),
  );
}

/** Where the names go round in a circle, first what is only mentioned is disregarded, and then what is left. */
function sorted(definitions: Definition[]): Definition[] {
  const left = new Map(definitions.map((definition) => [idOfDefinition(definition), definition]));
  const isReady = (definition: Definition, ids: string[]) =>
    ids.every((id) => !left.has(id) || id === idOfDefinition(definition));
  const result: Definition[] = [];
  while (left.size > 0) {
    const waiting = [...left.values()];
    const strict = waiting.filter((each) => isReady(each, [...needs(each), ...mentions(each)]));
    const next =
      strict.length > 0 ? strict : [waiting.find((each) => isReady(each, needs(each))) ?? waiting[0]];
    for (const definition of next) {
      if (definition === undefined) continue;
      result.push(definition);
      left.delete(idOfDefinition(definition));
    }
  }
  return result;
}
