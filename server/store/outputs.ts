/** Where runs leave logs and files: what transports and loops may do with them, whichever store keeps them. */
import type { Channel } from "./channel.ts";
import { createLogs, type LogLine, type LogPlace, type LogSlice } from "./output-log.ts";
import type { OutputOwner as AttemptOfRun, OutputStore } from "./output-store.ts";

/** One attempt of a run: what a lease may write to. */
export interface OutputOwner extends AttemptOfRun {
  namespaceId: number;
}

export interface Outputs extends Omit<OutputStore, "logs"> {
  /** Appends in the order of the calls. What exceeds the limit is dropped with a last line that says so. */
  appendLog(owner: OutputOwner, lines: LogLine[]): Promise<void>;
  /** Whole lines of a log from a place on. Null when there is no such log yet. */
  readLog(runId: string, from: LogPlace): Promise<LogSlice | null>;
  /** The attempts that have a log, ascending. */
  logAttempts(runId: string): Promise<number[]>;
}

/** `channel` is told of new log text. */
export function createOutputs(store: OutputStore, channel: Pick<Channel, "publish">): Outputs {
  const logs = createLogs(store.logs);
  return {
    ...store,
    readLog: (runId, from) => logs.read(runId, from),
    logAttempts: (runId) => store.logs.attempts(runId),

    async appendLog(owner, lines) {
      if (lines.length === 0) return;
      await logs.append(owner, lines);
      channel.publish([{ kind: "log", runId: owner.runId, namespaceId: owner.namespaceId }]);
    },
  };
}
