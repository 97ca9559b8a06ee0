/** The log of a run as text, as far as it is there or as it comes. */
import type { Client } from "./client.ts";
import { Failure } from "./failure.ts";
import { follow } from "./follow.ts";

export interface LogChunk {
  text: string;
  attempt: number;
  cursor: string;
  /** No more will come. */
  ended: boolean;
}

/** Which lines. */
export interface LogFilter {
  search?: string | undefined;
  level?: string | undefined;
}

const CHUNK = "text attempt cursor ended";

/** What is there now of one attempt, the last one unless `attempt` says which. Throws when there is no such run. */
export async function* readLog(
  client: Client,
  id: string,
  { attempt, ...filter }: LogFilter & { attempt?: number | undefined },
): AsyncGenerator<LogChunk, void> {
  for (let after: string | undefined; ; ) {
    const { run } = await client.ask<{ run: { log: LogChunk } | null }>(
      `query ($id: ID!, $after: String, $attempt: Int, $search: String, $level: LogLevel) {
        run(id: $id) { log(after: $after, attempt: $attempt, search: $search, level: $level) { ${CHUNK} } }
      }`,
      { id, after, attempt: after === undefined ? attempt : undefined, ...filter },
    );
    if (run === null) throw noRun(id);
    const { log } = run;
    if (log.text !== "") yield log;
    if (log.ended || log.cursor === after) return;
    after = log.cursor;
  }
}

/** What is there and what comes, attempt after attempt, until the run has ended. Throws when there is no such run. */
export async function* followLog(
  client: Client,
  id: string,
  filter: LogFilter,
): AsyncGenerator<LogChunk, void> {
  let after: string | undefined;
  const query = `subscription ($id: ID!, $after: String, $search: String, $level: LogLevel) {
    runLog(id: $id, after: $after, search: $search, level: $level) { ${CHUNK} }
  }`;
  for await (const data of follow<{ runLog: LogChunk }>(client, query, () => ({ id, after, ...filter }))) {
    if (data === null) continue;
    const { runLog } = data;
    if (runLog.text !== "") yield runLog;
    if (runLog.ended) return;
    after = runLog.cursor;
  }
}

export const noRun = (id: string): Failure =>
  new Failure(`There is no run ${id}; escapement runs lists them.`);
