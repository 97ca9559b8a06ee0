/** Joins: what a node is given that waits for all before it, whatever they ended as (DTF T7). */
import { LIMITS } from "../../config.ts";
import { wiringOf } from "../../core/workflow/graph.ts";
import { stateOf } from "../../core/workflow/state.ts";
import { guarded } from "../../store/connection.ts";
import type { EngineContext } from "../context.ts";
import type { Departure } from "../leave.ts";
import { departure } from "./finish.ts";
import { readMembers } from "./members.ts";
import type { Taken } from "./take.ts";

/** The ends of joins, with what the nodes before each have put out, by key. */
export async function collectJoins(context: EngineContext, joins: Taken[]): Promise<Departure[]> {
  if (joins.length === 0) return [];
  return await guarded(context.sql, async (transaction) => {
    const parents = await transaction<{ id: string; versionId: number; states: string }[]>`
      select w.run_id as id, l.version_id as "versionId", w.states from escapement.workflow_run w
      join escapement.lease l on l.id = w.run_id where w.run_id = any(${joins.flatMap(({ parentId }) => parentId ?? [])}::bigint[])`;
    const versions = await context.catalog.versions(parents.map(({ versionId }) => versionId));
    const befores = joins.map(({ parentId, version }) => {
      const parent = parents.find(({ id }) => id === parentId);
      const workflow = parent && versions.get(parent.versionId)?.workflow;
      if (!parent || !workflow) return [];
      const { indexOf, before } = wiringOf(workflow);
      const places = before[indexOf.get(version.node ?? "") ?? -1] ?? [];
      return places.map((place) => ({
        runId: parent.id,
        place,
        key: workflow.nodes[place]?.key ?? "",
        state: stateOf(parent.states.charAt(place)),
      }));
    });
    const members = await readMembers(transaction, befores.flat());
    return joins.map((join, at) => {
      const entries = (befores[at] ?? []).map(({ runId, place, key, state }) => {
        const output = members.get(`${runId}/${place}`)?.output ?? null;
        return [key, { state, ...(output === null ? {} : { output: JSON.parse(output) }) }] as const;
      });
      const output = JSON.stringify(Object.fromEntries(entries));
      const run = { ...join, cancelRequested: false };
      if (Buffer.byteLength(output) <= LIMITS.outputBytes) return departure(run, "SUCCEEDED", { output });
      const message = `the outputs before it together have ${Buffer.byteLength(output)} bytes; at most ${LIMITS.outputBytes} are allowed`;
      return departure(run, "FAILED", { error: JSON.stringify({ message, type: "OutputTooLarge" }) });
    });
  });
}
