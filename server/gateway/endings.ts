/**
 * Producers that wait for their runs to end. They hear of it when it happens; once a second one query looks at all
 * the runs that anybody waits for, because notifications are hints.
 */
import { LIMITS, RHYTHM } from "../config.ts";
import { unavailable } from "../core/rejection.ts";
import { isEnded } from "../core/run.ts";
import type { Channel } from "../store/channel.ts";
import { isAway, type Sql } from "../store/connection.ts";
import { type RunResult, readResults } from "../store/work.ts";
import type { Listener } from "./poll.ts";

export interface Endings {
  /** The run as it is now; null when there is none. */
  read(runId: string): Promise<RunResult | null>;
  /** Resolves when the run may have ended, when the time is over, or when nobody listens any more. @throws UNAVAILABLE */
  wait(runId: string, waitMs: number, listener: Listener): Promise<void>;
  /** Sends everybody back to look, and lets nobody wait any more. */
  drain(): void;
  close(): void;
}

export function createEndings(sql: Sql, channel: Channel, onError: (error: unknown) => void): Endings {
  const waiting = new Map<string, Set<() => void>>();
  let count = 0;
  let draining = false;

  const wake = (runId: string): void => {
    for (const done of [...(waiting.get(runId) ?? [])]) done();
  };
  const onChanges: Parameters<typeof channel.on<"changes">>[1] = (changes) => {
    if (waiting.size === 0) return;
    for (const change of changes) if (change.kind === "run" && isEnded(change.state)) wake(change.id);
  };
  channel.on("changes", onChanges);

  let looking = false;
  const look = async (): Promise<void> => {
    if (waiting.size === 0 || looking) return;
    looking = true;
    try {
      for (const run of await readResults(sql, [...waiting.keys()])) if (isEnded(run.state)) wake(run.id);
    } catch (error) {
      if (!isAway(error)) onError(error);
    } finally {
      looking = false;
    }
  };
  const timer = setInterval(look, RHYTHM.pollSafetyMs);
  timer.unref();

  return {
    async read(runId) {
      return (await readResults(sql, [runId]))[0] ?? null;
    },

    wait(runId, waitMs, listener) {
      if (draining || listener.gone) return Promise.resolve();
      if (count >= LIMITS.parkedPolls) {
        throw unavailable(
          "too many requests wait on this server; retry in a moment, or ask without waitSeconds",
        );
      }
      return new Promise((resolve) => {
        const all = waiting.get(runId) ?? new Set();
        const done = (): void => {
          if (!all.delete(done)) return;
          clearTimeout(over);
          count -= 1;
          if (all.size === 0) waiting.delete(runId);
          resolve();
        };
        const over = setTimeout(done, waitMs);
        listener.onGone(done);
        waiting.set(runId, all.add(done));
        count += 1;
      });
    },

    drain() {
      draining = true;
      for (const runId of [...waiting.keys()]) wake(runId);
    },

    close() {
      clearInterval(timer);
      channel.off("changes", onChanges);
    },
  };
}
