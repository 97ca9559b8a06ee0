/** What workers say of their task types: registered over the protocol, shown by GraphQL, forgotten in time. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LIMITS } from "../../server/config.ts";
import { pruneTaskTypes } from "../../server/store/task-types.ts";
import { startServer, type TestServer } from "../support/server.ts";

const ADMIN = "the-administrators-secret";
let server: TestServer;

beforeAll(async () => {
  server = await startServer({ config: { adminToken: ADMIN }, token: ADMIN });
  for (const name of ["one", "two"])
    await server.graphql("mutation ($name: String!) { createNamespace(input: { name: $name }) { id } }", {
      name,
    });
});
beforeEach(
  () => server.database.sql`truncate escapement.task_type, escapement.executor restart identity cascade`,
);
afterAll(() => server.close());

const schema = { type: "object", properties: { name: { type: "string", title: "Name" } } };
const task = (type: string, more: object = {}) => ({
  type,
  title: "T",
  description: "D",
  inputSchema: schema,
  ...more,
});
const register = (
  name: string,
  tasks: unknown,
  { namespace = "one", ...more }: Record<string, unknown> = {},
) =>
  server.call("PUT", `/v1/executors/${name}?namespace=${namespace}`, { groups: ["default"], tasks, ...more });

interface Shown {
  namespace: string;
  type: string;
  title: string | null;
  inputSchema: unknown;
  groups: string[];
  lastSeenAt: string;
}
const shown = async (variables: Record<string, unknown> = { namespace: "one" }): Promise<Shown[]> => {
  const query = `query ($namespace: String, $type: String) { taskTypes(namespace: $namespace, type: $type) {
    namespace type title description inputSchema outputSchema groups lastSeenAt } }`;
  return (await server.graphql<{ taskTypes: Shown[] }>(query, variables)).taskTypes;
};
const typesShown = async (variables?: Record<string, unknown>) =>
  (await shown(variables)).map(({ type }) => type);

describe("a task type", () => {
  test("is shown as its worker describes it, with the groups where it is served", async () => {
    const outputSchema = { type: "object", title: "\0" };
    await register("a", [task("greet", { outputSchema })], { groups: ["red"], types: ["greet"] });
    await register("b", [], { groups: ["blue"], types: ["greet"] });
    await register("c", [], { groups: ["green"], types: ["other"] });
    expect(await shown()).toEqual([
      {
        ...{ namespace: "one", type: "greet", title: "T", description: "D" },
        ...{ inputSchema: schema, outputSchema, groups: ["blue", "red"], lastSeenAt: expect.any(String) },
      },
    ]);
    expect(await typesShown({ namespace: "two" })).toEqual([]);
  });

  test("needs no more than a name", async () => {
    await register("a", [{ type: "bare" }]);
    expect(await shown()).toMatchObject([{ type: "bare", title: null, inputSchema: null }]);
  });

  test("is what the last worker to register says, and goes on when that one leaves", async () => {
    await register("a", [task("greet"), task("other")]);
    await register("b", [task("greet", { title: "New" })]);
    await server.call("DELETE", "/v1/executors/a?namespace=one");
    await server.call("DELETE", "/v1/executors/b?namespace=one");
    expect(await shown()).toMatchObject([
      { type: "greet", title: "New", groups: [] },
      { type: "other", title: "T", groups: [] },
    ]);
    expect(await typesShown({ namespace: "one", type: "other" })).toEqual(["other"]);
  });

  test("is seen as long as an executor that names it is heard of", async () => {
    await register("a", [task("greet")], { types: ["greet"] });
    await server.database.sql`
      update escapement.task_type set last_seen_at = escapement.clock() - interval '1 day'`;
    const [seen] = await shown();
    expect(Date.now() - Date.parse(seen?.lastSeenAt ?? "")).toBeLessThan(60_000);
  });

  test("of executors that claim for other namespaces is shown there, too", async () => {
    await register("a", [task("greet")], { types: ["greet"] });
    await server.call("POST", "/v1/leases?namespace=one", {
      executor: "a",
      namespaces: ["one", "two"],
      waitSeconds: 0,
    });
    expect(await shown({ namespace: "two" })).toMatchObject([
      { namespace: "two", type: "greet", groups: ["default"] },
    ]);
    await register("b", [task("greet", { title: "Own" })], { namespace: "two", types: ["greet"] });
    expect(await shown({ namespace: "two" })).toMatchObject([{ title: "Own" }]);
    expect((await shown({})).map(({ namespace, title }) => [namespace, title])).toEqual([
      ["one", "T"],
      ["two", "Own"],
    ]);
  });

  test("survives workers that register at once in any order", async () => {
    const tasks = Array.from({ length: 50 }, (_, index) => task(`t${index}`));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        register(`w${index}`, index % 2 ? tasks : [...tasks].reverse()),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await typesShown()).toHaveLength(50);
  });

  test("is forgotten after a month, unless an executor that names it is there", async () => {
    await register("a", [task("kept"), task("gone")], { types: ["kept", "gone"] });
    await register("a", [], { types: ["kept"] });
    const { sql } = server.database;
    await sql`update escapement.task_type set last_seen_at = escapement.clock() - interval '31 days'`;
    await pruneTaskTypes(sql);
    expect(await typesShown()).toEqual(["kept"]);
  });
});

describe("what a worker may say", () => {
  const nested = (depth: number): object => (depth === 0 ? {} : { properties: { a: nested(depth - 1) } });

  test.each([
    ["tasks[0].type", [{ title: "x" }]],
    ["tasks[0].type", [{ type: "no blanks" }]],
    ["tasks[1].type", [task("a"), task("a")]],
    ["tasks[0].color", [task("a", { color: "red" })]],
    ["tasks[0].title", [task("a", { title: "x".repeat(201) })]],
    ["tasks[0].title", [task("a", { title: "two\nlines" })]],
    ["tasks[0].description", [task("a", { description: "bell\x07" })]],
    ["tasks[0].inputSchema", [task("a", { inputSchema: [] })]],
    ["tasks[0].inputSchema", [task("a", { inputSchema: "x" })]],
    ["tasks[0].outputSchema", [task("a", { outputSchema: { x: "y".repeat(33_000) } })]],
    ["tasks[0].inputSchema", [task("a", { inputSchema: nested(40) })]],
    ["tasks[0].inputSchema", [task("a", { inputSchema: nested(1_500) })]],
    ["tasks", Array.from({ length: 201 }, (_, index) => task(`t${index}`))],
    ["tasks", "a"],
  ])("has no fault in %s", async (field, tasks) => {
    expect(await register("a", tasks)).toMatchObject({ status: 400, body: { code: "bad_input", field } });
    expect(await typesShown()).toEqual([]);
  });

  test("is about the types that it claims", async () => {
    const refused = await register("a", [task("b")], { types: ["a"] });
    expect(refused).toMatchObject({ status: 400, body: { field: "tasks[0].type" } });
  });

  test("has several lines of description", async () => {
    expect(await register("a", [task("a", { description: "one\n\ttwo" })])).toMatchObject({ status: 200 });
  });

  test("ends when the namespace has as many types as it may have", async () => {
    for (let at = 0; at < LIMITS.taskTypes; at += 100) {
      await register(
        "a",
        Array.from({ length: 100 }, (_, index) => task(`t${at + index}`)),
      );
    }
    expect(await register("a", [task("one-more")])).toMatchObject({
      status: 429,
      body: { code: "limit_exceeded", field: "tasks" },
    });
    expect(await register("a", [task("t7", { title: "changed" })])).toMatchObject({ status: 200 });
    expect(await shown({ namespace: "one", type: "t7" })).toMatchObject([{ title: "changed" }]);
    expect(await typesShown()).toHaveLength(LIMITS.taskTypes);
  });
});

test("task types of a namespace are shown to those who may read it", async () => {
  await register("a", [task("greet")]);
  const tokenFor = async (role: string, namespace: string) => {
    const { createToken } = await server.graphql<{ createToken: { secret: string } }>(
      "mutation ($input: TokenInput!) { createToken(input: $input) { secret } }",
      { input: { name: role, role, namespace } },
    );
    return createToken.secret;
  };
  const ask = async (token: string) => {
    const answer = await fetch(`${server.url}/graphql`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ query: "{ taskTypes { type } }" }),
    });
    return (await answer.json()) as { data?: { taskTypes: Shown[] } | null };
  };
  expect((await ask(await tokenFor("VIEWER", "one"))).data?.taskTypes).toEqual([{ type: "greet" }]);
  expect((await ask(await tokenFor("VIEWER", "two"))).data?.taskTypes).toEqual([]);
  expect(await ask(await tokenFor("WORKER", "one"))).not.toHaveProperty("data.taskTypes");
});
