/** What time does to the control plane's own runs, and what a crash may have left of them; the leader looks. */
import { LIMITS } from "../../config.ts";
import { formatDuration } from "../../core/duration.ts";
import { NODE_STATES } from "../../core/workflow/state.ts";
import type { EngineContext } from "../context.ts";
import type { Engine } from "../engine.ts";
import { leave } from "../leave.ts";
import type { Conduct } from "./advance.ts";
import { checkDependents } from "./dependents.ts";
import { departure } from "./finish.ts";
import { notify } from "./notify.ts";
import { answerSignals, hasMembers, stopOwn } from "./waits.ts";

/** Ends own runs whose time is over. */
export async function timeOutOwn(context: EngineContext, conduct: Conduct): Promise<void> {
  const { sql, catalog, serverId } = context;
  const rows = await sql<
    { id: string; secret: string; versionId: number; timeoutMs: number; halted: boolean }[]
  >`
    select l.id, l.secret, l.version_id as "versionId", v.timeout_ms::float8 as "timeoutMs", w.halt is not null as halted
    from escapement.lease l join escapement.job_version v on v.id = l.version_id
    left join escapement.workflow_run w on w.run_id = l.id
    where l.executor_id is null and l.cancel_at is null and w.halt is null
      and l.started_at + v.timeout_ms * interval '1 millisecond' <= escapement.clock()
    limit ${LIMITS.expireBatch}`;
  if (rows.length === 0) return;
  const versions = await catalog.versions(rows.map(({ versionId }) => versionId));
  const own = rows.flatMap((row) => {
    const version = versions.get(row.versionId);
    return version ? [{ ...row, version, cancelRequested: false }] : [];
  });
  await conduct(
    own.flatMap(({ id, version }) =>
      hasMembers(version) ? [{ runId: id, memberIds: [], timedOut: true }] : [],
    ),
  );
  await leave(
    context,
    own
      .filter(({ version }) => !hasMembers(version))
      .map((one) => ({
        ...departure(one, "FAILED", { error: timedOutError(one.timeoutMs) }),
        outcome: "TIMED_OUT" as const,
      })),
    `${serverId}/workflow`,
  );
}

const timedOutError = (timeoutMs: number): string =>
  JSON.stringify({
    message: `it waited longer than its timeout of ${formatDuration(timeoutMs)}`,
    type: "TimedOut",
  });

/** Tells of attempts that run for longer than somebody wanted to be told of (DolphinScheduler D2: timeout WARN). */
export async function warnOfLong(context: EngineContext, start: Engine["start"]): Promise<void> {
  const { sql, catalog } = context;
  const [any] = await sql`select from escapement.job_version where warn_ms is not null limit 1`;
  if (!any) return;
  const rows = await sql<{ id: string; parentId: string | null; versionId: number; fence: number }[]>`
    update escapement.lease l set warned_at = escapement.clock()
    from escapement.job_version v
    where v.id = l.version_id and v.warn_ms is not null and l.warned_at is null
      and l.started_at + v.warn_ms * interval '1 millisecond' <= escapement.clock()
    returning l.id, l.parent_id as "parentId", l.version_id as "versionId", l.fence`;
  if (rows.length === 0) return;
  const versions = await catalog.versions(rows.map(({ versionId }) => versionId));
  const roots = await sql<{ id: string; versionId: number; fence: number; scheduledAt: number }[]>`
    select id, version_id as "versionId", fence, date_part('epoch', scheduled_at)::float8 * 1000 as "scheduledAt"
    from escapement.lease where id = any(${rows.map(({ id, parentId, versionId }) => (versions.get(versionId)?.node == null ? id : parentId))}::bigint[])`;
  const rootVersions = await catalog.versions(roots.map(({ versionId }) => versionId));
  await notify(
    context,
    start,
    rows.flatMap(({ id, parentId, versionId, fence }) => {
      const node = versions.get(versionId)?.node ?? null;
      const root = roots.find((one) => one.id === (node === null ? id : parentId));
      const version = root && rootVersions.get(root.versionId);
      if (!root || !version) return [];
      const about = node === null ? {} : { node: `${node}` };
      return [
        {
          run: { id: root.id, fence, version, scheduledAt: root.scheduledAt },
          event: "TIMEOUT" as const,
          ...about,
        },
      ];
    }),
  );
}

/** Looks for the runs that dependent nodes wait for: a batch of those nodes, then the next. */
export function createDependentRound(context: EngineContext): () => Promise<void> {
  return async () => {
    for (let after = "0"; ; ) {
      const { looked, last } = await checkDependents(context, null, after);
      if (looked < LIMITS.dependentBatch) return;
      after = last;
    }
  };
}

/**
 * The repair: finds own runs of which something is left undone, because a server ended between a commit and what follows
 * it. It looks at a page of them at a time.
 */
export function createOwnRepair(context: EngineContext, conduct: Conduct): () => Promise<void> {
  const { sql } = context;
  let from = "0";
  return async () => {
    const page = await sql<
      { id: string; undone: boolean; halted: boolean; waits: boolean; cancelled: boolean }[]
    >`
      with page as materialized (
        select id, cancel_at, version_id from escapement.lease where executor_id is null and id > ${from}
        order by id limit ${LIMITS.workflowPage}
      )
      select p.id, w.halt is not null as halted, p.cancel_at is not null as cancelled,
        v.control::jsonb->>'kind' = 'wait' is true as waits,
        w.run_id is not null and (
          position(${NODE_STATES.STARTED} in w.states) = 0
          or exists (
            select from escapement.workflow_member m join escapement.ended e on e.id = m.member_id
            where m.run_id = p.id and substr(w.states, m.place + 1, 1) = ${NODE_STATES.STARTED}
          )
          or w.members is not null and length(replace(w.states, ${NODE_STATES.PENDING}, ''))
            > (select count(*) from escapement.workflow_member m where m.run_id = p.id)
        ) as undone
      from page p join escapement.job_version v on v.id = p.version_id
      left join escapement.workflow_run w on w.run_id = p.id order by p.id`;
    from = page.length === LIMITS.workflowPage ? (page.at(-1)?.id ?? "0") : "0";
    await conduct(
      page.flatMap(({ id, undone, halted }) =>
        undone || halted ? [{ runId: id, memberIds: null, ...(halted ? { insist: true } : {}) }] : [],
      ),
    );
    const ids = (which: "waits" | "cancelled"): string[] =>
      page.flatMap((one) => (one[which] ? [one.id] : []));
    await answerSignals(context, ids("waits"));
    await stopOwn(context, conduct, ids("cancelled"));
  };
}
