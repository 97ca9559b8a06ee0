/**
 * Where runs leave logs and files: a folder on disk, which several servers may share over a network file system,
 * so nothing about it is kept in memory. A path is the fixed root, numbers, and a checked file name; no path that
 * anybody sent is ever opened.
 *
 *   <root>/<some nine hours of run ids>/<last byte of the id>/<run id>/<attempt>/log
 *                                                                               /files/<digest>.<name>
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Channel } from "./channel.ts";
import { createFiles, type OutputFile, type ReadableFile } from "./output-files.ts";
import { removeFoldersBefore, runFolders } from "./output-folder.ts";
import { createLogs, type LogLine, type LogSlice } from "./output-log.ts";

/** One attempt of a run: what a lease may write to. */
export interface OutputOwner {
  runId: string;
  attempt: number;
  namespaceId: number;
}

export interface Outputs {
  /** Appends in the order of the calls. What exceeds the limit is dropped with a last line that says so. */
  appendLog(owner: OutputOwner, lines: LogLine[]): Promise<void>;
  /**
   * Whole lines of a log from a byte offset on. Without `attempt`: the last one that has a log. A negative `offset`
   * counts from the end, `limit` is in bytes. Null when there is no such log yet.
   */
  readLog(
    runId: string,
    from: { attempt?: number | undefined; offset?: number | undefined; limit?: number | undefined },
  ): Promise<LogSlice | null>;
  /** The attempts that have a log, ascending. */
  logAttempts(runId: string): Promise<number[]>;
  /**
   * Stores a file whole or not at all; one of the same name and attempt is replaced.
   * @throws BAD_INPUT for the name, LIMIT_EXCEEDED for too many, TooLarge.
   */
  putFile(owner: OutputOwner, name: string, bytes: AsyncIterable<Uint8Array>): Promise<OutputFile>;
  /** By name, then attempt. */
  listFiles(runId: string): Promise<OutputFile[]>;
  /** The file of the last attempt that stored one of this name; null when there is none. @throws BAD_INPUT */
  openFile(runId: string, name: string, attempt?: number): Promise<ReadableFile | null>;
  /** Deletes all that these runs left. */
  remove(runIds: string[]): Promise<void>;
  /** Deletes what runs with smaller ids left, in whole folders: up to nine hours of them stay until later. */
  removeBefore(runId: string): Promise<void>;
}

/** `channel` is told of new log text. */
export function createOutputs(dataDir: string, channel: Pick<Channel, "publish">): Outputs {
  const root = join(dataDir, "outputs");
  const folder = runFolders(root);
  const logs = createLogs(folder);

  return {
    ...createFiles(folder),
    readLog: (runId, from) => logs.read(runId, from),
    logAttempts: (runId) => logs.attempts(runId),

    async appendLog(owner, lines) {
      if (lines.length === 0) return;
      await logs.append(owner, lines);
      channel.publish([{ kind: "log", runId: owner.runId, namespaceId: owner.namespaceId }]);
    },

    async remove(runIds) {
      for (const runId of runIds) await rm(folder(runId), { recursive: true, force: true });
    },

    removeBefore: (runId) => removeFoldersBefore(root, runId),
  };
}
