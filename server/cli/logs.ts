/** `escapement logs`: the log of a run. */
import type { Command } from "commander";
import { Failure } from "./failure.ts";
import { followLog, type LogChunk, readLog } from "./log-text.ts";
import { asking, documented, type Session } from "./session.ts";
import { readCount, readWord } from "./values.ts";

interface Options {
  follow?: boolean;
  attempt?: number;
  search?: string;
  level?: string;
}

export function logs(command: Command): void {
  documented(
    command
      .argument("<run>", "its id")
      .option("-f, --follow", "attempt after attempt, until the run has ended")
      .option("-a, --attempt <number>", "which attempt; without it the last one", readCount)
      .option("--search <text>", "only lines with this text")
      .option("--level <level>", "only lines of this level and graver ones: debug, info, warn, error"),
    "escapement logs 123456789 --follow --level warn",
  ).action(asking(print));
}

async function print({ client, out, json }: Session, id: string, options: Options): Promise<void> {
  const { follow = false, attempt, search } = options;
  if (follow && attempt !== undefined)
    throw new Failure("--follow shows every attempt; use it without --attempt.", 2);
  const level = options.level === undefined ? undefined : readWord(options.level);
  const chunks = follow
    ? followLog(client, id, { search, level })
    : readLog(client, id, { search, level, attempt });
  let last: LogChunk | undefined;
  for await (const chunk of chunks) {
    if (json) out.line(JSON.stringify(chunk));
    else out.text(chunk.text);
    last = chunk;
  }
  if (!json && last !== undefined && !last.text.endsWith("\n")) out.line("");
}
