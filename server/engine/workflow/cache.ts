/** Nodes with `cache`: an equal node with an equal input is answered with what that led to before (DolphinScheduler D2). */
import { createHash } from "node:crypto";
import type { WorkflowNode } from "../../core/workflow/graph.ts";
import type { Transaction } from "../../store/connection.ts";
import { byteas, type EngineContext } from "../context.ts";
import type { EndedMember } from "./members.ts";
import type { Moving } from "./nodes.ts";

/** What has to be equal: all that a worker is told, or could be led by. */
export function cacheKey(jobId: number, node: WorkflowNode, input: string | null): Buffer {
  const { type, group, params } = node;
  return createHash("sha256")
    .update(JSON.stringify([jobId, type, group ?? null, node.input ?? null, params ?? null, input]))
    .digest();
}

export interface Cached {
  key: Buffer;
  namespaceId: number;
}

/** Outputs by key in hex; what succeeded without one is there, too. */
export async function readCached(
  transaction: Transaction,
  wanted: Cached[],
): Promise<Map<string, string | null>> {
  if (wanted.length === 0) return new Map();
  const rows = await transaction<{ key: Buffer; output: string | null }[]>`
    with used as (
      update escapement.node_cache c set used_at = escapement.clock()
      from unnest(${wanted.map(({ namespaceId }) => namespaceId)}::int[],
        ${byteas(wanted.map(({ key }) => key))}::text[]::bytea[]) as w(namespace_id, key)
      where c.namespace_id = w.namespace_id and c.key = w.key returning c.key, c.run_id
    )
    select used.key, e.output from used cross join lateral (
      select e.output from escapement.ended e where e.id = used.run_id and e.state = 'SUCCEEDED' offset 0
    ) e`;
  return new Map(rows.map(({ key, output }) => [key.toString("hex"), output]));
}

/** Remembers what nodes that ended just now have led to. */
export async function rememberEnds(
  { catalog }: EngineContext,
  transaction: Transaction,
  all: Moving[],
  ends: Map<string, EndedMember[]>,
): Promise<void> {
  const entries: (Cached & { runId: string })[] = [];
  for (const { run, workflow } of all) {
    const ended = (ends.get(run.id) ?? []).filter(
      ({ place, state }) => state === "SUCCEEDED" && workflow.nodes[place]?.cache,
    );
    if (ended.length === 0) continue;
    for (const { place, memberId, input } of ended) {
      const { jobId, namespaceId } = await catalog.nodeVersion(run.version, place);
      entries.push({
        namespaceId,
        key: cacheKey(jobId, workflow.nodes[place] as WorkflowNode, input),
        runId: memberId,
      });
    }
  }
  if (entries.length === 0) return;
  await transaction`
    insert into escapement.node_cache (namespace_id, key, run_id)
    select distinct on (namespace_id, key) namespace_id, key, run_id
    from unnest(${entries.map(({ namespaceId }) => namespaceId)}::int[],
      ${byteas(entries.map(({ key }) => key))}::text[]::bytea[], ${entries.map(({ runId }) => runId)}::bigint[])
      as e(namespace_id, key, run_id)
    order by namespace_id, key, run_id desc
    on conflict (namespace_id, key) do update set run_id = excluded.run_id, used_at = excluded.used_at`;
}
