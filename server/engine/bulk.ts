/** A change of many runs, in statements of bounded size: how one call goes through its share. */
import { LIMITS } from "../config.ts";
import { badInput } from "../core/rejection.ts";
import { isRunId } from "../store/page.ts";
import type { BulkChange, BulkPage } from "./engine.ts";

export interface BulkWork {
  /** How many match after `after`. */
  count: (after: string) => Promise<number>;
  /** The next ids after `after`, ascending. */
  next: (after: string, limit: number) => Promise<string[]>;
  /** Returns how many were changed; the others are no more what they were when they were found. */
  change: (runIds: string[]) => Promise<number>;
}

/** Throws BAD_INPUT for a page that cannot be. Each statement stands for itself: what is done stays done. */
export async function inBulk(page: BulkPage, work: BulkWork): Promise<BulkChange> {
  const limit = page.limit ?? LIMITS.bulkRuns;
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMITS.bulkRuns) {
    throw badInput("limit", `must be from 1 to ${LIMITS.bulkRuns}; go on with the answer's cursor`);
  }
  if (page.after != null && !isRunId(page.after)) {
    throw badInput("after", "is not a cursor that such a change has answered");
  }
  let after = page.after ?? "0";
  const matched = await work.count(after);
  if (page.dryRun || matched === 0) return { matched, changed: 0, cursor: null };
  let changed = 0;
  for (let left = limit; left > 0; ) {
    const size = Math.min(left, LIMITS.bulkBatch);
    const ids = await work.next(after, size);
    if (ids.length > 0) changed += await work.change(ids);
    if (ids.length < size) return { matched, changed, cursor: null };
    after = ids.at(-1) as string;
    left -= ids.length;
  }
  return { matched, changed, cursor: after };
}
