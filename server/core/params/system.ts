/** The built-in names of DolphinScheduler, `system.…`, and what they are here. */
import type { TemplateScope } from "./scope.ts";
import { parseTime, type TimeExpression } from "./time.ts";

/** Those that are times. */
const TIMES: ReadonlyMap<string, TimeExpression> = new Map([
  ["system.biz.date", parseTime("yyyyMMdd-1")],
  ["system.biz.curdate", parseTime("yyyyMMdd")],
  ["system.datetime", parseTime("yyyyMMddHHmmss")],
]);

/** Those that are facts about the run. A project is a namespace, a definition a job, and a task a node. */
const FACTS: ReadonlyMap<string, (scope: TemplateScope) => string | undefined> = new Map([
  ["system.workflow.instance.id", ({ run }) => run.id],
  ["system.workflow.definition.name", ({ run }) => run.job],
  ["system.project.name", ({ run }) => run.namespace],
  ["system.task.definition.name", ({ node }) => node?.key],
  ["system.task.instance.id", ({ node }) => node?.id],
]);

/** Those that cannot be had, and why. */
const ABSENT: ReadonlyMap<string, string> = new Map([
  ["system.task.execute.path", "only the worker knows its folder"],
  ["system.workflow.definition.code", "jobs have no codes; use system.workflow.definition.name"],
  ["system.task.definition.code", "nodes have no codes; use system.task.definition.name"],
  ["system.project.code", "namespaces have no codes; use system.project.name"],
]);

/** Null when there is such a name; else what to do instead. */
export function systemFault(name: string): string | null {
  if (TIMES.has(name) || FACTS.has(name)) return null;
  return ABSENT.get(name) ?? `there are ${[...TIMES.keys(), ...FACTS.keys()].join(", ")}`;
}

export const isSystemTime = (name: string): boolean => TIMES.has(name);

/** Undefined when the scope does not know it. Throws a Fault for a time outside the years 1 to 9999. */
export function systemValue(name: string, scope: TemplateScope): string | undefined {
  const time = TIMES.get(name);
  return time ? time(scope.run.scheduledAt, scope.run.timeZone) : FACTS.get(name)?.(scope);
}
