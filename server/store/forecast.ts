/** The load that triggers will make: their fires in the time to come, by stretches of it. */
import { LIMITS } from "../config.ts";
import { badInput } from "../core/rejection.ts";
import type { Upcoming } from "../core/trigger/fire-changes.ts";
import { type Forecast, type ForecastRange, forecast } from "../core/trigger/forecast.ts";
import type { Catalog } from "./catalog.ts";
import type { Sql } from "./connection.ts";
import { every, type Fragment } from "./page.ts";
import { currentDefinition, type Trigger, triggerColumns } from "./triggers.ts";

export interface TriggerForecast extends Forecast, Pick<ForecastRange, "from" | "bucketMs"> {
  /** How many were counted. */
  triggers: number;
  /** There are more than can be counted at once. */
  more: boolean;
}

export interface ForecastScope {
  /** Null: every namespace. */
  namespaceId: number | null;
  /** The job's name. */
  job?: string | null | undefined;
  group?: string | null | undefined;
}

/** Triggers read at once. */
const PAGE = 5_000;

/** Of the triggers that are not paused, over or in error. Throws BAD_INPUT for a range that cannot be. */
export async function forecastTriggers(
  { sql, catalog }: { sql: Sql; catalog: Catalog },
  scope: ForecastScope,
  range: ForecastRange,
): Promise<TriggerForecast> {
  checkRange(range);
  const from = Math.floor(range.from / range.bucketMs) * range.bucketMs;
  const upcoming: Upcoming[] = [];
  let more = false;
  for (let after = 0; ; ) {
    const page = await readPage(sql, scope, after);
    for (const trigger of page) {
      const def = await currentDefinition(catalog, trigger);
      upcoming.push({ def, nextAt: trigger.nextAt?.getTime() ?? null });
    }
    if (page.length < PAGE) break;
    after = page.at(-1)?.id ?? after;
    if (upcoming.length >= LIMITS.forecastTriggers) {
      more = true;
      break;
    }
  }
  const asked = { ...range, from };
  const found = await forecast(upcoming, asked, LIMITS.forecastSteps, () => new Promise(setImmediate));
  return { ...found, from, bucketMs: range.bucketMs, triggers: upcoming.length, more };
}

function readPage(sql: Sql, { namespaceId, job, group }: ForecastScope, after: number): Promise<Trigger[]> {
  const where: Fragment = every(sql, [
    sql`t.state = 'NORMAL' and t.id > ${after}`,
    namespaceId !== null && sql`t.namespace_id = ${namespaceId}`,
    job != null && sql`t.job_id in (select id from escapement.job where name = ${job})`,
    group != null && sql`t."group" = ${group}`,
  ]);
  return sql<Trigger[]>`
    select ${triggerColumns(sql)} from escapement.trigger t where ${where} order by t.id limit ${PAGE}`;
}

const MINUTE_MS = 60_000;

function checkRange({ from, until, bucketMs }: ForecastRange): void {
  if (!(bucketMs >= MINUTE_MS && bucketMs % MINUTE_MS === 0)) {
    throw badInput("bucket", "must be whole minutes, one at least: PT1M");
  }
  if (until <= from) throw badInput("until", "must be after from");
  if ((until - from) / bucketMs > LIMITS.forecastBuckets) {
    throw badInput(
      "bucket",
      `makes more than ${LIMITS.forecastBuckets} of that time; ask for longer buckets or less time`,
    );
  }
}
