/** Reads what is asked to start: names to ids, lengths and ranges checked, nothing written. */
import { createHash } from "node:crypto";
import { LIMITS } from "../../config.ts";
import { checkAffinity, gatesOf, withoutOverlap } from "../../core/gate.ts";
import { refuseNul } from "../../core/json.ts";
import { checkName, checkTags } from "../../core/name.ts";
import { checkLabels, narrowed, type Requirement, requirementText } from "../../core/placement.ts";
import { badInput, limitExceeded } from "../../core/rejection.ts";
import type { RetryPolicy } from "../../core/retry.ts";
import { placesIn } from "../../core/workflow/scope.ts";
import type { JobVersion } from "../../store/catalog.ts";
import type { EngineContext } from "../context.ts";
import type { StartItem, StartOptions } from "../engine.ts";

/** A run to be inserted: names resolved, limits checked. */
export interface NewRun {
  version: JobVersion;
  /** The version's, or one of its own when it asks for a certain executor. */
  queueId: number;
  priority: number;
  triggerId: number | null;
  parentId: string | null;
  runAt: number | null;
  delayMs: number | null;
  input: string | null;
  bytes: Buffer | null;
  tags: string[] | null;
  /** JSON text of core/gate's RunGate[]; null: it has none. */
  gates: string | null;
  /** Its own policy. */
  retry: RetryPolicy | null;
  /** How long after its scheduled time it may still start; null: however late. */
  skipAfterMs: number | null;
}

/** True when the input is kept beside the run instead of moving with it. */
export function isLarge(run: NewRun): boolean {
  return run.input !== null && Buffer.byteLength(run.input) > LIMITS.inlineInputBytes;
}

/** Years ahead are fine; what lies outside the calendar's four digits is a mistake. Throws BAD_INPUT. */
export function checkRunAt(at: number, field: string): void {
  if (at >= LIMITS.runAtFirst && at <= LIMITS.runAtLast) return;
  throw badInput(field, "must lie between the years 1970 and 9999");
}

/** An overlap policy is about a job's roots: parts do not stand in line behind them. */
export function becomePart(run: NewRun): void {
  run.gates = withoutOverlap(run.gates, run.version.gates) ?? (run.version.paused ? "[]" : null);
}

/** How long after their scheduled time runs of a job may still start; null: however late. */
export function skipAfterMs(version: JobVersion): number | null {
  return version.late === "SKIP" ? version.startDeadlineMs : null;
}

/** Where an item's member stands in the request, for rejections. */
export function fieldOf(options: StartOptions, at: number, name: string): string {
  if (options.placeOf) return `${options.placeOf(at)}.${name}`;
  return options.field === undefined ? name : `${options.field}[${at}].${name}`;
}

/** SHA-256 of what is asked: the same key with another request is a conflict. */
export function requestHash(items: StartItem[], ...more: unknown[][]): Buffer {
  const asked: unknown[][] = items.map((item) => [
    item.namespace,
    item.job,
    item.input ?? null,
    item.inputBytes?.toString("base64") ?? null,
    item.priority ?? null,
    item.runAt ?? null,
    item.delayMs ?? null,
    item.tags ?? null,
    item.after ?? null,
    // Keys of before these existed keep their meaning.
    ...(item.requires == null ? [] : [requirementText(item.requires)]),
    ...(item.rerunOf == null ? [] : [{ rerunOf: item.rerunOf }]),
    ...(item.affinity == null ? [] : [item.affinity.group, item.affinity.key]),
    ...(item.joins == null ? [] : [{ joins: item.joins }]),
    ...(item.retry == null ? [] : [{ retry: item.retry }]),
    ...(item.triggerId == null ? [] : [{ trigger: item.triggerId }]),
    ...(item.nominalAt == null ? [] : [{ nominalAt: item.nominalAt }]),
    ...(item.workflow == null ? [] : [{ workflow: item.workflow }]),
  ]);
  return createHash("sha256")
    .update(JSON.stringify(asked.concat(more)))
    .digest();
}

/** Throws NOT_FOUND, BAD_INPUT and LIMIT_EXCEEDED, naming the field. */
export async function resolveItems(
  context: EngineContext,
  items: StartItem[],
  options: StartOptions,
): Promise<NewRun[]> {
  const runs: NewRun[] = [];
  const particular: { run: NewRun; requirement: Requirement }[] = [];
  let at = 0;
  const field = (name: string) => fieldOf(options, at, name);
  // Long lists are of one job, mostly: what the item before asked for is not looked up again.
  let last: { item: StartItem; version: JobVersion } | null = null;
  for (; at < items.length; at++) {
    const item = items[at] as StartItem;
    if (last === null || item.job !== last.item.job || item.namespace !== last.item.namespace) {
      const namespaceId = await context.catalog.namespaceId(item.namespace, field("namespace"));
      last = { item, version: await context.catalog.currentVersion(namespaceId, item.job, field("job")) };
    }
    const { version } = last;
    if (item.input != null && item.inputBytes != null) {
      throw badInput(field("inputBytes"), "give either input or inputBytes, not both");
    }
    const size = item.inputBytes?.length ?? (item.input == null ? 0 : Buffer.byteLength(item.input));
    if (size > LIMITS.inputBytes) {
      throw limitExceeded(
        `the input has ${size} bytes; at most ${LIMITS.inputBytes} are allowed: put more into a file or a table and name it in the input`,
        field(item.inputBytes == null ? "input" : "inputBytes"),
      );
    }
    if (item.input != null) refuseNul(item.input, field("input"));
    if (item.priority != null && !(Number.isInteger(item.priority) && Math.abs(item.priority) <= 32_000)) {
      throw badInput(field("priority"), "must be a whole number from -32000 to 32000");
    }
    if (item.runAt != null && item.delayMs != null) {
      throw badInput(field("delay"), "give either runAt or delay, not both");
    }
    if (item.runAt != null) checkRunAt(item.runAt, field("runAt"));
    if (item.idempotencyKey != null && (item.idempotencyKey === "" || item.idempotencyKey.length > 200)) {
      throw badInput(field("idempotencyKey"), "must have 1 to 200 characters");
    }
    if (item.after != null && item.after.length > LIMITS.afterPerRun) {
      throw limitExceeded(`a run can wait for at most ${LIMITS.afterPerRun} others`, field("after"));
    }
    if (item.joins != null && item.joins.length > LIMITS.joinsPerRun) {
      throw limitExceeded(`a run can join at most ${LIMITS.joinsPerRun} others`, field("joins"));
    }
    checkWorkflowStart(version, item, field);
    const priority = item.priority ?? version.priority;
    const affinity =
      item.affinity == null
        ? null
        : {
            gateId: await context.catalog.affinityGate(version.namespaceId),
            value: checkAffinity(item.affinity, field("affinity")),
          };
    const json = item.inputBytes == null ? (item.input ?? version.input) : null;
    const gates =
      gatesOf(version.gates, priority, affinity, json, field("input")) ?? (version.paused ? [] : null);
    const run: NewRun = {
      version,
      queueId: version.queueId,
      priority,
      triggerId: item.triggerId ?? null,
      parentId: options.parentId ?? null,
      runAt: item.nominalAt ?? item.runAt ?? null,
      delayMs: item.delayMs ?? null,
      input: item.input ?? null,
      bytes: item.inputBytes ?? null,
      tags: item.tags == null ? null : checkTags(item.tags, field("tags")),
      gates: gates && JSON.stringify(gates),
      retry: item.retry ?? null,
      skipAfterMs: item.nominalAt == null ? skipAfterMs(version) : null,
    };
    if (item.part) becomePart(run);
    runs.push(run);
    if (item.requires != null) {
      particular.push({ run, requirement: narrowed(version.requirement, checked(item.requires, field)) });
    }
  }
  if (particular.length > 0) {
    const keys = particular.map(({ run: { version }, requirement }) => ({
      ...queueOf(version),
      requirement,
    }));
    const queueIds = await context.catalog.ensureQueues(keys);
    for (const [at, { run }] of particular.entries()) run.queueId = queueIds[at] ?? run.queueId;
  }
  for (const { queueId, priority } of runs) context.floors.expect(queueId, priority);
  return runs;
}

/** What only workflows can be asked for, and what they cannot take. */
function checkWorkflowStart(version: JobVersion, item: StartItem, field: (name: string) => string): void {
  if (version.workflow === null) {
    if (item.workflow != null)
      throw badInput(field("job"), `job "${version.job}" is no workflow: it has no nodes`);
    return;
  }
  if (item.inputBytes != null) {
    throw badInput(field("inputBytes"), "a workflow is started with parameters: give an object as input");
  }
  if (item.input != null && !/^\s*(\{|null)/.test(item.input)) {
    throw badInput(field("input"), "a workflow is started with parameters: it must be an object");
  }
  if (item.workflow?.nodes) placesIn(version.workflow, item.workflow.nodes, "ONLY", field("nodes"));
}

const queueOf = ({ namespaceId, group, type }: JobVersion) => ({ namespaceId, group, type });

function checked({ executor, labels }: Requirement, field: (name: string) => string): Requirement {
  return {
    ...(executor === undefined ? {} : { executor: checkName(executor, field("executor")) }),
    ...(labels === undefined ? {} : { labels: checkLabels(labels, field("requires")) }),
  };
}
