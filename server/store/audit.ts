/** The audit of a trigger: its ledger against what its schedule, calendars and zone say, as they were at each time. */
import { LIMITS, RETENTION, TIME_ZONE_DATA } from "../config.ts";
import { badInput } from "../core/rejection.ts";
import { type AuditedEpoch, createAudit, type Difference, scheduledTimes } from "../core/trigger/audit.ts";
import { nextFire } from "../core/trigger.ts";
import type { Catalog } from "./catalog.ts";
import type { Sql } from "./connection.ts";
import { readClock } from "./definitions.ts";
import { type Occurrence, readOccurrences } from "./occurrences.ts";
import { type Epoch, readEpochs } from "./trigger-versions.ts";
import { currentDefinition, definitionOf, type Trigger } from "./triggers.ts";

export interface Audit {
  /** What was checked, both inclusive; earlier than asked when there was too much: go on from there. */
  from: number;
  until: number;
  /** Times of the schedule in it. */
  times: number;
  /** Runs of them. */
  runs: number;
  differences: Difference[];
}

/** Times between two pauses for others: some milliseconds. */
const SLICE = 2_000;

/**
 * Recomputes the schedule from `from` to `until` (epoch milliseconds, inclusive; as far as the ledger reaches) and
 * compares. Throws BAD_INPUT when `until` is before `from`.
 */
export async function auditTrigger(
  { sql, catalog }: { sql: Sql; catalog: Catalog },
  trigger: Trigger,
  range: { from: number; until: number },
): Promise<Audit> {
  if (range.until < range.from) throw badInput("to", "is before from");
  const now = (await readClock(sql)).getTime();
  const kept = now - RETENTION.occurrenceDays * 86_400_000;
  const stored = await readEpochs(sql, trigger.id, new Date(Math.max(range.from, kept)));
  const from = Math.max(range.from, kept, stored[0]?.since ?? now);
  const wanted = Math.min(range.until, trigger.notedUntil.getTime());
  const rows = await readOccurrences(
    sql,
    trigger.id,
    new Date(from),
    new Date(wanted),
    LIMITS.auditTimes + 1,
  );
  // A single time in the past of its trigger is noted before the trigger's first epoch.
  const epochs = await withDefinitions(catalog, trigger, stored);
  const cut =
    rows.length > LIMITS.auditTimes ? (rows[LIMITS.auditTimes]?.scheduledAt.getTime() ?? wanted) - 1 : wanted;
  const audit = createAudit(
    rows.map(({ scheduledAt, until, ...row }) => ({
      ...row,
      at: scheduledAt.getTime(),
      until: until?.getTime() ?? null,
    })),
  );
  let times = 0;
  let until = cut;
  for (const time of scheduledTimes(epochs, from, cut)) {
    if (times === LIMITS.auditTimes) {
      until = time.at - 1;
      break;
    }
    audit.take(time);
    if (++times % SLICE === 0) await new Promise(setImmediate);
  }
  const isFree = (at: number): boolean =>
    epochs.some(({ def, since, until }) => def.schedule.kind === "fixedDelay" && since <= at && at < until);
  audit.end(from, until, isFree);
  const runs = await checkRuns(sql, rows, until, now, audit.differ);
  if (range.until >= trigger.notedUntil.getTime() && until === wanted)
    await checkNext(catalog, trigger, audit.differ);
  const other = stored.find(({ timeZoneData }) => timeZoneData !== null && timeZoneData !== TIME_ZONE_DATA);
  if (other) for (const difference of audit.differences) difference.message += `; ${zoneNote(other)}`;
  return { from, until: Math.max(from, until), times, runs, differences: audit.differences };
}

const zoneNote = ({ timeZoneData }: Epoch): string =>
  `it was scheduled by time zone data ${timeZoneData}, and is checked by ${TIME_ZONE_DATA}`;

async function withDefinitions(catalog: Catalog, trigger: Trigger, stored: Epoch[]): Promise<AuditedEpoch[]> {
  return Promise.all(
    stored.map(async ({ since, times, calendarVersions }, at) => {
      const { startAt, endAt, ...rest } = times;
      const then = { ...trigger, ...rest, startAt: dateOf(startAt), endAt: dateOf(endAt) };
      const def = definitionOf(then, await catalog.calendars(calendarVersions ?? []));
      return { def, since, until: stored[at + 1]?.since ?? Number.POSITIVE_INFINITY };
    }),
  );
}

const dateOf = (at: number | null): Date | null => (at === null ? null : new Date(at));

type Differ = (kind: Difference["kind"], at: number, message: string) => void;

/** Each fire names its run, and the run is there as long as runs are kept. Returns how many fires there were. */
async function checkRuns(
  sql: Sql,
  rows: Occurrence[],
  until: number,
  now: number,
  differ: Differ,
): Promise<number> {
  const fired = rows.filter(({ runId, scheduledAt }) => runId !== null && scheduledAt.getTime() <= until);
  const kept = fired.filter(
    ({ firedAt }) => (firedAt?.getTime() ?? 0) > now - (RETENTION.runDays - 1) * 86_400_000,
  );
  const ids = kept.map(({ runId }) => runId);
  const missing = await sql<{ id: string }[]>`
    select w.id from unnest(${ids}::bigint[]) as w(id)
    where not exists (select from escapement.run r where r.id = w.id)`;
  const gone = new Set(missing.map(({ id }) => id));
  for (const { runId, scheduledAt } of kept) {
    if (runId !== null && gone.has(runId))
      differ("RUN_MISSING", scheduledAt.getTime(), `names run ${runId}, which is not there`);
  }
  return fired.length;
}

async function checkNext(catalog: Catalog, trigger: Trigger, differ: Differ): Promise<void> {
  if (
    trigger.state !== "NORMAL" ||
    trigger.schedule.kind === "fixedDelay" ||
    trigger.schedule.kind === "once"
  )
    return;
  const expected = nextFire(await currentDefinition(catalog, trigger), trigger.notedUntil.getTime());
  const nextAt = trigger.nextAt?.getTime() ?? null;
  if (expected === nextAt) return;
  const text = (at: number | null) => (at === null ? "never" : new Date(at).toISOString());
  differ(
    "NEXT",
    nextAt ?? expected ?? 0,
    `it is due next at ${text(nextAt)}; the schedule says ${text(expected)}`,
  );
}
