/**
 * What subscriptions send: changes, read together as they come, each thing as it is now. A run is shown in the state
 * that its event tells of, so that no state is passed over because the reader was slower than the run.
 */
import { asOf, isEnded, type RunState } from "../core/run.ts";
import type { Change, Channel } from "../store/channel.ts";
import type { Sql } from "../store/connection.ts";
import { type Executor, listExecutors } from "../store/executors.ts";
import { type Job, listJobs } from "../store/jobs.ts";
import type { LogFilter } from "../store/output-log-search.ts";
import type { Outputs } from "../store/outputs.ts";
import type { Overview, Overviews } from "../store/overview.ts";
import { listRuns } from "../store/run-list.ts";
import type { Run } from "../store/runs.ts";
import type { Tokens } from "../store/tokens.ts";
import { listTriggers, type Trigger } from "../store/triggers.ts";
import type { Caller } from "./context.ts";
import { createFeeds, type Feed, topicOf, topicOfRun } from "./feed.ts";
import type { Loaders } from "./loaders.ts";
import { type LogChunk, tailLog } from "./log.ts";

type Stream<Value> = AsyncIterableIterator<Value>;

export interface RunScope {
  /** Null: every namespace. */
  namespaceId: number | null;
  id?: string | null | undefined;
  /** The job's name. */
  job?: string | null | undefined;
}

/** Every stream ends when its reader returns it, and with UNAUTHENTICATED when the reader's token is over. */
export interface Live {
  runs(caller: Caller, scope: RunScope): Stream<Run>;
  jobs(caller: Caller, namespaceId: number | null): Stream<Job>;
  triggers(caller: Caller, namespaceId: number | null): Stream<Trigger>;
  executors(caller: Caller, namespaceId: number | null): Stream<Executor>;
  overviews(caller: Caller, namespaceId: number | null): Stream<Overview>;
  /** What is there after `from`, and then what comes, until the run has ended. */
  log(
    caller: Caller,
    runId: string,
    from: { attempt: number; offset: number } | null,
    filter: LogFilter,
  ): Stream<LogChunk>;
  close(): void;
}

interface LiveParts {
  sql: Sql;
  channel: Channel;
  tokens: Tokens;
  load: Loaders;
  overviews: Overviews;
  outputs: Outputs;
}

/** After lost notifications so many of each list are read again. */
const RESYNC_PAGE = { first: 100 };

export function createLive({ sql, channel, tokens, load, overviews, outputs }: LiveParts): Live {
  const feeds = createFeeds(channel, tokens);
  const stream = <Value>(caller: Caller, topics: string[], read: (feed: Feed) => AsyncGenerator<Value>) => {
    const feed = feeds.open(caller, topics);
    return closing(read(feed), feed);
  };

  return {
    runs: (caller, scope) => {
      const topic = scope.id == null ? topicOf("run", scope.namespaceId) : topicOfRun("run", scope.id);
      return stream(caller, [topic], (feed) => runs(feed, scope, load, sql));
    },
    jobs: (caller, namespaceId) =>
      stream(caller, [topicOf("job", namespaceId)], (feed) =>
        things(feed, "job", load.job, () => listJobs(sql, namespaceId, {}, RESYNC_PAGE)),
      ),
    triggers: (caller, namespaceId) =>
      stream(caller, [topicOf("trigger", namespaceId)], (feed) =>
        things(feed, "trigger", load.trigger, () => listTriggers(sql, namespaceId, {}, RESYNC_PAGE)),
      ),
    executors: (caller, namespaceId) =>
      stream(caller, [topicOf("executor", namespaceId)], (feed) =>
        things(feed, "executor", load.executor, () => listExecutors(sql, namespaceId, {}, RESYNC_PAGE)),
      ),
    overviews: (caller, namespaceId) =>
      stream(
        caller,
        (["run", "trigger", "executor"] as const).map((kind) => topicOf(kind, namespaceId)),
        (feed) => changingOverviews(feed, () => overviews.read(namespaceId)),
      ),
    log: (caller, runId, from, filter) =>
      stream(caller, [topicOfRun("log", runId), topicOfRun("run", runId)], (feed) =>
        tailLog(feed, outputs, runId, from, filter, () => load.run(runId)),
      ),
    close: () => feeds.close(),
  };
}

/** A generator that has not begun would not notice its return, and one that waits would notice it late. */
function closing<Value>(generator: AsyncGenerator<Value>, feed: Feed): Stream<Value> {
  const stream: Stream<Value> = {
    next: () => generator.next(),
    return: () => {
      feed.close();
      return generator.return(undefined);
    },
    throw: (error) => {
      feed.close();
      return generator.throw(error);
    },
    [Symbol.asyncIterator]: () => stream,
  };
  return stream;
}

async function* runs(feed: Feed, scope: RunScope, load: Loaders, sql: Sql): AsyncGenerator<Run> {
  const wanted = jobFilter(scope, load);
  for (let batch = await feed.next(); batch !== null; batch = await feed.next()) {
    const changes = batch.changes.filter((change) => change.kind === "run");
    const kept = await Promise.all(changes.map(wanted));
    const shown = changes.filter((_, at) => kept[at]);
    const found = await Promise.all(shown.map(({ id }) => load.run(id)));
    for (const [at, { state }] of shown.entries()) {
      const run = found[at];
      if (run) yield inState(run, state);
    }
    if (batch.resync) yield* await reread(scope, load, sql);
  }
}

async function reread({ id, namespaceId, job }: RunScope, load: Loaders, sql: Sql): Promise<Run[]> {
  if (id == null) return (await listRuns(sql, namespaceId, { job }, RESYNC_PAGE)).rows.reverse();
  const run = await load.run(id);
  return run ? [run] : [];
}

/** Whether a change is of a job of the name. Jobs keep their names, so each is looked up once. */
function jobFilter({ namespaceId, job }: RunScope, load: Loaders) {
  const names = new Map<number, Promise<string | undefined>>();
  return async (change: Extract<Change, { kind: "run" }>): Promise<boolean> => {
    if (namespaceId !== null && change.namespaceId !== namespaceId) return false;
    if (job == null) return true;
    const name = names.get(change.jobId) ?? load.job(change.jobId).then((found) => found?.name);
    names.set(change.jobId, name);
    return (await name) === job;
  };
}

/** The run as it was when it came into `state`. */
function inState(run: Run, state: RunState): Run {
  if (run.state === state) return run;
  const earlier = asOf(run, state);
  // The attempt that had not begun then is the one that is blanked; there may have been some before it.
  const attempt = earlier.attempt ?? Math.max(0, (run.attempt ?? 0) - 1);
  return { ...earlier, attempt, longOutput: run.longOutput && isEnded(state) };
}

async function* things<Thing>(
  feed: Feed,
  kind: "job" | "trigger" | "executor",
  load: (id: number) => Promise<Thing | null>,
  list: () => Promise<{ rows: Thing[] }>,
): AsyncGenerator<Thing> {
  for (let batch = await feed.next(); batch !== null; batch = await feed.next()) {
    const ids = new Set(batch.changes.flatMap((change) => (change.kind === kind ? [change.id] : [])));
    const found = await Promise.all([...ids].map((id) => load(id)));
    for (const thing of found) if (thing) yield thing;
    if (batch.resync) yield* (await list()).rows;
  }
}

const OVERVIEW_EVERY_MS = 1_000;
/** Rates fall and lateness grows while nothing happens. */
const OVERVIEW_IDLE_MS = 5_000;

async function* changingOverviews(feed: Feed, read: () => Promise<Overview>): AsyncGenerator<Overview> {
  for (let before = ""; ; ) {
    const readAt = performance.now();
    const overview = await read();
    const content = JSON.stringify({ ...overview, at: null });
    if (content !== before) yield overview;
    before = content;
    if ((await feed.next(OVERVIEW_IDLE_MS)) === null) return;
    for (let left = 1; left > 0; ) {
      left = readAt + OVERVIEW_EVERY_MS - performance.now();
      if (left > 0 && (await feed.next(left)) === null) return;
    }
  }
}
