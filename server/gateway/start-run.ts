/** A run to start as the protocol writes it, to what the engine takes. */
import type { StartRun, RetryPolicy as WireRetry } from "../../worker/protocol.ts";
import { LIMITS } from "../config.ts";
import { formatDuration } from "../core/duration.ts";
import { checkName } from "../core/name.ts";
import { checkLabels } from "../core/placement.ts";
import { badInput } from "../core/rejection.ts";
import { checkRetry, type RetryInput } from "../core/retry.ts";
import type { StartItem } from "../engine/engine.ts";
import { bytesOf, jsonText } from "./body.ts";

/** `field` is where the run stands in the request. @throws BAD_INPUT, TooLarge */
export function startItem(run: StartRun, namespace: string, field: string): StartItem {
  const { job, input, inputBase64, runAt, delaySeconds } = run;
  if (input !== undefined && inputBase64 !== undefined) {
    throw badInput(`${field}.inputBase64`, "give either input or inputBase64, not both");
  }
  if (runAt !== undefined && delaySeconds !== undefined) {
    throw badInput(`${field}.delaySeconds`, "give either runAt or delaySeconds, not both");
  }
  const item: StartItem = { namespace, job: checkName(job, `${field}.job`) };
  if (input !== undefined) item.input = jsonText(input, `${field}.input`, LIMITS.inputBytes);
  if (inputBase64 !== undefined)
    item.inputBytes = bytesOf(inputBase64, `${field}.inputBase64`, LIMITS.inputBytes);
  if (run.priority !== undefined) item.priority = run.priority;
  if (runAt !== undefined) item.runAt = instantOf(runAt, `${field}.runAt`);
  if (delaySeconds !== undefined) item.delayMs = Math.round(delaySeconds * 1000);
  if (run.tags !== undefined) item.tags = run.tags;
  if (run.affinity !== undefined) item.affinity = run.affinity;
  if (run.idempotencyKey !== undefined)
    item.idempotencyKey = checkKey(run.idempotencyKey, `${field}.idempotencyKey`);
  if (run.after !== undefined) item.after = run.after;
  if (run.executor !== undefined || run.requires !== undefined) {
    item.requires = {
      ...(run.executor === undefined ? {} : { executor: checkName(run.executor, `${field}.executor`) }),
      ...(run.requires === undefined ? {} : { labels: checkLabels(run.requires, `${field}.requires`) }),
    };
  }
  if (run.joins !== undefined) item.joins = run.joins;
  if (run.retry !== undefined) item.retry = checkRetry(retryOf(run.retry), `${field}.retry`);
  return item;
}

const duration = (seconds: number | undefined): string | undefined =>
  seconds === undefined ? undefined : formatDuration(seconds * 1000);

/** The protocol's seconds to the API's durations. */
function retryOf({ fixed, backoff, ...plain }: WireRetry): RetryInput {
  return {
    ...plain,
    fixed: fixed && {
      delay: duration(fixed.delaySeconds),
      max: fixed.max,
      maxElapsed: duration(fixed.maxElapsedSeconds),
    },
    backoff: backoff && {
      initialDelay: duration(backoff.initialDelaySeconds),
      delay: duration(backoff.delaySeconds),
      factor: backoff.factor,
      cap: duration(backoff.capSeconds),
      max: backoff.max,
      maxElapsed: duration(backoff.maxElapsedSeconds),
      jitter: backoff.jitter,
    },
  };
}

function instantOf(text: string, field: string): number {
  const instant = Date.parse(text);
  // The schema's form allows leap seconds, which no clock here knows.
  if (Number.isNaN(instant)) throw badInput(field, "must be a date and time such as 2026-01-31T09:30:00Z");
  return instant;
}

const UNPRINTABLE = /\p{Cc}/u;

const MAX_KEY = 200;

/** The header `Idempotency-Key`, where there is one. */
export function keyOf(header: string | string[] | undefined): string | null {
  if (header === undefined) return null;
  const field = "Idempotency-Key";
  const key = String(header);
  if (key === "" || key.length > MAX_KEY) throw badInput(field, `must have 1 to ${MAX_KEY} characters`);
  return checkKey(key, field);
}

/** A key of the caller's choice: any text that can be stored and shown. */
export function checkKey(key: string, field: string): string {
  if (UNPRINTABLE.test(key)) throw badInput(field, "must not hold control characters");
  return key;
}
