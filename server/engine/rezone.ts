/**
 * Next times after an update of the time zone data, which comes with Node.js: the first leader that knows newer rules
 * computes the next time of every trigger that goes by a zone anew, page by page, and keeps a report of what moved. A
 * leader that follows it half way goes on where it was; one with older rules leaves everything as it is.
 */
import { LIMITS, TIME_ZONE_DATA } from "../config.ts";
import { nextFire } from "../core/trigger.ts";
import { timesOf } from "../store/trigger-content.ts";
import { type TriggerVersion, versioned } from "../store/trigger-versions.ts";
import { currentDefinition, type Trigger, triggerColumns } from "../store/triggers.ts";
import type { EngineContext } from "./context.ts";
import { type LeaderGuard, lead } from "./leave.ts";

interface Update {
  id: number;
  lastTriggerId: number;
}

/** One page of the update to `data`; true when there may be another. */
export async function rezone(
  context: EngineContext,
  guard: LeaderGuard,
  data = TIME_ZONE_DATA,
): Promise<boolean> {
  const update = await begin(context, guard, data);
  if (update === null) return false;
  const { sql, channel } = context;
  const triggers = await sql<Trigger[]>`
    select ${triggerColumns(sql)} from escapement.trigger t
    where t.id > ${update.lastTriggerId} and t.state in ('NORMAL', 'PAUSED') and t.next_at > escapement.clock()
      and (t.schedule ? 'timeZone' or t.calendar_versions is not null)
    order by t.id limit ${LIMITS.fireBatch}`;
  const moves: { trigger: Trigger; before: number; after: number }[] = [];
  for (const trigger of triggers) {
    const before = trigger.nextAt?.getTime() ?? 0;
    const after = await nextBy(context, trigger);
    if (after !== null && after !== before) moves.push({ trigger, before, after });
  }
  await write(context, guard, update, triggers, moves);
  channel.publish(
    moves.map(({ trigger: { id, namespaceId } }) => ({ kind: "trigger" as const, id, namespaceId })),
  );
  if (moves.length > 0) channel.publishDue();
  if (triggers.length === LIMITS.fireBatch) return true;
  await sql`
    with ended as (
      update escapement.time_zone_update set ended_at = escapement.clock() where id = ${update.id} returning after
    )
    update escapement.leader set time_zone_data = ended.after from ended where leader.id = 1`;
  return false;
}

/** The update under way, or a new one; null when the times are of these rules or of newer ones. */
async function begin({ sql }: EngineContext, guard: LeaderGuard, data: string): Promise<Update | null> {
  const [row] = await sql<{ known: string | null; id: number | null; lastTriggerId: number | null }[]>`
    select l.time_zone_data as known, u.id, u.last_trigger_id as "lastTriggerId"
    from escapement.leader l left join escapement.time_zone_update u on u.ended_at is null and u.after = ${data}
    where l.id = 1`;
  if (!row) return null;
  if (row.known === null) {
    await sql`update escapement.leader set time_zone_data = ${data} where id = 1 and time_zone_data is null`;
    return null;
  }
  // Such as 2025b: newer ones come later in the alphabet.
  if (row.known >= data) return null;
  if (row.id !== null) return { id: row.id, lastTriggerId: row.lastTriggerId ?? 0 };
  const [made] = await sql<Update[]>`
    with ${lead(sql, guard)}
    insert into escapement.time_zone_update (before, after) select ${row.known}, ${data} from lead
    returning id, last_trigger_id as "lastTriggerId"`;
  return made ?? null;
}

/** null: it cannot be computed, which the ticker will tell of when it is due. */
async function nextBy({ catalog }: EngineContext, trigger: Trigger): Promise<number | null> {
  try {
    return nextFire(await currentDefinition(catalog, trigger), trigger.notedUntil.getTime());
  } catch {
    return null;
  }
}

/** What one report lists; the rest is counted. */
const LISTED = 1_000;

async function write(
  { sql }: EngineContext,
  guard: LeaderGuard,
  update: Update,
  triggers: Trigger[],
  moves: { trigger: Trigger; before: number; after: number }[],
): Promise<void> {
  const rows = moves.map(({ trigger, before, after }) => ({
    triggerId: trigger.id,
    version: trigger.version,
    before,
    after,
  }));
  const history = moves.map(
    ({ trigger }): TriggerVersion => ({
      triggerId: trigger.id,
      since: trigger.notedUntil.getTime() + 1,
      times: timesOf(trigger),
      calendarVersions: trigger.calendarVersions,
    }),
  );
  await sql`
    with ${lead(sql, guard)},
    changed as (
      update escapement.trigger t set next_at = to_timestamp(i.after / 1000), version = t.version + 1
      from jsonb_to_recordset(${sql.json(rows as never)}::jsonb) as i("triggerId" int, version int, before float8, after float8),
        lead
      where t.id = i."triggerId" and t.version = i.version
        and t.next_at = to_timestamp(i.before / 1000)::timestamptz(3)
      returning t.id, i.before, i.after
    ),
    versioned as (${versioned(sql, history)})
    update escapement.time_zone_update u set
      last_trigger_id = ${triggers.at(-1)?.id ?? update.lastTriggerId}, examined = examined + ${triggers.length},
      moved = moved + (select count(*) from changed),
      moves = case when jsonb_array_length(moves) < ${LISTED} then moves || coalesce(
        (select jsonb_agg(jsonb_build_object('triggerId', id, 'before', before, 'after', after)) from changed), '[]')
        else moves end
    from lead where u.id = ${update.id}`;
}
