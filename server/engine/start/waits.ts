/** What new runs wait for: looked up, checked and marked, so that whoever ends those runs looks for waiters. */
import { badInput, type Rejection } from "../../core/rejection.ts";
import type { Transaction } from "../../store/connection.ts";
import { isRunId } from "../../store/page.ts";
import type { StartItem, StartOptions } from "../engine.ts";
import type { Wait } from "../enqueue.ts";
import { fieldOf } from "./new-run.ts";

/** A run may move from one table to the next just under our looks, so often hardly. */
const LOOKS = 10;

export interface Held {
  /** Per item. */
  waits: Wait[][];
  /** Joined runs that have ended: what they started may still go on, which `settleWaits` finds out. */
  over: string[];
}

/** The runs that an item names, each once; one that is joined need not be waited for besides. */
function waitsOf(item: StartItem): Wait[] {
  const joins = new Set(item.joins ?? []);
  const after = new Set(item.after ?? []);
  return [
    ...[...joins].map((onRunId) => ({ onRunId, kind: "JOIN" as const })),
    ...[...after].filter((id) => !joins.has(id)).map((onRunId) => ({ onRunId, kind: "AFTER" as const })),
  ];
}

function refuse(options: StartOptions, at: number, { kind, onRunId }: Wait, why: string): Rejection {
  return badInput(
    fieldOf(options, at, kind === "JOIN" ? "joins" : "after"),
    why.replace("{}", `"${onRunId}"`),
  );
}

function idsOf(waits: Wait[][], options: StartOptions): string[] {
  for (const [at, own] of waits.entries()) {
    const bad = own.find(({ onRunId }) => !isRunId(onRunId));
    if (bad) throw refuse(options, at, bad, "there is no run {}");
  }
  return [...new Set(waits.flatMap((own) => own.map(({ onRunId }) => onRunId)))].sort();
}

/**
 * Marks the runs that new ones wait for, so that whoever ends them looks for waiters: the mark is on the row that
 * the end deletes, so one of the two sees the other. What is only waited for and has ended is left out.
 * @throws BAD_INPUT for a run that does not exist in the namespace.
 */
export async function holdForOthers(
  transaction: Transaction,
  items: StartItem[],
  options: StartOptions,
): Promise<Held> {
  const waits = items.map(waitsOf);
  const wanted = idsOf(waits, options);
  const live = new Map<string, string>();
  const ended = new Map<string, string>();
  for (let look = 0; look < LOOKS && live.size + ended.size < wanted.length; look++) {
    const ids = wanted.filter((id) => !live.has(id) && !ended.has(id));
    for (const table of ["waiting", "ready", "lease"]) {
      const rows = await transaction<{ id: string; namespace: string }[]>`
        update escapement.${transaction(table)} r set awaited = true
        from escapement.namespace n where r.id = any(${ids}::bigint[]) and n.id = r.namespace_id
        returning r.id, n.name as namespace`;
      for (const row of rows) live.set(row.id, row.namespace);
    }
    const rows = await transaction<{ id: string; namespace: string }[]>`
      select r.id, n.name as namespace from escapement.ended r join escapement.namespace n on n.id = r.namespace_id
      where r.id = any(${ids}::bigint[])`;
    for (const row of rows) ended.set(row.id, row.namespace);
  }
  const over = new Set<string>();
  const held = items.map((item, at) =>
    (waits[at] ?? []).filter((wait) => {
      const { onRunId, kind } = wait;
      if ((live.get(onRunId) ?? ended.get(onRunId)) !== item.namespace) {
        throw refuse(options, at, wait, `there is no run {} in namespace "${item.namespace}"`);
      }
      if (live.has(onRunId)) return true;
      if (kind === "JOIN") over.add(onRunId);
      return kind === "JOIN";
    }),
  );
  return { waits: held, over: [...over] };
}

/**
 * The same for runs that are only staged: nothing is marked before they come to life. They may also name what the
 * same lease has staged before.
 * @throws BAD_INPUT for a run that does not exist in the namespace.
 */
export async function checkStagedWaits(
  transaction: Transaction,
  lease: { runId: string; secret: string },
  items: StartItem[],
  options: StartOptions,
): Promise<Wait[][]> {
  const waits = items.map(waitsOf);
  const wanted = idsOf(waits, options);
  if (wanted.length === 0) return waits;
  const rows = await transaction<{ id: string }[]>`
    select s.id from escapement.staged s
    where s.parent_id = ${lease.runId} and s.secret = ${lease.secret} and s.id = any(${wanted}::bigint[])
    union all
    select r.id from unnest(${wanted}::bigint[]) as w(id)
    cross join lateral (select id, namespace_id from escapement.run where run.id = w.id offset 0) r
    join escapement.lease l on l.id = ${lease.runId} and l.namespace_id = r.namespace_id`;
  const known = new Set(rows.map(({ id }) => id));
  for (const [at, own] of waits.entries()) {
    const unknown = own.find(({ onRunId }) => !known.has(onRunId));
    if (unknown) throw refuse(options, at, unknown, "there is no run {} in this namespace");
  }
  return waits;
}

/**
 * Refuses what would never start: a child that waits for a run which itself, directly or through others, waits for
 * all that the child's parent or one of its ancestors starts, and so for the child.
 * @throws BAD_INPUT naming the field.
 */
export async function refuseCycles(
  transaction: Transaction,
  parentId: string,
  items: StartItem[],
  options: StartOptions,
): Promise<void> {
  const waits = items.map(waitsOf);
  if (waits.every((own) => own.length === 0)) return;
  // `waits`: it would wait for the children. Else it is an ancestor of them, or of something that would.
  const rows = await transaction<{ id: string; waits: boolean }[]>`
    with recursive above(id, waits) as (
      select ${parentId}::bigint, false
      union
      select s.id, s.waits from above cross join lateral (
        select d.run_id as id, true as waits from escapement.dependency d
        where d.on_run_id = above.id and (above.waits or d.kind <> 'AFTER')
        union all
        select r.parent_id, false from escapement.run r where r.id = above.id and r.parent_id is not null
      ) s
    )
    select id, bool_or(waits) as waits from above group by id`;
  const above = new Map(rows.map(({ id, waits: does }) => [id, does]));
  for (const [at, own] of waits.entries()) {
    const cyclic = own.find(
      ({ onRunId, kind }) => above.get(onRunId) === true || (kind === "JOIN" && above.has(onRunId)),
    );
    if (cyclic) {
      const why =
        "run {} waits for what this run starts, or started it: the two would wait for each other for good";
      throw refuse(options, at, cyclic, why);
    }
  }
}
