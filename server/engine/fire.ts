/**
 * due trigger → waiting | ready: promotes due triggers. Each batch is read, decided by core/trigger and written by one
 * statement that checks the leader's epoch, advances each trigger by compare-and-set and inserts its occurrences and
 * runs; the occurrence's key is the second barrier against firing twice.
 */
import { LIMITS } from "../config.ts";
import { gatesOf } from "../core/gate.ts";
import type { RunState } from "../core/run.ts";
import { nextAllowed } from "../core/trigger/allowed.ts";
import type { TriggerCalendar } from "../core/trigger/definition.ts";
import { decideFire, type FireDecision, undecided } from "../core/trigger/misfire.ts";
import { memoKey, nextFire } from "../core/trigger.ts";
import type { JobVersion } from "../store/catalog.ts";
import type { Sql } from "../store/connection.ts";
import { notePassed } from "../store/occurrences.ts";
import { definitionOf, type Trigger } from "../store/triggers.ts";
import { counted, type EngineContext, list, runChange, textArray } from "./context.ts";
import { type LeaderGuard, lead } from "./leave.ts";
import { asksKeys, fireUnique, stoppedBy } from "./start/fire-unique.ts";
import { skipAfterMs } from "./start/new-run.ts";

interface DueTrigger
  extends Pick<
    Trigger,
    | "id"
    | "namespaceId"
    | "name"
    | "schedule"
    | "startAt"
    | "endAt"
    | "jitterMs"
    | "misfire"
    | "calendarVersions"
    | "onExcluded"
    | "notedUntil"
    | "resumedAt"
    | "catchUp"
    | "priority"
    | "input"
    | "firedCount"
    | "firesLeft"
    | "version"
    | "createdAt"
  > {
  dueAt: Date;
  /** The job is, or its group or namespace. */
  paused: boolean;
  versionId: number;
  now: Date;
}

export interface Decided {
  trigger: DueTrigger;
  version: JobVersion;
  decision: FireDecision;
  /** Set: the schedule could not be computed, or its input has no key. */
  fault: string | null;
  /** What its runs have to pass, as JSON text. */
  gates: string | null;
}

/** Keeps the answers that stay true until they pass: 18 k → 82 k triggers/s (PERFORMANCE 5). */
function createMemo(): typeof nextFire {
  const known = new Map<string, { after: number; next: number }>();
  const remembered: typeof nextAllowed = (def, after) => {
    const key = def.startAt !== null && after < def.startAt ? null : memoKey(def);
    if (key === null) return nextAllowed(def, after);
    const hit = known.get(key);
    if (hit && hit.after <= after && after < hit.next) return hit.next;
    const next = nextAllowed(def, after);
    if (next !== null) known.set(key, { after, next });
    if (known.size > 10_000) known.clear();
    return next;
  };
  return (def, after) => nextFire(def, after, remembered);
}

/**
 * Returns a function that promotes what is due, up to `fireRead` triggers, and says how many it found due, and when
 * the next is, in ms. While one batch is being written the next one is decided.
 */
export function createFire(context: EngineContext) {
  const next = createMemo();
  return async (guard: LeaderGuard): Promise<{ due: number; fired: number; nextInMs: number | null }> => {
    const triggers = await readDue(context);
    const versions = await context.catalog.versions(triggers.map((trigger) => trigger.versionId));
    const calendars = await readCalendars(context, triggers);
    let fired = 0;
    let writing: Promise<number> = Promise.resolve(0);
    for (let at = 0; at < triggers.length; at += LIMITS.fireBatch) {
      const decided = triggers.slice(at, at + LIMITS.fireBatch).flatMap((trigger): Decided[] => {
        const version = versions.get(trigger.versionId);
        return version ? [decide(trigger, version, calendars(trigger), next)] : [];
      });
      fired += await writing;
      writing = promote(context, decided, guard);
      // Heard of by the next `await`; until then a failure must not count as one that nobody hears.
      writing.catch(() => {});
      // Deciding blocks this process; the statement leaves before.
      await new Promise(setImmediate);
    }
    fired += await writing;
    if (triggers.length === LIMITS.fireRead) return { due: triggers.length, fired, nextInMs: 0 };
    const [first] = await context.sql<{ ms: number | null }[]>`
      select extract(epoch from min(next_at) - escapement.clock())::float8 * 1000 as ms
      from escapement.trigger where state = 'NORMAL'`;
    return { due: triggers.length, fired, nextInMs: first?.ms ?? null };
  };
}

/** Writes one batch; returns how many runs it started. */
async function promote(context: EngineContext, decided: Decided[], guard: LeaderGuard): Promise<number> {
  let fired = 0;
  const free = decided.filter(({ version }) => !asksKeys(version));
  if (free.length > 0) {
    const { runs, announce } = await write(context, free, guard);
    announce();
    fired = runs.length;
  }
  const unique = decided.filter(({ version }) => asksKeys(version));
  if (unique.length > 0) {
    fired += await fireUnique(context, unique, (within, allowed) => write(within, allowed, guard));
  }
  return fired;
}

async function readDue({ sql }: EngineContext): Promise<DueTrigger[]> {
  return await sql<DueTrigger[]>`
    with now as materialized (select escapement.clock() as at)
    select t.id, t.namespace_id as "namespaceId", t.name, t.schedule, t.misfire, t.priority, t.input, t.start_at as "startAt",
      t.end_at as "endAt", t.jitter_ms as "jitterMs", t.calendar_versions as "calendarVersions", t.on_excluded as "onExcluded",
      t.noted_until as "notedUntil", t.resumed_at as "resumedAt", t.catch_up as "catchUp", t.created_at as "createdAt", t.next_at as "dueAt", t.fired_count as "firedCount",
      t.fires_left as "firesLeft", t.version, j.version_id as "versionId", j.paused, now.at as now
    from (
      select * from escapement.trigger where state = 'NORMAL' and next_at <= (select at from now)
      order by next_at limit ${LIMITS.fireRead}
    ) t join escapement.job j on j.id = t.job_id cross join now`;
}

/** What each trigger's calendars exclude; most have none. */
async function readCalendars({ catalog }: EngineContext, triggers: DueTrigger[]) {
  const ids = [...new Set(triggers.flatMap(({ calendarVersions }) => calendarVersions ?? []))];
  const byId = new Map((await catalog.calendars(ids)).map((calendar) => [calendar.versionId, calendar]));
  return ({ calendarVersions }: DueTrigger): TriggerCalendar[] =>
    (calendarVersions ?? []).flatMap((id) => byId.get(id) ?? []);
}

function decide(
  trigger: DueTrigger,
  version: JobVersion,
  calendars: TriggerCalendar[],
  next: typeof nextFire,
): Decided {
  const notedUntil = trigger.notedUntil.getTime();
  try {
    const { resumedAt, catchUp, misfire } = trigger;
    const withheld = resumedAt && { until: resumedAt.getTime(), policy: catchUp };
    const due = { dueAt: trigger.dueAt.getTime(), notedUntil, withheld };
    const decision = decideFire(definitionOf(trigger, calendars), due, trigger.now.getTime(), misfire, next);
    return withGates({ trigger, version, decision, fault: null, gates: null });
  } catch (error) {
    const fault = `the next fire time could not be computed: ${error instanceof Error ? error.message : error}`;
    return { trigger, version, decision: undecided(notedUntil), fault, gates: null };
  }
}

function withGates(entry: Decided): Decided {
  const { trigger, version } = entry;
  const [priority, input] = [trigger.priority ?? version.priority, trigger.input ?? version.input];
  try {
    const gates = gatesOf(version.gates, priority, null, input, "input") ?? (trigger.paused ? [] : null);
    return { ...entry, gates: gates && JSON.stringify(gates) };
  } catch (error) {
    return { ...entry, ...stoppedBy(error, trigger) };
  }
}

function nextStateOf({ trigger, decision, fault }: Decided): string {
  if (fault !== null) return "ERROR";
  if (decision.nextAt !== null) return "NORMAL";
  return trigger.schedule.kind === "fixedDelay" && decision.fires.length > 0 ? "BLOCKED" : "COMPLETE";
}

async function write(context: EngineContext, decided: Decided[], guard: LeaderGuard): Promise<Written> {
  const { channel, floors } = context;
  const fires = decided.flatMap((entry) => {
    const { trigger, version, decision } = entry;
    const priority = trigger.priority ?? version.priority;
    floors.expect(version.queueId, priority);
    return decision.fires.map((fire) => ({ ...entry, fire, priority }));
  });
  const gated = fires.some(({ gates }) => gates !== null);
  const passed = decided.map(({ trigger, decision }) => ({ triggerId: trigger.id, passed: decision.passed }));
  const all = <T>(pick: (entry: Decided) => T): T[] => decided.map(pick);
  const each = <T>(pick: (entry: (typeof fires)[number]) => T): T[] => fires.map(pick);
  const skippable = fires.some(({ version }) => skipAfterMs(version) !== null);
  const insert = (sql: Sql) => sql<FiredRow[]>`
    with now as materialized (select escapement.clock() as at),
    ${lead(sql, guard)},
    item as (
      select * from unnest(
        ${list(all(({ trigger }) => trigger.id))}::text::int[], ${list(all(({ trigger }) => trigger.version))}::text::int[],
        ${list(all(({ trigger }) => trigger.dueAt.getTime()))}::text::float8[], ${list(all(({ decision }) => decision.nextAt))}::text::float8[],
        ${textArray(all(nextStateOf))}::text::text[], ${textArray(all(({ fault }) => fault))}::text::text[],
        ${list(all(({ decision }) => decision.fires.length))}::text::int[],
        ${list(all(({ decision }) => decision.fires.at(-1)?.scheduledAt ?? null))}::text::float8[],
        ${list(all(({ decision }) => decision.notedUntil))}::text::float8[]
      ) as i(trigger_id, version, due_at, next_at, state, reason, fires, last_at, noted_until)
    ),
    fire as materialized (
      select escapement.next_run_id() as id, f.* from unnest(
        ${list(each(({ trigger }) => trigger.id))}::text::int[], ${list(each(({ fire }) => fire.scheduledAt))}::text::float8[],
        ${textArray(each(({ fire }) => fire.outcome))}::text::text[], ${textArray(each(({ fire }) => fire.reason))}::text::text[],
        ${list(each(({ version }) => version.namespaceId))}::text::int[],
        ${list(each(({ version }) => version.jobId))}::text::int[], ${list(each(({ version }) => version.id))}::text::int[],
        ${list(each(({ version }) => version.queueId))}::text::int[],
        ${list(each(({ priority }) => priority))}::text::smallint[],
        ${textArray(each(({ trigger }) => trigger.input))}::text::text[]
        ${gated ? sql`, ${textArray(each(({ gates }) => gates))}::text::text[]` : sql``}
        ${skippable ? sql`, ${list(each(({ version }) => skipAfterMs(version)))}::text::float8[]` : sql``}
      ) as f(trigger_id, scheduled_at, outcome, reason, namespace_id, job_id, version_id, queue_id, priority, input
        ${gated ? sql`, gates` : sql``} ${skippable ? sql`, skip_after_ms` : sql``})
    ),
    moved as (
      update escapement.trigger t set
        next_at = to_timestamp(i.next_at / 1000), state = i.state, reason = coalesce(i.reason, t.reason),
        last_at = coalesce(to_timestamp(i.last_at / 1000), t.last_at),
        noted_until = to_timestamp(i.noted_until / 1000), resumed_at = null, catch_up = null,
        fired_count = t.fired_count + i.fires,
        fires_left = case when t.fires_left > i.fires then t.fires_left - i.fires when t.fires_left is not null then 0 end,
        blocked_by = case when i.state = 'BLOCKED' then (select max(f.id) from fire f where f.trigger_id = t.id) end
      from item i, lead
      where t.id = i.trigger_id and t.version = i.version and t.state = 'NORMAL'
        and t.next_at = to_timestamp(i.due_at / 1000)::timestamptz(3)
      returning t.id, t.namespace_id
    ),
    noted as (
      insert into escapement.occurrence (trigger_id, scheduled_at, outcome, reason, fired_at, run_id)
      select f.trigger_id, to_timestamp(f.scheduled_at / 1000), f.outcome, f.reason, now.at, f.id
      -- Lists, not joins: a generic plan takes either side for ten rows and would compare each with each.
      from fire f, now where f.trigger_id = any(array(select id from moved))
      on conflict (trigger_id, scheduled_at) do nothing
      returning run_id
    ),
    passed as (${notePassed(sql, passed, sql`select id from moved`)}),
    run as (
      select f.*, octet_length(f.input) > ${LIMITS.inlineInputBytes} is true as large
      from fire f where f.id = any(array(select run_id from noted))
    ),
    made_payload as (
      insert into escapement.payload (run_id, json) select id, input from run where large
    ),
    made_ready as (
      insert into escapement.ready (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, scheduled_at,
        input, payload, ready_at ${skippable ? sql`, skip_at` : sql``})
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, to_timestamp(scheduled_at / 1000),
        case when not large then input end, large::int, now.at
        ${skippable ? sql`, to_timestamp((scheduled_at + skip_after_ms) / 1000)` : sql``}
      from run, now ${gated ? sql`where gates is null` : sql``}
    ),
    ${
      gated
        ? sql`made_waiting as (
      insert into escapement.waiting (id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, scheduled_at,
        input, payload, gates ${skippable ? sql`, skip_at` : sql``})
      select id, namespace_id, job_id, version_id, queue_id, priority, trigger_id, to_timestamp(scheduled_at / 1000),
        case when not large then input end, large::int, gates
        ${skippable ? sql`, to_timestamp((scheduled_at + skip_after_ms) / 1000)` : sql``}
      from run where gates is not null
    ),`
        : sql``
    }
    tallied as (${counted(sql, sql`select namespace_id, 'STARTED' as what from run`, `${context.serverId}/fire`)})
    select r.id as "runId", r.trigger_id as "triggerId", r.namespace_id as "namespaceId", r.job_id as "jobId",
      r.queue_id as "queueId", ${gated ? sql`r.gates is not null` : sql`false`} as gated from run r
    union all
    select null, m.id, m.namespace_id, 0, 0, false from moved m`;
  const { rows, stateOf } = await (gated
    ? insertThroughGates(context, fires, insert)
    : insertFree(context, insert));
  const runs = rows.filter((row) => row.runId !== null);
  const announce = (): void => {
    const ready = runs.filter((row) => stateOf(row) === "READY");
    if (ready.length > 0) channel.publishReady([...new Set(ready.map((run) => run.queueId))]);
    channel.publish(
      rows.map((row) =>
        row.runId === null
          ? { kind: "trigger" as const, id: row.triggerId, namespaceId: row.namespaceId }
          : runChange({ ...row, id: row.runId }, stateOf(row)),
      ),
    );
  };
  return { runs, announce };
}

/** What was written, to be announced after the commit. */
export interface Written {
  runs: { runId: string | null; triggerId: number }[];
  announce: () => void;
}

interface FiredRow {
  runId: string | null;
  triggerId: number;
  namespaceId: number;
  jobId: number;
  queueId: number;
  gated: boolean;
}

type Insert = (sql: Sql) => Promise<FiredRow[]>;

async function insertFree({ sql }: EngineContext, insert: Insert) {
  return { rows: await insert(sql), stateOf: (): RunState => "READY" };
}

async function insertThroughGates(
  { gates }: EngineContext,
  fires: Pick<Decided, "gates" | "version">[],
  insert: Insert,
) {
  const runs = fires.map((fire) => ({ gates: fire.gates, queueId: fire.version.queueId }));
  const { result, ready, skipped } = await gates.admit(runs, async (transaction) => {
    const rows = await insert(transaction as unknown as Sql);
    return {
      result: rows,
      gated: rows.flatMap((row) => (row.gated && row.runId !== null ? [row.runId] : [])),
    };
  });
  const stateOf = (row: FiredRow): RunState => {
    const id = row.runId ?? "";
    if (skipped.has(id)) return "SKIPPED";
    return row.gated && !ready.has(id) ? "WAITING" : "READY";
  };
  return { rows: result, stateOf };
}
