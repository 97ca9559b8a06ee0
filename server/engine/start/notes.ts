/** What is said of runs beside their rows, in the transaction that makes them. */
import type { Transaction } from "../../store/connection.ts";
import type { StartItem } from "../engine.ts";
import type { Inserted } from "../enqueue.ts";
import { noteReruns } from "../rerun.ts";
import { noteOptions } from "../workflow/take.ts";
import type { NewRun } from "./new-run.ts";

/** Whether an item needs that: it then cannot share its statement with others. */
export const hasNotes = ({ rerunOf, workflow }: StartItem): boolean => rerunOf != null || workflow != null;

/** Of those that were started and not repeated: which they repeat, and how a workflow begins. */
export async function noteStarts(
  transaction: Transaction,
  items: StartItem[],
  runs: NewRun[],
  answers: Inserted[],
): Promise<void> {
  await noteReruns(transaction, items, answers);
  // One answer for each item, or, under one key, one for all of them.
  const ids = answers.flatMap((answer) =>
    answer.status === "started" ? answer.runs.map(({ id }): string | null => id) : [null],
  );
  await noteOptions(
    transaction,
    items.flatMap(({ workflow }, at) => {
      const [runId, run] = [ids[at], runs[at]];
      return workflow == null || runId == null || !run
        ? []
        : [{ runId, version: run.version, options: workflow }];
    }),
  );
}
