/** OUT parameters: how they are said on a standard output and in a file, which wins, and what is too much. */
import { describe, expect, test } from "vitest";
import { DoNotRetry, shell } from "../../worker/index.ts";
import { readOutput } from "../../worker/tasks/process/out-params.ts";
import { SetValues } from "../../worker/tasks/process/set-value.ts";
import { contextFor } from "./context.ts";

/** Without the sign before it, which a template would read. */
const SET = "{setValue(";

const found = (...pieces: string[]) => {
  const values = new SetValues();
  return pieces.flatMap((piece) => values.push(piece)).map(({ name, value }) => [name, value]);
};

describe("setValue", () => {
  test("is found in both forms, also several in a line", () => {
    expect(found(`a $${SET}k=v)} b #${SET}x=1=2)}\n$${SET} y =)}`)).toEqual([
      ["k", "v"],
      ["x", "1=2"],
      ["y", ""],
    ]);
  });

  test("is found wherever the output is cut", () => {
    const text = 'x$${setValue(doc={\n  "a": ")"\n})}y#{setValue(k=v)}';
    const whole = [
      ["doc", '{\n  "a": ")"\n}'],
      ["k", "v"],
    ];
    for (let at = 0; at <= text.length; at++) expect(found(text.slice(0, at), text.slice(at))).toEqual(whole);
    expect(found(...text)).toEqual(whole);
  });

  test("without an end, or without a name, is none", () => {
    expect(found(`$${SET}k=`, "x".repeat(70_000), ")}", `$${SET}a=b)}`)).toEqual([["a", "b"]]);
    expect(found(`$${SET}k)} $${SET.toLowerCase()}a=b)} $ ${SET}a=b)}`)).toEqual([]);
  });
});

describe("the file", () => {
  test("is an object as JSON, or lines", () => {
    expect(readOutput(' {"a": 1, "b": [null]}\n')).toEqual([
      ["a", 1],
      ["b", [null]],
    ]);
    expect(readOutput("# both\na=1\r\n\nb = x=y\n")).toEqual([
      ["a", "1"],
      ["b", " x=y"],
    ]);
    expect(readOutput("")).toEqual([]);
  });

  test("that is neither says where", () => {
    expect(() => readOutput("a=1\nbroken")).toThrow("Line 2 of ESCAPEMENT_OUTPUT");
    expect(() => readOutput('{"a"')).toThrow("begins like JSON");
  });
});

describe("a command's output", () => {
  const run = shell({ environment: process.env });
  const outputOf = (script: string, context = contextFor()) => run({ script }, context);

  test("has what the file says before what was printed, and of each the last", async () => {
    const script = `echo '\${setValue(a=1)}'; echo '#{setValue(a=2)}'; echo '#{setValue(b=2)}'
      echo 'b=file' >> $ESCAPEMENT_OUTPUT; echo 'c=3' >> $ESCAPEMENT_OUTPUT`;
    expect(await outputOf(script)).toMatchObject({ a: "2", b: "file", c: "3", exitCode: 0 });
  });

  test("may be any JSON", async () => {
    expect(await outputOf(`echo '{"rows": [1, {"x": null}]}' > "$ESCAPEMENT_OUTPUT"`)).toMatchObject({
      rows: [1, { x: null }],
    });
  });

  test("keeps the task's own members, and says what it left out", async () => {
    const context = contextFor();
    const output = await outputOf("echo '#{setValue(exitCode=9)}'; echo '#{setValue(no blank=1)}'", context);
    expect(output).toMatchObject({ exitCode: 0 });
    expect(output).not.toHaveProperty(["no blank"]);
    const warnings = context.lines.filter(({ level }) => level === "warn").map(({ message }) => message);
    expect(warnings).toEqual([
      expect.stringContaining('"no blank" is no name'),
      expect.stringContaining('"exitCode" is left out'),
    ]);
  });

  test("does not take what was printed as an error", async () => {
    expect(await outputOf("echo '#{setValue(a=1)}' >&2")).not.toHaveProperty("a");
  });

  test.each([
    ["seq -f 'p%g=x' 1 201 > $ESCAPEMENT_OUTPUT", "201 output parameters are too many"],
    [`printf 'a=%0140000d' 1 > $ESCAPEMENT_OUTPUT`, "The output parameters have 140008 bytes"],
    ["head -c 300000 /dev/zero > $ESCAPEMENT_OUTPUT", "ESCAPEMENT_OUTPUT has 300000 bytes"],
  ])("is limited: %s", async (script, message) => {
    const failing = outputOf(script);
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toBeInstanceOf(DoNotRetry);
  });

  test("is not waited for when the file is a pipe by now, and is nothing when it is gone", async () => {
    await expect(outputOf("rm $ESCAPEMENT_OUTPUT; mkfifo $ESCAPEMENT_OUTPUT")).rejects.toThrow(
      "not a file any more",
    );
    expect(await outputOf("rm $ESCAPEMENT_OUTPUT")).toEqual({ exitCode: 0, stdout: "" });
  });
});
