/** Task types as plug-ins: how they are defined, what of an input is refused and in which words, what a worker tells of them. */
import Type from "typebox";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createWorker, DoNotRetry, defineTask, http, type JsonSchema, shell } from "../../worker/index.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { contextFor } from "./context.ts";
import { createJob, endOf, startRun, startWorker, stopWorkers, unique } from "./play.ts";

const define = (inputSchema: JsonSchema, more: object = {}) =>
  defineTask({
    ...{ type: "t", title: "T", description: "D", inputSchema },
    handler: (input) => ({ got: input }),
    ...more,
  });

describe("a definition", () => {
  test("makes a handler that knows its type and its schemas", async () => {
    const inputSchema = { type: "object", properties: { n: { type: "integer" } } } as const;
    const task = defineTask({
      ...{ type: "t", title: "T", description: "D", inputSchema, outputSchema: { type: "object" } },
      // The schema gives the input its type.
      handler: ({ n = 0 }) => ({ next: n + 1 }),
    });
    expect({ ...task }).toEqual({
      ...{ type: "t", title: "T", description: "D", inputSchema, outputSchema: { type: "object" } },
    });
    expect(await task({ n: 1 }, contextFor())).toEqual({ next: 2 });
  });

  test("may have its schema from typebox", async () => {
    const task = defineTask({
      ...{ type: "t", title: "T", description: "D", inputSchema: Type.Object({ name: Type.String() }) },
      handler: ({ name }) => name.toUpperCase(),
    });
    expect(await task({ name: "a" }, contextFor())).toBe("A");
    await expect(task({ name: 1 }, contextFor())).rejects.toThrow("input.name must be a string.");
  });

  test.each([
    [{ type: "no blanks" }, "needs a type of letters"],
    [{ title: "" }, "needs a title of 1 to 200 characters"],
    [{ description: "x".repeat(4_001) }, "has a description of more than 4000 characters"],
    [{ inputSchema: { type: "string" } }, 'needs an inputSchema of type "object"'],
    [{ outputSchema: { x: "y".repeat(33_000) } }, "has an outputSchema of more than 32768 bytes"],
  ])("that the control plane would refuse is refused at once: %#", (more, message) => {
    expect(() => define({ type: "object" }, more)).toThrow(message);
  });
});

describe("input", () => {
  const task = define({
    type: "object",
    properties: {
      name: { type: "string", minLength: 2 },
      size: { type: "integer", minimum: 1, maximum: 9 },
      big: { type: "number", minimum: 5 },
      color: { enum: ["red", "blue"] },
      when: { type: "string", format: "date", examples: ["2026-03-01"] },
      code: { type: "string", pattern: "^[a-z]+$", examples: ["abc"] },
      key: { type: "string", pattern: "^x" },
      many: {
        type: "array",
        items: { type: "object", properties: { a: { type: "string" } }, required: ["a"] },
      },
      choice: { anyOf: [{ type: "string" }, { type: "array", items: { type: "integer" } }] },
      env: { type: "object", additionalProperties: { type: "string" } },
    },
    required: ["name"],
    additionalProperties: false,
  });

  test.each([
    ["text", "The input must be an object."],
    [[], "The input must be an object."],
    [{}, "input.name is missing."],
    [{ name: 1 }, "input.name must be a string."],
    [{ name: "a" }, "input.name must not have fewer than 2 characters."],
    [{ nmae: "ab" }, 'The input has no member "nmae"; it knows name, size,'],
    [{ name: "ab", size: 10 }, "input.size must be a number from 1 to 9."],
    [{ name: "ab", size: 1.5 }, "input.size must be a whole number."],
    [{ name: "ab", big: 1 }, "input.big must be a number from 5 on."],
    [{ name: "ab", color: "green" }, "input.color must be one of red, blue."],
    [{ name: "ab", when: "soon" }, "input.when must be a date such as 2026-03-01."],
    [{ name: "ab", code: "A1" }, "input.code must look like abc."],
    [{ name: "ab", key: "y" }, "input.key must look like /^x/."],
    [{ name: "ab", many: [{ a: "x" }, {}] }, "input.many[1].a is missing."],
    [{ name: "ab", choice: 1 }, "input.choice must be a string or a list."],
    [{ name: "ab", choice: [1, "x"] }, "input.choice[1] must be a whole number."],
    [{ name: "ab", env: { A: 1 } }, "input.env.A must be a string."],
  ])("%j is refused for good, with the member at fault", async (input, message) => {
    const failing = task(input, contextFor());
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toBeInstanceOf(DoNotRetry);
  });

  test("that fits reaches the handler, and none at all is an empty object", async () => {
    expect(await task({ name: "ab", choice: [1] }, contextFor())).toEqual({
      got: { name: "ab", choice: [1] },
    });
    const any = define({ type: "object" });
    expect(await any(null, contextFor())).toEqual({ got: {} });
    expect(await any(undefined, contextFor())).toEqual({ got: {} });
  });

  test("may be one of several forms, of which the message speaks", async () => {
    const forms = define({
      type: "object",
      properties: { a: { type: "string" }, b: { type: "string" } },
      oneOf: [{ required: ["a"] }, { required: ["b"] }],
    });
    await expect(forms({}, contextFor())).rejects.toThrow("The input must hold one of a, b.");
    await expect(forms({ a: "1", b: "2" }, contextFor())).rejects.toThrow(
      "The input takes only one of the forms",
    );
    await expect(forms({ a: 1 }, contextFor())).rejects.toThrow("input.a must be a string.");
  });
});

describe("a worker", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  });
  afterEach(stopWorkers);
  afterAll(() => server.close());

  const taskTypes = async () => {
    const query = "{ taskTypes { type title inputSchema groups } }";
    return (await server.graphql<{ taskTypes: { type: string }[] }>(query)).taskTypes;
  };

  test("runs tasks beside handlers and tells the control plane of them", async () => {
    const [type, plain, renamed] = [unique("task"), unique("plain"), unique("renamed")];
    for (const each of [type, plain, renamed]) await createJob(server, each);
    const task = define({ type: "object", required: ["a"], properties: { a: { type: "string" } } }, { type });
    const handlers = { [plain]: () => "plain", [renamed]: task };
    await startWorker(server, handlers, { tasks: [task, http()] });
    expect(await endOf(server, await startRun(server, type, { a: "x" }))).toMatchObject({
      output: { got: { a: "x" } },
    });
    expect(await endOf(server, await startRun(server, type, {}))).toMatchObject({
      state: "FAILED",
      error: { type: "DoNotRetry", message: "input.a is missing." },
    });
    expect(await endOf(server, await startRun(server, plain))).toMatchObject({ output: "plain" });
    const told = await taskTypes();
    expect(told.map(({ type: name }) => name).sort()).toEqual([renamed, type, "http"].sort());
    expect(told.find((one) => one.type === type)).toEqual({
      ...{ type, title: "T", inputSchema: task.inputSchema, groups: ["default"] },
    });
  });

  test("does not begin with two handlers for a type, with none, or with more tasks than it may tell of", () => {
    const { url } = server;
    const environment = {};
    expect(() => createWorker({ url, tasks: [http()], handlers: { http: http() } })).toThrow(
      'Two handlers are for the type "http".',
    );
    expect(() => createWorker({ url, tasks: [shell({ environment }), shell({ environment })] })).toThrow(
      "shell",
    );
    expect(() => createWorker({ url })).toThrow("needs at least one handler or task");
    const many = Array.from({ length: 201 }, (_, index) => define({ type: "object" }, { type: `t${index}` }));
    expect(() => createWorker({ url, tasks: many })).toThrow("A worker may describe 200 tasks, not 201.");
  });
});
