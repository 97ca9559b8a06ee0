/** running → ended, of a workflow: makes its output or its error from its nodes. `leave` writes it. */
import { LIMITS } from "../../config.ts";
import type { NodeResult } from "../../core/params/scope.ts";
import { Rejection } from "../../core/rejection.ts";
import type { WorkflowNode } from "../../core/workflow/graph.ts";
import { failureOf, outputOf, readAtEnd } from "../../core/workflow/outcome.ts";
import type { Transaction } from "../../store/connection.ts";
import type { Departure } from "../leave.ts";
import { cancelledError } from "../settle.ts";
import { readMembers } from "./members.ts";
import { type Moving, objectOf } from "./nodes.ts";
import type { OpenRun } from "./open.ts";

/** Of those whose last step said so; one query for all. */
export async function finishWorkflows(transaction: Transaction, all: Moving[]): Promise<Departure[]> {
  const ending = all.filter(({ step }) => step.end !== null);
  const wanted = ending.flatMap(({ run, workflow, states, step }) =>
    readAtEnd(workflow, states, step.end ?? "CANCELLED").map((place) => ({ runId: run.id, place })),
  );
  const members = await readMembers(transaction, wanted);
  return ending.map((one) => {
    const { run, workflow, states, step } = one;
    const places = readAtEnd(workflow, states, step.end ?? "CANCELLED");
    const rows = places.flatMap((place) => {
      const row = members.get(`${run.id}/${place}`);
      return row ? [{ ...row, key: (workflow.nodes[place] as WorkflowNode).key }] : [];
    });
    if (step.end === "SUCCEEDED") return succeeded(one, rows);
    if (step.end === "FAILED") {
      const errors = rows.flatMap(({ key, error }) =>
        error === null ? [] : [{ key, message: messageOf(error) }],
      );
      return departure(run, "FAILED", { error: JSON.stringify(failureOf(workflow, states, errors)) });
    }
    return stopped(run);
  });
}

const messageOf = (error: string): string => JSON.parse(error).message ?? error;

/** Somebody cancelled it, or its time was over. */
export function stopped(
  run: Parameters<typeof departure>[0] & Pick<OpenRun, "cancelReason" | "halt">,
): Departure {
  if (run.cancelRequested) return departure(run, "CANCELLED", { error: cancelledError(run.cancelReason) });
  if (run.halt === "TIMED_OUT") {
    const error = { message: "it ran longer than its timeout", type: "TimedOut" };
    return { ...departure(run, "FAILED", { error: JSON.stringify(error) }), outcome: "TIMED_OUT" };
  }
  return departure(run, "CANCELLED", { error: cancelledError(null) });
}

function succeeded(
  { run, workflow }: Moving,
  rows: { key: string; state: string; output: string | null }[],
): Departure {
  const nodes: Record<string, NodeResult> = {};
  for (const { key, state, output } of rows) {
    nodes[key] = { state, ...(output === null ? {} : { output: JSON.parse(output) }) };
  }
  try {
    const output = run.options.dryRun ? null : outputOf(workflow, run.facts, objectOf(run.input), nodes);
    if (output === null || Buffer.byteLength(output) <= LIMITS.outputBytes)
      return departure(run, "SUCCEEDED", { output });
    // What nobody asked for may be left out; what a template asked for may not.
    if (workflow.output === undefined) return departure(run, "SUCCEEDED", {});
    throw new Rejection(
      "LIMIT_EXCEEDED",
      `has ${Buffer.byteLength(output)} bytes; at most ${LIMITS.outputBytes} are allowed`,
      "output",
    );
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    const message = `${error.field ?? "output"}: ${error.message}`;
    return departure(run, "FAILED", { error: JSON.stringify({ message, type: "WorkflowOutput" }) });
  }
}

/** How a run of the control plane leaves its lease. */
export function departure(
  run: Pick<OpenRun, "id" | "secret" | "version" | "cancelRequested">,
  to: "SUCCEEDED" | "FAILED" | "CANCELLED",
  { output = null, error = null }: { output?: string | null; error?: string | null },
): Departure {
  return {
    runId: run.id,
    secret: run.secret,
    cancelSeen: run.cancelRequested,
    to,
    outcome: to,
    output,
    error,
    deadLetter: to === "FAILED" && run.version.deadLetter,
  };
}
