/** `escapement runs`: the newest runs. */
import type { Command } from "commander";
import { readList } from "./paging.ts";
import { RUN, type RunAnswer } from "./run-answer.ts";
import { asking, documented, type Session } from "./session.ts";
import { spanText } from "./time.ts";
import { gather, readCount, readWord } from "./values.ts";

interface Options {
  job?: string;
  trigger?: string;
  state?: string[];
  tag?: string[];
  since?: string;
  limit: number;
}

export function runs(command: Command): void {
  documented(
    command
      .option("-j, --job <name>", "only of this job")
      .option("--trigger <name>", "only of this trigger")
      .option(
        "-s, --state <state>",
        "only in this state: waiting, ready, running, succeeded, failed, cancelled, skipped; may be repeated",
        gather,
      )
      .option("--tag <text>", "only with this tag; may be repeated", gather)
      .option("--since <time>", "only made at this time or later, such as 2030-01-31T08:00:00Z")
      .option("-n, --limit <number>", "how many at most", readCount, 20),
    "escapement runs --job hello --state failed --limit 5",
  ).action(asking(list));
}

async function list({ client, out, json, namespaceShown }: Session, options: Options): Promise<void> {
  const { job, trigger, state, tag: tags, since: createdAfter, limit } = options;
  const found = await readList<RunAnswer>(
    client,
    "runs",
    `query ($namespace: String, $filter: RunFilter, $first: Int, $after: String) {
      runs(namespace: $namespace, filter: $filter, first: $first, after: $after) {
        nodes { ${RUN} } pageInfo { hasNextPage endCursor }
      }
    }`,
    {
      namespace: namespaceShown,
      filter: { job, trigger, tags, createdAfter, states: state?.map(readWord) },
    },
    limit,
  );
  if (json) return out.json(found);
  out.table(
    ["RUN", "NAMESPACE", "JOB", "STATE", "ATTEMPT", "SCHEDULED", "TOOK", "EXECUTOR"],
    found.map((run) => [
      run.id,
      run.namespace,
      run.job.name,
      out.word(run.state),
      String(run.attempt),
      out.time(run.scheduledAt),
      tookOf(run),
      run.executor?.name ?? "",
    ]),
    "No runs.",
  );
}

function tookOf({ startedAt, endedAt }: RunAnswer): string {
  if (startedAt === null) return "";
  return spanText((endedAt === null ? Date.now() : Date.parse(endedAt)) - Date.parse(startedAt));
}
