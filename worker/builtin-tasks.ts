/** The task types of the built-in worker: `http` and the demo's, and what the environment turns on besides. */
import type { Task } from "./task.ts";
import { mapReduce } from "./tasks/cluster/mr.ts";
import { spark } from "./tasks/cluster/spark.ts";
import { container } from "./tasks/container/container.ts";
import { demoTasks } from "./tasks/demo.ts";
import { http } from "./tasks/http.ts";
import { python } from "./tasks/python.ts";
import { shell } from "./tasks/shell.ts";
import { readConnections } from "./tasks/sql/connections.ts";
import { procedure } from "./tasks/sql/procedure.ts";
import { sql } from "./tasks/sql/sql.ts";

type Environment = Record<string, string | undefined>;

/** Reads what builtin.ts documents. Throws when a type is turned on that cannot be offered. */
export function tasksOf(environment: Environment): Task[] {
  return [
    ...demoTasks,
    httpTask(environment),
    ...(environment.ESCAPEMENT_SHELL === "1" ? [shell({ environment })] : []),
    ...whenOn(environment.ESCAPEMENT_PYTHON, (interpreter) => python({ environment, interpreter })),
    ...sqlTasks(environment),
    ...whenOn(environment.ESCAPEMENT_CONTAINER, (engine) => containerTask(environment, engine)),
    ...clusterTasks(environment),
  ];
}

/** Names, separated by commas. */
export function listOf(text: string): string[] {
  return text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
}

/** `1` turns on what is usual; anything else but `0` and nothing is the program to use. */
function whenOn(value: string | undefined, make: (program: string | undefined) => Task): Task[] {
  if (value === undefined || value === "" || value === "0") return [];
  return [make(value === "1" ? undefined : value)];
}

function httpTask({ ESCAPEMENT_HTTP_ALLOW = "" }: Environment): Task {
  const allow = listOf(ESCAPEMENT_HTTP_ALLOW);
  return http({
    allowPrivate: allow.includes("private"),
    allow: allow.filter((entry) => entry !== "private"),
  });
}

function sqlTasks({ ESCAPEMENT_SQL_CONNECTIONS: json = "" }: Environment): Task[] {
  if (json === "") return [];
  const connections = readConnections(json);
  return [sql({ connections }), procedure({ connections })];
}

function containerTask(environment: Environment, engine: string | undefined): Task {
  const {
    ESCAPEMENT_CONTAINER_IMAGES: images,
    ESCAPEMENT_CONTAINER_MOUNTS: mounts,
    ESCAPEMENT_CONTAINER_MEMORY: memory,
    ESCAPEMENT_CONTAINER_CPUS: cpus,
  } = environment;
  return container({
    environment,
    engine,
    images: images === undefined ? undefined : listOf(images),
    mounts: mounts === undefined ? undefined : listOf(mounts),
    memory,
    cpus: cpus === undefined ? undefined : Number(cpus),
  });
}

function clusterTasks(environment: Environment): Task[] {
  const {
    ESCAPEMENT_SPARK,
    ESCAPEMENT_SPARK_MASTER: master,
    ESCAPEMENT_MR,
    ESCAPEMENT_YARN_KILL,
  } = environment;
  const killCommand = ESCAPEMENT_YARN_KILL?.trim().split(/\s+/);
  return [
    ...whenOn(ESCAPEMENT_SPARK, (submitCommand) =>
      spark({ environment, submitCommand, master, killCommand }),
    ),
    ...whenOn(ESCAPEMENT_MR, (submitCommand) => mapReduce({ environment, submitCommand, killCommand })),
  ];
}
