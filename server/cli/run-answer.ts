/** Runs as commands read and show them. */
import { isEnded, type RunState } from "../core/run.ts";
import type { Client } from "./client.ts";
import { follow } from "./follow.ts";
import { noRun } from "./log-text.ts";
import type { Output } from "./output.ts";
import { spanText } from "./time.ts";

export interface RunAnswer {
  id: string;
  namespace: string;
  state: RunState;
  job: { name: string };
  trigger: { name: string } | null;
  attempt: number;
  priority: number;
  progress: number | null;
  message: string | null;
  late: boolean;
  deadLetter: boolean;
  cancelRequested: boolean;
  scheduledAt: string;
  createdAt: string;
  startedAt: string | null;
  endedAt: string | null;
  executor: { name: string } | null;
  tags: string[];
  output: unknown;
  error: { message: string; type: string | null; stack: string | null } | null;
}

export const RUN = `id namespace state job { name } trigger { name } attempt priority progress message late deadLetter
  cancelRequested scheduledAt createdAt startedAt endedAt executor { name } tags output error { message type stack }`;

/** Throws a Failure when there is no such run, or none that the token may see. */
export async function readRun(client: Client, id: string): Promise<RunAnswer> {
  const { run } = await client.ask<{ run: RunAnswer | null }>(
    `query ($id: ID!) { run(id: $id) { ${RUN} } }`,
    { id },
  );
  if (run === null) throw noRun(id);
  return run;
}

/**
 * The run as it has ended, which of a job that goes by steps is its reduce; `onChange` hears of each state on the way.
 * Throws as `follow` does.
 */
export async function endOfRun(
  client: Client,
  id: string,
  onChange: (run: RunAnswer) => void,
): Promise<RunAnswer> {
  const query = "subscription ($id: ID!) { runChanged(id: $id) { id } }";
  let shown: string | undefined;
  for await (const _ of follow(client, query, () => ({ id }))) {
    const run = await readRun(client, id);
    if (run.state !== shown) onChange(run);
    shown = run.state;
    if (!isEnded(run.state)) continue;
    const reduce = await reduceOf(client, id);
    return reduce === null ? run : await endOfRun(client, reduce, onChange);
  }
  throw new Error("a subscription that is followed has no end");
}

async function reduceOf(client: Client, id: string): Promise<string | null> {
  const { run } = await client.ask<{ run: { reduce: { id: string } | null } | null }>(
    "query ($id: ID!) { run(id: $id) { reduce { id } } }",
    { id },
  );
  return run?.reduce?.id ?? null;
}

/** One line on how far the run is. */
export function summary(run: RunAnswer, out: Output): string {
  const took = run.startedAt !== null && run.endedAt !== null;
  return [
    out.word(run.state),
    run.error === null ? "" : run.error.message.split("\n", 1)[0],
    run.state === "RUNNING" && run.executor !== null ? `on ${run.executor.name}` : "",
    run.attempt > 1 ? `attempt ${run.attempt}` : "",
    took ? out.colors.dim(spanText(Date.parse(run.endedAt ?? "") - Date.parse(run.startedAt ?? ""))) : "",
  ]
    .filter(Boolean)
    .join("  ");
}
