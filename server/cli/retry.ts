/** `escapement retry`: puts failed, cancelled and skipped runs back into the queue. */
import type { Command } from "commander";
import { eachRun } from "./each-run.ts";
import { RUN, type RunAnswer } from "./run-answer.ts";
import { asking, documented, type Session } from "./session.ts";
import { readJson } from "./values.ts";

export function retry(command: Command): void {
  documented(
    command
      .argument("<run...>", "their ids")
      .option("-i, --input <json>", "instead of the input they had: JSON, or @file"),
    "escapement retry 123456789",
  ).action(
    asking((session: Session, ids: string[], options: { input?: string }) => {
      const input = options.input === undefined ? undefined : readJson(options.input, "--input");
      return eachRun(session, ids, async (id) => {
        const { retryRun } = await session.client.ask<{ retryRun: RunAnswer }>(
          `mutation ($id: ID!, $input: JSON) { retryRun(id: $id, input: $input) { ${RUN} } }`,
          { id, input },
        );
        return retryRun;
      });
    }),
  );
}
