/** SPARK tasks: an application submitted to a cluster, or statements for spark-sql. */
import { type NodeContext, type NodeKind, problem, textOf } from "../context.ts";
import { count, text, word } from "../readers.ts";
import type { Members } from "../report.ts";
import { jarOf, mainArgs, settingsOf, wordsOf } from "./cluster.ts";

const MODES = new Map(["cluster", "client", "local"].map((mode) => [mode, mode]));

export function spark(context: NodeContext): NodeKind {
  const { params } = context.task;
  const program = params.peek("programType");
  if (program === "SQL") return sparkSql(context);
  params.leave("programType", "the file itself says it", true);
  const mode = word(params, "deployMode", "input.deployMode, input.master", MODES);
  const take = (name: string, to: string) => {
    const value = text(params, name, `input.${to}`) ?? "";
    return value === "" ? undefined : textOf(context, value, `taskParams.${name}`);
  };
  const [others, appOptions] = [take("others", "conf"), take("sparkParams", "conf")];
  const { conf, rest } = settingsOf(wordsOf(`${others ?? ""} ${appOptions ?? ""}`), /^--conf(?:=(.+))?$/);
  if (rest.length > 0)
    problem(
      context,
      `has options that are not mapped: ${rest.join(" ")}; put them into \`input\` by their names`,
    );
  leaveRest(context, program === "PYTHON");
  const input: Members = {
    jar: jarOf(context),
    mainClass: program === "PYTHON" ? undefined : take("mainClass", "mainClass"),
    args: mainArgs(context),
    master: take("master", "master") ?? (mode === "local" ? "local[*]" : undefined),
    deployMode: mode === "cluster" || mode === "client" ? mode : undefined,
    name: take("appName", "name"),
    queue: take("yarnQueue", "queue") ?? take("queue", "queue"),
    driverCores: count(params, "driverCores", "input.driverCores"),
    driverMemory: memory(take("driverMemory", "driverMemory")),
    numExecutors: count(params, "numExecutors", "input.numExecutors"),
    executorMemory: memory(take("executorMemory", "executorMemory")),
    executorCores: count(params, "executorCores", "input.executorCores"),
    conf: Object.keys(conf).length === 0 ? undefined : conf,
  };
  return {
    type: "spark",
    input: Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)),
  };
}

/** There, `512M`; a number without a unit would be bytes. */
const memory = (text: string | undefined) => (text === undefined ? undefined : text.replace(/b$/i, ""));

/** spark-sql is a command like any other. */
function sparkSql(context: NodeContext): NodeKind {
  const { params } = context.task;
  params.take("programType", "type", "a shell node that calls spark-sql");
  const script =
    text(params, ["rawScript", "sqlScript"], "input.script", "given to spark-sql by a shell") ?? "";
  problem(context, "is Spark SQL, and becomes a shell node that calls spark-sql: see that its worker has it");
  return {
    type: "shell",
    input: {
      script: `spark-sql -f /dev/stdin <<'END_OF_SQL'\n${textOf(context, script, "taskParams.rawScript")}\nEND_OF_SQL\n`,
    },
  };
}

function leaveRest({ task: { params } }: NodeContext, isPython: boolean): void {
  if (isPython) params.leave("mainClass", "a Python file has none", true);
  params.leave("sparkVersion", "the worker's spark-submit is of one version", true);
  params.leave("namespace", "put spark.kubernetes.namespace into `input.conf`");
  params.leave("rawScript", "means nothing for a program in a file");
  params.leave("sqlExecutionType", "means nothing for a program in a file", true);
}
