/** One process as a job with a workflow, and its schedule as a trigger. */
import type { NamedProcess, NodeContext, Whole } from "./context.ts";
import { before, endless, type GraphNode } from "./graph.ts";
import { layoutOf } from "./layout.ts";
import { type Parameter, readParameters } from "./parameters.ts";
import { globalParams, outputOf } from "./process-params.ts";
import { count, text, word } from "./readers.ts";
import type { Fields, Members, ProcessReport } from "./report.ts";
import { readSchedule } from "./schedule.ts";
import type { SourceTask } from "./source.ts";
import { nodeOf } from "./task.ts";
import type { Scope } from "./template.ts";
import { minutes, OVERLAP, unless } from "./words.ts";

/** As many as a workflow may have. */
const NODES = 2_000;

export interface ImportedProcess {
  documents: Members[];
  report: ProcessReport;
}

/** What a task has before its node is made. */
interface Prepared {
  task: SourceTask;
  key: string;
  locals: Parameter[];
  after: string[];
}

/** `timeZone` is for processes whose schedule names none. */
export function importProcess(
  process: NamedProcess,
  whole: Whole,
  timeZone: string,
  trigger: string,
): ImportedProcess {
  const { source, job, keys } = process;
  const { fields, entries, name } = source;
  const say = (message: string) => whole.problem(name, undefined, message);
  const prepared = source.tasks.map((task): Prepared => {
    const key = keys.get(task.references[0] ?? task.name) ?? "";
    const after = task.after.map((reference) => keys.get(reference)).filter((each) => each !== undefined);
    return { task, key, locals: readParameters(task.params.peek("localParams")), after: [...new Set(after)] };
  });
  checkGraph(process, prepared, say);
  const scope = scopeOf(process, prepared);
  const nodes = prepared.map((each) => nodeOf(contextOf(each, process, whole, scope, prepared)));
  const schedule = readSchedule(source, timeZone, say);
  const renamed = job === name ? "" : name;
  text(
    fields,
    ["name", "processDefinitionName"],
    "name",
    renamed === ""
      ? undefined
      : `the job is called ${job}: names are of ASCII letters, digits and . _ - : @ /`,
  );
  const description = text(fields, ["description", "processDefinitionDescription", "desc"], "description");
  const project = text(
    fields,
    "projectName",
    "tags",
    "projects are tags; a namespace of its own may be better",
  );
  const minutesLong = count(fields, "timeout", "workflow.timeout") ?? 0;
  const zone = schedule?.timeZone ?? timeZone;
  const document = {
    kind: "Job",
    name: job,
    description: [renamed, description].filter(Boolean).join(": ") || undefined,
    tags: project === undefined || project.trim() === "" ? undefined : [project.trim().slice(0, 128)],
    overlap: overlapOf(fields),
    workflow: withoutUndefined({
      params: globalParams(process, scope),
      failureStrategy: schedule?.failureStrategy,
      // There, the end of the time is only told.
      ...(minutesLong > 0 ? { timeout: minutes(minutesLong), onTimeout: "WARN" } : {}),
      timeZone: zone === "UTC" ? undefined : zone,
      nodes,
      output: outputOf(process, prepared),
      layout: layoutOf(process),
    }),
  };
  leaveRest(fields, schedule !== null);
  return {
    documents: [
      withoutUndefined(document),
      ...(schedule === null ? [] : [{ kind: "Trigger", name: trigger, job, ...schedule.trigger }]),
    ],
    report: {
      name,
      job,
      trigger: schedule === null ? null : trigger,
      entries,
      nodes: prepared.map(({ task, key }) => ({
        name: task.name,
        type: task.type,
        key,
        entries: task.entries,
      })),
    },
  };
}

function contextOf(
  { task, key, locals, after }: Prepared,
  process: NamedProcess,
  whole: Whole,
  scope: Scope,
  all: Prepared[],
): NodeContext {
  const givers = new Map<string, string>();
  for (const earlier of before(all, key)) {
    const outs = all.find((each) => each.key === earlier)?.locals.filter(({ isOut }) => isOut) ?? [];
    for (const { name } of outs) if (!givers.has(name)) givers.set(name, earlier);
  }
  const own = new Set([...scope.names, ...locals.map(({ name }) => name)]);
  const globals = new Map(process.globals.map((parameter) => [parameter.name, parameter]));
  return {
    whole,
    process,
    task,
    key,
    locals,
    after,
    scope: { ...scope, names: own },
    expressions: { globals, givers },
  };
}

/** What every task of the process can name: its parameters, and what any of its tasks gives out. */
function scopeOf({ globals, source, keys }: NamedProcess, all: Prepared[]): Scope {
  const outs = all.flatMap(({ locals }) => locals.filter(({ isOut }) => isOut));
  return {
    names: new Set([...globals, ...outs].map(({ name }) => name)),
    globals: new Set(globals.map(({ name }) => name)),
    keys: new Map(source.tasks.flatMap(({ name }): [string, string][] => [[name, keys.get(name) ?? ""]])),
  };
}

function checkGraph(
  { source, keys }: NamedProcess,
  nodes: (GraphNode & Prepared)[],
  say: (message: string) => void,
): void {
  if (nodes.length === 0) say("has no tasks, and a workflow needs some");
  if (nodes.length > NODES) say(`has ${nodes.length} tasks; a workflow has at most ${NODES}`);
  for (const { from, to } of source.edges) {
    if (to === null) say(`has an edge from task ${from ?? "none"} to none`);
    else if (!keys.has(to)) say(`has an edge from task ${from ?? "none"} to ${to}, which is not in it`);
  }
  const round = endless(nodes);
  if (round.length > 0)
    say(`has edges that go round in a circle, so that these never start: ${round.join(", ")}`);
}

function overlapOf(fields: Fields): string | undefined {
  fields.leave("isParallel", "executionType says it", true);
  const overlap = word(fields, "executionType", "overlap", OVERLAP);
  if (overlap === "SERIAL_PRIORITY")
    fields.say(
      "executionType",
      "overlap",
      "the one of the highest priority goes next, as its documentation says; its code stops the one that runs, which is SERIAL_REPLACE here",
    );
  return unless("PARALLEL", overlap);
}

function leaveRest(fields: Fields, hasSchedule: boolean): void {
  const release = fields.peek("releaseState");
  const isOnline = release === undefined || release === null || release === "ONLINE" || release === 1;
  fields.leave(
    "releaseState",
    `jobs are there to be started or not at all${hasSchedule ? "" : "; this one was offline"}`,
    isOnline,
  );
  const flag = fields.peek("flag");
  fields.leave("flag", "the process was deleted", flag === undefined || flag === "YES" || flag === 1);
  for (const name of ["tenantId", "tenantCode", "tenantName"]) {
    const value = fields.peek(name);
    fields.leave(
      name,
      "commands run as the worker's user: start a worker as that one",
      value === -1 || value === "default",
    );
  }
  for (const name of ["warningGroupId", "receivers", "receiversCc"]) {
    const value = fields.peek(name);
    fields.leave(
      name,
      "whom to tell, and how, is a job's matter: write one and name it in workflow.notify",
      value === 0 || value === -1 || value === "",
    );
  }
  fields.leave(["connects", "processDefinitionConnects"], "the tasks say what they come after", true);
  fields.leave("resourceIds", "files of the resource centre: put them where the worker finds them");
  fields.leave("hasCron", "the schedule says it", true);
  fields.finish();
}

const withoutUndefined = (members: Members): Members =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
