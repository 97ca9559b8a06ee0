/** What workers say of the task types that they serve: written when one registers, read for the forms made of it. */
import { LIMITS, RETENTION, RHYTHM } from "../config.ts";
import { limitExceeded } from "../core/rejection.ts";
import type { Sql } from "./connection.ts";

/** As a worker registers it; the schemas are the text of JSON Schemas. */
export interface TaskDescription {
  type: string;
  title: string | null;
  description: string | null;
  inputSchema: string | null;
  outputSchema: string | null;
}

export interface TaskType extends TaskDescription {
  /** Whose runs it is for. */
  namespaceId: number;
  /** Groups in which an executor is alive that takes it. */
  groups: string[];
  /** When an executor that names it was last heard of. */
  lastSeenAt: Date;
}

/** A row that says the same and is younger than this need not be written again: a thousand workers restart at once. */
const FRESH_MS = 60_000;

/**
 * Writes what one worker of a namespace says; the last one to register is right. Throws LIMIT_EXCEEDED when the namespace
 * has no room for more types.
 */
export async function recordTaskTypes(
  sql: Sql,
  namespaceId: number,
  tasks: readonly TaskDescription[],
): Promise<void> {
  if (tasks.length === 0) return;
  const column = (name: keyof TaskDescription) => tasks.map((task) => task[name]);
  // In the order of types, so that two workers never wait for each other.
  const [row] = await sql<{ refused: number }[]>`
    with given as (
      select * from unnest(${column("type")}::text[], ${column("title")}::text[], ${column("description")}::text[],
        ${column("inputSchema")}::text[], ${column("outputSchema")}::text[])
        as g(type, title, description, input_schema, output_schema)
    ),
    known as (select * from escapement.task_type where namespace_id = ${namespaceId}),
    room as (
      select greatest(0, ${LIMITS.taskTypes} - (select count(*) from known)) as types
    ),
    fresh as (
      select g.*, k.type is null as is_new,
        count(*) filter (where k.type is null) over (order by g.type) as new_so_far
      from given g left join known k on k.type = g.type
      where k.type is null
        or (k.title, k.description, k.input_schema, k.output_schema)
          is distinct from (g.title, g.description, g.input_schema, g.output_schema)
        or k.last_seen_at < escapement.clock() - ${FRESH_MS} * interval '1 millisecond'
    ),
    written as (
      insert into escapement.task_type as t (namespace_id, type, title, description, input_schema, output_schema)
      select ${namespaceId}, type, title, description, input_schema, output_schema from fresh, room
      where not is_new or new_so_far <= room.types
      order by type
      on conflict (namespace_id, type) do update set title = excluded.title, description = excluded.description,
        input_schema = excluded.input_schema, output_schema = excluded.output_schema, last_seen_at = excluded.last_seen_at
      returning 1
    )
    select ((select count(*) from fresh) - (select count(*) from written))::int as refused`;
  if (row !== undefined && row.refused > 0) {
    throw limitExceeded(
      `the namespace describes ${LIMITS.taskTypes} task types already; those that no worker names are forgotten after ${RETENTION.taskTypeDays} days`,
      "tasks",
    );
  }
}

/**
 * The types that runs of a namespace can have, by name; null: of every namespace. Executors of other namespaces that
 * claim for it bring theirs along, unless one of its own says something else of the type. `type`: that one alone.
 */
export function listTaskTypes(
  sql: Sql,
  namespaceId: number | null,
  type: string | null,
): Promise<TaskType[]> {
  return sql<TaskType[]>`
    with wanted as (select id, name from escapement.namespace where ${namespaceId}::int is null or id = ${namespaceId}),
    alive as (
      select n.id as for_id, e.namespace_id, e.types, g.name as group, e.last_heartbeat_at
      from escapement.executor e
      join wanted n on n.id = e.namespace_id or n.id = any(e.serves)
      cross join unnest(e.groups) as g(name)
      where e.left_at is null
        and e.last_heartbeat_at > escapement.clock() - ${RHYTHM.executorOfflineMs} * interval '1 millisecond'
    ),
    named as (
      select for_id, namespace_id, y.type, array_agg(distinct "group") as groups, max(last_heartbeat_at) as at
      from alive cross join unnest(types) as y(type)
      where ${type}::text is null or y.type = ${type}
      group by 1, 2, 3
    ),
    anything as (
      select for_id, array_agg(distinct "group") as groups from alive where types is null group by 1
    ),
    told as (
      select n.id as for_id, t.* from wanted n join escapement.task_type t on t.namespace_id = n.id
      union
      select for_id, t.* from named join escapement.task_type t using (namespace_id, type)
    )
    select distinct on (n.name, t.type) n.id as "namespaceId", t.type, t.title, t.description,
      t.input_schema as "inputSchema", t.output_schema as "outputSchema",
      array(
        select unnest(m.groups) from named m where m.for_id = n.id and m.type = t.type
        union select unnest(groups) from anything where for_id = n.id
        order by 1
      ) as groups,
      greatest(t.last_seen_at, (select max(m.at) from named m where m.for_id = n.id and m.type = t.type)) as "lastSeenAt"
    from told t join wanted n on n.id = t.for_id
    where ${type}::text is null or t.type = ${type}
    order by n.name, t.type, t.namespace_id = n.id desc, t.last_seen_at desc
    limit ${LIMITS.taskTypes}`;
}

/** Forgets types that nobody has registered for long, unless an executor that names them is still there. */
export async function pruneTaskTypes(sql: Sql): Promise<void> {
  await sql`
    delete from escapement.task_type t
    where last_seen_at < escapement.clock() - ${RETENTION.taskTypeDays} * interval '1 day'
      and not exists (
        select from escapement.executor e where e.namespace_id = t.namespace_id and t.type = any(e.types)
          and e.last_heartbeat_at > escapement.clock() - ${RETENTION.taskTypeDays} * interval '1 day'
      )`;
}
