/** `escapement cancel`: ends runs; those that are running are told to stop. */
import type { Command } from "commander";
import { eachRun } from "./each-run.ts";
import { RUN, type RunAnswer } from "./run-answer.ts";
import { asking, documented, type Session } from "./session.ts";

export function cancel(command: Command): void {
  documented(
    command.argument("<run...>", "their ids").option("-r, --reason <text>", "why; it is kept with the run"),
    'escapement cancel 123456789 --reason "wrong input"',
  ).action(
    asking((session: Session, ids: string[], { reason }: { reason?: string }) =>
      eachRun(session, ids, async (id) => {
        const { cancelRun } = await session.client.ask<{ cancelRun: RunAnswer }>(
          `mutation ($id: ID!, $reason: String) { cancelRun(id: $id, reason: $reason) { ${RUN} } }`,
          { id, reason },
        );
        return cancelRun;
      }),
    ),
  );
}
