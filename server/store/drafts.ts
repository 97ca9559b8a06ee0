/** Workflows that somebody is drawing: kept as they were sent, whether or not they would be accepted. */
import { LIMITS } from "../config.ts";
import { checkName } from "../core/name.ts";
import { conflict, limitExceeded, notFound } from "../core/rejection.ts";
import type { Sql } from "./connection.ts";

export interface Draft {
  namespaceId: number;
  /** Of the job that it becomes. */
  name: string;
  /** JSON text of a JobInput. */
  content: string;
  /** Grows with every change. */
  revision: number;
  savedBy: string;
  savedAt: Date;
}

/** As large as what it becomes may be, and what surrounds it. */
const DRAFT_BYTES = 2_500_000;

/** By name. */
export async function listDrafts(sql: Sql, namespaceId: number | null): Promise<Draft[]> {
  return await sql<Draft[]>`
    select ${columns(sql)} from escapement.workflow_draft
    where ${namespaceId === null ? sql`true` : sql`namespace_id = ${namespaceId}`}
    order by namespace_id, name limit ${LIMITS.drafts}`;
}

export async function findDraft(sql: Sql, namespaceId: number, name: string): Promise<Draft | null> {
  const [draft] = await sql<Draft[]>`
    select ${columns(sql)} from escapement.workflow_draft where namespace_id = ${namespaceId} and name = ${name}`;
  return draft ?? null;
}

/**
 * Keeps a draft. With a revision, only over that one; 0 stands for none. Throws BAD_INPUT for the name, LIMIT_EXCEEDED, and
 * CONFLICT when somebody else has saved it meanwhile.
 */
export async function saveDraft(
  sql: Sql,
  draft: Pick<Draft, "namespaceId" | "name" | "content" | "savedBy">,
  revision: number | null,
): Promise<Draft> {
  const name = checkName(draft.name, "name");
  const size = Buffer.byteLength(draft.content);
  if (size > DRAFT_BYTES)
    throw limitExceeded(`the draft has ${size} bytes; at most ${DRAFT_BYTES} are allowed`, "input");
  const [full] = await sql`
    select from escapement.workflow_draft where namespace_id = ${draft.namespaceId} and name <> ${name}
    having count(*) >= ${LIMITS.drafts}`;
  if (full)
    throw limitExceeded(`a namespace keeps at most ${LIMITS.drafts} drafts; publish or discard some`, "name");
  const [saved] = await sql<Draft[]>`
    insert into escapement.workflow_draft as known (namespace_id, name, content, saved_by)
    select ${draft.namespaceId}, ${name}, ${draft.content}, ${draft.savedBy}
    where coalesce(${revision}::int, 0) = 0 or exists (
      select from escapement.workflow_draft d where d.namespace_id = ${draft.namespaceId} and d.name = ${name})
    on conflict (namespace_id, name) do update set content = excluded.content, saved_by = excluded.saved_by,
      saved_at = escapement.clock(), revision = known.revision + 1
    where ${revision}::int is null or known.revision = ${revision}::int
    returning ${columns(sql)}`;
  if (saved) return saved;
  throw conflict("somebody else has changed the draft meanwhile; read it again and take that in", "revision");
}

/** Throws NOT_FOUND, and CONFLICT when it is another revision. */
export async function discardDraft(
  sql: Sql,
  namespaceId: number,
  name: string,
  revision: number | null = null,
): Promise<void> {
  const [gone] = await sql`
    delete from escapement.workflow_draft where namespace_id = ${namespaceId} and name = ${name}
      and (${revision}::int is null or revision = ${revision}::int) returning name`;
  if (gone) return;
  if ((await findDraft(sql, namespaceId, name)) === null) throw notFound(`draft "${name}"`, "name");
  throw conflict("somebody else has changed the draft meanwhile; read it again", "revision");
}

const columns = (sql: Sql) => sql`
  namespace_id as "namespaceId", name, content, revision, saved_by as "savedBy", saved_at as "savedAt"`;
