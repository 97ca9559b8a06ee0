/**
 * Task type `mr`: a MapReduce job, submitted with `hadoop jar` or `yarn jar`, followed to its end, and ended in the
 * cluster when the attempt is stopped. The jobs' authors run code as the worker's user and in the cluster (POSIX only).
 */
import type { Static } from "typebox";
import { defineTask, type Task } from "../../task.ts";
import { ENV } from "../fields.ts";
import { requirePosix } from "../process/group.ts";
import { yarnIds } from "./applications.ts";
import { APP_ARGS, CONF, JAR, MAIN_CLASS, NAME, PATHS, QUEUE, SUBMIT_OUTPUT } from "./fields.ts";
import { flags, list, type SubmitOptions, submit, yarnKill } from "./submit.ts";

export interface MapReduceOptions extends SubmitOptions {
  /** `hadoop` or `yarn`, or the path of one. Default: hadoop, on the environment's PATH. */
  submitCommand?: string | undefined;
}

const INPUT = {
  type: "object",
  properties: {
    jar: JAR,
    mainClass: { ...MAIN_CLASS, description: "Unless the jar names its own." },
    args: APP_ARGS,
    name: NAME,
    queue: QUEUE,
    conf: { ...CONF, examples: [{ "mapreduce.map.memory.mb": 2048 }] },
    libJars: { ...PATHS, title: "More jars" },
    files: { ...PATHS, title: "Files" },
    archives: { ...PATHS, title: "Archives" },
    env: ENV,
  },
  required: ["jar"],
  additionalProperties: false,
} as const;

type Input = Static<typeof INPUT>;

/** The task type `mr`. */
export function mapReduce(options: MapReduceOptions): Task {
  requirePosix("mr");
  return defineTask({
    type: "mr",
    title: "MapReduce",
    description:
      "Submits a Hadoop MapReduce job and waits for its end; needs hadoop on the worker's machine. Name, queue and settings reach programs that use Hadoop's generic options.",
    inputSchema: INPUT,
    outputSchema: SUBMIT_OUTPUT,
    handler: (input, context) =>
      submit(
        {
          file: options.submitCommand ?? "hadoop",
          args: argumentsOf(input),
          env: input.env,
          find: yarnIds,
          kill: (id) => yarnKill(id, options),
        },
        context,
        options,
      ),
  });
}

/** Hadoop's generic options stand between the main class and the program's own arguments. */
function argumentsOf(input: Input): string[] {
  const { name, queue } = input;
  const settings = {
    ...(name === undefined ? {} : { "mapreduce.job.name": name }),
    ...(queue === undefined ? {} : { "mapreduce.job.queuename": queue }),
    ...input.conf,
  };
  return [
    ...["jar", input.jar],
    ...(input.mainClass === undefined ? [] : [input.mainClass]),
    ...Object.entries(settings).flatMap(([key, value]) => ["-D", `${key}=${value}`]),
    ...flags({
      "-libjars": list(input.libJars),
      "-files": list(input.files),
      "-archives": list(input.archives),
    }),
    ...(input.args ?? []),
  ];
}
