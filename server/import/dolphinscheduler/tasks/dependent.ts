/** DEPENDENT tasks: waiting for what other processes did in an hour, a day, a week or a month. */
import { jobOf, type NodeContext, type NodeKind, problem } from "../context.ts";
import { count, reference, text, word } from "../readers.ts";
import type { Fields, Members } from "../report.ts";
import { treeOf } from "../tree.ts";
import { minutes } from "../words.ts";

const CYCLES = new Set([
  ...["currentHour", "last1Hour", "last2Hours", "last3Hours", "last24Hours"],
  ...["today", "last1Days", "last2Days", "last3Days", "last7Days"],
  ...["thisWeek", "lastWeek", "lastMonday", "lastTuesday", "lastWednesday", "lastThursday", "lastFriday"],
  ...["lastSaturday", "lastSunday"],
  ...["thisMonth", "thisMonthBegin", "thisMonthEnd", "lastMonth", "lastMonthBegin", "lastMonthEnd"],
]);

/** What these mean there is not what they say. */
const ODD_CYCLES: Record<string, string> = {
  thisMonthEnd: "there it is the first day of the month, here the last",
  last24Hours: "there it is yesterday from 1:00 to today 0:59, here the last 24 hours",
};

const FAILURE_POLICY = new Map([
  ["DEPENDENT_FAILURE_FAILURE", false],
  ["DEPENDENT_FAILURE_WAITING", true],
]);

export function dependent(context: NodeContext): NodeKind {
  const { task } = context;
  const fields = task.params.within("dependence") ?? task.fields.within("dependence");
  if (fields === null) {
    problem(context, "says not what it depends on");
    return { type: "dependent", input: { require: { all: [] } }, isControl: true };
  }
  let passes = false;
  const tree = treeOf(fields, TO, (item) => {
    passes = word(item, "parameterPassing", "input.passOutputs", PASSES) === true || passes;
    return leafOf(context, item);
  });
  if (tree === null) problem(context, "depends on nothing");
  const waits = word(fields, "failurePolicy", "input.waitOnFailure", FAILURE_POLICY) ?? false;
  const patience = count(fields, "failureWaitingTime", "input.waitOnFailure") ?? 0;
  fields.leave("checkInterval", "whatever it waits for tells it; it does not have to look", true);
  fields.leave("dependStrategy", "means nothing");
  fields.finish();
  return {
    type: "dependent",
    isControl: true,
    input: {
      require: tree ?? { all: [] },
      ...(waits && patience > 0 ? { waitOnFailure: minutes(patience) } : {}),
      ...(passes ? { passOutputs: true } : {}),
    },
  };
}

const TO = "input.require";
const PASSES = new Map([
  ["true", true],
  ["false", false],
]);

function leafOf(context: NodeContext, item: Fields): Members {
  const code = reference(item, ["definitionCode", "definitionId"], TO);
  const { job, process } = jobOf(context, code);
  const cycle = text(item, "dateValue", TO, ODD_CYCLES[String(item.peek("dateValue"))]) ?? "";
  if (!CYCLES.has(cycle))
    problem(context, `depends on "${cycle}", which is no stretch of time that is known`);
  for (const name of ["projectCode", "projectId", "definitionId", "cycle", "dependentType"])
    item.leave(name, "said by the others of its fields", true);
  for (const name of ["dependResult", "status", "state"])
    item.leave(name, "what an earlier instance found", true);
  return { job, ...nodeOf(context, item, process?.keys ?? null), cycle };
}

/** One task of the other process; nothing for the process as a whole. */
function nodeOf(
  context: NodeContext,
  item: Fields,
  keys: ReadonlyMap<string, string> | null,
): { node?: string } {
  const note = "all tasks of the process: here the process as a whole";
  const isAll = item.peek("depTaskCode") === -1;
  const task = reference(item, ["depTaskCode", "depTasks"], TO);
  if (isAll) item.say("depTaskCode", TO, note);
  if (task === undefined || task === "ALL") return {};
  const key = keys?.get(task);
  if (key === undefined) problem(context, `depends on task ${task} of a process in which it is not found`);
  return { node: key ?? `unknown-task-${task}` };
}
