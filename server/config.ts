/** Every setting and every limit, each with its reason. With main.ts the only reader of the environment. */
import { resolve } from "node:path";
import { z } from "zod";
import { checkRetry, DEFAULT_RETRY, type RetryPolicy } from "./core/retry.ts";
import { readSecretKeys, type SecretKey } from "./core/secret.ts";

/** Limits that are the same everywhere; a value is changed here and nowhere else. */
export const LIMITS = {
  /** A request body: a list of 10,000 runs with small inputs fits, a mistake does not fill the memory. */
  bodyBytes: 16 * 1024 * 1024,
  /** A GraphQL document with its variables: `startRuns` lists are the large ones. */
  graphqlBodyBytes: 16 * 1024 * 1024,
  /** A run's input: more belongs into a file or a table that the input names. */
  inputBytes: 256 * 1024,
  /** Above this an input is written once and referenced, so that moving a run never copies it (PERFORMANCE 7). */
  inlineInputBytes: 2_000,
  /** What an attempt saves for the next one: a position or a list of keys; it moves with the run, so it stays small. */
  checkpointBytes: 64 * 1024,
  /** A run's output: what a dashboard shows and a dependent run reads; more belongs into an output file. */
  outputBytes: 256 * 1024,
  errorBytes: 64 * 1024,
  /** A secret: a password, a key, a certificate with its chain; more belongs where the worker reads it itself. */
  secretBytes: 16 * 1024,
  secretsPerNamespace: 5_000,
  /** Secrets that one input refers to: each is read and decrypted with every claim. */
  secretsPerInput: 100,
  /** Characters of an input with its secrets in it: few references can stand for a lot. */
  filledInputLength: 1024 * 1024,
  /** Secrets that one call encrypts anew, some 50 ms for each thousand, and those written by one statement. */
  secretsPerRotation: 5_000,
  secretBatch: 500,
  /** Log text per attempt; the last line then says that more was cut off. */
  logBytes: 10 * 1024 * 1024,
  /** A search in a log, and what one answer brings of it: a page of a dashboard, and the reader may go on. */
  logSearchLength: 200,
  logSearchLines: 1_000,
  logSearchBytes: 256 * 1024,
  /** One log append: workers flush far more often than this fills. */
  logAppendBytes: 1024 * 1024,
  /** One output file: of any size that fits into an S3 upload of 10,000 parts of 8 MiB (output-s3.ts), with some room. */
  fileBytes: 64 * 1024 * 1024 * 1024,
  filesPerRun: 1_000,
  /** Runs whose outputs are deleted at once, every two seconds: each is a folder to read and remove. */
  retentionBatch: 500,
  /** Runs that a job's retention can count: each is looked at once a minute. */
  retentionCount: 10_000,
  /** Runs in one request: one statement of this size takes some 50 ms. */
  runsPerRequest: 10_000,
  /**
   * Queues of one namespace for a certain executor or labels: executors that come and go under new names add up until
   * their queues are pruned, and once a second each is looked at.
   */
  askingQueues: 20_000,
  /** Epoch milliseconds between which a run can be scheduled: the years that a date can be written in. */
  runAtFirst: 0,
  runAtLast: Date.UTC(9999, 11, 31),
  /** Runs a new run may wait for. */
  afterPerRun: 1_000,
  /** Runs a join may name: as many as one request starts. */
  joinsPerRun: 10_000,
  /** A page of a join's results: what a worker holds in memory at once. */
  resultsPerPage: 1_000,
  resultsPageBytes: 4 * 1024 * 1024,
  /**
   * Items of one coalesced statement. Past this a statement gains little, and those whose runs it carries would all
   * wait for it together: smaller ones let claims and settles of different workers overlap (31 k → 54 k runs/s).
   */
  laneItems: 500,
  /** Requests queued for one lane before callers are told to come back: seconds of work, not minutes. */
  laneWaiting: 100_000,
  /** Rows of a GraphQL page. */
  pageSize: 200,
  graphqlDepth: 12,
  graphqlAliases: 30,
  graphqlTokens: 4_000,
  /** Fields times list sizes of one document. */
  graphqlComplexity: 20_000,
  /** Subscriptions of one WebSocket: a dashboard page uses three. */
  subscriptionsPerSocket: 20,
  /** Events held for one slow subscriber; the oldest go first, and it is told to re-read. */
  subscriberBacklog: 1_000,
  /** Task types that a namespace describes: a page of a dashboard lists them. */
  taskTypes: 500,
  /** Namespaces times types, or groups, of one claim: a parked poll is found under each. */
  pollKinds: 1_000,
  /** Long polls parked on one server, 20 kB each (PERFORMANCE 4.4). */
  parkedPolls: 20_000,
  waitSeconds: 60,
  /** Triggers promoted by one statement; the leader's row is locked for so long (RELIABILITY 2.4). */
  fireBatch: 500,
  /** Triggers read as due at once: several batches, of which one is decided while another is written. */
  fireRead: 4_000,
  /** Calendars that a trigger names, and those with all their bases: each is asked for each time of the schedule. */
  calendarsPerTrigger: 10,
  calendarChain: 20,
  /** Times of a schedule that one audit computes and looks up: some hundred milliseconds. */
  auditTimes: 50_000,
  /** 31 days of minutes. */
  forecastBuckets: 44_640,
  /** Times that one forecast computes, some two seconds of them; and the triggers it looks at. */
  forecastSteps: 1_000_000,
  forecastTriggers: 100_000,
  /** Dates of a backfill: ten years of hours, computed and written at once. */
  backfillDates: 100_000,
  /** Of these started by one statement. */
  backfillBatch: 500,
  releaseBatch: 1_000,
  /** Runs that one call of a change of many takes; the answer's cursor goes on. A second's work, not a minute's. */
  bulkRuns: 10_000,
  /** Of these, one statement's: what others wait for when they want one of its rows. */
  bulkBatch: 500,
  /** Over how long a change of many spreads their new times: longer than that is no way to wait out a busy service. */
  spreadMs: 24 * 3_600_000,
  /** Rows that one round of the gates' repair looks at in each of its walks: some 20 ms every three seconds. */
  repairPage: 5_000,
  expireBatch: 500,
  /** Maps whose parts one statement looks through: some 50 ms for each 10,000 of them. */
  concludeBatch: 10,
  /** Workflows that one transaction decides about: each may start some nodes, and their rows are locked meanwhile. */
  workflowBatch: 50,
  /** Runs of the control plane's own that one look of the repair goes through. */
  workflowPage: 1_000,
  /** Drafts of a namespace: they are listed at once. */
  drafts: 500,
  /** Dependent nodes that one look decides about; each asks for some runs of other jobs. */
  dependentBatch: 200,
  /** Changes made by the SQL functions that the leader tells of at once. */
  announceBatch: 1_000,
} as const;

/** Times that make the cluster's rhythm, in milliseconds. */
export const RHYTHM = {
  /** A lease without a heartbeat for so long is over. */
  leaseMs: 30_000,
  /** A cancelled run that still holds its lease after this loses it. */
  cancelGraceMs: 30_000,
  leaderTtlMs: 3_000,
  leaderRenewMs: 1_000,
  /** The leader stops trusting itself after this share of the TTL, counted from sending the renewal. */
  leaderTrust: 0.6,
  sweepMs: 1_000,
  /** A node that depends on runs of other jobs looks for them so often (DolphinScheduler D5). */
  dependentMs: 10_000,
  vacuumMs: 2_000,
  janitorMs: 60_000,
  /** A parked poll looks again after this, whatever the notifications say. */
  pollSafetyMs: 1_000,
  /** An executor that was not heard of for so long is shown as offline. */
  executorOfflineMs: 30_000,
  /** An executor's reported load counts for so long; workers report with each heartbeat, every 10 s. */
  loadMs: 30_000,
  /** A query without an answer after this is given up. */
  queryDeadlineMs: 10_000,
  /** A lease younger than this may be left out of an executor's list: its answer may still be on the way. */
  unnamedLeaseGraceMs: 5_000,
} as const;

/** Which rules of time zones this process knows: they come with Node.js. */
export const TIME_ZONE_DATA = process.versions.tz ?? "unknown";

/** How long history is kept, in days. */
export const RETENTION = {
  runDays: 30,
  occurrenceDays: 90,
  idempotencyDays: 7,
  taskTypeDays: 30,
  tallyHours: 26,
} as const;

const LOOPBACK = new Set(["127.0.0.1", "localhost", "::1"]);

const text = z.string().trim();
const schema = z.object({
  HOST: text.default("127.0.0.1"),
  PORT: z.coerce.number().int().min(0).max(65_535).default(4400),
  DATABASE_URL: text.optional(),
  ESCAPEMENT_DATA_DIR: text.default("./.escapement"),
  ESCAPEMENT_DEMO: z.enum(["0", "1"]).default("1"),
  ESCAPEMENT_TOKEN: z
    .string()
    .min(16, "must have at least 16 characters: it is the administrator's password")
    .optional(),
  ESCAPEMENT_HOSTS: text.default(""),
  ESCAPEMENT_POOL: z.coerce.number().int().min(3).max(200).default(10),
  ESCAPEMENT_RETRY: text.optional(),
  ESCAPEMENT_SECRET_KEY: text.optional(),
  ESCAPEMENT_OUTPUT_S3_URL: z
    .url({
      protocol: /^https?$/,
      error: "must be the bucket's address, such as https://s3.example.org/bucket",
    })
    .optional(),
  ESCAPEMENT_OUTPUT_S3_REGION: text.default("us-east-1"),
  ESCAPEMENT_OUTPUT_S3_KEY_ID: text.optional(),
  ESCAPEMENT_OUTPUT_S3_SECRET: text.optional(),
  ESCAPEMENT_LOG: z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).default("info"),
});

/** Where an S3-compatible service keeps outputs. */
export interface BucketSettings {
  /** The bucket's address, such as `https://s3.example.org/bucket`. */
  url: string;
  region: string;
  keyId: string;
  secret: string;
}

export interface Config {
  host: string;
  port: number;
  /** Unset: the embedded PostgreSQL. */
  databaseUrl: string | undefined;
  dataDir: string;
  demo: boolean;
  /** The bootstrap administrator's token; set, it turns authentication on. */
  adminToken: string | undefined;
  /** Host names besides loopback that requests may name: the defence against DNS rebinding. */
  allowedHosts: string[];
  poolSize: number;
  /** Unset: outputs are in the data folder. */
  outputBucket: BucketSettings | undefined;
  logLevel: string;
  /** Of jobs that say nothing about retries, in namespaces that say nothing either. */
  retry: RetryPolicy;
  /** The first encrypts secrets, all decrypt them; none: there can be no secrets. */
  secretKeys: SecretKey[];
}

/**
 * Reads the configuration from the environment.
 * @throws with one line per variable at fault; also when the host is not loopback and no token is set.
 */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `  ${issue.path.join(".")}: ${issue.message}`);
    throw new Error(`The configuration is not usable:\n${lines.join("\n")}`);
  }
  const value = parsed.data;
  if (!LOOPBACK.has(value.HOST) && value.ESCAPEMENT_TOKEN === undefined) {
    throw new Error(
      `HOST=${value.HOST} would open the server to the network without authentication. Set ESCAPEMENT_TOKEN, or use HOST=127.0.0.1.`,
    );
  }
  return {
    host: value.HOST,
    port: value.PORT,
    databaseUrl: value.DATABASE_URL,
    dataDir: resolve(value.ESCAPEMENT_DATA_DIR),
    demo: value.ESCAPEMENT_DEMO === "1",
    adminToken: value.ESCAPEMENT_TOKEN,
    allowedHosts: value.ESCAPEMENT_HOSTS.split(",")
      .map((host) => host.trim())
      .filter(Boolean),
    poolSize: value.ESCAPEMENT_POOL,
    outputBucket: bucketOf(value),
    logLevel: value.ESCAPEMENT_LOG,
    retry: readRetry(value.ESCAPEMENT_RETRY),
    secretKeys: readKeys(value.ESCAPEMENT_SECRET_KEY),
  };
}

function readKeys(text: string | undefined): SecretKey[] {
  try {
    return readSecretKeys(text, "ESCAPEMENT_SECRET_KEY");
  } catch (error) {
    throw new Error(`The configuration is not usable:\n  ESCAPEMENT_SECRET_KEY: ${(error as Error).message}`);
  }
}

const max = z.number().optional();
const duration = z.string().optional();
/** The API's RetryInput; `checkRetry` knows the ranges. */
const retry = z.strictObject({
  off: z.literal(true).optional(),
  fixed: z.strictObject({ delay: duration, max, maxElapsed: duration }).optional(),
  backoff: z
    .strictObject({
      initialDelay: duration,
      delay: duration,
      factor: z.number().optional(),
      cap: duration,
      max,
      maxElapsed: duration,
      jitter: z.number().optional(),
    })
    .optional(),
});

/** RetryInput as JSON, such as `{"fixed": {"delay": "PT1M", "max": 5}}`. */
function readRetry(text: string | undefined): RetryPolicy {
  if (text === undefined) return DEFAULT_RETRY;
  try {
    return checkRetry(retry.parse(JSON.parse(text)), "ESCAPEMENT_RETRY") ?? DEFAULT_RETRY;
  } catch (error) {
    const [issue] = error instanceof z.ZodError ? error.issues : [];
    const reason = issue ? `${issue.path.join(".")}: ${issue.message}` : (error as Error).message;
    throw new Error(
      `The configuration is not usable:\n  ESCAPEMENT_RETRY: ${reason}; write it like {"backoff": {"max": 5}} or {"off": true}`,
    );
  }
}

function bucketOf(value: z.infer<typeof schema>): BucketSettings | undefined {
  const {
    ESCAPEMENT_OUTPUT_S3_URL: url,
    ESCAPEMENT_OUTPUT_S3_REGION: region,
    ESCAPEMENT_OUTPUT_S3_KEY_ID: keyId,
    ESCAPEMENT_OUTPUT_S3_SECRET: secret,
  } = value;
  if (url === undefined && keyId === undefined && secret === undefined) return undefined;
  if (url === undefined || keyId === undefined || secret === undefined) {
    throw new Error(
      "ESCAPEMENT_OUTPUT_S3_URL, ESCAPEMENT_OUTPUT_S3_KEY_ID and ESCAPEMENT_OUTPUT_S3_SECRET belong together: set all three, or none to keep outputs in the data folder.",
    );
  }
  return { url, region, keyId, secret };
}
