/** JSON as people type it, and commands to paste. */
import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { curlCreateJob, curlStartRun, curlTakeLease } from "../../../web/model/curl.ts";
import { entriesOf, parseJson, previewJson } from "../../../web/model/json.ts";

describe("parsing", () => {
  test("blank is no value, null is one", () => {
    expect(parseJson(" \n")).toEqual({ ok: true, value: undefined });
    expect(parseJson("null")).toEqual({ ok: true, value: null });
    expect(parseJson('[1, {"a": "b"}]')).toEqual({ ok: true, value: [1, { a: "b" }] });
  });

  test.each([
    ['{\n  "a": 1,\n  b: 2\n}', "this is not JSON (line 3, column 3)"],
    ['{ "a": }', "this is not JSON (line 1, column 8)"],
    ["[1, 2,]", "this is not JSON (line 1, column 7)"],
    ['{"a": 1,}', "this is not JSON (line 1, column 9)"],
    ["[1 2]", "this is not JSON (line 1, column 4)"],
    ["{} {}", "this is not JSON (line 1, column 4)"],
    ["'a'", "this is not JSON (line 1, column 1)"],
    ["[01]", "this is not JSON (line 1, column 2)"],
    ["nul", "this is not JSON (line 1, column 1)"],
    ['{"a":', "the text ends too early (line 1, column 6)"],
    ["[[1]", "the text ends too early (line 1, column 5)"],
  ])("%j: %s", (text, message) => {
    expect(parseJson(text)).toEqual({ ok: false, message });
  });

  test("a fault is never placed before what is sound: cutting there leaves the start of some JSON", () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), (json, cut) => {
        const text = json.slice(0, cut % json.length);
        const parsed = parseJson(`${text}\u0001`);
        if (parsed.ok) throw new Error("a control character made JSON");
        const column = Number(/column (\d+)/.exec(parsed.message)?.[1]);
        // A token that was cut is itself the fault; nothing before its beginning is.
        expect(text.slice(column - 1)).not.toMatch(/^[[\]{},:]/);
      }),
    );
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
