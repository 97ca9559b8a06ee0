/** The job of a trigger: by name when the trigger is made, and anew when the one that it had was deleted. */
import { illegalState, notFound } from "../core/rejection.ts";
import type { Sql } from "./connection.ts";
import type { Trigger } from "./triggers.ts";

/** Throws NOT_FOUND. */
export async function jobIdOf(sql: Sql, namespaceId: number, job: string): Promise<number> {
  const [row] = await sql<{ id: number }[]>`
    select id from escapement.job where namespace_id = ${namespaceId} and name = ${job} and deleted_at is null`;
  if (!row) throw notFound(`job "${job}"`, "job");
  return row.id;
}

/** That of the trigger, or the one that has its name now. Throws ILLEGAL_STATE when there is none. */
export async function livingJobOf(sql: Sql, trigger: Trigger): Promise<number> {
  const [job] = await sql<{ id: number | null; name: string }[]>`
    select j.id, was.name from escapement.job was left join escapement.job j
      on j.namespace_id = was.namespace_id and j.name = was.name and j.deleted_at is null
    where was.id = ${trigger.jobId}`;
  if (job?.id != null) return job.id;
  throw illegalState(
    `there is no job "${job?.name}" any more; create it again, or update the trigger with another job`,
  );
}
