/** `escapement executors`: who takes runs. */
import type { Command } from "commander";
import { ALL, readList } from "./paging.ts";
import { asking, documented, type Session } from "./session.ts";
import { readWord } from "./values.ts";

interface ExecutorAnswer {
  namespace: string;
  name: string;
  state: string;
  groups: string[];
  types: string[] | null;
  capacity: number | null;
  running: number;
  lastHeartbeatAt: string;
  overloaded: boolean;
  drainReason: string | null;
  labels: unknown;
  load: unknown;
}

export function executors(command: Command): void {
  documented(
    command
      .option("--group <group>", "only of this worker group")
      .option("-s, --state <state>", "only in this state: online, offline, draining, left")
      .option("--search <text>", "only with this text in their name"),
    "escapement executors --state online",
  ).action(asking(list));
}

async function list(
  { client, out, json, namespaceShown }: Session,
  { state, ...filter }: { group?: string; state?: string; search?: string },
): Promise<void> {
  const found = await readList<ExecutorAnswer>(
    client,
    "executors",
    `query ($namespace: String, $filter: ExecutorFilter, $first: Int, $after: String) {
      executors(namespace: $namespace, filter: $filter, first: $first, after: $after) {
        nodes {
          namespace name state groups types capacity running lastHeartbeatAt overloaded drainReason labels load
        }
        pageInfo { hasNextPage endCursor }
      }
    }`,
    { namespace: namespaceShown, filter: { ...filter, state: state && readWord(state) } },
    ALL,
  );
  if (json) return out.json(found);
  out.table(
    ["NAMESPACE", "EXECUTOR", "STATE", "GROUPS", "TYPES", "RUNNING", "LAST HEARD OF"],
    found.map((executor) => [
      executor.namespace,
      executor.name,
      `${out.word(executor.state)}${executor.overloaded ? " (overloaded)" : ""}`,
      executor.groups.join(","),
      executor.types?.join(",") ?? "any",
      `${executor.running}${executor.capacity === null ? "" : ` of ${executor.capacity}`}`,
      out.time(executor.lastHeartbeatAt),
    ]),
    "No executors.",
  );
}
