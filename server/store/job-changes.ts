/** The changes of jobs: created, patched, deleted. A change makes a new version; runs keep the one they started with. */
import { isDeepStrictEqual } from "node:util";
import { durationMs } from "../core/duration.ts";
import type { Execution } from "../core/execution.ts";
import { checkKeyLimit, checkLimit, type KeyLimit, type OverlapPolicy, UNLIMITED } from "../core/gate.ts";
import { checkName, checkTags } from "../core/name.ts";
import { checkLabels, sortedLabels } from "../core/placement.ts";
import { checkRate, type RateInput } from "../core/rate.ts";
import { badInput, conflict, notFound, unavailable } from "../core/rejection.ts";
import { checkRetention, type RetentionInput } from "../core/retention.ts";
import { checkRetry, type RetryInput } from "../core/retry.ts";
import type { LatePolicy } from "../core/run.ts";
import { checkUnique, type UniqueInput } from "../core/unique.ts";
import { checkWorkflow, type WorkflowInput } from "../core/workflow/check.ts";
import type { NodeDefaults } from "../core/workflow/graph.ts";
import { workflowTimeout } from "../core/workflow/placement.ts";
import { guarded, type Sql } from "./connection.ts";
import { checkInput, checkPriority, checkText, type Definitions, KEEPABLE, TRIES } from "./definitions.ts";
import { nodesOf, pausedIn, queueOf, queuesOf } from "./job-nodes.ts";
import { findJob, type Job, type JobContent, readJobs } from "./jobs.ts";
import type { Fragment } from "./page.ts";

type Optional<T> = { [K in keyof T]?: T[K] | null | undefined };

/** The API's words: durations are ISO 8601 text, `input` is JSON text. What is absent or null takes its default. */
export type JobInput = { name: string } & JobPatch;

/** What is absent stays as it is; null clears description, input, limits, retention and unique, and else stands for "absent". */
export type JobPatch = Optional<{
  description: string;
  tags: string[];
  type: string;
  group: string;
  /** JSON text of an object of texts. */
  requires: string;
  input: string;
  priority: number;
  retry: RetryInput;
  timeout: string;
  startDeadline: string;
  deadLetter: boolean;
  execution: Execution;
  overlap: OverlapPolicy;
  /** Null clears it: no limit. */
  maxParallel: number;
  /** Null clears it: no limit. */
  maxParallelPerKey: KeyLimit;
  /** Null clears it: as fast as can be. */
  rate: RateInput;
  retention: RetentionInput;
  late: LatePolicy;
  unique: UniqueInput;
  /** Instead of `type`. */
  workflow: WorkflowInput;
}>;

const DEFAULTS: JobContent = {
  description: null,
  type: null,
  tags: [],
  group: "default",
  requires: null,
  input: null,
  priority: 5,
  retry: null,
  timeoutMs: 300_000,
  startDeadlineMs: 900_000,
  deadLetter: true,
  execution: "SINGLE",
  overlap: "PARALLEL",
  maxParallel: null,
  maxParallelPerKey: null,
  rate: null,
  retention: null,
  late: "RUN",
  unique: null,
  workflow: null,
};

/** How a change is to be made. */
export interface JobChange {
  /** Only if the job has this version. */
  version?: number | null | undefined;
  /** Say what it would be, and change nothing. */
  dryRun?: boolean | undefined;
}

/** Throws BAD_INPUT and LIMIT_EXCEEDED naming the field, CONFLICT when the name is taken. */
export async function createJob(
  definitions: Definitions,
  namespaceId: number,
  input: JobInput,
  { dryRun = false }: Pick<JobChange, "dryRun"> = {},
): Promise<Job> {
  const { sql } = definitions;
  const name = checkName(input.name, "name");
  const content = checkJob(input);
  if (dryRun) {
    if (await findJob(sql, namespaceId, name)) throw nameTaken(name);
    return unborn(namespaceId, name, content);
  }
  const [created] = await sql<{ id: number }[]>`
    with queue as (${queuesOf(sql, namespaceId, content)}),
    job as (
      insert into escapement.job (namespace_id, name, description, tags, retention, paused, version_id)
      values (${namespaceId}, ${name}, ${content.description}, ${content.tags}::text[],
        ${retentionOf(sql, content)}, ${pausedIn(sql, namespaceId, queueOf(content).group, null)}, nextval('escapement.job_version_id_seq'))
      on conflict (namespace_id, name) where deleted_at is null do nothing
      returning id, version_id, version
    ),
    version as (${versionOf(sql, content)}),
    gate as (${gatesOf(sql, namespaceId, content)}),
    ${nodesOf(sql, namespaceId, name, content)}
    select id from job`;
  if (!created) throw nameTaken(name);
  return announced(definitions, created.id);
}

const nameTaken = (name: string) =>
  conflict(`there is already a job "${name}"; choose another name or update that one`, "name");

/** The job that there would be. */
function unborn(namespaceId: number, name: string, content: JobContent): Job {
  const at = new Date(0);
  return {
    ...content,
    id: 0,
    namespaceId,
    name,
    version: 1,
    createdAt: at,
    updatedAt: at,
    namespaceRetry: null,
    deletedAt: null,
    workflowId: null,
    node: null,
  };
}

/** What a job would be made of. Throws BAD_INPUT and LIMIT_EXCEEDED naming the field. */
export function checkJob(input: JobInput): JobContent {
  if ((input.type == null) === (input.workflow == null)) {
    throw badInput("type", "give either a type, for a task, or a workflow");
  }
  return patched(DEFAULTS, input);
}

/**
 * Throws as `createJob` does, NOT_FOUND, and CONFLICT when the job has another version. A patch that changes nothing makes
 * no version.
 */
export async function updateJob(
  definitions: Definitions,
  namespaceId: number,
  name: string,
  patch: JobPatch,
  how: JobChange = {},
): Promise<Job> {
  return await change(definitions, namespaceId, name, how, (job) => patched(job, patch));
}

/** The same; what the input does not say is as in a new job. */
export async function replaceJob(
  definitions: Definitions,
  namespaceId: number,
  input: JobInput,
): Promise<Job> {
  return await change(definitions, namespaceId, input.name, {}, () => checkJob(input));
}

async function change(
  definitions: Definitions,
  namespaceId: number,
  name: string,
  { version, dryRun = false }: JobChange,
  changed: (job: Job) => JobContent,
): Promise<Job> {
  const { sql } = definitions;
  for (let tries = 0; tries < TRIES; tries++) {
    const job = await findJob(sql, namespaceId, name);
    if (!job) throw notFound(`job "${name}"`, "name");
    refuseNode(job);
    if (version != null && version !== job.version) {
      throw conflict(`the job has version ${job.version} by now; look at it again`, "version");
    }
    const content = changed(job);
    if (sameContent(job, content)) return job;
    if (dryRun) return { ...job, ...content, version: job.version + 1 };
    const [updated] = await sql<{ id: number }[]>`
      with queue as (${queuesOf(sql, namespaceId, content)}),
      job as (
        update escapement.job set
          description = ${content.description}, tags = ${content.tags}::text[],
          retention = ${retentionOf(sql, content)}, paused = ${pausedIn(sql, namespaceId, queueOf(content).group, job.id)},
          version_id = nextval('escapement.job_version_id_seq'), version = version + 1,
          updated_at = escapement.clock()
        where id = ${job.id} and version = ${job.version} and deleted_at is null
        returning id, version_id, version
      ),
      version as (${versionOf(sql, content)}),
      gate as (${gatesOf(sql, namespaceId, content)}),
      ${nodesOf(sql, namespaceId, name, content)}
      select id from job`;
    if (updated) return announced(definitions, updated.id);
  }
  throw unavailable("the job keeps changing; retry in a moment");
}

/**
 * Runs that have begun go on with the version they have. Its triggers go with it, or, if they are to be kept, are in error
 * until they are reset to a new job of that name or given another one. Throws NOT_FOUND.
 */
export async function deleteJob(
  { sql, catalog, channel }: Definitions,
  namespaceId: number,
  name: string,
  keepTriggers = false,
): Promise<void> {
  const deleted = await guarded(sql, async (transaction) => {
    const [job] = await transaction<{ id: number }[]>`
      update escapement.job set deleted_at = escapement.clock()
      where namespace_id = ${namespaceId} and name = ${name} and deleted_at is null and workflow_id is null
      returning id`;
    if (!job) throw notFound(`job "${name}"`, "name");
    await transaction`
      update escapement.job set deleted_at = escapement.clock() where workflow_id = ${job.id} and deleted_at is null`;
    // A statement of its own sees the trigger that somebody created while the first one waited for the job's row.
    const triggers = keepTriggers
      ? await transaction<{ id: number }[]>`
          update escapement.trigger set state = 'ERROR', reason = ${`its job "${name}" was deleted`}, next_at = null,
            blocked_by = null, version = version + 1, updated_at = escapement.clock()
          where job_id = ${job.id} returning id`
      : await transaction<{ id: number }[]>`
          with gone as (delete from escapement.trigger where job_id = ${job.id} returning id),
          unpaused as (
            delete from escapement.trigger_pause p using gone
            where p.namespace_id = ${namespaceId} and p.kind = 'TRIGGER' and p.target = gone.id::text
          )
          select id from gone`;
    await transaction`
      delete from escapement.trigger_pause
      where namespace_id = ${namespaceId} and kind = 'JOB' and target = ${String(job.id)}`;
    return { id: job.id, triggers };
  });
  catalog.forget();
  channel.publish([
    { kind: "job", id: deleted.id, namespaceId },
    ...deleted.triggers.map(({ id }) => ({ kind: "trigger" as const, id, namespaceId })),
  ]);
}

/** The content that `patch` leads to. Throws BAD_INPUT naming the field. */
function patched(content: JobContent, patch: JobPatch): JobContent {
  const {
    description,
    tags,
    type,
    group,
    requires,
    input,
    priority,
    retry,
    timeout,
    startDeadline,
    deadLetter,
    execution,
    overlap,
    maxParallel,
    maxParallelPerKey,
    rate,
    retention,
    late,
    unique,
    workflow,
  } = patch;
  if (type != null && workflow != null)
    throw badInput("workflow", "give either a type or a workflow, not both");
  const changed: JobContent = {
    workflow: null,
    description:
      description == null ? keep(description, content.description) : checkText(description, "description"),
    tags: tags == null ? content.tags : checkTags(tags),
    type: workflow != null ? null : type == null ? content.type : checkName(type, "type"),
    group: group == null ? content.group : checkName(group, "group"),
    requires:
      requires == null
        ? keep(requires, content.requires)
        : sortedLabels(checkLabels(JSON.parse(requires), "requires")),
    input: input == null ? keep(input, content.input) : checkInput(input),
    priority: priority == null ? content.priority : checkPriority(priority),
    retry: retry == null ? content.retry : checkRetry(retry),
    timeoutMs: timeout == null ? content.timeoutMs : positiveMs(timeout, "timeout"),
    startDeadlineMs:
      startDeadline == null ? content.startDeadlineMs : positiveMs(startDeadline, "startDeadline"),
    deadLetter: deadLetter ?? content.deadLetter,
    execution: execution ?? content.execution,
    overlap: overlap ?? content.overlap,
    maxParallel:
      maxParallel == null ? keep(maxParallel, content.maxParallel) : checkLimit(maxParallel, "maxParallel"),
    maxParallelPerKey:
      maxParallelPerKey == null
        ? keep(maxParallelPerKey, content.maxParallelPerKey)
        : checkKeyLimit(maxParallelPerKey, "maxParallelPerKey"),
    rate: rate == null ? keep(rate, content.rate) : checkRate(rate, "rate"),
    retention: retention == null ? keep(retention, content.retention) : checkRetention(retention, KEEPABLE),
    late: late ?? content.late,
    unique: unique == null ? keep(unique, content.unique) : checkUnique(unique),
  };
  if (changed.type !== null) return changed;
  if (changed.execution !== "SINGLE")
    throw badInput("execution", "a workflow is SINGLE: its graph says the rest");
  const kept = content.workflow && { ...content.workflow, defaults: defaultsOf(changed) };
  return { ...changed, workflow: workflow == null ? kept : checkWorkflow(workflow, defaultsOf(changed)) };
}

/** What its nodes are given that say nothing themselves. */
const defaultsOf = ({ group, requires, retry, timeoutMs }: JobContent): NodeDefaults => ({
  group,
  requires,
  retry,
  timeoutMs,
});

function refuseNode({ name, node }: Job): void {
  if (node === null) return;
  throw badInput("name", `"${name}" is a node; change the workflow that it is in`);
}

const keep = <Value>(given: null | undefined, before: Value | null): Value | null =>
  given === null ? null : before;

function positiveMs(text: string, field: string): number {
  const ms = durationMs(text, field);
  if (ms <= 0) throw badInput(field, "must be longer than zero");
  return ms;
}

/** The database keeps the members of its objects in an order of its own. */
function sameContent(job: JobContent, content: JobContent): boolean {
  const plain = (one: JobContent) =>
    JSON.parse(
      JSON.stringify(
        Object.fromEntries(Object.keys(content).map((key) => [key, one[key as keyof JobContent]])),
      ),
    );
  return isDeepStrictEqual(plain(job), plain(content));
}

/** Of the job itself and not of its version: it holds for the runs that there are. */
function retentionOf(sql: Sql, { retention }: JobContent): Fragment {
  return sql`${retention && sql.json({ ...retention })}::jsonb`;
}

/** The version row that the `job` before it names. */
function versionOf(sql: Sql, content: JobContent): Fragment {
  const queue = queueOf(content);
  const { timeoutMs, warnMs } = content.workflow
    ? workflowTimeout(content.workflow)
    : { ...content, warnMs: null };
  return sql`
    insert into escapement.job_version
      (id, job_id, version, queue_id, input, priority, retry, timeout_ms, start_deadline_ms,
        dead_letter, overlap, max_parallel, max_parallel_per_key, rate, late, "unique", execution, workflow, warn_ms)
    overriding system value
    select job.version_id, job.id, job.version, queue.id, ${content.input}, ${content.priority}::smallint,
      ${content.retry && sql.json(content.retry)}::jsonb, ${timeoutMs}::bigint, ${content.startDeadlineMs}::bigint,
      ${content.deadLetter}::boolean, ${content.overlap}, ${content.maxParallel}::int,
      ${content.maxParallelPerKey && sql.json({ ...content.maxParallelPerKey })}::jsonb,
      ${content.rate && sql.json({ ...content.rate })}::jsonb, ${content.late},
      ${content.unique && sql.json(content.unique)}::jsonb,
      ${content.execution}, ${content.workflow && JSON.stringify(content.workflow)}, ${warnMs}::bigint
    from job join queue on queue."group" = ${queue.group} and queue.type = ${queue.type}
      and queue.requirement = ${queue.requirement}::text::jsonb`;
}

/**
 * The gates of the `job` before it, which all its versions share. One that is not wanted any more lets everybody in
 * who still stands there.
 */
function gatesOf(
  sql: Sql,
  namespaceId: number,
  { overlap, maxParallel, maxParallelPerKey, rate }: JobContent,
): Fragment {
  const serial = overlap !== "PARALLEL";
  return sql`
    insert into escapement.gate (namespace_id, name, kind, job_id, capacity, policy, every_ms)
    select ${namespaceId}, 'job/' || job.id || '/' || g.kind, g.kind, job.id, g.capacity, g.policy, g.every_ms
    from job cross join (values
      ('OVERLAP', ${serial ? 1 : UNLIMITED}::int, ${serial ? overlap : null}::text, null::bigint),
      ('KEY_CONCURRENCY', ${maxParallelPerKey?.max ?? UNLIMITED}::int, null, null),
      ('CONCURRENCY', ${maxParallel ?? UNLIMITED}::int, null, null),
      ('RATE', ${rate?.max ?? UNLIMITED}::int, null, ${rate?.everyMs ?? null}::bigint)
    ) as g(kind, capacity, policy, every_ms)
    where g.capacity < ${UNLIMITED} or exists (select from escapement.gate known where known.job_id = job.id and known.kind = g.kind)
    on conflict (namespace_id, name) do update set capacity = excluded.capacity, policy = excluded.policy,
      every_ms = excluded.every_ms`;
}

/** Tells everybody, this server first: it answers for the job at once. */
async function announced({ sql, catalog, channel }: Definitions, id: number): Promise<Job> {
  catalog.forget();
  const [[job]] = await Promise.all([readJobs(sql, [id]), catalog.refreshQueues()]);
  if (!job) throw notFound("such job any more", "name");
  channel.publish([{ kind: "job", id, namespaceId: job.namespaceId }]);
  return job;
}
