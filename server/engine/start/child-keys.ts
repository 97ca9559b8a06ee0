/**
 * Children of jobs with `unique`. They come to life with their lease's end, perhaps in a worker's own transaction, where
 * no key's row may be locked for long; and whoever asked for them has been promised their ids. So each is born waiting
 * for itself, a dependency that nobody's end lifts, and directly after that commit it gets its key, or ends SKIPPED
 * because another run has it. The repair finds those that a crash left.
 */
import { LIMITS } from "../../config.ts";
import { findUniqueKey, type Unique } from "../../core/unique.ts";
import { guarded, type Sql } from "../../store/connection.ts";
import type { EngineContext } from "../context.ts";
import { releaseUnheld } from "../release.ts";
import { announceUnqueued, type Unqueued, unqueue, unqueuedColumns } from "../unqueue.ts";
import { type GivenKey, giveKeys, isTaken, type KeyState, keyName, lastsMs, lockKeys } from "./uniqueness.ts";

const KEY_HELD = JSON.stringify({
  message: "another run has its key, and runs of its job are unique by that",
  type: "NotUnique",
});

/** Decides about those of the runs that wait for themselves, in the order of their ids. */
export async function decideKeys(context: EngineContext, runIds: string[]): Promise<void> {
  if (runIds.length === 0) return;
  const { free, skipped } = await guarded(context.sql, async (transaction) => {
    const s = transaction as unknown as Sql;
    const rows = await transaction<{ id: string; jobId: number; unique: Unique; json: string | null }[]>`
      select w.id, w.job_id as "jobId", v."unique",
        case when w.payload = 0 then coalesce(w.input, v.input) else p.json end as json
      from escapement.waiting w
      join escapement.dependency d on d.on_run_id = w.id and d.run_id = w.id
      join escapement.job_version v on v.id = w.version_id
      left join escapement.payload p on p.run_id = w.id and w.payload > 0
      where w.id = any(${runIds}::bigint[]) order by w.id`;
    const asked = rows.map(({ id, jobId, unique, json }) => ({
      id,
      unique,
      // That it has one was checked when the child was asked for.
      key: { jobId, key: findUniqueKey(unique, json, "input") ?? "" },
    }));
    const states = await lockKeys(
      transaction,
      asked.map(({ key }) => key),
    );
    // Under the locks: what another server has decided meanwhile is none of ours.
    const mine = await transaction<{ id: string }[]>`
      delete from escapement.dependency d using escapement.waiting w
      where d.on_run_id = any(${asked.map(({ id }) => id)}::bigint[]) and d.run_id = d.on_run_id and w.id = d.run_id
      returning d.run_id as id`;
    const open = new Set(mine.map(({ id }) => id));
    const given = new Map<string, GivenKey>();
    const losers: string[] = [];
    for (const { id, unique, key } of asked) {
      if (!open.has(id)) continue;
      const state = states.get(keyName(key)) as KeyState;
      if (given.has(keyName(key)) || (isTaken(unique.kind, state) && state.runId !== id)) losers.push(id);
      else given.set(keyName(key), { ...key, runId: id, forMs: lastsMs(unique) });
    }
    await giveKeys(transaction, [...given.values()]);
    const skipped =
      losers.length === 0
        ? []
        : await s<Unqueued[]>`
            with now as materialized (select escapement.clock() as at),
            ${unqueue(s, s`id = any(${losers}::bigint[])`, {
              state: "SKIPPED",
              error: KEY_HELD,
              source: `${context.serverId}/child-keys`,
            })}
            select ${unqueuedColumns(s)} from unqueued`;
    return { free: [...given.values()].map(({ runId }) => runId), skipped };
  });
  if (skipped.length > 0) await announceUnqueued(context, skipped, "SKIPPED");
  await releaseUnheld(context, free);
}

/** The leader's: decides about what is left over. */
export async function repairKeys(context: EngineContext): Promise<void> {
  const left = await context.sql<{ id: string }[]>`
    select run_id as id from escapement.dependency where on_run_id = run_id limit ${LIMITS.releaseBatch}`;
  await decideKeys(
    context,
    left.map(({ id }) => id),
  );
}
