/** Dead letters by the many: back into the queue at a pace, or off the list. */
import { badInput } from "../core/rejection.ts";
import { countDeadLetters, deadLetterIds } from "../store/dead-letters.ts";
import { readClock } from "../store/definitions.ts";
import { inBulk } from "./bulk.ts";
import type { EngineContext } from "./context.ts";
import type { BulkChange, BulkPage, DeadLetterScope } from "./engine.ts";
import { redriveAll } from "./redrive.ts";

/** Slower than one in an hour is a schedule, and faster than this is no pace. */
const PACE = { min: 1 / 3600, max: 10_000 };

/**
 * With `perSecond` they start one after the other, from `startAt` on (epoch milliseconds; absent: now). `nextAt` is
 * where the pace goes on for the call that follows.
 */
export async function redriveDeadLetters(
  context: EngineContext,
  { namespaceId, filter }: DeadLetterScope,
  page: BulkPage,
  { startAt, perSecond }: { startAt?: number | null; perSecond?: number | null },
): Promise<BulkChange & { nextAt: number | null }> {
  const { sql } = context;
  if (perSecond != null && !(perSecond >= PACE.min && perSecond <= PACE.max)) {
    throw badInput("perSecond", `must be from 1/3600 (one an hour) to ${PACE.max}`);
  }
  let nextAt = startAt ?? (perSecond == null || page.dryRun ? null : (await readClock(sql)).getTime());
  const everyMs = perSecond == null ? 0 : 1000 / perSecond;
  const done = await inBulk(page, {
    count: (after) => countDeadLetters(sql, namespaceId, filter, after),
    next: (after, limit) => deadLetterIds(sql, namespaceId, filter, after, limit),
    change: async (runIds) => {
      const spread = nextAt === null ? null : { startAt: nextAt, everyMs };
      const moved = await redriveAll(context, { runIds, deadOnly: true, spread });
      if (nextAt !== null) nextAt += runIds.length * everyMs;
      return moved.length;
    },
  });
  return { ...done, nextAt: nextAt === null ? null : Math.round(nextAt) };
}

export async function discardDeadLetters(
  { sql }: EngineContext,
  { namespaceId, filter }: DeadLetterScope,
  page: BulkPage,
): Promise<BulkChange> {
  return inBulk(page, {
    count: (after) => countDeadLetters(sql, namespaceId, filter, after),
    next: (after, limit) => deadLetterIds(sql, namespaceId, filter, after, limit),
    change: async (runIds) => {
      const gone = await sql`
        delete from escapement.dead_letter where run_id = any(${runIds}::bigint[]) returning run_id`;
      return gone.length;
    },
  });
}
