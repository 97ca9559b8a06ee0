/**
 * Definitions of DolphinScheduler, as its versions 1 to 3 export them, turned into documents for `apply`, with a report on
 * what has become of every field. Pure: from the parsed file to values.
 */
import type { NamedProcess, Whole } from "./context.ts";
import { endless } from "./graph.ts";
import { listOf } from "./json.ts";
import { Names } from "./names.ts";
import { readParameters } from "./parameters.ts";
import type { Members, Problem, Report } from "./report.ts";
import { readSource, type SourceProcess } from "./source.ts";
import { importProcess } from "./workflow.ts";

export interface ImportOptions {
  /** Of what has no time zone of its own. */
  timeZone: string;
  /** Names of jobs for processes that are not in the file, by code or id. */
  jobs: Readonly<Record<string, string>>;
}

export interface Imported {
  /** Jobs and triggers. */
  documents: Members[];
  report: Report;
}

/** Throws BAD_INPUT for what is no export. */
export function importDolphinScheduler(value: unknown, { timeZone, jobs }: ImportOptions): Imported {
  const sources = readSource(value);
  const names = Names.ofJobs();
  const triggers = Names.ofJobs();
  const processes = sources.map((source, index) =>
    named(source, names.give(source.name, `process-${source.references[0] ?? index + 1}`)),
  );
  const problems: Problem[] = [];
  const whole: Whole = {
    processes: new Map(
      processes.flatMap((process) =>
        process.source.references.map((reference): [string, NamedProcess] => [reference, process]),
      ),
    ),
    jobs,
    problem: (process, node, message) =>
      problems.push({ process, ...(node === undefined ? {} : { node }), message }),
  };
  const imported = processes.map((process) =>
    importProcess(process, whole, timeZone, triggers.give(process.job, process.job)),
  );
  const documents = imported.flatMap((each) => each.documents);
  reportCircles(documents, processes, problems);
  return { documents, report: { processes: imported.map(({ report }) => report), problems } };
}

function named(source: SourceProcess, job: string): NamedProcess {
  const names = Names.ofKeys();
  const keys = new Map<string, string>();
  for (const [index, task] of source.tasks.entries()) {
    const key = names.give(task.name, `task-${task.references[0] ?? index + 1}`);
    // A code wins over a name that looks like it.
    for (const reference of [...task.references, task.name])
      if (!keys.has(reference)) keys.set(reference, key);
  }
  const { fields } = source;
  const given = ["globalParams", "globalParamList"].map((name) => listOf(fields.peek(name)));
  return { source, job, keys, globals: readParameters(given.find((list) => list.length > 0) ?? []) };
}

/** Processes that are a part of themselves. */
function reportCircles(documents: Members[], processes: NamedProcess[], problems: Problem[]): void {
  const parts = documents.flatMap(({ name, workflow }) => {
    const nodes = (workflow as { nodes?: Members[] } | undefined)?.nodes ?? [];
    const jobs = nodes
      .filter(({ type }) => type === "workflow" || type === "dynamic")
      .map(({ job }) => String(job));
    return workflow === undefined ? [] : [{ key: String(name), after: jobs }];
  });
  const round = endless(parts);
  for (const { job, source } of processes) {
    if (round.includes(job))
      problems.push({
        process: source.name,
        message: `starts itself, or one that does: ${round.join(", ")}`,
      });
  }
}
