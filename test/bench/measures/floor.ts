/**
 * The floor under a drain: what PostgreSQL does in the same minute when nothing is asked of it but the moves
 * themselves, ready → lease → ended by 100 runs, on our tables with their indexes. Like pgbench it looks at nothing and sends
 * ids back as the text in which they came, so that next to no time is spent outside PostgreSQL.
 */
import postgres from "postgres";
import { closedLoop, type Window } from "../load.ts";

const BATCH = 100;
const CONNECTIONS = 4;
/** Runs put in at once; far more than a trial drains. */
const STOCK = 600_000;

const CLAIM = `
  with taken as (
    delete from escapement.ready where ctid = any(array(
      select ctid from escapement.ready where queue_id = $1
      order by turn, id limit $2 for update skip locked))
    returning *
  ),
  lent as (
    insert into escapement.lease (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, input, fence,
      ready_at, secret, executor_id, started_at, expires_at)
    select id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, input, fence + 1, ready_at,
      gen_random_uuid(), 1, clock_timestamp(), clock_timestamp() + interval '30 s'
    from taken returning id
  )
  select array_agg(id)::text as ids, count(*)::int as count from lent`;

const SETTLE = `
  with gone as (delete from escapement.lease where id = any($1::text::bigint[]) returning *)
  insert into escapement.ended (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, input, fence,
    ready_at, secret, executor_id, started_at, ended_at, state, outcome)
  select id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, input, fence, ready_at, secret,
    executor_id, started_at, clock_timestamp(), 'SUCCEEDED', 'SUCCEEDED'
  from gone`;

/** A queue that no job uses, so that our server does not care. */
const QUEUE = 2_000_000_000;

const FILL = `
  insert into escapement.ready (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, input, ready_at)
  select escapement.next_run_id(), 1, 1, 1, $1, 5, clock_timestamp(), '{"n":1}', clock_timestamp()
  from generate_series(1, $2::int)`;

/** Runs per second. */
export async function floorRate(databaseUrl: string, window: Window): Promise<number> {
  const sql = postgres(databaseUrl, { max: CONNECTIONS, onnotice: () => {} });
  try {
    await sql.unsafe(FILL, [QUEUE, STOCK]);
    return await closedLoop({ ...window, clients: CONNECTIONS }, async () => {
      const [claimed] = await sql.unsafe(CLAIM, [QUEUE, BATCH], { prepare: true });
      if (!claimed?.ids) throw new Error("the stock for the floor is used up; give it more");
      await sql.unsafe(SETTLE, [claimed.ids], { prepare: true });
      return claimed.count as number;
    });
  } finally {
    await sql.end();
  }
}
