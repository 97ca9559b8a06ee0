/** Where runs leave logs and files: what transports and loops may do with them, whichever store keeps them. */

import { LIMITS } from "../config.ts";
import type { Channel } from "./channel.ts";
import { checkFileName, type OutputFile } from "./output-files.ts";
import type { OutputIndex } from "./output-index.ts";
import { createLogs, type LogLine, type LogPlace, type LogSlice } from "./output-log.ts";
import { type LogFilter, lineFilter, searchLog } from "./output-log-search.ts";
import type { OutputOwner as AttemptOfRun, OutputStore } from "./output-store.ts";

/** One attempt of a run: what a lease may write to. */
export interface OutputOwner extends AttemptOfRun {
  namespaceId: number;
  jobId: number;
}

export interface Outputs extends Pick<OutputStore, "listFiles" | "openFile"> {
  /** Appends in the order of the calls. What exceeds the limit is dropped with a last line that says so. */
  appendLog(owner: OutputOwner, lines: LogLine[]): Promise<void>;
  /**
   * Whole lines of a log from a place on; with a filter only those that fit, of as much as one answer takes.
   * Null when there is no such log yet. @throws BAD_INPUT
   */
  readLog(runId: string, from: LogPlace & LogFilter): Promise<LogSlice | null>;
  /** The attempts that have a log, ascending. */
  logAttempts(runId: string): Promise<number[]>;
  /** As OutputStore does it. */
  putFile(owner: OutputOwner, name: string, bytes: AsyncIterable<Uint8Array>): Promise<OutputFile>;
  /**
   * Deletes outputs that need not be kept: those that their jobs' retention lets go, and those of runs before
   * `runsBefore` that are no more. One batch; says of how many runs, and whether there may be more.
   */
  removeExpired(runsBefore: string): Promise<{ removed: number; more: boolean }>;
}

/** `channel` is told of new log text. */
export function createOutputs(
  store: OutputStore,
  index: OutputIndex,
  channel: Pick<Channel, "publish">,
): Outputs {
  const logs = createLogs(store.logs);
  return {
    listFiles: store.listFiles,
    openFile: store.openFile,
    async readLog(runId, { search, level, ...from }) {
      const fits = lineFilter({ search, level });
      if (fits === null) return logs.read(runId, from);
      return searchLog((place) => logs.read(runId, place), from, fits);
    },
    logAttempts: (runId) => store.logs.attempts(runId),

    async appendLog(owner, lines) {
      if (lines.length === 0) return;
      // First: what is stored without being noted would be found by nobody who tidies up.
      await logs.append(owner, lines, () => index.note(owner));
      channel.publish([{ kind: "log", runId: owner.runId, namespaceId: owner.namespaceId }]);
    },

    async putFile(owner, name, bytes) {
      checkFileName(name);
      await index.note(owner);
      return store.putFile(owner, name, bytes);
    },

    async removeExpired(runsBefore) {
      const { runIds, more } = await index.expired(runsBefore, LIMITS.retentionBatch);
      await store.remove(runIds);
      await index.forget(runIds);
      if (!more) await store.removeBefore(await index.oldest(runsBefore));
      return { removed: runIds.length, more };
    },
  };
}
