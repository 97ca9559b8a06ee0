/** What a store of outputs does, wherever it keeps them: output-disk.ts and output-s3.ts. */
import type { OutputFile, ReadableFile } from "./output-files.ts";

/** One attempt of a run: what a lease may write to. */
export interface OutputOwner {
  runId: string;
  attempt: number;
}

export interface OutputStore {
  logs: LogBytes;
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

/** Logs as bytes; output-log.ts knows what they mean. */
export interface LogBytes {
  /** The attempts that have a log, ascending. */
  attempts(runId: string): Promise<number[]>;
  /** The bytes that `place` asks for, told the log's size; fewer where the log ends. Null when there is no such log. */
  read(
    runId: string,
    attempt: number,
    place: (size: number) => { start: number; length: number },
  ): Promise<{ start: number; size: number; bytes: Buffer } | null>;
  /**
   * Appends what `compose` makes, told the log's size; nothing for null. On one server never called for a log while a
   * call for it goes on; what other servers append goes before or after.
   */
  append(runId: string, attempt: number, compose: (size: number) => Buffer | null): Promise<void>;
}
