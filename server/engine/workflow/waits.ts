/** Nodes that wait for somebody: a signal, or a person's yes or no; and what becomes of own runs that are cancelled. */
import { LIMITS } from "../../config.ts";
import { illegalState, notFound } from "../../core/rejection.ts";
import { NODE_STATES } from "../../core/workflow/state.ts";
import { isRunId } from "../../store/page.ts";
import type { EngineContext } from "../context.ts";
import { type Departure, leave } from "../leave.ts";
import type { Conduct } from "./advance.ts";
import { departure, stopped } from "./finish.ts";
import type { OpenRun } from "./open.ts";

interface OwnLease {
  id: string;
  parentId: string | null;
  secret: string;
  versionId: number;
  cancelRequested: boolean;
  cancelReason: string | null;
}

/** Leases of the control plane's own among these, or, with `under`, among the members of these. */
async function readOwn(
  { sql, catalog }: EngineContext,
  runIds: string[],
  under: boolean,
): Promise<(OwnLease & Pick<OpenRun, "version">)[]> {
  const rows = await sql<OwnLease[]>`
    select id, parent_id as "parentId", secret, version_id as "versionId", cancel_at is not null as "cancelRequested",
      cancel_reason as "cancelReason"
    from escapement.lease
    where executor_id is null and ${under ? sql`parent_id` : sql`id`} = any(${runIds}::bigint[])`;
  const versions = await catalog.versions(rows.map(({ versionId }) => versionId));
  return rows.flatMap((row) => {
    const version = versions.get(row.versionId);
    return version ? [{ ...row, version }] : [];
  });
}

/** Ends those of the waiting nodes whose signal has come. */
export async function answerSignals(context: EngineContext, runIds: string[]): Promise<void> {
  const waiting = (await readOwn(context, runIds, false)).flatMap((lease) =>
    lease.version.control?.kind === "wait" &&
    lease.version.control.signal !== undefined &&
    lease.parentId !== null
      ? [{ ...lease, signal: lease.version.control.signal, parentId: lease.parentId }]
      : [],
  );
  if (waiting.length === 0) return;
  const sent = await context.sql<{ runId: string; name: string; payload: string | null }[]>`
    select s.run_id as "runId", s.name, s.payload
    from unnest(${waiting.map(({ parentId }) => parentId)}::bigint[], ${waiting.map(({ signal }) => signal)}::text[])
      as w(run_id, name)
    join escapement.workflow_signal s on s.run_id = w.run_id and s.name = w.name`;
  const payloads = new Map(sent.map(({ runId, name, payload }) => [`${runId}/${name}`, payload]));
  const ends = waiting.flatMap((lease): Departure[] => {
    const payload = payloads.get(`${lease.parentId}/${lease.signal}`);
    return payload === undefined ? [] : [departure(lease, "SUCCEEDED", { output: payload })];
  });
  await leave(context, ends, `${context.serverId}/workflow`);
}

/**
 * Sends a signal to a workflow's run: nodes that wait for it go on, and such as come later do at once. Sent again, it
 * changes nothing any more. Throws NOT_FOUND, and ILLEGAL_STATE when the run is none of a workflow or has ended.
 */
export async function signalRun(
  context: EngineContext,
  runId: string,
  { name, payload, by }: { name: string; payload: string | null; by: string },
): Promise<void> {
  const { sql, catalog } = context;
  const [run] = isRunId(runId)
    ? await sql<{ versionId: number; over: boolean }[]>`
        select version_id as "versionId", ended_at is not null as over from escapement.run where id = ${runId}`
    : [];
  if (!run) throw notFound(`run "${runId}"`, "id");
  if (!(await catalog.versions([run.versionId])).get(run.versionId)?.workflow) {
    throw illegalState("the run is none of a workflow; send the signal to the workflow's run");
  }
  if (run.over) throw illegalState("the run has ended; nothing waits for a signal any more");
  await sql`
    insert into escapement.workflow_signal (run_id, name, payload, sent_by) values (${runId}, ${name}, ${payload}, ${by})
    on conflict (run_id, name) do nothing`;
  const members = await readOwn(context, [runId], true);
  await answerSignals(
    context,
    members.map(({ id }) => id),
  );
}

/** A person's answer to a node that waits for one. Throws NOT_FOUND, and ILLEGAL_STATE when the run waits for none. */
export async function answerApproval(
  context: EngineContext,
  runId: string,
  { approved, comment, by }: { approved: boolean; comment: string | null; by: string },
): Promise<void> {
  const [run] = isRunId(runId)
    ? await context.sql<{ versionId: number }[]>`
        select version_id as "versionId" from escapement.run where id = ${runId}`
    : [];
  if (!run) throw notFound(`run "${runId}"`, "id");
  const version = (await context.catalog.versions([run.versionId])).get(run.versionId);
  if (version?.control?.kind !== "approval") throw illegalState("the run is no approval; nobody is asked");
  const [lease] = await readOwn(context, [runId], false);
  if (!lease)
    throw illegalState("the run does not wait for an answer: it has had one, or is over, or has not begun");
  const answer = { approved, by, ...(comment === null ? {} : { comment }) };
  const rejected = { message: `${by} said no${comment === null ? "" : `: ${comment}`}`, type: "Rejected" };
  const [gone] = await leave(
    context,
    [
      approved
        ? departure(lease, "SUCCEEDED", { output: JSON.stringify(answer) })
        : departure(lease, "FAILED", { error: JSON.stringify(rejected) }),
    ],
    `${context.serverId}/workflow`,
  );
  if (!gone) throw illegalState("the run has just been changed by somebody else");
}

/** Somebody wants own runs cancelled: those with members tell these first, the others end at once. */
export async function stopOwn(context: EngineContext, conduct: Conduct, runIds: string[]): Promise<void> {
  const leases = await readOwn(context, runIds, false);
  const withMembers = leases.filter(({ version }) => hasMembers(version));
  await conduct(withMembers.map(({ id }) => ({ runId: id, memberIds: [] })));
  const others = leases.filter(({ version }) => !hasMembers(version));
  await leave(
    context,
    others.map((lease) => stopped({ ...lease, halt: null })),
    `${context.serverId}/workflow`,
  );
}

/** Somebody has resumed something in the namespace: own runs with members that have not been decided are looked at. */
export async function wakeOwn({ sql }: EngineContext, conduct: Conduct, namespaceId: number): Promise<void> {
  // The oldest; the repair finds the rest within its rounds.
  const rows = await sql<{ id: string }[]>`
    select l.id from escapement.lease l join escapement.workflow_run w on w.run_id = l.id
    where l.executor_id is null and l.namespace_id = ${namespaceId} and position(${NODE_STATES.PENDING} in w.states) > 0
    order by l.id limit ${LIMITS.workflowPage}`;
  await conduct(rows.map(({ id }) => ({ runId: id, memberIds: [] })));
}

export const hasMembers = ({ workflow, control }: OpenRun["version"]): boolean =>
  workflow !== null || control?.kind === "workflow" || control?.kind === "dynamic";
