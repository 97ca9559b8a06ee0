/** The spark and mr tasks, with submit commands that write down how they are called and a cluster that is a folder. */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Cancelled, DoNotRetry, LeaseLost, mapReduce, spark, TimedOut } from "../../worker/index.ts";
import { yarnIds } from "../../worker/tasks/cluster/applications.ts";
import { sparkIds } from "../../worker/tasks/cluster/spark.ts";
import { contextFor, type TriedContext } from "./context.ts";
import { type Fakes, makeFakes } from "./fakes.ts";
import { expectGone } from "./processes.ts";

const ID = "application_1700000000000_0042";
/** Submits, says so on the standard error as these tools do, and follows the application until it is gone. */
const SUBMIT = `
case "$*" in *--kill*) exit 0 ;; esac
echo "env: $SPARK_HOME,$ESCAPEMENT_TOKEN,$SECRET"
echo "INFO YarnClientImpl: Submitted application ${ID}" >&2
: > "$folder/${ID}"
case "$*" in
  *fail*) rm "$folder/${ID}"; echo "final status: FAILED" >&2; exit 1 ;;
  *stay*) sleep 600 & echo "child=$!"; trap '' TERM; while [ -f "$folder/${ID}" ]; do sleep 0.05; done; exit 143 ;;
esac
rm "$folder/${ID}"
echo '#{setValue(rows=5)}'; echo '{"more": 1}' > "$ESCAPEMENT_OUTPUT"
`;
const YARN = `
[ -f "$folder/away" ] && { echo "Connection refused" >&2; exit 1; }
[ -f "$folder/$3" ] || { echo "Application with id '$3' doesn't exist in RM." >&2; exit 255; }
rm "$folder/$3"; echo "Killed application $3"
`;

let fakes: Fakes;
beforeEach(() => {
  fakes = makeFakes({ "spark-submit": SUBMIT, hadoop: SUBMIT, yarn: YARN, "my-kill": YARN });
});
afterEach(() => fakes.remove());

const options = () => ({
  environment: { ...fakes.environment, SPARK_HOME: "/opt/spark", ESCAPEMENT_TOKEN: "t0ken" },
  killGraceSeconds: 0.2,
});
const runs = {
  spark: (input: object, context: TriedContext) => spark(options())({ jar: "app.jar", ...input }, context),
  mr: (input: object, context: TriedContext) => mapReduce(options())({ jar: "app.jar", ...input }, context),
};
const inCluster = () => readdirSync(fakes.folder).filter((name) => name.startsWith("application_"));
const killed = () => fakes.calls().filter(([name]) => name === "yarn");

describe.each(["spark", "mr"] as const)("%s", (type) => {
  const run = runs[type];

  test("follows what it submitted to its end, and saves its id at once", async () => {
    const context = contextFor();
    expect(await run({ env: { SECRET: "s" } }, context)).toMatchObject({
      exitCode: 0,
      applications: [ID],
      rows: "5",
      more: 1,
    });
    expect(context.saved).toEqual([{ applications: [ID] }]);
    expect(context.lines).toContainEqual({ level: "info", message: "env: /opt/spark,,s" });
    expect(context.lines).toContainEqual({ level: "info", message: `Its id in the cluster is ${ID}` });
    expect(killed()).toEqual([]);
  });

  test("fails with the tool's last lines", async () => {
    await expect(run({ args: ["fail"] }, contextFor())).rejects.toThrow(
      /exited with code 1:[\s\S]*final status: FAILED/,
    );
  });

  test.each([new Cancelled(), new TimedOut(1), new LeaseLost()])(
    "ends the application and all of its processes when the run is stopped: $name",
    async (reason) => {
      const context = contextFor();
      const running = run({ args: ["stay"] }, context);
      const settled = expect(running).rejects.toBe(reason);
      await context.logged("child=");
      await context.logged("Its id");
      context.stop(reason);
      await settled;
      expect(killed()).toEqual([["yarn", "application", "-kill", ID]]);
      expect(inCluster()).toEqual([]);
      expect(context.lines).toContainEqual({ level: "info", message: `Ended ${ID}` });
      const child = context.lines.find(({ message }) => message.startsWith("child="));
      await expectGone(Number(child?.message.split("=")[1]));
    },
  );

  test("first ends what a lost attempt has left", async () => {
    writeFileSync(join(fakes.folder, "application_1_1"), "");
    const checkpoint = { applications: ["application_1_1", "application_1_2"] };
    const context = contextFor({ checkpoint });
    await run({}, context);
    expect(fakes.calls().map(([name, , , id]) => (name === "yarn" ? id : "submitted"))).toEqual([
      "application_1_1",
      "application_1_2",
      "submitted",
    ]);
    expect(existsSync(join(fakes.folder, "application_1_1"))).toBe(false);
  });

  test("does not begin while what an earlier attempt left cannot be ended", async () => {
    writeFileSync(join(fakes.folder, "away"), "");
    const failing = run({}, contextFor({ checkpoint: { applications: ["application_1_1"] } }));
    await expect(failing).rejects.toThrow(
      "application_1_1, which an earlier attempt left, cannot be ended: Connection refused",
    );
    await expect(failing).rejects.not.toBeInstanceOf(DoNotRetry);
    expect(fakes.calls().map(([name]) => name)).toEqual(["yarn"]);
  });

  test.each([
    [{ jar: "--class" }, "input.jar must look like hdfs:///apps/report.jar"],
    [{ mainClass: "a b" }, "input.mainClass must look like org.example.Report"],
    [{ queue: "a=b,c" }, "input.queue must look like reports"],
    [{ conf: { "a b": "1" } }, "input.conf"],
    [{ script: "x" }, 'has no member "script"'],
  ])("refuses %j for good", async (input, message) => {
    const failing = run(input, contextFor());
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toBeInstanceOf(DoNotRetry);
  });
});

test("spark-submit gets its options before the jar, and the program's own after it", async () => {
  const input = {
    ...{ jar: "s3://apps/report.jar", mainClass: "org.example.Report", args: ["--day", "a b"] },
    ...{ master: "yarn", deployMode: "cluster", name: "report", queue: "night" },
    ...{
      conf: { "spark.a": "1", "spark.b": true },
      jars: ["x.jar", "y.jar"],
      files: ["f"],
      pyFiles: ["p.py"],
    },
    ...{ driverMemory: "1g", driverCores: 1, executorMemory: "2g", executorCores: 2, numExecutors: 3 },
  };
  await runs.spark(input, contextFor());
  expect(fakes.calls()[0]).toEqual([
    ...["spark-submit", "--master", "yarn", "--deploy-mode", "cluster", "--name", "report"],
    ...["--class", "org.example.Report", "--queue", "night", "--jars", "x.jar,y.jar", "--files", "f"],
    ...["--py-files", "p.py", "--driver-memory", "1g", "--driver-cores", "1", "--executor-memory", "2g"],
    ...["--executor-cores", "2", "--num-executors", "3", "--conf", "spark.a=1", "--conf", "spark.b=true"],
    ...["s3://apps/report.jar", "--day", "a b"],
  ]);
});

test("hadoop gets its generic options between the main class and the program's own", async () => {
  const input = {
    ...{ jar: "app.jar", mainClass: "Main", args: ["in", "out"], name: "n", queue: "q" },
    ...{ conf: { "mapreduce.map.memory.mb": 2048 }, libJars: ["x.jar"], files: ["f"], archives: ["z"] },
  };
  await runs.mr(input, contextFor());
  expect(fakes.calls()[0]).toEqual([
    ...["hadoop", "jar", "app.jar", "Main", "-D", "mapreduce.job.name=n", "-D", "mapreduce.job.queuename=q"],
    ...[
      "-D",
      "mapreduce.map.memory.mb=2048",
      "-libjars",
      "x.jar",
      "-files",
      "f",
      "-archives",
      "z",
      "in",
      "out",
    ],
  ]);
});

test("the operator chooses the commands and the master", async () => {
  const context = contextFor({
    checkpoint: { applications: ["application_1_1", "driver-20260101000000-0001"] },
  });
  const task = spark({
    ...options(),
    killCommand: ["my-kill", "application", "-x"],
    master: "spark://m:7077",
  });
  await task({ jar: "app.jar" }, context);
  expect(fakes.calls()).toEqual([
    ["my-kill", "application", "-x", "application_1_1"],
    ["spark-submit", "--master", "spark://m:7077", "--kill", "driver-20260101000000-0001"],
    ["spark-submit", "--master", "spark://m:7077", "app.jar"],
  ]);
});

describe("ids in the output", () => {
  test("are YARN's, those of Spark's own clusters, and Kubernetes' driver pods", () => {
    expect(sparkIds(`Application report for ${ID} (state: ACCEPTED)`, true)).toEqual([ID]);
    expect(sparkIds('  "submissionId" : "driver-20260101000000-0001",', false)).toEqual([
      "driver-20260101000000-0001",
    ]);
    const kubernetes =
      "Deployed Spark application pi with application ID spark-1 and submission ID jobs:pi-8f-driver into Kubernetes";
    expect(sparkIds(kubernetes, true)).toEqual(["jobs:pi-8f-driver"]);
    expect(yarnIds("INFO mapreduce.Job: Running job: job_1700000000000_0007", false)).toEqual([
      "application_1700000000000_0007",
    ]);
  });

  test("that an application writes about are not taken for its own", () => {
    expect(yarnIds("waiting for application_1_1", false)).toEqual([]);
    expect(yarnIds("Submitted application application_1_1", false)).toEqual(["application_1_1"]);
    expect(sparkIds("the driver-20260101000000-0001 is slow", false)).toEqual([]);
  });
});
