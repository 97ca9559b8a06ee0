/** What all tasks have, whatever their type: a node's settings. */
import { keyOf, type NodeContext, type NodeKind, problem, sayUnknown } from "./context.ts";
import { numberOf } from "./json.ts";
import { type Parameter, sayParameters, typedValue } from "./parameters.ts";
import { count, text, word } from "./readers.ts";
import type { Fields, Members } from "./report.ts";
import { kindOf } from "./tasks/kinds.ts";
import { convertedWithin, paramPath } from "./template.ts";
import { IS_OPEN, IS_YES, minutes, ON_TIMEOUT, PRIORITY, unless } from "./words.ts";

/** The node of a task. Everything that the task says is in the report afterwards. */
export function nodeOf(context: NodeContext): Members {
  const { task, key, after } = context;
  const { fields, params } = task;
  for (const reference of task.after) {
    const before = keyOf(context, reference);
    if (before !== null && !after.includes(before)) after.push(before);
  }
  const kind = kindOf(context);
  const description = text(fields, ["description", "desc"], "description");
  const renamed = key === task.name ? "" : task.name;
  if (renamed !== "")
    fields.say("name", "key", `the key is ${key}: keys hold letters, digits and _ - . only`);
  const node = {
    key,
    after: after.length === 0 ? undefined : after,
    type: kind.type,
    job: kind.job,
    description: [renamed, description].filter(Boolean).join(": ") || undefined,
    input: kind.input,
    params: localParams(context),
    group: groupOf(fields, kind),
    priority: unless(5, word(fields, ["taskPriority", "taskInstancePriority"], "priority", PRIORITY)),
    retry: retryOf(fields, kind),
    ...timeoutOf(fields),
    delay: delayOf(fields),
    forbidden: unless(false, word(fields, ["flag", "runFlag"], "forbidden", IS_FORBIDDEN)),
    cache: unless(false, word(fields, "isCache", "cache", IS_YES)),
  };
  sayParameters(params, "localParams", "params", false);
  leaveRest(fields, params, context);
  if (node.after?.includes(key)) problem(context, "comes after itself");
  return Object.fromEntries(Object.entries(node).filter(([, value]) => value !== undefined));
}

/** Those that go in; those that come out are members of what the task puts out. */
function localParams(context: NodeContext): Members | undefined {
  const { locals, task } = context;
  const own: [string, unknown][] = [];
  for (const parameter of locals) {
    if (parameter.isOut) {
      task.entries.push({
        field: `localParams.${parameter.name}`,
        outcome: "different",
        to: "output",
        note: "is a member of the node's output when the task gives it out, and is found under its name by those after it",
      });
      continue;
    }
    own.push([parameter.name, ownValue(context, parameter)]);
  }
  return own.length === 0 ? undefined : Object.fromEntries(own);
}

/** A parameter's own name within its value is the one of the process, not itself. */
function ownValue(context: NodeContext, parameter: Parameter): unknown {
  const result = convertedWithin(typedValue(parameter), context.scope);
  sayUnknown(context.task.entries, result, `localParams.${parameter.name}`);
  const isItself = result.value === `\${${parameter.name}}`;
  return isItself ? `\${${paramPath(parameter.name)}}` : result.value;
}

const GROUP = ["workerGroup", "workerGroupName"];

function groupOf(fields: Fields, { isControl }: NodeKind): string | undefined {
  const id = numberOf(fields.peek("workerGroupId"));
  const isOne = typeof fields.peek("workerGroupId") === "object" || (id !== null && id > 0);
  const note = isOne ? "the export has no name of the group; set `group` by hand" : "the default";
  fields.leave("workerGroupId", note, !isOne);
  if (isControl)
    fields.leave(GROUP, "a node of this kind has no worker", fields.peek(...GROUP) === "default");
  const given = fields.peek(...GROUP);
  const group = typeof given === "string" ? given.replace(/[^A-Za-z0-9_.:@/-]+/g, "-") : "";
  const changed = group === given ? undefined : "in characters that a group's name may have";
  if (!isControl) text(fields, GROUP, "group", changed);
  return isControl || group === "" || group === "default" ? undefined : group;
}

/** Retries are off where nobody asked for them: elsewhere they are on by default. */
function retryOf(fields: Fields, { isControl }: NodeKind): Members | undefined {
  const max = count(fields, ["failRetryTimes", "maxRetryTimes"], "retry.fixed.max") ?? 0;
  const interval = count(fields, ["failRetryInterval", "retryInterval"], "retry.fixed.delay") ?? 1;
  if (isControl) {
    const note = "there too, nodes of this kind are never tried again";
    if (max > 0) fields.say(["failRetryTimes", "maxRetryTimes"], "retry", note);
    return undefined;
  }
  if (max > 0) return { fixed: { max, delay: minutes(Math.max(interval, 0)) } };
  return { off: true };
}

function timeoutOf(fields: Fields): Members {
  const nested = fields.within("timeout");
  const isOpen =
    nested === null
      ? word(fields, "timeoutFlag", "timeout", IS_OPEN)
      : word(
          nested,
          "enable",
          "timeout",
          new Map([
            ["true", true],
            ["false", false],
          ]),
        );
  const holder = nested ?? fields;
  const onTimeout = word(holder, ["timeoutNotifyStrategy", "strategy"], "onTimeout", ON_TIMEOUT) ?? "WARN";
  const after = count(holder, nested === null ? "timeout" : "interval", "timeout") ?? 0;
  nested?.finish();
  if (isOpen !== true || after <= 0) return {};
  return { timeout: minutes(after), ...(onTimeout === "FAIL" ? {} : { onTimeout }) };
}

function delayOf(fields: Fields): string | undefined {
  const after = count(fields, "delayTime", "delay") ?? 0;
  return after > 0 ? minutes(after) : undefined;
}

const IS_FORBIDDEN = new Map([
  ["NORMAL", false],
  ["FORBIDDEN", true],
  ...[...IS_YES].map(([flag, isYes]): [string, boolean] => [flag, !isYes]),
]);

/** What a node has no place for, and why. */
function leaveRest(fields: Fields, params: Fields, { task }: NodeContext): void {
  const isUnset = (name: string) =>
    [undefined, null, -1, 0, "", "-1", "0"].includes(fields.peek(name) as string);
  const execution = fields.peek("taskExecuteType");
  const isBatch = execution === undefined || execution === "BATCH" || execution === 0;
  fields.leave(
    "taskExecuteType",
    isBatch ? "the only way" : "streams that never end are not for a scheduler's run",
    isBatch,
  );
  fields.leave(
    "environmentCode",
    "environments are the worker's: start one with that environment in a group of its own",
    isUnset("environmentCode"),
  );
  for (const name of ["cpuQuota", "memoryMax"])
    fields.leave(name, "limits are the worker's, or a container's", isUnset(name));
  fields.leave(
    "taskGroupId",
    "limit a worker group (updateGroup) or a job (maxParallel) instead",
    isUnset("taskGroupId"),
  );
  fields.leave("taskGroupPriority", "see taskGroupId", isUnset("taskGroupPriority"));
  fields.leave("resourceIds", "files of the resource centre: put them where the worker finds them");
  // Of the types that go by them they have been taken; of all others they are empty, or copies.
  for (const name of ["dependence", "conditionResult", "switchResult", "waitStartTimeout"]) {
    fields.leave(name, `means nothing for a task of type ${task.type}`, isHollow(fields.peek(name)));
    params.leave(name, `means nothing for a task of type ${task.type}`, isHollow(params.peek(name)));
  }
  params.leave("resourceList", "files of the resource centre: put them where the worker finds them");
  params.leave("varPool", "what an earlier instance has left");
  params.finish();
  fields.finish();
}

/** Nothing but empty texts, lists and objects. */
function isHollow(value: unknown): boolean {
  if (typeof value !== "object" || value === null)
    return value === null || value === undefined || value === "";
  return Object.values(value).every(isHollow);
}
