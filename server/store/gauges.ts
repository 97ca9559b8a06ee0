/** What is monitored of the whole installation, in one query. */

import type { Sql } from "./connection.ts";
import { executorState } from "./executors.ts";

export interface Gauges {
  waiting: number;
  ready: number;
  running: number;
  deadLetters: number;
  executorsOnline: number;
  servers: number;
  /** Null when nothing is ready. */
  oldestReadySeconds: number | null;
  /** By how much the most overdue trigger is late; 0 when none is. */
  triggerLagSeconds: number;
  /** In the last whole minute. */
  started: number;
  succeeded: number;
  failed: number;
  cancelled: number;
}

export async function readGauges(sql: Sql): Promise<Gauges> {
  const [row] = await sql<Gauges[]>`
    with now as materialized (select escapement.clock() as at),
    minute as (
      select what, sum(count)::float8 as count from escapement.tally, now
      where tally.at >= date_bin('10 seconds', now.at, 'epoch') - interval '60 seconds'
        and tally.at < date_bin('10 seconds', now.at, 'epoch')
      group by what
    )
    select
      (select count(*) from escapement.waiting)::float8 as waiting,
      (select count(*) from escapement.ready)::float8 as ready,
      (select count(*) from escapement.lease)::float8 as running,
      (select count(*) from escapement.dead_letter)::float8 as "deadLetters",
      (select count(*) from escapement.executor e where ${executorState(sql)} = 'ONLINE')::float8 as "executorsOnline",
      (select count(*) from escapement.server where seen_at > now.at - interval '5 seconds')::float8 as servers,
      (select extract(epoch from now.at - min(ready_at)) from escapement.ready)::float8 as "oldestReadySeconds",
      greatest(0, (select extract(epoch from now.at - min(next_at)) from escapement.trigger where state = 'NORMAL'))::float8
        as "triggerLagSeconds",
      coalesce((select count from minute where what = 'STARTED'), 0) as started,
      coalesce((select count from minute where what = 'SUCCEEDED'), 0) as succeeded,
      coalesce((select count from minute where what = 'FAILED'), 0) as failed,
      coalesce((select count from minute where what = 'CANCELLED'), 0) as cancelled
    from now`;
  return row as Gauges;
}
