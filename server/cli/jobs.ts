/** `escapement jobs`: the jobs there are. */
import type { Command } from "commander";
import { ALL, readList } from "./paging.ts";
import { asking, documented, type Session } from "./session.ts";
import { gather } from "./values.ts";

interface JobAnswer {
  namespace: string;
  name: string;
  description: string | null;
  type: string | null;
  group: string;
  version: number;
  tags: string[];
  nextFireAt: string | null;
  pause: { reason: string | null } | null;
  lastRun: { id: string; state: string; scheduledAt: string } | null;
}

interface Options {
  search?: string;
  tag?: string[];
  type?: string;
  group?: string;
}

export function jobs(command: Command): void {
  documented(
    command
      .option("--search <text>", "only with this text in their name or description")
      .option("--tag <text>", "only with this tag; may be repeated", gather)
      .option("--type <type>", "only of this task type")
      .option("--group <group>", "only of this worker group"),
    "escapement jobs --search report",
  ).action(asking(list));
}

async function list(
  { client, out, json, namespaceShown }: Session,
  { tag: tags, ...filter }: Options,
): Promise<void> {
  const found = await readList<JobAnswer>(
    client,
    "jobs",
    `query ($namespace: String, $filter: JobFilter, $first: Int, $after: String) {
      jobs(namespace: $namespace, filter: $filter, first: $first, after: $after) {
        nodes {
          namespace name description type group version tags nextFireAt pause { reason }
          lastRun { id state scheduledAt }
        }
        pageInfo { hasNextPage endCursor }
      }
    }`,
    { namespace: namespaceShown, filter: { ...filter, tags } },
    ALL,
  );
  if (json) return out.json(found);
  out.table(
    ["NAMESPACE", "JOB", "TYPE", "GROUP", "VERSION", "LAST RUN", "NEXT FIRE"],
    found.map(({ namespace, name, type, group, version, lastRun, nextFireAt, pause }) => [
      namespace,
      name,
      type ?? "",
      group,
      String(version),
      lastRun === null ? "" : `${out.word(lastRun.state)} ${out.time(lastRun.scheduledAt)}`,
      pause === null ? out.time(nextFireAt) : out.word("PAUSED"),
    ]),
    "No jobs.",
  );
}
