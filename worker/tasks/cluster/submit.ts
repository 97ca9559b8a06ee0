/** Runs a submit command and looks after what it starts in the cluster. */
import type { Context } from "../../attempt.ts";
import { type KillOptions, runCommand } from "../process/command.ts";
import { DEFAULT_PASS_ENV, type EnvironmentOptions, identityOf, scrubbed } from "../process/environment.ts";
import { withScratch } from "../process/scratch.ts";
import { Applications, type ApplicationsOptions } from "./applications.ts";

export interface SubmitOptions extends EnvironmentOptions, KillOptions {
  /** The command that ends a YARN application, its id to be added. Default: yarn application -kill. */
  killCommand?: string[] | undefined;
}

export interface Submission extends Pick<ApplicationsOptions, "find" | "kill"> {
  file: string;
  args: string[];
  env?: Record<string, string> | undefined;
}

/** Where the tools of a cluster look for their cluster and their credentials. */
const CLUSTER_ENV = [
  ...["JAVA_HOME", "HADOOP_HOME", "HADOOP_CONF_DIR", "YARN_CONF_DIR", "HADOOP_USER_NAME", "HADOOP_OPTS"],
  ...["SPARK_HOME", "SPARK_CONF_DIR", "KRB5CCNAME", "KRB5_CONFIG", "KUBECONFIG"],
];
const YARN_KILL = ["yarn", "application", "-kill"];

/** The output of the command, with the ids of what it started as `applications`. Throws as `runCommand` does. */
export async function submit(submission: Submission, context: Context, options: SubmitOptions) {
  const env = scrubbed(options, [...DEFAULT_PASS_ENV, ...CLUSTER_ENV]);
  const applications = new Applications(context, { ...submission, env });
  await applications.endEarlier();
  const end = () => applications.end();
  context.signal.addEventListener("abort", end, { once: true });
  try {
    const output = await withScratch(async (scratch) => {
      const outputFile = await scratch.write("output", "");
      const own = { ...identityOf(context.lease), ESCAPEMENT_OUTPUT: outputFile };
      const { file, args } = submission;
      const command = {
        file,
        args,
        env: { ...env, ...own, ...submission.env },
        cwd: scratch.path,
        outputFile,
        onLine: (line: string) => applications.hear(line),
      };
      return await runCommand(command, context, options);
    });
    return { ...output, applications: applications.ids };
  } finally {
    context.signal.removeEventListener("abort", end);
    await applications.settled();
  }
}

export function yarnKill(id: string, { killCommand = YARN_KILL }: SubmitOptions): string[] {
  return [...killCommand, id];
}

/** An option for each member that is there, its value as the next argument. */
export function flags(given: Record<string, string | number | undefined>): string[] {
  return Object.entries(given).flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)]));
}

/** A comma list, as all these tools want it; absent when empty. */
export function list(items: readonly string[] = []): string | undefined {
  return items.length === 0 ? undefined : items.join(",");
}
