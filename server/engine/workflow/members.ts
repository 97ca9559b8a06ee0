/** Members of runs: which run each of them is, what they ended as, and what the nodes among them have put out. */
import type { UpstreamOutput } from "../../core/params/precedence.ts";
import type { NodeResult } from "../../core/params/scope.ts";
import type { EndState } from "../../core/run.ts";
import { upstreamOutput } from "../../core/workflow/begin-node.ts";
import type { WorkflowNode } from "../../core/workflow/graph.ts";
import { lookedAt } from "../../core/workflow/reads.ts";
import { NODE_STATES, type NodeState, stateOf, wasRun } from "../../core/workflow/state.ts";
import type { Sql, Transaction } from "../../store/connection.ts";
import { type EngineContext, list } from "../context.ts";
import type { Conduct } from "./advance.ts";
import type { OpenRun } from "./open.ts";

/** A member's run that has ended. */
export interface EndedMember {
  runId: string;
  place: number;
  state: EndState;
  memberId: string;
  /** JSON text. */
  output: string | null;
  /** JSON text. */
  input: string | null;
}

/** Which of the ended runs are members, and of what; by index, one look for each. */
async function findMembers(sql: Sql, endedIds: string[]): Promise<{ runId: string; memberId: string }[]> {
  return await sql<{ runId: string; memberId: string }[]>`
    select m.run_id as "runId", m.member_id as "memberId"
    from escapement.ended e cross join lateral (
      select m.run_id, m.member_id from escapement.workflow_member m
      where m.run_id = e.parent_id and m.member_id = e.id offset 0
    ) m
    where e.id = any(${endedIds}::bigint[]) and e.parent_id is not null`;
}

/** Told of every run that somebody waits for when it has ended: those that are members have what they are in looked at. */
export async function followMembers(
  { sql }: EngineContext,
  conduct: Conduct,
  endedIds: string[],
): Promise<void> {
  const byRun = new Map<string, string[]>();
  for (const { runId, memberId } of await findMembers(sql, endedIds)) {
    byRun.set(runId, [...(byRun.get(runId) ?? []), memberId]);
  }
  if (byRun.size > 0) await conduct([...byRun].map(([runId, memberIds]) => ({ runId, memberIds })));
}

/** What members ended as: those of `memberIds`, or, null, all of the runs' that are said to go on. */
export async function readEnds(
  transaction: Transaction,
  runs: OpenRun[],
  memberIds: string[] | null,
): Promise<EndedMember[]> {
  if (runs.length === 0) return [];
  const among =
    memberIds === null ? transaction`` : transaction`and m.member_id = any(${memberIds}::bigint[])`;
  return await transaction<EndedMember[]>`
    select r.id as "runId", m.place, m.member_id as "memberId", e.state, e.output, e.input
    from unnest(${runs.map(({ id }) => id)}::bigint[], ${runs.map(({ states }) => states)}::text[]) as r(id, states)
    cross join lateral (
      select m.place, m.member_id from escapement.workflow_member m
      where m.run_id = r.id ${among} and substr(r.states, m.place + 1, 1) = ${NODE_STATES.STARTED} offset 0
    ) m
    cross join lateral (
      select e.state, e.output,
        case when e.payload = 0 then e.input else (select p.json from escapement.payload p where p.run_id = e.id) end as input
      from escapement.ended e where e.id = m.member_id offset 0
    ) e`;
}

/** What a node's start looks at. */
export interface Findings {
  nodes: Record<string, NodeResult>;
  upstream: UpstreamOutput[];
}

/** A node that is to start, and its workflow's run. */
export interface Starting {
  run: OpenRun;
  place: number;
}

/** For each of them, in their order; one query for all, and none when they look at nothing. */
export async function readFindings(
  transaction: Transaction,
  starting: Starting[],
  statesOf: (run: OpenRun) => readonly NodeState[],
): Promise<Findings[]> {
  const wanted = new Map<string, { runId: string; place: number }>();
  const looks = starting.map(({ run, place }) => {
    const { workflow } = run.version;
    const states = statesOf(run);
    const look = workflow ? lookedAt(workflow, place, states) : { named: [], upstream: [] };
    for (const at of [...look.named, ...look.upstream]) {
      if (wasRun(states[at] ?? "PENDING")) wanted.set(`${run.id}/${at}`, { runId: run.id, place: at });
    }
    return look;
  });
  const found = await readMembers(transaction, [...wanted.values()]);
  return starting.map(({ run }, at) => {
    const { named, upstream } = looks[at] as (typeof looks)[number];
    const workflow = run.version.workflow as NonNullable<typeof run.version.workflow>;
    const nodes: Findings["nodes"] = {};
    for (const place of named) {
      const row = found.get(`${run.id}/${place}`);
      const { key } = workflow.nodes[place] as WorkflowNode;
      nodes[key] = {
        state: row?.state ?? "SKIPPED",
        ...(row?.output == null ? {} : { output: JSON.parse(row.output) }),
      };
    }
    return {
      nodes,
      upstream: upstream.flatMap((place) => {
        const row = found.get(`${run.id}/${place}`);
        if (!row) return [];
        const { key } = workflow.nodes[place] as WorkflowNode;
        const output = row.output === null ? null : JSON.parse(row.output);
        return [upstreamOutput(workflow, { key, endedAt: row.endedAt, handedOn: row.handedOn, output })];
      }),
    };
  });
}

export interface MemberRow {
  runId: string;
  place: number;
  memberId: string;
  state: EndState;
  /** JSON text. */
  output: string | null;
  /** JSON text. */
  error: string | null;
  /** JSON text. */
  handedOn: string | null;
  /** Epoch milliseconds. */
  endedAt: number;
}

/** Members that have ended, by `run/place`. */
export async function readMembers(
  transaction: Transaction,
  wanted: { runId: string; place: number }[],
): Promise<Map<string, MemberRow>> {
  if (wanted.length === 0) return new Map();
  const rows = await transaction<MemberRow[]>`
    select w.run_id as "runId", w.place, m.member_id as "memberId", m.handed_on as "handedOn", e.state, e.output, e.error,
      date_part('epoch', e.ended_at)::float8 * 1000 as "endedAt"
    from unnest(${list(wanted.map(({ runId }) => runId))}::text::bigint[],
      ${list(wanted.map(({ place }) => place))}::text::int[]) as w(run_id, place)
    cross join lateral (
      select m.member_id, m.handed_on from escapement.workflow_member m
      where m.run_id = w.run_id and m.place = w.place offset 0
    ) m
    cross join lateral (
      select e.state, e.output, e.error, e.ended_at from escapement.ended e where e.id = m.member_id offset 0
    ) e`;
  return new Map(rows.map((row) => [`${row.runId}/${row.place}`, row]));
}

/** Notes which runs the members are; a member that is run again has another. */
export async function noteMembers(
  transaction: Transaction,
  members: { runId: string; place: number; memberId: string; handedOn: string | null }[],
): Promise<void> {
  if (members.length === 0) return;
  await transaction`
    insert into escapement.workflow_member (run_id, place, member_id, handed_on)
    select * from unnest(${members.map(({ runId }) => runId)}::bigint[], ${members.map(({ place }) => place)}::int[],
      ${members.map(({ memberId }) => memberId)}::bigint[], ${members.map(({ handedOn }) => handedOn)}::text[])
    on conflict (run_id, place) do update set member_id = excluded.member_id, handed_on = excluded.handed_on`;
}

/** Of a node: what its run's end means to the workflow. */
export function nodeState(state: EndState, node: WorkflowNode): NodeState {
  switch (state) {
    case "SUCCEEDED":
      return "SUCCEEDED";
    case "CANCELLED":
      return "CANCELLED";
    default:
      return node.onFailure === "IGNORE" ? "IGNORED" : "FAILED";
  }
}

export const nodeStates = (letters: string): NodeState[] => [...letters].map(stateOf);
export const lettersOf = (states: readonly NodeState[]): string =>
  states.map((state) => NODE_STATES[state]).join("");
