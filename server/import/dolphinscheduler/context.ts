/** What the mapping of a task has to know of the rest of the export. */
import type { ExpressionScope } from "./expression.ts";
import type { Parameter } from "./parameters.ts";
import type { Entry } from "./report.ts";
import type { SourceProcess, SourceTask } from "./source.ts";
import { type Converted, converted, convertedWithin, type Scope } from "./template.ts";

/** A process with the names that it and its tasks get. */
export interface NamedProcess {
  source: SourceProcess;
  job: string;
  globals: Parameter[];
  /** By what tasks are called: codes, ids and names. */
  keys: ReadonlyMap<string, string>;
}

/** All of an export. */
export interface Whole {
  /** By what processes are called: codes and ids. */
  processes: ReadonlyMap<string, NamedProcess>;
  /** Names of jobs for processes that are not in the export, by code or id. */
  jobs: Readonly<Record<string, string>>;
  problem(process: string, node: string | undefined, message: string): void;
}

export interface NodeContext {
  whole: Whole;
  process: NamedProcess;
  task: SourceTask;
  key: string;
  locals: Parameter[];
  /** Keys of the nodes right before this one; a mapping may add some. */
  after: string[];
  scope: Scope;
  expressions: ExpressionScope;
}

/** What of a node depends on the type of its task. */
export interface NodeKind {
  type: string;
  job?: string | undefined;
  input?: unknown;
  /** In the control plane: it has no worker, no group and by default no retries. */
  isControl?: true;
}

export const problem = ({ whole, process, task }: NodeContext, message: string): void =>
  whole.problem(process.source.name, task.name, message);

/** The job of a process; of one that is not in the export a name that says so, and a problem. */
export function jobOf(
  context: NodeContext,
  reference: string | null | undefined,
): { job: string; process: NamedProcess | null } {
  const { whole } = context;
  const known = reference == null ? undefined : whole.processes.get(reference);
  if (known !== undefined) return { job: known.job, process: known };
  const given = reference == null ? undefined : whole.jobs[reference];
  if (given !== undefined) return { job: given, process: null };
  problem(
    context,
    reference == null
      ? "names no process; put the job in by hand"
      : `names process ${reference}, which is not in the export: say which job it is, or export it too`,
  );
  return { job: `unknown-process-${reference ?? "none"}`, process: null };
}

/** The key of a task of this process; null, and a problem, when there is none. */
export function keyOf(context: NodeContext, reference: string | null): string | null {
  const key = reference === null ? undefined : context.process.keys.get(reference);
  if (key !== undefined) return key;
  if (reference !== null) problem(context, `names task ${reference}, which is not in its process`);
  return null;
}

/** The text as a template; what was taken for text though it looks like a parameter is said in the report. */
export function textOf(context: NodeContext, text: string, field: string): string {
  const result = converted(text, context.scope);
  sayUnknown(context.task.entries, result, field);
  return result.text;
}

/** The same for every text within a value. */
export function templateOf(context: NodeContext, value: unknown, field: string): unknown {
  const result = convertedWithin(value, context.scope);
  sayUnknown(context.task.entries, result, field);
  return result.value;
}

export function sayUnknown(entries: Entry[], { unknown }: Pick<Converted, "unknown">, field: string): void {
  if (unknown.length === 0) return;
  const names = unknown.map((name) => `\${${name}}`).join(", ");
  entries.push({
    field,
    outcome: "different",
    to: "text",
    note: `${names} stays text, as no parameter of the process has that name; where it is one of the start or the project, write it without the second $`,
  });
}
