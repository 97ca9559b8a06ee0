/** `escapement backfill`: runs a job for past times. */
import type { Command } from "commander";
import { Failure } from "./failure.ts";
import { asking, documented, type Session } from "./session.ts";
import { gather, readCount, readJson, readWord } from "./values.ts";

interface Options {
  trigger?: string;
  from?: string;
  to?: string;
  date?: string[];
  parallel: number;
  order?: string;
  reprocess?: string;
  onFailure?: string;
  timeZone?: string;
  input?: string;
  priority?: number;
  dryRun?: boolean;
}

interface BackfillAnswer {
  id: string;
  state: string;
  job: { name: string };
  progress: { total: number; kept: number };
  dates: { nodes: { scheduledAt: string; state: string }[] };
}

/** A person looks at the first of many. */
const DATES_SHOWN = 20;

export function backfill(command: Command): void {
  documented(
    command
      .argument("[job]", "what runs on each day, instead of a trigger")
      .option("--trigger <name>", "whose times they are, and whose job runs")
      .option("--from <time>", "the first, such as 2030-01-01T00:00:00Z")
      .option("--to <time>", "the last")
      .option("--date <time>", "one of a list, instead of from and to; may be repeated", gather)
      .option("--parallel <number>", "how many run at once", readCount, 1)
      .option("--order <order>", "ascending or descending", readWord)
      .option("--reprocess <which>", "of times that have had a run: none, failed, all", readWord)
      .option("--on-failure <what>", "continue with the others, or stop", readWord)
      .option("--time-zone <name>", "of the days, without a trigger; UTC unless it is said")
      .option("-i, --input <json>", "instead of the trigger's or the job's: JSON, or @file")
      .option("--priority <number>", "instead of the trigger's or the job's", readCount)
      .option("--dry-run", "say which times it would run, and start nothing"),
    "escapement backfill --trigger nightly --from 2030-01-01T00:00:00Z --to 2030-01-31T00:00:00Z --parallel 4",
  ).action(asking(create));
}

async function create(session: Session, job: string | undefined, options: Options): Promise<void> {
  const { client, out, json } = session;
  const { date: dates, parallel: maxParallel, input, dryRun = false, ...rest } = options;
  if ((job === undefined) === (rest.trigger === undefined))
    throw new Failure("Name a job, or a trigger with --trigger.", 2);
  const { createBackfill } = await client.ask<{ createBackfill: BackfillAnswer }>(
    `mutation ($input: BackfillInput!, $dryRun: Boolean!) {
      createBackfill(input: $input, dryRun: $dryRun) {
        id state job { name } progress { total kept } dates(first: ${DATES_SHOWN}) { nodes { scheduledAt state } }
      }
    }`,
    {
      dryRun,
      input: {
        namespace: await session.namespace(),
        job,
        dates,
        maxParallel,
        ...rest,
        input: input === undefined ? undefined : readJson(input, "--input"),
      },
    },
  );
  if (json) return out.json(createBackfill);
  const { id, progress } = createBackfill;
  const runs = progress.total - progress.kept;
  const kept = progress.kept === 0 ? "" : `; ${progress.kept} times keep the run they have had`;
  if (!dryRun) {
    return out.line(
      `${out.colors.green("✔")} Backfill ${id} of ${createBackfill.job.name} starts ${runs} runs, ${maxParallel} at once${kept}`,
    );
  }
  out.line(`It would start ${runs} runs, ${maxParallel} at once${kept}:`);
  for (const { scheduledAt, state } of createBackfill.dates.nodes)
    out.line(`  ${scheduledAt} ${out.word(state)}`);
  if (progress.total > DATES_SHOWN) out.line(`  and ${progress.total - DATES_SHOWN} more`);
}
