/** (h) What claims and lists cost when 10 thousand, a million and ten million runs have ended. */
import type { Ours } from "../contestants.ts";
import type { Figures } from "../figures.ts";
import { Durations, nowMs } from "../load.ts";
import type { Effort, Measure, Row } from "../measure.ts";
import { HttpConnection } from "../ours/http.ts";

const sizes = ({ quick }: Effort): number[] =>
  quick ? [10_000, 1_000_000] : [10_000, 1_000_000, 10_000_000];
/** Inserted by one statement each, within the statement's time limit and memory. */
const CHUNK = 500_000;
/** The history is spread over so many days, each a partition as the server makes them. */
const DAYS = 10;
const CLAIMS = 300;
const LISTS = 150;
const CLAIM_SIZE = 10;

const LIST = `query ($filter: RunFilter, $after: String) {
  runs(namespace: "default", filter: $filter, first: 50, after: $after) {
    edges { node { id state job { name } createdAt endedAt } } pageInfo { endCursor }
  }
}`;
/** What a dashboard asks for. */
const QUESTIONS: Record<string, { title: string; filter: object | null }> = {
  newest: { title: "list, newest 50", filter: null },
  failed: { title: "list, newest 50 failed", filter: { states: ["FAILED"] } },
  job: { title: "list, newest 50 of a job", filter: { job: "noop" } },
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Adds ended runs as they would be after days of work: one in fifty failed, all of one job. */
async function grow(ours: Ours, from: number, to: number): Promise<void> {
  for (let day = DAYS; day > 0; day--) {
    await ours.sql.unsafe(`do $$
      declare
        day date := (escapement.clock() - interval '${day} days')::date;
        low bigint := (extract(epoch from day - timestamp '2024-01-01')::bigint * 1000) << 22;
        high bigint := (extract(epoch from day + 1 - timestamp '2024-01-01')::bigint * 1000) << 22;
      begin
        execute format('create table if not exists escapement.ended_%s partition of escapement.ended for values from (%L) to (%L)',
          to_char(day, 'YYYYMMDD'), low, high);
      end $$`);
  }
  for (let at = from; at < to; at += CHUNK) {
    const upTo = Math.min(to, at + CHUNK);
    await ours.sql.unsafe(`
      insert into escapement.ended (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, input, fence,
        ready_at, secret, executor_id, started_at, ended_at, state, outcome, error)
      select (extract(epoch from at - timestamptz '2024-01-01')::numeric * 1000)::bigint << 22 | n % 4194304,
        j.namespace_id, j.id, j.version_id, v.queue_id, 5, at, '{"n":1}', 1, at, gen_random_uuid(), 1, at, at, s.state, s.state,
        case when s.state = 'FAILED' then '{"message":"it failed"}' end
      from generate_series(${at}, ${upTo - 1}) n
        cross join lateral (select date_trunc('day', escapement.clock()) - (1 + n % ${DAYS}) * interval '1 day'
          + (n / ${DAYS})::float8 / ${Math.ceil(to / DAYS)} * interval '23 hours' as at) a
        cross join lateral (select case when n / ${DAYS} % 50 = 0 then 'FAILED' else 'SUCCEEDED' end as state) s,
        escapement.job j join escapement.job_version v on v.id = j.version_id
      where j.name = 'noop'`);
  }
  await ours.sql`vacuum analyze escapement.ended`;
  await ours.sql`checkpoint`;
  await pause(1_000);
}

async function claimAndSettle(ours: Ours): Promise<number> {
  await ours.producer.call("fill", { count: (CLAIMS + 30) * CLAIM_SIZE });
  const connection = new HttpConnection(ours.server.url, ours.workerToken);
  const durations = new Durations();
  let results: object[] = [];
  for (let n = 0; n < CLAIMS; n++) {
    if (n === 30) durations.reset();
    const claim = { executor: "growth", max: CLAIM_SIZE, waitSeconds: 0 };
    const beganMs = nowMs();
    const text = await connection.post("/v1/settle", JSON.stringify({ results, claim }));
    durations.since(beganMs);
    const { leases } = JSON.parse(text) as { leases: { id: string }[] };
    if (leases.length !== CLAIM_SIZE) throw new Error(`${leases.length} leases of ${CLAIM_SIZE}`);
    results = leases.map(({ id }) => ({ lease: id, outcome: "succeeded" }));
  }
  await connection.post("/v1/settle", JSON.stringify({ results }));
  connection.close();
  await ours.sql`truncate escapement.ready, escapement.lease`;
  return durations.spread().p50;
}

async function list(ours: Ours, filter: object | null): Promise<number> {
  const durations = new Durations();
  let after: string | null = null;
  for (let n = 0; n < LISTS; n++) {
    if (n === 20) durations.reset();
    const beganMs = nowMs();
    const { runs }: { runs: { edges: unknown[]; pageInfo: { endCursor: string } } } =
      await ours.server.graphql(LIST, { filter, after });
    durations.since(beganMs);
    if (runs.edges.length !== 50) throw new Error(`a page has ${runs.edges.length} runs`);
    // Two pages in turn: the newest and the one after it.
    after = after === null ? runs.pageInfo.endCursor : null;
  }
  return durations.spread().p50;
}

async function atSize(ours: Ours): Promise<Figures> {
  const figures: Figures = { claim: await claimAndSettle(ours) };
  for (const [key, { filter }] of Object.entries(QUESTIONS)) figures[key] = await list(ours, filter);
  return figures;
}

const name = (size: number): string => (size < 1_000_000 ? `${size / 1000}k` : `${size / 1_000_000}M`);

export const growth: Measure = {
  key: "growth",
  title: "cost as the history grows",
  rounds: () => 1,

  trials: ({ ours, effort }) => {
    const [first = 0, ...others] = sizes(effort);
    let smallest: Figures = {};
    const at = (size: number, before: number) => async (): Promise<Figures> => {
      await grow(ours, before, size);
      // The first figures are the yardstick: a server that has just started would make it too long.
      if (size === first) await atSize(ours);
      const figures = await atSize(ours);
      if (size === first) smallest = figures;
      if (size === sizes(effort).at(-1)) await ours.clean();
      const grown = Object.entries(figures).map(([key, ms]) => [
        `${key} grown`,
        ms / (smallest[key] ?? Number.NaN),
      ]);
      return { ...figures, ...Object.fromEntries(grown) };
    };
    return [first, ...others].map((size, index) => ({
      who: "ours",
      what: `ended ${size}`,
      run: at(size, sizes(effort)[index - 1] ?? 0),
    }));
  },

  rows: ({ effort }) =>
    [
      ["claim", "settle and claim 10"],
      ...Object.entries(QUESTIONS).map(([key, { title }]) => [key, title]),
    ].flatMap(([key = "", title]) =>
      sizes(effort).flatMap((size, index): Row[] => {
        const source = { who: "ours", what: `ended ${size}` };
        const plain: Row = {
          name: `${title}, ${name(size)} ended runs, p50`,
          unit: "ms",
          better: "less",
          ours: { ...source, figure: key },
          peers: {},
        };
        if (index === 0) return [plain];
        const grown: Row = {
          name: `${title}, ${name(size)} ÷ ${name(sizes(effort)[0] ?? 0)} ended runs`,
          unit: "×",
          better: "less",
          ours: { ...source, figure: `${key} grown` },
          peers: {},
          ...(index === sizes(effort).length - 1 && { goals: [{ atMost: 1.2 }] }),
        };
        return [plain, grown];
      }),
    ),
};
