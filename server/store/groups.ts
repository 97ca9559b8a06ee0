/** Worker groups: what is known of them, and the limit on how many runs of one go on at once. engine/limit-group changes it. */
import { SERVER_GROUP } from "../core/execution.ts";
import { UNLIMITED } from "../core/gate.ts";
import { WORKFLOW_GROUP } from "../core/workflow/placement.ts";
import type { Sql } from "./connection.ts";
import type { Fragment } from "./page.ts";

export interface Group {
  namespaceId: number;
  name: string;
  /** Null: no limit. */
  maxParallel: number | null;
}

/** Groups that a job has named or that have a limit, by name. Null `namespaceId`: of every namespace. */
export function listGroups(sql: Sql, namespaceId: number | null): Promise<Group[]> {
  return sql<Group[]>`
    select namespace_id as "namespaceId", "group" as name, min(nullif(capacity, ${UNLIMITED})) as "maxParallel"
    from (
      select namespace_id, "group", null::int as capacity from escapement.queue where "group" not in (${SERVER_GROUP}, ${WORKFLOW_GROUP})
      union all select namespace_id, "group", capacity from escapement.gate where "group" is not null
    ) known
    where ${namespaceId}::int is null or namespace_id = ${namespaceId}
    group by 1, 2 order by 1, 2`;
}

/** Queues whose group has a limit now, as `queue_id`, with its gate, as `gate_id`: next to nothing while there is none. */
export function limitedQueues(sql: Sql): Fragment {
  return sql`
    select q.id as queue_id, g.id as gate_id
    from escapement.gate g join escapement.queue q on q.namespace_id = g.namespace_id and q."group" = g."group"
    where g."group" is not null and g.capacity < ${UNLIMITED}`;
}
