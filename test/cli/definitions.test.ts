/** Documents, before a server is asked: parsed, checked against a schema, put in order, compared, written back. */
import { expect, test } from "vitest";
import { changesBetween } from "../../server/cli/definitions/compare.ts";
import { type Definition, readDefinition, withoutRepeats } from "../../server/cli/definitions/definition.ts";
import { documentOf } from "../../server/cli/definitions/document-of.ts";
import { pathText, readDocuments, readPath } from "../../server/cli/definitions/documents.ts";
import { kindOf, typesOf } from "../../server/cli/definitions/kinds.ts";
import { inOrder, needs } from "../../server/cli/definitions/order.ts";
import { readableFields, readBack, selectionOf } from "../../server/cli/definitions/read-back.ts";
import { writeDocuments } from "../../server/cli/definitions/write.ts";
import { schema } from "./workflow-schema.ts";

function read(text: string): { definitions: Definition[]; faults: string[] } {
  const { documents, faults } = readDocuments({ file: "f.yaml", text });
  const all = faults.map(({ place, message }) => `${place.line}:${place.column} ${message}`);
  const definitions: Definition[] = [];
  for (const written of documents) {
    const result = readDefinition(written, schema, "default");
    if ("definition" in result) definitions.push(result.definition);
    else
      all.push(
        ...result.faults.map(
          ({ place, field, message }) => `${place.line}:${place.column} ${field}: ${message}`,
        ),
      );
  }
  return { definitions, faults: all };
}

const names = (definitions: Definition[]) => definitions.map(({ types, name }) => `${types.kind} ${name}`);

const WORKFLOW = `kind: Workflow
name: etl
workflow:
  failureStrategy: end
  params: { day: "$[yyyyMMdd-1]" }
  nodes:
    - key: extract
      type: shell
      input: { script: "echo hi" }
    - key: load
      after: [extract]
      type: workflow
      job: loading
      retry: { fixed: { max: 2 } }
  notify:
    - on: [failed]
      job: tell
`;

test("a workflow is a job whose fields the schema tells", () => {
  const { definitions, faults } = read(WORKFLOW);
  expect(faults).toEqual([]);
  expect(definitions[0]?.types.kind).toBe("job");
  expect(definitions[0]?.value).toMatchObject({
    name: "etl",
    workflow: {
      failureStrategy: "END",
      nodes: [{ key: "extract" }, { after: ["extract"], retry: { fixed: { max: 2 } } }],
      notify: [{ on: ["FAILED"] }],
    },
  });
});

test("what is wrong within a workflow is told with its line", () => {
  const wrong = WORKFLOW.replace("key: extract", "keys: extract").replace("job: loading", "forbidden: 1");
  expect(read(wrong).faults).toEqual([
    "7:7 workflow.nodes[0].keys: is no field of NodeInput; did you mean key?",
    "7:7 workflow.nodes[0].key: is missing",
    "13:18 workflow.nodes[1].forbidden: must be true or false, not number 1",
  ]);
});

test("what others start comes before them, what they only mention too, and a circle of names ends somewhere", () => {
  const workflow = (name: string, jobs: string[], mentioned: string[] = []) =>
    JSON.stringify({
      kind: "job",
      name,
      workflow: {
        nodes: [
          ...jobs.map((job) => ({ key: job, type: "workflow", job })),
          {
            key: "wait",
            type: "dependent",
            input: { require: { all: mentioned.map((job) => ({ job, cycle: "today" })) } },
          },
        ],
      },
    });
  const order = (...documents: string[]) => {
    const { definitions, faults } = read(documents.join("\n---\n"));
    expect(faults).toEqual([]);
    return names(inOrder(definitions));
  };
  const trigger = "{kind: trigger, name: t, job: a, schedule: {fixedRate: {every: PT1H}}}";
  expect(order(trigger, workflow("a", ["b"]), workflow("b", [], ["c"]), workflow("c", []))).toEqual([
    "job c",
    "job b",
    "job a",
    "trigger t",
  ]);
  // b starts a, and a waits for b: what is started is there first.
  expect(order(workflow("b", ["a"]), workflow("a", [], ["b"]))).toEqual(["job a", "job b"]);
  expect(order(workflow("x", ["y"]), workflow("y", ["x"]), workflow("z", ["x"]))).toHaveLength(3);
  const based =
    "{kind: calendar, name: upper, base: lower, rule: {weekly: {}}}\n---\n{kind: calendar, name: lower, rule: {weekly: {}}}";
  expect(order(based)).toEqual(["calendar lower", "calendar upper"]);
  const [definition] = read(trigger.replace("job: a", "job: a, calendars: [c]")).definitions;
  expect(definition && needs(definition)).toEqual(["calendar default c", "job default a"]);
});

test("JSON, lists of documents, merges, comments and empty documents are all read", () => {
  const json = `[\n  {"kind": "job", "name": "a", "type": "a"},\n  {"kind": "job", "name": "b", "typ": "b"}\n]`;
  expect(read(json)).toMatchObject({
    definitions: [{ name: "a" }],
    faults: [
      "3:32 typ: is no field of JobInput; did you mean type?",
      ...(typeIsRequired() ? ["3:3 type: is missing"] : []),
    ],
  });
  const yaml = `# nothing yet\n---\nkind: job\nname: m\ntype: m\ninput:\n  base: &base { a: 1 }\n  more: { <<: *base, b: 2 }\n---\n`;
  expect(read(yaml).definitions[0]?.value.input).toEqual({ base: { a: 1 }, more: { a: 1, b: 2 } });
  expect(read("").definitions).toEqual([]);
  expect(read("just text").faults).toEqual([
    "1:1 : must be an object with a kind, a name and the fields of that kind",
  ]);
});

const typeIsRequired = () => String(typesOf(schema, "job").input.getFields().type?.type).endsWith("!");

test("a file that would grow without end by its aliases is refused", () => {
  const lines = ["a: &a [x, x, x, x, x, x, x, x, x]"];
  for (const [at, name] of [..."bcdefghi"].entries()) {
    const before = String.fromCharCode("a".charCodeAt(0) + at);
    lines.push(`${name}: &${name} [${Array(9).fill(`*${before}`).join(", ")}]`);
  }
  expect(read(lines.join("\n")).faults[0]).toMatch(/alias/i);
});

test("definitions of one name are told apart by kind and namespace", () => {
  const text = `{kind: job, name: a, type: a}
---
{kind: job, name: a, type: a, namespace: other}
---
{kind: calendar, name: a, rule: {weekly: {}}}
---
{kind: job, name: a, type: b}`;
  const { unique, faults } = withoutRepeats(read(text).definitions);
  expect(unique).toHaveLength(3);
  expect(faults.map(({ place, message }) => [place.line, message])).toEqual([
    [7, "there is another job of this name at f.yaml:1"],
  ]);
});

test("a kind may be written in any letter case and in the plural", () => {
  expect(["Job", "JOBS", "workflow", "triggers", "Calendar", "jop"].map(kindOf)).toEqual([
    "job",
    "job",
    "job",
    "trigger",
    "calendar",
    null,
  ]);
});

test("equal values are found equal, however they are written", () => {
  const { input, object } = typesOf(schema, "job");
  const differing = (before: object, after: object) =>
    changesBetween(
      { input, object },
      before as Record<string, unknown>,
      after as Record<string, unknown>,
      readableFields(input, object),
      { daysAreHours: true },
    ).map(({ field }) => field);
  expect(differing({ type: "a", timeout: "PT90S" }, { type: "a", timeout: "PT1M30S" })).toEqual([]);
  expect(differing({ timeout: "P1D" }, { timeout: "PT24H" })).toEqual([]);
  expect(differing({ input: { a: 1, b: [1, 2] } }, { input: { b: [1, 2], a: 1 } })).toEqual([]);
  expect(differing({ input: { b: [1, 2] } }, { input: { b: [2, 1] } })).toEqual(["input"]);
  expect(differing({ priority: 5, tags: [], retry: undefined }, { retry: { inherit: true } })).toEqual([]);
  expect(differing({ retry: { fixed: { delay: "PT10S", max: 3 } } }, { retry: { fixed: {} } })).toEqual([]);
  expect(differing({ retry: { fixed: {} } }, { retry: { backoff: {} } })).toEqual(["retry"]);
  const nodes = (node: object) => ({ workflow: { nodes: [{ key: "a", type: "t", ...node }] } });
  expect(differing(nodes({ after: [], priority: 5, cache: false }), nodes({}))).toEqual([]);
  expect(differing(nodes({ timeout: "PT1M" }), nodes({}))).toEqual(["workflow"]);
});

test("what a server answers about a workflow is written as a document that says the same", () => {
  const types = typesOf(schema, "job");
  // Every field of the input is asked for, through unions and lists.
  const selection = selectionOf(types.input, types.object);
  expect(selection).toMatch(/workflow \{.*nodes \{.*retry \{ __typename .*FixedRetry/);
  expect(readableFields(types.input, types.object).sort()).toEqual(
    Object.keys(types.input.getFields()).sort(),
  );
  const [definition] = read(WORKFLOW).definitions;
  if (definition === undefined) throw new Error("it is read above");
  const value = readBack(types.input, types.object, {
    ...definition.value,
    retryInherited: true,
    workflow: {
      ...(definition.value.workflow as object),
      nodes: [
        {
          key: "extract",
          type: "shell",
          after: [],
          input: { script: "echo hi" },
          retry: null,
          priority: 5,
        },
        {
          ...{ key: "load", type: "workflow", job: "loading", after: ["extract"], cache: false },
          retry: { __typename: "FixedRetry", delay: "PT10S", max: 2, maxElapsed: null },
        },
      ],
    },
  });
  const text = writeDocuments([documentOf(types, { value, version: 1, paused: false })]);
  const again = read(text);
  expect(again.faults).toEqual([]);
  expect(
    changesBetween(types, definition.value, again.definitions[0]?.value ?? {}, ["workflow", "name"], {
      daysAreHours: true,
    }),
  ).toEqual([]);
  expect(text).toContain("      retry:\n        fixed:\n          max: 2\n");
  expect(text).not.toContain("priority");
});

test("a field's name and its path are two ways to write one thing", () => {
  expect(readPath("workflow.nodes[2].retry")).toEqual(["workflow", "nodes", 2, "retry"]);
  expect(pathText(["workflow", "nodes", 2, "retry"])).toBe("workflow.nodes[2].retry");
});
