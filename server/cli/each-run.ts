/** Commands that do one thing to each of several runs. */
import { Failure } from "./failure.ts";
import type { RunAnswer } from "./run-answer.ts";
import type { Session } from "./session.ts";

/**
 * Does it to one after the other and says what each has come to; what is refused of one does not hold up the others.
 * Throws when something was refused.
 */
export async function eachRun(
  { out, json }: Session,
  ids: string[],
  act: (id: string) => Promise<RunAnswer>,
): Promise<void> {
  const done: RunAnswer[] = [];
  const failures: Failure[] = [];
  for (const id of ids) {
    try {
      const run = await act(id);
      done.push(run);
      if (json) continue;
      const asked = run.cancelRequested && run.state === "RUNNING" ? ", and told to stop" : "";
      out.line(`${out.colors.green("✔")} Run ${id} of ${run.job.name} is ${out.word(run.state)}${asked}`);
    } catch (error) {
      if (!(error instanceof Failure) || error.exitCode === 2) throw error;
      failures.push(new Failure(`Run ${id}: ${error.message}`));
    }
  }
  if (json) out.json(done);
  if (failures.length > 0) throw new Failure(failures.map(({ message }) => message).join("\n  "));
}
