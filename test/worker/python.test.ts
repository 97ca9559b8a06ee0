/** The python task against the machine's own interpreter. */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { DoNotRetry, python } from "../../worker/index.ts";
import { contextFor } from "./context.ts";

const run = python({ environment: { ...process.env, ESCAPEMENT_TOKEN: "secret-of-the-worker" } });

describe("the python task", () => {
  test("gives a script its parameters, on its standard input and in a file", async () => {
    const script = `import json, os, sys
one = json.load(sys.stdin)
two = json.load(open(os.environ["ESCAPEMENT_PARAMS"]))
assert one == two
print(one["name"], sys.argv[1:])`;
    const output = await run({ script, params: { name: "Zoë" }, args: ["a b", "$c"] }, contextFor());
    expect(output).toEqual({ exitCode: 0, stdout: "Zoë ['a b', '$c']" });
  });

  test("takes other text for the standard input, and gives none for no parameters", async () => {
    const script = "import sys; print(sys.stdin.read())";
    expect(await run({ script, stdin: "text", params: 1 }, contextFor())).toMatchObject({ stdout: "text" });
    expect(await run({ script }, contextFor())).toMatchObject({ stdout: "null" });
  });

  test("gives back what the script says, JSON and all", async () => {
    const script = `import json, os
print("#{setValue(day=2026-03-01)}")
json.dump({"rows": [1, 2], "day": None}, open(os.environ["ESCAPEMENT_OUTPUT"], "w"))`;
    expect(await run({ script }, contextFor())).toMatchObject({ rows: [1, 2], day: null, exitCode: 0 });
  });

  test("says each line as it is printed, and the end of what went wrong", async () => {
    const context = contextFor();
    const running = run({ script: "print('first')\ninput_missing" }, context);
    await expect(running).rejects.toThrow(
      /The script exited with code 1:[\s\S]*NameError: name 'input_missing'/,
    );
    expect(context.lines[0]).toEqual({ level: "info", message: "first" });
  });

  test("runs in a private folder, with no more of the worker's environment than it needs", async () => {
    const context = contextFor();
    const script =
      "import os; print('cwd=' + os.getcwd()); open('scrap', 'w'); print(','.join(sorted(os.environ)))";
    await run({ script, env: { MINE: "1" } }, context);
    const [cwd = "", names = ""] = context.lines.map(({ message }) => message);
    expect(existsSync(dirname(cwd.slice(4)))).toBe(true);
    expect(existsSync(cwd.slice(4))).toBe(false);
    expect(names.split(",")).toContain("MINE");
    expect(names).not.toContain("ESCAPEMENT_TOKEN");
  });

  test("uses the interpreter of the operator's choice", async () => {
    const odd = python({ environment: process.env, interpreter: "no-such-python" });
    await expect(odd({ script: "1" }, contextFor())).rejects.toThrow("The script cannot be started");
  });

  test.each([
    [{}, "input.script is missing"],
    [{ script: "" }, "input.script must not have fewer than 1 characters"],
    [{ script: 1 }, "input.script must be a string"],
    [{ script: "1", args: "a" }, "input.args must be a list"],
    [{ script: "1", args: ["a\0b"] }, "input.args[0] must not contain a NUL character"],
    [{ script: "1", interpreter: "ruby" }, 'has no member "interpreter"'],
  ])("refuses the input %j for good", async (input, message) => {
    const failing = run(input, contextFor());
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toBeInstanceOf(DoNotRetry);
  });
});
