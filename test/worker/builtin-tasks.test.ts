/** Which task types the built-in worker offers, by its environment. */
import { expect, test } from "vitest";
import { tasksOf } from "../../worker/builtin-tasks.ts";
import { contextFor } from "./context.ts";
import { FAKE_ENGINE, makeFakes } from "./fakes.ts";

const always = ["demo.greet", "demo.report", "demo.flaky", "http"];
const connections = '{"main": {"url": "mysql://127.0.0.1/x", "readOnly": true}}';
const typesOf = (environment: Record<string, string>) => tasksOf(environment).map(({ type }) => type);

test.each([
  [{}, []],
  [{ ESCAPEMENT_SHELL: "1" }, ["shell"]],
  [{ ESCAPEMENT_SHELL: "0", ESCAPEMENT_PYTHON: "0", ESCAPEMENT_SPARK: "", ESCAPEMENT_MR: "0" }, []],
  [{ ESCAPEMENT_PYTHON: "/opt/venv/bin/python" }, ["python"]],
  [{ ESCAPEMENT_SQL_CONNECTIONS: connections }, ["sql", "procedure"]],
  [{ ESCAPEMENT_CONTAINER: "/usr/bin/podman" }, ["container"]],
  [{ ESCAPEMENT_SPARK: "1" }, ["spark"]],
  [{ ESCAPEMENT_MR: "yarn" }, ["mr"]],
])("%j turns on %j", (environment, types) => {
  expect(typesOf(environment)).toEqual([...always, ...types]);
});

test.each([
  ["[]", "must be an object such as"],
  ["{}", "There is no SQL connection."],
  ['{"a": {}}', 'The SQL connection "a" needs a url.'],
  [
    '{"a": {"url": "file:///x"}}',
    'The SQL connection "a" needs a url that begins with postgres:// or mysql://.',
  ],
  ['{"a": {"url": "postgres://x", "readOnly": "yes"}}', 'The SQL connection "a" has a readOnly'],
  [
    '{"a": {"url": "postgres://x", "readonly": true}}',
    'The SQL connection "a" knows url and readOnly, not readonly.',
  ],
])("the connections %s are refused by name", (json, message) => {
  expect(() => tasksOf({ ESCAPEMENT_SQL_CONNECTIONS: json })).toThrow(message);
});

test("a form offers the names of connections, and nothing else of them", () => {
  const sql = tasksOf({ ESCAPEMENT_SQL_CONNECTIONS: connections }).find(({ type }) => type === "sql");
  expect(sql).toHaveProperty("inputSchema.properties.connection.examples", ["main"]);
  expect(JSON.stringify(sql?.inputSchema)).not.toContain("127.0.0.1");
});

test("containers are what the operator allows", async () => {
  const fakes = makeFakes({ docker: FAKE_ENGINE });
  const tasks = tasksOf({
    PATH: fakes.environment.PATH,
    ESCAPEMENT_CONTAINER: "1",
    ESCAPEMENT_CONTAINER_IMAGES: "alpine, team/*",
    ESCAPEMENT_CONTAINER_MOUNTS: "/srv/data",
    ESCAPEMENT_CONTAINER_MEMORY: "1g",
    ESCAPEMENT_CONTAINER_CPUS: "1.5",
  });
  const run =
    tasks.find(({ type }) => type === "container") ?? (() => Promise.reject(new Error("no container")));
  await expect(run({ image: "debian" }, contextFor())).rejects.toThrow("input.image is not one");
  const mounts = [{ source: "/etc", target: "/in" }];
  await expect(run({ image: "alpine", mounts }, contextFor())).rejects.toThrow("input.mounts[0].source");
  await run({ image: "team/x", command: ["true"] }, contextFor());
  expect(fakes.calls().flat().join(" ")).toContain("--memory 1g --cpus 1.5 team/x true");
  fakes.remove();
});
