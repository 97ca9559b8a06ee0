/**
 * Reading by id: what is asked for in the same moment, by whichever request, is read in one query. Nothing is kept, so
 * nothing is stale; whether the caller may see what was read is for the resolver to check.
 */
import DataLoader from "dataloader";
import type { Step } from "../core/execution.ts";
import {
  type Backfill,
  type Progress,
  readBackfills,
  readBackfillsOfRuns,
  readProgress,
} from "../store/backfills.ts";
import { type Calendar, readCalendars, readTriggerCalendars } from "../store/calendars.ts";
import type { Sql } from "../store/connection.ts";
import { readDead } from "../store/dead-letters.ts";
import { type Executor, readExecutors, readRunningCounts } from "../store/executors.ts";
import { type Job, type JobActivity, readJobActivity, readJobs } from "../store/jobs.ts";
import { type Redrive, readOrigins, readRedrives, readReruns } from "../store/lineage.ts";
import { readParts, readReduces } from "../store/parts.ts";
import { type Pause, readJobPauses, readPauses } from "../store/pauses.ts";
import {
  type Attempt,
  type GateHold,
  type Payload,
  type Run,
  type RunExtras,
  readAttempts,
  readDependencies,
  readExtras,
  readGateHolds,
  readOutputBytes,
  readOutputs,
  readPayloads,
  readRuns,
} from "../store/runs.ts";
import { readTriggerPauses, type TriggerPause } from "../store/trigger-scopes.ts";
import { readTriggers, type Trigger } from "../store/triggers.ts";
import { readWorkflowRuns, type WorkflowRun } from "../store/workflow-runs.ts";

/** Null when there is no such thing. */
type Load<Key, Value> = (key: Key) => Promise<Value | null>;

export interface Loaders {
  job: Load<number, Job>;
  jobActivity: Load<number, JobActivity>;
  trigger: Load<number, Trigger>;
  /** The narrowest first. */
  triggerPauses: Load<number, TriggerPause[]>;
  /** The ids of the calendars that a trigger names. */
  triggerCalendars: Load<number, number[]>;
  calendar: Load<number, Calendar>;
  backfill: Load<number, Backfill>;
  backfillProgress: Load<number, Progress>;
  /** The id of the backfill that started a run. */
  backfillOfRun: Load<string, number>;
  run: Load<string, Run>;
  /** Of a workflow's run that has begun. */
  workflowRun: Load<string, WorkflowRun>;
  /** Outputs that did not come with their run. */
  output: Load<string, string>;
  outputBytes: Load<string, Buffer>;
  payload: Load<string, Payload>;
  extras: Load<string, RunExtras>;
  attempts: Load<string, Attempt[]>;
  dependencies: Load<string, string[]>;
  /** PART or REDUCE; null for others. */
  step: Load<string, Step>;
  /** The id of a root's reduce. */
  reduce: Load<string, string>;
  /** True for dead letters, null for others. */
  dead: Load<string, true>;
  redrives: Load<string, Redrive[]>;
  gateHold: Load<string, GateHold>;
  pause: Load<string, Pause>;
  jobPause: Load<number, Pause>;
  rerunOf: Load<string, string>;
  reruns: Load<string, string[]>;
  executor: Load<number, Executor>;
  runningCount: Load<number, number>;
}

/** Keys of one query; past this nothing is gained. */
const BATCH = 1_000;

function batched<Key, Value>(read: (keys: Key[]) => Promise<Map<Key, Value>>): Load<Key, Value> {
  const loader = new DataLoader<Key, Value | null>(
    async (keys) => {
      const found = await read([...new Set(keys)]);
      return keys.map((key) => found.get(key) ?? null);
    },
    { cache: false, maxBatchSize: BATCH },
  );
  return (key) => loader.load(key);
}

function byId<Key, Value extends { id: Key }>(
  read: (sql: Sql, keys: Key[]) => Promise<Value[]>,
  sql: Sql,
): Load<Key, Value> {
  return batched(async (keys) => new Map((await read(sql, keys)).map((value) => [value.id, value])));
}

export function createLoaders(sql: Sql): Loaders {
  return {
    job: byId(readJobs, sql),
    jobActivity: batched((ids) => readJobActivity(sql, ids)),
    trigger: byId(readTriggers, sql),
    triggerPauses: batched((ids) => readTriggerPauses(sql, ids)),
    triggerCalendars: batched((ids) => readTriggerCalendars(sql, ids)),
    calendar: byId(readCalendars, sql),
    backfill: byId(readBackfills, sql),
    backfillProgress: batched((ids) => readProgress(sql, ids)),
    backfillOfRun: batched((ids) => readBackfillsOfRuns(sql, ids)),
    run: byId(readRuns, sql),
    workflowRun: batched((ids) => readWorkflowRuns(sql, ids)),
    output: batched((ids) => readOutputs(sql, ids)),
    outputBytes: batched((ids) => readOutputBytes(sql, ids)),
    payload: batched((ids) => readPayloads(sql, ids)),
    extras: batched((ids) => readExtras(sql, ids)),
    attempts: batched((ids) => readAttempts(sql, ids)),
    dependencies: batched((ids) => readDependencies(sql, ids)),
    step: batched((ids) => readParts(sql, ids)),
    reduce: batched((ids) => readReduces(sql, ids)),
    dead: batched((ids) => readDead(sql, ids)),
    redrives: batched((ids) => readRedrives(sql, ids)),
    rerunOf: batched((ids) => readOrigins(sql, ids)),
    reruns: batched((ids) => readReruns(sql, ids)),
    gateHold: batched((ids) => readGateHolds(sql, ids)),
    pause: batched((ids) => readPauses(sql, ids)),
    jobPause: batched((ids) => readJobPauses(sql, ids)),
    executor: byId(readExecutors, sql),
    runningCount: batched((ids) => readRunningCounts(sql, ids)),
  };
}
