/**
 * Task type `spark`: submits to YARN, Kubernetes or a cluster of Spark's own with `spark-submit`, follows it to its
 * end, and ends what runs in the cluster when the attempt is stopped. The jobs' authors run code as the worker's user
 * and in the cluster (POSIX only).
 */
import type { Static } from "typebox";
import { defineTask, type Task } from "../../task.ts";
import { ENV } from "../fields.ts";
import { requirePosix } from "../process/group.ts";
import { yarnIds } from "./applications.ts";
import { APP_ARGS, CONF, JAR, MAIN_CLASS, NAME, PATHS, QUEUE, SUBMIT_OUTPUT } from "./fields.ts";
import { flags, list, type SubmitOptions, submit, yarnKill } from "./submit.ts";

export interface SparkOptions extends SubmitOptions {
  /** Default: spark-submit, on the environment's PATH. */
  submitCommand?: string | undefined;
  /** For inputs that name none: `yarn`, `k8s://https://…`, `spark://…`. Default: what Spark's own settings say. */
  master?: string | undefined;
}

const MEMORY = { type: "string", pattern: "^[0-9]+[kmgtKMGT]?$", examples: ["2g"] } as const;
const COUNT = { type: "integer", minimum: 1, maximum: 100_000 } as const;

const INPUT = {
  type: "object",
  properties: {
    jar: { ...JAR, title: "Jar or Python file" },
    mainClass: MAIN_CLASS,
    args: APP_ARGS,
    master: {
      type: "string",
      title: "Master",
      pattern: "^(yarn|local.*|spark://.+|k8s://.+|mesos://.+)$",
      examples: ["yarn"],
    },
    deployMode: { enum: ["cluster", "client"], title: "Deploy mode" },
    name: NAME,
    queue: QUEUE,
    conf: CONF,
    jars: { ...PATHS, title: "More jars" },
    files: { ...PATHS, title: "Files" },
    pyFiles: { ...PATHS, title: "Python modules" },
    driverMemory: { ...MEMORY, title: "Memory of the driver" },
    driverCores: { ...COUNT, title: "Cores of the driver" },
    executorMemory: { ...MEMORY, title: "Memory of each executor" },
    executorCores: { ...COUNT, title: "Cores of each executor" },
    numExecutors: { ...COUNT, title: "Executors" },
    env: ENV,
  },
  required: ["jar"],
  additionalProperties: false,
} as const;

type Input = Static<typeof INPUT>;

/** The task type `spark`. */
export function spark(options: SparkOptions): Task {
  requirePosix("spark");
  const file = options.submitCommand ?? "spark-submit";
  return defineTask({
    type: "spark",
    title: "Spark",
    description:
      "Submits a Spark application and waits for its end; needs spark-submit on the worker's machine.",
    inputSchema: INPUT,
    outputSchema: SUBMIT_OUTPUT,
    handler: (input, context) => {
      const master = input.master ?? options.master;
      const kill = (id: string) =>
        id.startsWith("application_")
          ? yarnKill(id, options)
          : [file, ...flags({ "--master": master }), "--kill", id];
      const { env } = input;
      return submit({ file, args: argumentsOf(input, master), env, find: sparkIds, kill }, context, options);
    },
  });
}

function argumentsOf(input: Input, master: string | undefined): string[] {
  return [
    ...flags({
      "--master": master,
      "--deploy-mode": input.deployMode,
      "--name": input.name,
      "--class": input.mainClass,
      "--queue": input.queue,
      "--jars": list(input.jars),
      "--files": list(input.files),
      "--py-files": list(input.pyFiles),
      "--driver-memory": input.driverMemory,
      "--driver-cores": input.driverCores,
      "--executor-memory": input.executorMemory,
      "--executor-cores": input.executorCores,
      "--num-executors": input.numExecutors,
    }),
    ...Object.entries(input.conf ?? {}).flatMap(([key, value]) => ["--conf", `${key}=${value}`]),
    input.jar,
    ...(input.args ?? []),
  ];
}

/** YARN's application, the driver of a cluster of Spark's own, or Kubernetes' `namespace:driver-pod`. */
export function sparkIds(line: string, isFirst: boolean): string[] {
  const [, pod] = /\bsubmission ID ([\w.-]+:[\w.-]+)/i.exec(line) ?? [];
  const [driver] = /\bdriver-\d{14}-\d{4,}\b/.exec(line) ?? [];
  const others = [pod, driver].filter((id) => id !== undefined);
  return [...yarnIds(line, isFirst), ...(isFirst || /submi/i.test(line) ? others : [])];
}
