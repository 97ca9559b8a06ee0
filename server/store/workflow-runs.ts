/** What goes on in workflows' runs, as it is read: states of nodes, and the newest run of each. */

import type { RunOptions } from "../core/workflow/scope.ts";
import { type NodeState, stateOf } from "../core/workflow/state.ts";
import type { Sql } from "./connection.ts";

export interface WorkflowRun {
  runId: string;
  /** By place. */
  states: NodeState[];
  options: RunOptions;
  /** Its nodes were told to stop, and why. */
  halt: "FAILED" | "CANCELLED" | "TIMED_OUT" | null;
  /** Ids of the nodes' newest runs, by place. */
  members: Map<number, string>;
  /** Names of the signals it was sent. */
  signals: string[];
}

/** Those that have begun; a workflow's run that waits has none. */
export async function readWorkflowRuns(
  sql: Sql,
  runIds: readonly string[],
): Promise<Map<string, WorkflowRun>> {
  const rows = await sql<
    {
      runId: string;
      states: string;
      options: RunOptions;
      halt: WorkflowRun["halt"];
      members: [number, string][] | null;
      signals: string[] | null;
    }[]
  >`
    select w.run_id as "runId", w.states, w.options, w.halt,
      (select json_agg(json_build_array(m.place, m.member_id::text)) from escapement.workflow_member m where m.run_id = w.run_id) as members,
      (select array_agg(s.name order by s.name) from escapement.workflow_signal s where s.run_id = w.run_id) as signals
    from escapement.workflow_run w where w.run_id = any(${[...runIds]}::bigint[]) and w.members is null`;
  return new Map(
    rows.map(({ runId, states, members, signals, ...row }) => [
      runId,
      {
        ...row,
        runId,
        states: [...states].map(stateOf),
        members: new Map(members ?? []),
        signals: signals ?? [],
      },
    ]),
  );
}
