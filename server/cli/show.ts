/** `escapement show`: all about one run. */
import type { Command } from "commander";
import { noRun } from "./log-text.ts";
import { RUN, type RunAnswer, summary } from "./run-answer.ts";
import { asking, documented, type Session } from "./session.ts";
import { spanText } from "./time.ts";

interface Details extends RunAnswer {
  input: unknown;
  jobVersion: number;
  parent: { id: string } | null;
  rerunOf: { id: string } | null;
  explain: { summary: string; estimatedStartAt: string | null };
  holds: { kind: string; until: string | null }[];
  attempts: {
    number: number;
    outcome: string;
    executor: string | null;
    startedAt: string;
    endedAt: string | null;
    error: { message: string } | null;
  }[];
  files: { name: string; size: number; url: string }[];
  children: { nodes: { id: string; state: string; job: { name: string } }[] };
}

/** A person looks at the first of many; the API has the rest. */
const CHILDREN_SHOWN = 20;

export function show(command: Command): void {
  documented(command.argument("<run>", "its id"), "escapement show 123456789").action(asking(tell));
}

async function tell({ client, out, json }: Session, id: string): Promise<void> {
  const { run } = await client.ask<{ run: Details | null }>(
    `query ($id: ID!) {
      run(id: $id) {
        ${RUN} input jobVersion parent { id } rerunOf { id } holds { kind until } explain { summary estimatedStartAt }
        attempts { number outcome executor startedAt endedAt error { message } }
        files { name size url }
        children(first: ${CHILDREN_SHOWN}) { nodes { id state job { name } } }
      }
    }`,
    { id },
  );
  if (run === null) throw noRun(id);
  if (json) return out.json(run);
  const isOpen = run.state === "WAITING" || run.state === "READY";
  out.facts([
    ["run", run.id],
    ["job", `${run.job.name} (version ${run.jobVersion}, namespace ${run.namespace})`],
    ["state", summary(run, out)],
    ["trigger", run.trigger?.name],
    ["parent", run.parent?.id],
    ["repeats", run.rerunOf?.id],
    ["why", isOpen ? run.explain.summary : null],
    ["holds", run.holds.map(({ kind, until }) => `${kind} ${out.time(until)}`.trim()).join(", ")],
    ["progress", progressOf(run)],
    ["priority", String(run.priority)],
    ["tags", run.tags.join(", ")],
    ["scheduled", `${out.time(run.scheduledAt)}${run.late ? " late" : ""}`],
    ["started", out.time(run.startedAt)],
    ["ended", out.time(run.endedAt)],
    ["input", asText(run.input)],
    ["output", asText(run.output)],
    ["error", run.error && (run.error.stack ?? run.error.message)],
  ]);
  if (run.attempts.length > 0) {
    out.line("");
    out.table(
      ["ATTEMPT", "OUTCOME", "EXECUTOR", "STARTED", "TOOK", "ERROR"],
      run.attempts.map(({ number, outcome, executor, startedAt, endedAt, error }) => [
        String(number),
        out.word(outcome),
        executor ?? "",
        out.time(startedAt),
        endedAt === null ? "" : spanText(Date.parse(endedAt) - Date.parse(startedAt)),
        error?.message.split("\n", 1)[0] ?? "",
      ]),
      "",
    );
  }
  if (run.children.nodes.length > 0) {
    out.line("");
    out.table(
      ["CHILD", "JOB", "STATE"],
      run.children.nodes.map((child) => [child.id, child.job.name, out.word(child.state)]),
      "",
    );
  }
  if (run.files.length > 0) {
    out.line("");
    out.table(
      ["FILE", "BYTES", "URL"],
      run.files.map(({ name, size, url }) => [name, String(size), new URL(url, client.url).href]),
      "",
    );
  }
}

function progressOf({ progress, message }: RunAnswer): string {
  return [progress === null ? "" : `${Math.round(progress * 100)} %`, message ?? ""]
    .filter(Boolean)
    .join(" ");
}

const asText = (value: unknown): string | null => (value === null ? null : JSON.stringify(value, null, 2));
