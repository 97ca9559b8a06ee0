/** The ledger against the schedule: computes every time anew and says where the two differ. */
import { nextFire } from "../trigger.ts";
import { excludedAt } from "./allowed.ts";
import { nextScheduled, shiftedByClock, type TriggerDef } from "./definition.ts";

/** A definition and the stretch in which it held. */
export interface AuditedEpoch {
  def: TriggerDef;
  /** Inclusive. */
  since: number;
  /** Exclusive. */
  until: number;
}

/** A row of the ledger; `until` is null for a single time. */
export interface LedgerRow {
  at: number;
  until: number | null;
  count: number;
  exact: boolean;
  outcome: string;
}

export interface Difference {
  kind: "MISSING" | "UNEXPECTED" | "WRONG" | "RUN_MISSING" | "NEXT";
  at: number;
  message: string;
}

/** A time of the schedule, after jitter. */
interface Time {
  at: number;
  excluded: boolean;
  shifted: boolean;
}

/** Every time of the epochs from `from` to `until`, both inclusive, in order within each epoch. */
export function* scheduledTimes(
  epochs: readonly AuditedEpoch[],
  from: number,
  until: number,
): Generator<Time, void, undefined> {
  for (const epoch of epochs) {
    const { def, since } = epoch;
    const last = Math.min(until, epoch.until - 1);
    // A single time that had passed when it was set is due at once.
    const first = Math.max(from, def.schedule.kind === "once" ? Number.NEGATIVE_INFINITY : since);
    if (def.onExcluded === "SKIP") yield* withExcluded(def, first, last);
    else yield* movedTimes(def, first, last);
  }
}

function* withExcluded(def: TriggerDef, from: number, until: number): Generator<Time, void, undefined> {
  const { offsetMs } = def;
  for (let at = nextScheduled(def, from - 1 - offsetMs); at !== null && at + offsetMs <= until; ) {
    yield { at: at + offsetMs, excluded: excludedAt(def, at) !== null, shifted: shiftedByClock(def, at) };
    at = nextScheduled(def, at);
  }
}

function* movedTimes(def: TriggerDef, from: number, until: number): Generator<Time, void, undefined> {
  for (let at = nextFire(def, from - 1); at !== null && at <= until; at = nextFire(def, at)) {
    yield { at, excluded: false, shifted: shiftedByClock(def, at - def.offsetMs) };
  }
}

/** Takes times in order, and knows what of the ledger they did not account for. */
export function createAudit(rows: readonly LedgerRow[]) {
  const singles = new Map(rows.filter(({ until }) => until === null).map((row) => [row.at, row]));
  const ranges = rows
    .filter(({ until }) => until !== null)
    .map((row) => ({ ...row, found: 0 }))
    .sort((a, b) => a.at - b.at);
  let passed = 0;
  const differences: Difference[] = [];
  const differ = (kind: Difference["kind"], at: number, message: string): void => {
    if (differences.length < MAX_DIFFERENCES) differences.push({ kind, at, message });
  };

  return {
    differences,
    differ,
    take({ at, excluded, shifted }: Time): void {
      const row = singles.get(at);
      if (row) {
        singles.delete(at);
        const fault = faultOf(row.outcome, excluded, shifted);
        if (fault !== null) differ("WRONG", at, `is in the ledger as ${row.outcome}, but ${fault}`);
        return;
      }
      while ((ranges[passed]?.until ?? Number.POSITIVE_INFINITY) < at) passed++;
      const range = ranges
        .slice(passed, passed + OVERLAPPING)
        .find((one) => one.at <= at && at <= (one.until ?? 0) && (one.outcome === "EXCLUDED") === excluded);
      if (range) range.found++;
      else differ("MISSING", at, `is not in the ledger; the schedule has it${excluded ? ", excluded" : ""}`);
    },
    /** What the ledger has from `from` to `until`, both inclusive, that no time accounted for. */
    end(from: number, until: number, isFree: (at: number) => boolean): void {
      for (const { at, outcome } of singles.values()) {
        if (at < from || at > until || isFree(at)) continue;
        differ("UNEXPECTED", at, `is in the ledger as ${outcome}, but is no time of the schedule`);
      }
      for (const range of ranges) {
        if (range.at < from || (range.until ?? 0) > until || !range.exact || range.found === range.count)
          continue;
        differ(
          "WRONG",
          range.at,
          `begins a range of ${range.count} in the ledger; the schedule has ${range.found} there`,
        );
      }
    },
  };
}

/** A broken ledger is seen from a few; the rest only repeats them. */
const MAX_DIFFERENCES = 100;
/** Ranges over one stretch of time: those that a downtime passed over, that calendars excluded, that a pause withheld. */
const OVERLAPPING = 8;

function faultOf(outcome: string, excluded: boolean, shifted: boolean): string | null {
  if (excluded && outcome !== "EXCLUDED") return "its calendars exclude it";
  if (!excluded && outcome === "EXCLUDED") return "its calendars include it";
  if (shifted && outcome === "FIRED") return "the clocks skipped its time";
  if (!shifted && outcome === "DST_SHIFTED") return "the clocks did not skip its time";
  return null;
}
