/** Exports of DolphinScheduler in each of their shapes: what becomes of them, and that nothing of them gets lost. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readDefinition } from "../../server/cli/definitions/definition.ts";
import { readDocuments } from "../../server/cli/definitions/documents.ts";
import { writeDocuments } from "../../server/cli/definitions/write.ts";
import { Rejection } from "../../server/core/rejection.ts";
import { type ImportOptions, importDolphinScheduler } from "../../server/import/dolphinscheduler/import.ts";
import type { Entry } from "../../server/import/dolphinscheduler/report.ts";
import { call, folderOf } from "../cli/program.ts";
import { schema } from "../cli/workflow-schema.ts";

type Json = ReturnType<typeof JSON.parse>;

const fixture = (name: string): Json =>
  JSON.parse(readFileSync(new URL(`./${name}.json`, import.meta.url), "utf8"));

const options: ImportOptions = { timeZone: "UTC", jobs: {} };
const imported = (value: unknown, more: Partial<ImportOptions> = {}) =>
  importDolphinScheduler(value, { ...options, ...more });

const v3 = imported(fixture("version3"));
const v2 = imported(fixture("version2"));
const v1 = imported(fixture("version1"));

const job = ({ documents }: { documents: Json[] }, name: string): Json =>
  documents.find((document) => document.kind === "Job" && document.name === name);
const node = (all: { documents: Json[] }, jobName: string, key: string): Json =>
  job(all, jobName).workflow.nodes.find((each: Json) => each.key === key);
const sales = (key: string): Json => node(v3, "Taglicher-Umsatz", key);
const entriesOf = (all: typeof v3, key?: string): Entry[] =>
  all.report.processes.flatMap((process) =>
    key === undefined
      ? process.entries
      : process.nodes.filter((each) => each.key === key).flatMap(({ entries }) => entries),
  );

test("a process becomes a job with a workflow, and its schedule a trigger", () => {
  expect(job(v3, "Taglicher-Umsatz")).toMatchObject({
    description: "Täglicher Umsatz 日次: sums up the day",
    tags: ["shop"],
    overlap: "SERIAL_WAIT",
    workflow: {
      params: { dt: "$[yyyyMMdd-1]", limit: 3, rows: "0", echoed: `\${dt}-$\${nobody}` },
      failureStrategy: "END",
      timeout: "PT60M",
      onTimeout: "WARN",
      timeZone: "Asia/Shanghai",
      layout: { extract: { x: 150, y: 80.5 } },
      // As the last task gives it out, and as it came in.
      output: { rows: `\${nodes.extract.output.rows}`, echoed: `\${params.echoed}` },
    },
  });
  expect(v3.documents.filter(({ kind }) => kind === "Trigger")).toEqual([
    {
      kind: "Trigger",
      name: "Taglicher-Umsatz",
      job: "Taglicher-Umsatz",
      schedule: { cron: { expression: "0 30 7 * * ? *", dialect: "QUARTZ", timeZone: "Asia/Shanghai" } },
      // Midnight there.
      startAt: "2025-12-31T16:00:00.000Z",
      endAt: "2126-01-01T00:00:00.000Z",
      misfire: { policy: "FIRE_ALL" },
      priority: 7,
    },
  ]);
  expect(job(v3, "archive").overlap).toBe("SERIAL_PRIORITY");
});

test("a script keeps its parameters as references and everything else as text", () => {
  expect(sales("extract").input.script.split("\n")).toEqual([
    "#!/bin/bash",
    `cd $\${HOME}`,
    `extract --day \${dt} --mode \${mode} --out $[yyyyMMdd-1].csv --seen $[add_months(yyyyMM,-1)] --was \${system.biz.date}`,
    `n=$$[1+2]; echo $\${n:-\${dt}} $$ $$\${dt}`,
    `echo '$\${setValue(rows=5)}'`,
    "",
  ]);
  expect(sales("model-v2.1").input.script).toBe(
    `print('\${dt}', '\${nodes.tell.output.body}', '\${nodes.by-region.output}')`,
  );
});

test("what every task has becomes the node's settings", () => {
  expect(sales("extract")).toMatchObject({
    type: "shell",
    params: { limit: `\${params.limit}`, mode: "full" },
    group: "etl-machines",
    priority: 9,
    retry: { fixed: { max: 2, delay: "PT5M" } },
    timeout: "PT30M",
    onTimeout: "BOTH",
    delay: "PT1M",
  });
  expect(sales("load")).toMatchObject({
    after: ["enough-rows"],
    priority: 3,
    retry: { off: true },
    timeout: "PT10M",
    onTimeout: "WARN",
  });
  expect(sales("model-v2.1")).toMatchObject({
    type: "python",
    forbidden: true,
    cache: true,
    priority: 1,
    timeout: "PT5M",
  });
  expect(sales("model-v2.1")).not.toHaveProperty("onTimeout");
  // Nodes of the control plane are not tried again there either.
  expect(sales("after-the-others")).not.toHaveProperty("retry");
});

test("conditions of a switch are said in CEL, and one that cannot be is false and told of", () => {
  const { cases, default: otherwise } = sales("enough-rows").input;
  expect(cases.map((each: Json) => Object.values(each))).toEqual([
    ['double(nodes.extract.output.rows) > 3.0 && params.dt != "none"', ["load"]],
    ["params.limit == 0 || !(params.limit > -1)", ["tell"]],
    ["false", ["tell"]],
  ]);
  expect(otherwise).toEqual(["tell"]);
  expect(v3.report.problems).toContainEqual({
    process: "Täglicher Umsatz 日次",
    node: "enough rows?",
    message: `has the case "\${rows}.length > 2", which cannot be said in CEL: it is false until you write it`,
  });
});

test("statements are bound, but where DolphinScheduler puts text in", () => {
  expect(sales("load").input).toEqual({
    connection: "mysql-4",
    statement: `insert into \${table} select * from source where day = :dt and n > :limit and at < '$[yyyy-MM-dd]' and who = :who and price = '$5'`,
    params: { dt: `\${dt}`, limit: `\${limit}`, who: `\${who}` },
    preStatements: ["delete from t where day = :dt"],
  });
  expect(sales("close-month").input).toEqual({
    connection: "postgresql-2",
    routine: "billing.close",
    params: [
      { name: "month", type: "integer", value: `\${month}` },
      { value: `\${dt}` },
      { value: "a, b" },
      { name: "total", direction: "OUT", type: "double" },
    ],
  });
  // By its name alone, with the task's parameters in order.
  expect(node(v1, "weekly", "good")).toMatchObject({
    forbidden: true,
    input: {
      connection: "mysql-3",
      routine: "close_week",
      params: [{ name: "w", type: "text", value: `\${w}` }],
    },
  });
});

test("requests, Spark and map-reduce get what they had", () => {
  expect(sales("tell").input).toEqual({
    url: `https://shop.example/hook?day=\${dt}&to%20whom=a%26b`,
    method: "POST",
    headers: { "X-Token": "t" },
    json: { rows: `\${rows}` },
    expectBody: { contains: "ok" },
    timeoutSeconds: 6,
  });
  expect(sales("spark-it").input).toEqual({
    jar: "/jars/report.jar",
    mainClass: "org.example.Report",
    args: ["--day", `\${dt}`, "two words"],
    deployMode: "cluster",
    name: "report",
    queue: "nightly",
    driverCores: 1,
    driverMemory: "512M",
    numExecutors: 2,
    executorMemory: "2G",
    executorCores: 2,
    conf: { "spark.ui.enabled": "false" },
  });
  expect(sales("count-words").input).toMatchObject({
    args: ["/in", "/out"],
    queue: "default",
    conf: { "mapreduce.map.memory.mb": "2048", a: "b" },
  });
  expect(sales("move")).toMatchObject({
    type: "datax",
    input: { customConfig: 1, json: `{"day":"\${dt}","home":"$\${HOME}"}`, xms: 1 },
  });
});

test("other processes are nodes by the names of their jobs, with the parameters that they get", () => {
  expect(sales("archive")).toMatchObject({
    type: "workflow",
    job: "archive",
    // Not `dt`, which the other one has itself.
    input: { limit: `\${limit}`, rows: `\${rows}`, echoed: `\${echoed}`, keep: `\${keep}` },
    params: { keep: 30 },
  });
  expect(sales("by-region")).toMatchObject({
    type: "dynamic",
    job: "archive",
    input: {
      over: { region: ["north", "south", "east"], year: ["2022", "2023"], day: `\${dt}` },
      filter:
        '!(params.region in ["north","2022"]) && !(params.year in ["north","2022"]) && !(params.day in ["north","2022"])',
      max: 100,
      maxParallel: 4,
    },
  });
});

test("what a process waits for, and how it branches by ends, become trees", () => {
  expect(sales("after-the-others").input).toEqual({
    require: {
      any: [
        {
          all: [
            { job: "archive", cycle: "today" },
            { job: "archive", node: "pack", cycle: "thisMonthEnd" },
          ],
        },
        { job: "unknown-process-7777", cycle: "last24Hours" },
      ],
    },
    waitOnFailure: "PT90M",
    passOutputs: true,
  });
  expect(sales("how-it-went").input).toMatchObject({ success: ["archive"], failure: ["by-region"] });
  const named = imported(fixture("version3"), { jobs: { 7777: "elsewhere/load" } });
  expect(JSON.stringify(named.documents)).toContain('"job":"elsewhere/load","cycle":"last24Hours"');
  expect(named.report.problems.some(({ message }) => message.includes("7777"))).toBe(false);
});

test("1.x: tasks name each other, and the schedule is beside them", () => {
  expect(job(v1, "weekly")).toMatchObject({
    description: "once a week",
    tags: ["old shop"],
    workflow: {
      params: { week: `\${system.biz.curdate}` },
      timeout: "PT20M",
      layout: { first: { x: 120, y: 90 } },
    },
  });
  expect(node(v1, "weekly", "first")).toMatchObject({
    description: "begins",
    priority: 9,
    retry: { fixed: { max: 2, delay: "PT3M" } },
    timeout: "PT15M",
    onTimeout: "BOTH",
  });
  expect(node(v1, "weekly", "which")).toMatchObject({
    after: ["first"],
    type: "conditions",
    input: { when: { node: "first", is: "SUCCEEDED" }, success: ["good"], failure: ["bad"] },
  });
  expect(v1.documents[1]).toEqual({
    kind: "Trigger",
    name: "weekly",
    job: "weekly",
    schedule: { cron: { expression: "0 0 6 ? * MON", dialect: "QUARTZ", timeZone: "UTC" } },
    startAt: "2020-03-01T00:00:00.000Z",
    endAt: "2100-03-01T00:00:00.000Z",
    misfire: { policy: "FIRE_ALL" },
    priority: 1,
    paused: true,
  });
  const there = imported(fixture("version1"), { timeZone: "Asia/Shanghai" }).documents[1];
  expect(there).toMatchObject({ startAt: "2020-02-29T16:00:00.000Z" });
});

test("2.x: one object, JSON as text, and keys that stay apart", () => {
  const { nodes, params } = job(v2, "nightly/report").workflow;
  expect(params).toEqual({ flagged: true });
  expect(nodes.map(({ key }: Json) => key)).toEqual(["same", "Same", "same-2"]);
  expect(nodes[0]).toMatchObject({ priority: 7, retry: { fixed: { max: 1, delay: "PT2M" } } });
  expect(v2.documents[1]).toMatchObject({ startAt: "2021-12-31T16:00:00.000Z", paused: true });
});

test("circles, references that lead nowhere and schedules that cannot be are problems", () => {
  const messages = v2.report.problems.map(({ message }) => message);
  expect(messages).toEqual([
    "has an edge from task 31 to 999, which is not in it",
    "has edges that go round in a circle, so that these never start: Same, same-2",
    "names process 8888, which is not in the export: say which job it is, or export it too",
    'has a schedule in time zone "Nowhere/City", which is none here: UTC was taken',
    expect.stringMatching(/^has the schedule "0 0 25 \* \* \?": .*25/),
    "starts itself, or one that does: nightly/report",
  ]);
  expect(v1.report.problems.map(({ message }) => message)).toContain(
    "names task gone, which is not in its process",
  );
});

test("every field of an export is in the report, once at least", () => {
  const missing: string[] = [];
  const look = (where: string, members: Json, entries: Entry[], prefix: string) => {
    const fields = entries.map(({ field }) => field);
    for (const name of Object.keys(members)) {
      const path = `${prefix}${name}`;
      const isThere = fields.some(
        (field) => field === path || field.startsWith(`${path}.`) || field.startsWith(`${path}[`),
      );
      if (!isThere) missing.push(`${where}: ${path}`);
    }
  };
  for (const [at, item] of fixture("version3").entries()) {
    const report = v3.report.processes[at];
    if (report === undefined) throw new Error("a process without a report");
    look(
      "item",
      item,
      report.entries.concat(
        report.entries.some(({ field }) => field.startsWith("workflowDefinition."))
          ? [{ field: "workflowDefinition", outcome: "mapped" }]
          : [],
      ),
      "",
    );
    look("definition", item.workflowDefinition, report.entries, "workflowDefinition.");
    if (item.schedule !== null) look("schedule", item.schedule, report.entries, "schedule.");
    for (const [index, task] of item.taskDefinitionList.entries()) {
      const entries = report.nodes[index]?.entries ?? [];
      look(task.name, task, entries, "");
      look(task.name, task.taskParams, entries, "taskParams.");
    }
  }
  const [old] = fixture("version1");
  look("1.x", old, v1.report.processes[0]?.entries ?? [], "");
  const definition = JSON.parse(old.processDefinitionJson);
  look("1.x definition", definition, v1.report.processes[0]?.entries ?? [], "processDefinitionJson.");
  for (const [index, task] of definition.tasks.entries()) {
    const entries = v1.report.processes[0]?.nodes[index]?.entries ?? [];
    look(task.name, { ...task, params: {} }, entries.concat({ field: "params", outcome: "mapped" }), "");
    look(task.name, task.params, entries, "params.");
  }
  expect(missing).toEqual([]);
});

test("what is not known is reported with its value, and bookkeeping as no loss", () => {
  expect(entriesOf(v3)).toContainEqual({
    field: "workflowDefinition.futureField",
    outcome: "unmapped",
    value: { kept: ["as", "it", "is"] },
    note: "the importer knows no such field",
  });
  // A parameter of the process that comes out goes in as well, one of a task does not.
  expect(entriesOf(v3).find(({ field }) => field.endsWith("globalParams[2].value"))).toMatchObject({
    outcome: "mapped",
  });
  expect(
    entriesOf(v3, "close-month").find(({ field }) => field.endsWith("localParams[0].value")),
  ).toMatchObject({
    outcome: "unmapped",
    trivial: true,
  });
  expect(entriesOf(v3, "extract")).toContainEqual({
    field: "taskParams.futureParam",
    outcome: "unmapped",
    value: 1,
    note: "the importer knows no such field",
  });
  expect(entriesOf(v3, "extract").find(({ field }) => field === "createTime")).toMatchObject({
    trivial: true,
  });
  expect(entriesOf(v3, "extract").find(({ field }) => field === "environmentCode")).toMatchObject({
    outcome: "unmapped",
    value: 77,
  });
  expect(entriesOf(v3, "enough-rows").find(({ field }) => field === "environmentCode")).toMatchObject({
    trivial: true,
  });
  expect(
    entriesOf(v2).find(({ field }) => field === "processTaskRelationList[].conditionType"),
  ).toMatchObject({
    outcome: "unmapped",
    value: [0, "JUDGE", 0, 0, 0],
  });
});

test("what is written as YAML fits the schema, and branches lead right on", () => {
  for (const all of [v1, v2, v3]) {
    const text = writeDocuments(all.documents);
    const { documents, faults } = readDocuments({ file: "out.yaml", text });
    expect(faults).toEqual([]);
    expect(documents.map(({ value }) => value)).toEqual(all.documents);
    for (const written of documents) {
      expect(readDefinition(written, schema, "default")).toHaveProperty("definition");
    }
  }
  const { nodes } = job(v3, "Taglicher-Umsatz").workflow;
  const afterOf = (key: string) => nodes.find((each: Json) => each.key === key).after;
  for (const { key, type, input } of nodes) {
    const branches =
      type === "switch"
        ? [...input.cases.flatMap((each: Json) => each.to), ...input.default]
        : type === "conditions"
          ? [...input.success, ...input.failure]
          : [];
    for (const branch of branches) expect(afterOf(branch)).toContain(key);
  }
});

/** Every place in a value. */
function places(value: Json, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, member]) => places(member, [...path, key]))];
}

/** The value with another one at a place; the first place is the whole. */
function replaced(value: Json, path: (string | number)[], by: (before: Json) => unknown): Json {
  const [step, ...rest] = path;
  if (step === undefined) return by(value);
  const copy = Array.isArray(value) ? [...value] : { ...value };
  copy[step] = replaced(value[step], rest, by);
  return copy;
}

/** With the JSON within it unfolded, so that every value in it is a place. */
function unfolded(value: Json): Json {
  if (typeof value === "string" && /^[[{]"|^\[\{/.test(value)) return unfolded(JSON.parse(value));
  if (Array.isArray(value)) return value.map(unfolded);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, unfolded(member)]));
}

test.each(["version1", "version2", "version3"])(
  "%s: whatever value stands anywhere, it is in the definitions or in the report",
  (name) => {
    const source = unfolded(fixture(name));
    const lost: string[] = [];
    const look = (what: string, path: (string | number)[], by: (before: Json) => unknown) => {
      let all = "";
      try {
        all = JSON.stringify(imported(replaced(source, path, by)));
      } catch (error) {
        if (!(error instanceof Rejection)) throw error;
        return;
      }
      if (!all.includes("MARK")) lost.push(`${what} ${path.join(".")}`);
    };
    // What separates the values of a list is in how the list was taken apart.
    for (const path of places(source).filter((each) => each.at(-1) !== "separator")) {
      look("text at", path, () => "MARK");
      look("an object at", path, () => ({ MARK: 1 }));
      look("a list at", path, () => ["MARK"]);
      look("an item of", path, (before) => (Array.isArray(before) ? [...before, "MARK"] : "MARK"));
      look("a field of", path, (before) =>
        typeof before === "object" && before !== null && !Array.isArray(before)
          ? { ...before, other: "MARK" }
          : "MARK",
      );
    }
    expect(lost).toEqual([]);
  },
);

test("whatever stands in an export, it is imported or refused, and never a crash", () => {
  const sources = ["version1", "version2", "version3"].map(fixture);
  const property = fc.property(
    fc.constantFrom(...sources),
    fc.array(fc.tuple(fc.nat(), fc.jsonValue({ maxDepth: 2 })), { minLength: 1, maxLength: 5 }),
    (source, changes) => {
      let value = source;
      for (const [at, replacement] of changes) {
        const all = places(value);
        const path = all[at % all.length] ?? [];
        value = replaced(value, path, () => replacement);
      }
      try {
        const { documents, report } = imported(value);
        expect(report.processes.length).toBeGreaterThanOrEqual(0);
        writeDocuments(documents);
      } catch (error) {
        expect(error).toBeInstanceOf(Rejection);
      }
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test("what is no export is refused with what it should be", () => {
  expect(() => imported([{ name: "x" }])).toThrow(/item 1 of the file is no process of DolphinScheduler/);
  expect(() => imported("text")).toThrow(/the file is no process/);
  expect(() => imported({ processDefinitionJson: "{oops" })).toThrow(/no JSON object/);
  expect(imported([]).documents).toEqual([]);
});

test("the command writes definitions to one place and the report to the other", async () => {
  const file = new URL("./version1.json", import.meta.url).pathname;
  const nowhere = "http://127.0.0.1:9";
  const text = await call(nowhere, ["import", "dolphinscheduler", file]);
  expect(text.code).toBe(0);
  expect(text.stdout).toBe(writeDocuments(v1.documents));
  expect(text.stderr).toContain("job weekly: 4 nodes, trigger weekly");
  expect(text.stderr).toContain("bad: workerGroupId is not mapped: 6");
  expect(text.stderr).toContain("! weekly, bad: names process 55");

  const folder = folderOf({});
  const out = `${folder.path}/out.yaml`;
  const json = await call(
    nowhere,
    ["import", "dolphinscheduler", "-", "-o", out, "--report", "json", "--job", "55=eu/load"],
    {
      input: readFileSync(file, "utf8"),
    },
  );
  expect(json.json().problems.map(({ message }: { message: string }) => message)).not.toContain(/55/);
  expect(readFileSync(out, "utf8")).toContain("job: eu/load");
  folder.remove();

  const none = await call(nowhere, ["import", "dolphinscheduler", "-"], { input: "[1]" });
  expect(none).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("item 1 of the file is no process"),
  });
  const broken = await call(nowhere, ["import", "dolphinscheduler", "-"], { input: "{" });
  expect(broken).toMatchObject({ code: 2, stderr: expect.stringContaining("is no JSON") });
});
