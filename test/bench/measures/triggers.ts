/**
 * (e) 10,000 triggers due in the same second: until the last of their runs is with its handler. How late triggers fire
 * when they are due one by one or every second, how long 100,000 of one moment take, and what the ticker's look costs when
 * a million are waiting.
 */
import type { Child } from "../children.ts";
import type { Ours, Peer } from "../contestants.ts";
import type { Figures } from "../figures.ts";
import { type Spread, until } from "../load.ts";
import { type Effort, fromPeers, type Measure, type Row, type Trial } from "../measure.ts";
import type { Handled, Workforce } from "../ours/consumer.ts";

const COUNT = 10_000;
const WHAT = "due at once";
const PERIOD_SECONDS = 10;
const EXPRESSION = `*/${PERIOD_SECONDS} * * * * *`;
/** The same instants in 1,440 spellings: the ticker's memory of equal schedules is then of little use. */
const SPELLING = `'*/${PERIOD_SECONDS} 0-59,' || n % 60 || ' 0-23,' || n / 60 % 24 || ' * * *'`;
const LONE_TRIGGERS = 300;
const CROWD = 100_000;
/** Second-level tasks: so many triggers, so many fires each. `apart` spreads them over their period. */
const RHYTHMS: Record<string, { title: string; count: number; everyMs: number; apart: boolean }> = {
  "1 Hz": {
    title: "1,000 triggers at 1 Hz, all in the same moment",
    count: 1_000,
    everyMs: 1_000,
    apart: false,
  },
  "1 Hz spread": { title: "1,000 triggers at 1 Hz, spread", count: 1_000, everyMs: 1_000, apart: true },
  "10 Hz": { title: "100 triggers at 10 Hz, all in the same moment", count: 100, everyMs: 100, apart: false },
};
const RHYTHM_SECONDS = 30;
const WAITING_TRIGGERS = 1_000_000;

const PLAIN: Workforce = { with: "protocol", batch: 100, pollers: 16 };
const WORKER: Workforce = { with: "worker", batch: 1_000, pollers: 1 };
const VARIANTS: Record<string, { title: string; force: Workforce; distinct: boolean }> = {
  polls: { title: "16 plain polls", force: PLAIN, distinct: false },
  distinct: { title: "16 plain polls, 1,440 expressions", force: PLAIN, distinct: true },
  worker: { title: "TypeScript worker", force: WORKER, distinct: false },
};

/** Watched so long after the due time; pg-boss would take minutes (PERFORMANCE 1). */
const WATCH_MS = 30_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Makes `count` triggers like one that our API made, which is the work of this bench, not of the product. A rate has its
 * grid from its start.
 */
async function plant(
  ours: Ours,
  schedule: object,
  count: number,
  nextAt: string,
  expression = "null",
): Promise<void> {
  await ours.sql`delete from escapement.trigger`;
  await ours.server.graphql("mutation ($input: TriggerInput!) { createTrigger(input: $input) { name } }", {
    input: { name: "template", job: ours.job, schedule, paused: true },
  });
  await ours.sql.unsafe(`
    insert into escapement.trigger (namespace_id, job_id, name, schedule, misfire, state, next_at, start_at)
    select namespace_id, job_id, 'bench-' || n,
      case when (${expression})::text is null then schedule
        else jsonb_set(schedule, '{expression}', to_jsonb((${expression})::text)) end,
      misfire, 'NORMAL', ${nextAt}, case when schedule ->> 'kind' = 'fixedRate' then ${nextAt} end
    from escapement.trigger, generate_series(1, ${count}) n where name = 'template'`);
}

async function uproot(ours: Ours): Promise<void> {
  await ours.sql`delete from escapement.trigger`;
  await ours.sql`vacuum escapement.trigger`;
  await ours.clean();
}

async function dueAtOnce(ours: Ours, force: Workforce, distinct: boolean): Promise<Figures> {
  const [worker] = ours.workers;
  const periodMs = PERIOD_SECONDS * 1000;
  await until(() => Date.now() % periodMs < periodMs / 2, periodMs);
  const due = new Date(Math.ceil(Date.now() / periodMs) * periodMs);
  const schedule = { cron: { expression: EXPRESSION } };
  await plant(ours, schedule, COUNT, `'${due.toISOString()}'::timestamptz`, distinct ? SPELLING : "null");
  await ours.sql`analyze escapement.trigger`;
  await worker.call("listen", force);
  await pause(due.getTime() - Date.now());
  const complete = await until(
    async () => (await worker.call<Handled>("handled")).count >= COUNT,
    WATCH_MS,
    50,
  );
  const { count } = await worker.call<Handled>("handled");
  const spread = await worker.call<Spread>("noted");
  const [fired] = await ours.sql<{ ms: number }[]>`
    select extract(epoch from max(fired_at) - ${due})::float8 * 1000 as ms from escapement.occurrence`;
  await worker.call("hush");
  await uproot(ours);
  if (!complete) throw new Error(`only ${count} of ${COUNT} runs were started within ${WATCH_MS / 1000} s`);
  return { last: spread.max, p50: spread.p50, promotions: (COUNT / (fired?.ms ?? Number.NaN)) * 1000 };
}

async function peerDueAtOnce(peer: Peer, say: (line: string) => void): Promise<Figures> {
  const child: Child = await peer.extra({ schedules: true });
  const { nextDueMs } = await child.call<{ nextDueMs: number }>("schedule", { count: COUNT });
  await pause(nextDueMs - Date.now());
  const complete = await until(
    async () => (await child.call<Handled>("handled")).count >= COUNT,
    WATCH_MS,
    50,
  );
  const { count } = await child.call<Handled>("handled");
  const spread = await child.call<Spread>("noted");
  await child.call("unschedule");
  await child.stop();
  await peer.clean();
  if (!complete) say(`${peer.name} started ${count} of ${COUNT} within ${WATCH_MS / 1000} s: no figure`);
  return complete ? { last: spread.max, p50: spread.p50 } : {};
}

/** Lateness of triggers that are due one after the other: 300 over about 14 s. */
async function lone(ours: Ours, { quick }: Effort): Promise<Figures> {
  const count = quick ? LONE_TRIGGERS / 10 : LONE_TRIGGERS;
  await plant(
    ours,
    { fixedRate: { every: "PT24H" } },
    count,
    "escapement.clock() + interval '2 s' + n * interval '47 ms'",
  );
  await ours.workers[0].call("listen", PLAIN);
  await pause(3_000 + count * 47);
  const [late] = await ours.sql<{ p50: number; p99: number; count: number }[]>`
    select percentile_cont(0.5) within group (order by ms) as p50, percentile_cont(0.99) within group (order by ms) as p99,
      count(*)::int as count
    from (select extract(epoch from fired_at - scheduled_at)::float8 * 1000 as ms from escapement.occurrence) as o`;
  await ours.workers[0].call("hush");
  await uproot(ours);
  if (late?.count !== count) throw new Error(`${late?.count} of ${count} triggers fired`);
  return { p50: late.p50, p99: late.p99 };
}

/** Every fire of every trigger, or no figure: how late they are, and how long the runs take to their handlers. */
async function rhythm(ours: Ours, name: string, { quick }: Effort): Promise<Figures> {
  const { count, everyMs, apart } = RHYTHMS[name] as (typeof RHYTHMS)[string];
  const seconds = quick ? RHYTHM_SECONDS / 5 : RHYTHM_SECONDS;
  const [first] = await ours.sql<{ at: Date }[]>`
    select date_trunc('second', escapement.clock() + interval '4 s') as at`;
  const at = `'${first?.at.toISOString()}'::timestamptz`;
  const [worker] = ours.workers;
  await plant(
    ours,
    { fixedRate: { every: `PT${everyMs / 1000}S` } },
    count,
    apart ? `${at} + (n - 1) * interval '${everyMs / count} ms'` : at,
  );
  await worker.call("listen", PLAIN);
  await worker.call("reset", {});
  const from = first?.at.getTime() ?? 0;
  const end = from + seconds * 1_000;
  await pause(end + 1_000 - Date.now());
  const handled = await worker.call<Spread>("noted");
  const [late] = await ours.sql<{ p50: number; p99: number; max: number; count: number }[]>`
    select percentile_cont(0.5) within group (order by ms) as p50, percentile_cont(0.99) within group (order by ms) as p99,
      max(ms) as max, count(*)::int as count
    from (
      select extract(epoch from fired_at - scheduled_at)::float8 * 1000 as ms from escapement.occurrence
      where scheduled_at < ${new Date(end)} and run_id is not null
    ) as o`;
  await worker.call("hush");
  await uproot(ours);
  const expected = (count * seconds * 1_000) / everyMs;
  if (late?.count !== expected) throw new Error(`${late?.count} of ${expected} times fired`);
  return { p50: late.p50, p99: late.p99, max: late.max, handled: handled.p99 };
}

/** From the due time of 100,000 triggers to the last one's fire; nobody works on the runs. */
async function crowd(ours: Ours): Promise<Figures> {
  const [first] = await ours.sql<{ at: Date }[]>`
    select date_trunc('second', escapement.clock() + interval '15 s') as at`;
  const due = first?.at ?? new Date();
  const schedule = { cron: { expression: "0 0 * * *" } };
  await plant(ours, schedule, CROWD, `'${due.toISOString()}'::timestamptz`);
  await ours.sql`vacuum analyze escapement.trigger`;
  if (Date.now() > due.getTime()) throw new Error("planting took too long");
  const count = async (): Promise<number> => {
    const [row] = await ours.sql<{ n: number }[]>`select count(*)::int as n from escapement.occurrence`;
    return row?.n ?? 0;
  };
  const complete = await until(async () => (await count()) >= CROWD, 120_000, 500);
  const [fired] = await ours.sql<{ ms: number }[]>`
    select extract(epoch from max(fired_at) - ${due})::float8 * 1000 as ms from escapement.occurrence`;
  await uproot(ours);
  if (!complete) throw new Error(`only a part of ${CROWD} triggers fired within two minutes`);
  return { last: fired?.ms ?? Number.NaN };
}

/** What the running server's own due query took on average while nothing was due. */
async function dueQuery(ours: Ours): Promise<Figures> {
  await plant(
    ours,
    { fixedRate: { every: "PT24H" } },
    WAITING_TRIGGERS,
    "escapement.clock() + interval '1 day'",
  );
  await ours.sql`vacuum analyze escapement.trigger`;
  await ours.sql`select pg_stat_statements_reset()`;
  await pause(8_000);
  const [due] = await ours.sql<{ ms: number; calls: number }[]>`
    select mean_exec_time as ms, calls::int as calls from pg_stat_statements
    where query like '%from escapement.trigger where state =%next_at <=%' and query not like '%pg_stat_statements%'`;
  await uproot(ours);
  if (!due) throw new Error("the server made no due query");
  return { mean: due.ms };
}

export const triggers: Measure = {
  key: "triggers",
  title: "triggers",

  trials: ({ ours, peers, effort, say }) => {
    const trials: Trial[] = Object.entries(VARIANTS)
      .filter(([variant]) => !effort.quick || variant === "polls")
      .map(([variant, { force, distinct }]) => ({
        who: `ours ${variant}`,
        what: WHAT,
        run: () => dueAtOnce(ours, force, distinct),
      }));
    if (effort.quick) say("triggers: peers are left out with --quick: their schedules are by the minute");
    else {
      for (const peer of peers)
        trials.push({
          who: peer.name,
          what: WHAT,
          run: () => peerDueAtOnce(peer, say),
          // A minute or more for each, and some never finish.
          once: peer.name === "pg-boss" || peer.name === "bullmq-postgres",
        });
    }
    trials.push({ who: "ours", what: "one by one", run: () => lone(ours, effort) });
    for (const name of Object.keys(RHYTHMS)) {
      if (!effort.quick || name === "1 Hz")
        trials.push({ who: "ours", what: name, run: () => rhythm(ours, name, effort) });
    }
    if (!effort.quick) trials.push({ who: "ours", what: "crowd", run: () => crowd(ours) });
    if (!effort.quick) trials.push({ who: "ours", what: "due query", run: () => dueQuery(ours), once: true });
    return trials;
  },

  rows: ({ peers, effort }) => [
    ...Object.entries(VARIANTS).map(
      ([variant, { title }]): Row => ({
        name: `10,000 triggers due at once, all started, ${title}`,
        unit: "ms",
        better: "less",
        ours: { who: `ours ${variant}`, what: WHAT, figure: "last" },
        peers: fromPeers(peers, WHAT, "last"),
        ...(variant === "polls" && !effort.quick && { goals: [{ against: "best", ratio: 4 }] }),
      }),
    ),
    ...["polls", "distinct"].map(
      (variant): Row => ({
        name: `triggers promoted, ${variant === "polls" ? "one expression" : "1,440 expressions"}`,
        unit: "triggers/s",
        better: "more",
        ours: { who: `ours ${variant}`, what: WHAT, figure: "promotions" },
        peers: {},
      }),
    ),
    ...["p50", "p99"].map(
      (figure): Row => ({
        name: `lateness of triggers due one by one, ${figure}`,
        unit: "ms",
        better: "less",
        ours: { who: "ours", what: "one by one", figure },
        peers: {},
      }),
    ),
    ...Object.entries(RHYTHMS).flatMap(([name, { title }]) =>
      ["p50", "p99", "max", "handled"].map(
        (figure): Row => ({
          name: figure === "handled" ? `${title}: due time to handler, p99` : `${title}: lateness, ${figure}`,
          unit: "ms",
          better: "less",
          ours: { who: "ours", what: name, figure },
          peers: {},
        }),
      ),
    ),
    {
      name: "100,000 triggers due at once, all fired",
      unit: "ms",
      better: "less",
      ours: { who: "ours", what: "crowd", figure: "last" },
      peers: {},
    },
    {
      name: "due query while 1,000,000 triggers wait, mean",
      unit: "ms",
      better: "less",
      ours: { who: "ours", what: "due query", figure: "mean" },
      peers: {},
    },
  ],
};
