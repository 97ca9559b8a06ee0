/**
 * The steps of MAP, MAP_REDUCE and BROADCAST jobs. Whoever is lent a root has its followers staged beside the lease
 * in the same breath: the reduce, and a broadcast's parts. They come to life when the root succeeds, like all that is
 * staged, and vanish when it does not; so a root that is tried again has them anew, and nothing happens twice.
 */
import { RHYTHM } from "../../config.ts";
import { reducedByServer, SERVER_GROUP, type Step } from "../../core/execution.ts";
import { fits, narrowed } from "../../core/placement.ts";
import type { RetryPolicy } from "../../core/retry.ts";
import type { JobVersion } from "../../store/catalog.ts";
import { guarded, type Transaction } from "../../store/connection.ts";
import { readParts } from "../../store/parts.ts";
import type { EngineContext } from "../context.ts";
import type { NewRun } from "../start/new-run.ts";
import { type StagedChild, stage } from "../start/stage.ts";

/** A run just lent, of a job that is not SINGLE. */
export interface Lent {
  id: string;
  secret: string;
  version: JobVersion;
  input: string | null;
  bytes: Buffer | null;
}

interface Root extends Lent {
  queueId: number;
  priority: number;
  tags: string[] | null;
  retry: RetryPolicy | null;
}

/** The steps that runs are; roots get their followers. Safe to repeat. */
export async function stepsOf(context: EngineContext, lent: Lent[]): Promise<Map<string, Step>> {
  const ids = lent.map(({ id }) => id);
  const parts = await readParts(context.sql, ids);
  const steps = new Map(ids.map((id): [string, Step] => [id, parts.get(id) ?? "ROOT"]));
  const roots = lent.filter(({ id }) => steps.get(id) === "ROOT");
  if (roots.length > 0) await stageFollowers(context, roots);
  return steps;
}

/** Writes down what new runs are. */
export async function noteSteps(
  transaction: Transaction,
  noted: { id: string; step: Exclude<Step, "ROOT"> }[],
): Promise<void> {
  if (noted.length === 0) return;
  await transaction`
    insert into escapement.part (run_id, step)
    select * from unnest(${noted.map(({ id }) => id)}::bigint[], ${noted.map(({ step }) => step)}::text[])`;
}

async function stageFollowers(context: EngineContext, lent: Lent[]): Promise<void> {
  const executors = await readAudience(context, lent);
  const reducers = await readReducers(context, lent);
  await guarded(context.sql, async (transaction) => {
    // Awaited by its reduce, which is not there yet.
    const held = await transaction<Pick<Root, "id" | "queueId" | "priority" | "tags" | "retry">[]>`
      update escapement.lease l set has_staged = true, awaited = true
      from unnest(${lent.map(({ id }) => id)}::bigint[], ${lent.map(({ secret }) => secret)}::uuid[]) as r(id, secret)
      where l.id = r.id and l.secret = r.secret and not exists (
        select from escapement.staged s where s.parent_id = l.id and s.secret = l.secret and s.joins < 0
      )
      returning l.id, l.queue_id as "queueId", l.priority, l.tags, l.retry`;
    const roots = held.flatMap((row): Root[] => {
      const root = lent.find(({ id }) => id === row.id);
      return root ? [{ ...root, ...row }] : [];
    });
    const parts = roots.flatMap((root) =>
      (executors.get(root.id) ?? []).map((queueId) => follower(root, queueId, false)),
    );
    const ends = roots.map((root) => follower(root, reducers.get(root.id) ?? root.queueId, true));
    // The reduces first: who cancels in the order of the ids never lets one start.
    const ids = await stage(transaction, [...ends, ...parts]);
    await noteSteps(
      transaction,
      ids.map((id, at) => ({ id, step: at < ends.length ? "REDUCE" : "PART" })),
    );
  });
}

/** It has the root's input and none of its gates, for the job's next root is what overlaps; its group may have one. */
function follower(root: Root, queueId: number, ends: boolean): StagedChild {
  const { id, secret, version, input, bytes, priority, tags, retry } = root;
  const run: NewRun = {
    version,
    queueId,
    priority,
    triggerId: null,
    parentId: id,
    runAt: null,
    delayMs: null,
    input: bytes === null ? input : null,
    bytes,
    tags,
    gates: version.paused ? "[]" : null,
    retry,
    skipAfterMs: null,
  };
  return { run, secret, call: 0, joins: ends ? -1 : null, awaited: true, waits: [] };
}

/** The queues of reduces that are not for the executors of their root's queue. */
async function readReducers({ catalog }: EngineContext, lent: Lent[]): Promise<Map<string, number>> {
  const maps = lent.filter(({ version }) => reducedByServer(version.execution));
  if (maps.length === 0) return new Map();
  const queueIds = await catalog.ensureQueues(
    maps.map(({ version: { namespaceId, type } }) => ({
      namespaceId,
      group: SERVER_GROUP,
      type,
      requirement: {},
    })),
  );
  return new Map(maps.map(({ id }, at) => [id, queueIds[at] as number]));
}

/** Per broadcast, the queues of the executors that are alive in its group now: one each, for that executor alone. */
async function readAudience({ sql, catalog }: EngineContext, lent: Lent[]): Promise<Map<string, number[]>> {
  const broadcasts = lent.filter(({ version }) => version.execution === "BROADCAST");
  const audience = new Map<string, number[]>();
  if (broadcasts.length === 0) return audience;
  const rows = await sql<{ n: number; name: string; labels: Record<string, string> | null }[]>`
    select b.n::int, e.name, e.labels
    from unnest(${broadcasts.map(({ version }) => version.namespaceId)}::int[],
      ${broadcasts.map(({ version }) => version.group)}::text[], ${broadcasts.map(({ version }) => version.type)}::text[])
      with ordinality as b(namespace_id, "group", type, n)
    join escapement.executor e on e.namespace_id = b.namespace_id and b."group" = any(e.groups)
      and (e.types is null or b.type = any(e.types))
    where e.left_at is null and e.draining_at is null
      and e.last_heartbeat_at > escapement.clock() - ${RHYTHM.executorOfflineMs} * interval '1 millisecond'
    order by e.name`;
  const wanted = rows.flatMap(({ n, name, labels }) => {
    const root = broadcasts[n - 1];
    if (!root || !fits(root.version.requirement, { name, labels: labels ?? {} })) return [];
    const { namespaceId, group, type, requirement } = root.version;
    return [
      {
        id: root.id,
        key: { namespaceId, group, type, requirement: narrowed(requirement, { executor: name }) },
      },
    ];
  });
  const queueIds = await catalog.ensureQueues(wanted.map(({ key }) => key));
  for (const [at, { id }] of wanted.entries()) {
    const queueId = queueIds[at];
    if (queueId !== undefined) audience.set(id, [...(audience.get(id) ?? []), queueId]);
  }
  return audience;
}
