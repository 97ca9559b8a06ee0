/** Calls that are repeated until they are answered: full-jitter backoff, `Retry-After`, final answers. */
import { setTimeout as sleep } from "node:timers/promises";
import { ProtocolError, Unanswered } from "./client.ts";

const FIRST_MS = 100;
/** Well under a third of a lease, so that a server that comes back finds its leases renewed in time. */
const CAP_MS = 5_000;
const RETRY_AFTER_CAP_SECONDS = 60;

/** What those who wait want to know about a server that does not answer. */
export interface Reach {
  failed(error: Error, retryInMs: number): void;
  answered(): void;
}

/** Repeats `call` until it is answered. Throws the final answers, and the signal's reason once it is aborted. */
export type Persist = <T>(call: (tries: number) => Promise<T>, signal: AbortSignal) => Promise<T>;

/** Full jitter: a thousand workers that lost one server do not come back in one wave. */
export function backoffMs(failures: number, random: number): number {
  return random * Math.min(CAP_MS, FIRST_MS * 2 ** failures);
}

/** Whether the same call may get another answer later: the request was fine, or only its token was not. */
export function isPassing(error: unknown): boolean {
  if (error instanceof Unanswered) return true;
  if (!(error instanceof ProtocolError)) return false;
  return error.status >= 500 || [401, 403, 408, 425, 429].includes(error.status);
}

export function createPersist(reach: Reach): Persist {
  return async (call, signal) => {
    for (let tries = 0; ; tries++) {
      signal.throwIfAborted();
      try {
        const answer = await call(tries);
        reach.answered();
        return answer;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (!isPassing(error)) {
          reach.answered();
          throw error;
        }
        const waitMs = askedForMs(error) + backoffMs(tries, Math.random());
        reach.failed(error instanceof Error ? error : new Error(String(error)), waitMs);
        await pause(waitMs, signal);
      }
    }
  };
}

/** Sleeps; throws the signal's reason when that comes first. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch {
    signal.throwIfAborted();
  }
}

function askedForMs(error: unknown): number {
  const seconds = error instanceof ProtocolError ? (error.retryAfterSeconds ?? 0) : 0;
  return Math.min(seconds, RETRY_AFTER_CAP_SECONDS) * 1000;
}
