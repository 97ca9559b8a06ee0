/** JSON as people type it, and commands to paste. */
import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { curlCreateJob, curlStartRun, curlTakeLease } from "../../../web/model/curl.ts";
import { entriesOf, parseJson, previewJson } from "../../../web/model/json.ts";

describe("parsing", () => {
  test("blank is no value, null is one", () => {
    expect(parseJson(" \n")).toEqual({ ok: true, value: undefined });
    expect(parseJson("null")).toEqual({ ok: true, value: null });
    expect(parseJson('[1, {"a": "b"}]')).toEqual({ ok: true, value: [1, { a: "b" }] });
  });

  test("a fault is told with its line and column", () => {
    expect(parseJson('{\n  "a": 1,\n  b: 2\n}')).toEqual({
      ok: false,
      message: "this is not JSON (line 3, column 3)",
    });
  });

  test("a text that stops too early says so", () => {
    expect(parseJson('{"a":')).toMatchObject({
      ok: false,
      message: expect.stringContaining("ends too early"),
    });
  });
});

test("a preview fits its line", () => {
  expect(previewJson({ a: [1, 2] })).toBe('{"a":[1,2]}');
  expect(previewJson("x".repeat(200), 10)).toBe(`"${"x".repeat(8)}…`);
});

test("objects and arrays have entries, scalars none", () => {
  expect(entriesOf({ a: 1 })).toEqual([["a", 1]]);
  expect(entriesOf(["x"])).toEqual([["0", "x"]]);
  expect(entriesOf(null)).toBeNull();
  expect(entriesOf("text")).toBeNull();
});

describe("commands", () => {
  const target = { origin: "http://127.0.0.1:4400", namespace: "demo", token: false };
  /** What a shell passes to curl. */
  const argumentsOf = (command: string, env: Record<string, string> = {}): string[] =>
    execFileSync("sh", ["-c", command.replace(/^curl/, "printf '%s\\n'")], { encoding: "utf8", env }).split(
      "\n",
    );

  test("a job's name survives the shell, whatever quotes it has", () => {
    const query = JSON.parse(argumentsOf(curlStartRun(target, `it's "here"`)).at(-2) ?? "").query;
    expect(query).toContain(`job: "it's \\"here\\""`);
  });

  test("the token comes from the environment, not from the page", () => {
    const command = curlCreateJob({ ...target, token: true });
    expect(argumentsOf(command, { ESCAPEMENT_TOKEN: "t0p" })).toContain("Authorization: Bearer t0p");
    expect(curlCreateJob(target)).not.toContain("Authorization");
  });

  test("a worker's call names the namespace unless its token does", () => {
    expect(curlTakeLease(target)).toContain("/v1/leases?namespace=demo");
    expect(curlTakeLease({ ...target, token: true })).not.toContain("namespace");
  });
});
