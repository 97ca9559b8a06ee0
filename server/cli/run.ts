/** `escapement run`: starts a job. */
import type { Command } from "commander";
import { Failure } from "./failure.ts";
import { followLog } from "./log-text.ts";
import { outputTo } from "./output.ts";
import { endOfRun, RUN, type RunAnswer, summary } from "./run-answer.ts";
import { asking, documented, type Session } from "./session.ts";
import { gather, gatherParam, readCount, readJson } from "./values.ts";

interface Options {
  input?: string;
  param?: Record<string, unknown>;
  priority?: number;
  delay?: string;
  at?: string;
  key?: string;
  tag?: string[];
  wait?: boolean;
  logs?: boolean;
}

export function run(command: Command): void {
  documented(
    command
      .argument("<job>", "its name")
      .option("-i, --input <json>", "the run's input: JSON, or @file, or @- for the standard input")
      .option(
        "-p, --param <key=value>",
        "a member of the input; JSON if it is that, else text; may be repeated",
        gatherParam,
      )
      .option("--priority <number>", "instead of the job's", readCount)
      .option("--delay <duration>", "from now, such as PT10M")
      .option("--at <time>", "when, such as 2030-01-31T08:00:00Z")
      .option("--key <text>", "the same request with the same key starts nothing new")
      .option("--tag <text>", "a tag of the run; may be repeated", gather)
      .option("-w, --wait", "until it has ended; exit code 0 if it succeeded, 1 if not")
      .option("-l, --logs", "print its log as it comes, and wait"),
    "escapement run hello --param text=hi --logs\nescapement run report --input @report.json --wait --json",
  ).action(asking(start));
}

async function start(session: Session, job: string, options: Options): Promise<void> {
  const { client, out, json } = session;
  const { priority, delay, at: runAt, key: idempotencyKey, tag: tags } = options;
  const input = inputOf(options);
  const namespace = await session.namespace();
  const { startRun } = await client.ask<{ startRun: RunAnswer }>(
    `mutation ($input: StartRunInput!) { startRun(input: $input) { ${RUN} } }`,
    { input: { namespace, job, input, priority, delay, runAt, idempotencyKey, tags } },
  );
  if (!options.wait && !options.logs) {
    if (json) return out.json(startRun);
    return out.line(`${out.colors.green("✔")} Run ${startRun.id} of ${job} is ${out.word(startRun.state)}`);
  }
  process.once("SIGINT", () => {
    process.stderr.write(`Run ${startRun.id} goes on; see: escapement show ${startRun.id}\n`);
    process.exit(130);
  });
  const ended = await waitFor(session, startRun, options.logs ?? false);
  if (json) out.json(ended);
  else if (ended.output !== null) out.json(ended.output);
  if (ended.state === "SUCCEEDED") return;
  const reason = ended.error === null ? "" : `: ${ended.error.message}`;
  throw new Failure(`Run ${ended.id} of ${job} ended ${ended.state}${reason}`);
}

/** What goes on while it waits is said beside the result, which may be piped. */
async function waitFor(
  { client, out, json }: Session,
  { id }: RunAnswer,
  withLog: boolean,
): Promise<RunAnswer> {
  const aside = outputTo(process.stderr);
  if (withLog) {
    for await (const { text } of followLog(client, id, {})) (json ? aside : out).text(text);
  }
  return endOfRun(client, id, (run) =>
    aside.line(`${aside.colors.dim(`Run ${run.id}`)} ${summary(run, aside)}`),
  );
}

/** Undefined: the job's. */
function inputOf({ input, param }: Options): unknown {
  const value = input === undefined ? undefined : readJson(input, "--input");
  if (param === undefined) return value;
  if (value === undefined) return param;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Failure("--param adds to an object, and --input is none; use one of the two.", 2);
  return { ...value, ...param };
}
