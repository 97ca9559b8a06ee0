/** The shell task against real processes. */
import { describe, expect, test } from "vitest";
import { Cancelled, DoNotRetry, TimedOut, WorkerStopping } from "../../worker/index.ts";
import { shell } from "../../worker/tasks/shell.ts";
import { contextFor } from "./context.ts";
import { expectGone } from "./processes.ts";

const environment = { ...process.env, ESCAPEMENT_TOKEN: "secret-of-the-worker" };
const run = shell({ environment, killGraceSeconds: 0.2 });

describe("the shell task", () => {
  test("runs a command line, logs its output and returns the last of it", async () => {
    const context = contextFor();
    const output = await run({ command: "echo one; echo two >&2; echo three" }, context);
    expect(output).toEqual({ exitCode: 0, stdout: "one\nthree" });
    expect(context.lines).toEqual(
      expect.arrayContaining([
        { level: "info", message: "one" },
        { level: "warn", message: "two" },
        { level: "info", message: "three" },
      ]),
    );
  });

  test("runs a program with arguments that no shell reads", async () => {
    const output = await run({ command: { file: "printf", args: ["%s", "$HOME; rm *"] } }, contextFor());
    expect(output).toEqual({ exitCode: 0, stdout: "$HOME; rm *" });
  });

  test("runs a script with its arguments, by what its first line names", async () => {
    const context = contextFor();
    const script = 'echo "$1,$2"; echo "#{setValue(k=$3)}"';
    expect(await run({ script, args: ["a b", "$c", "v"] }, context)).toMatchObject({ k: "v" });
    expect(context.lines[0]).toEqual({ level: "info", message: "a b,$c" });
    const odd = "#!/usr/bin/env  python3\nimport sys; print(sys.argv[1])";
    expect(await run({ script: odd, args: ["x"] }, contextFor())).toMatchObject({ stdout: "x" });
    const strict = "#!/bin/sh -eu\nfalse\necho not reached";
    await expect(run({ script: strict }, contextFor())).rejects.toThrow("exited with code 1.");
  });

  test("hands stdin over and survives a command that does not read it", async () => {
    expect(await run({ command: "tr a-z A-Z", stdin: "loud" }, contextFor())).toMatchObject({
      stdout: "LOUD",
    });
    const long = "x".repeat(1_000_000);
    expect(await run({ command: "true", stdin: long }, contextFor())).toMatchObject({ exitCode: 0 });
  });

  test("keeps the worker's environment from the command and says which run it is", async () => {
    const context = contextFor();
    await run({ command: "env", env: { MINE: "1" }, cwd: "/" }, context);
    const names = context.lines.map(({ message }) => message.split("=")[0]);
    const given = names.filter((name) => !["PWD", "OLDPWD", "SHLVL", "_"].includes(name ?? ""));
    const expected = ["PATH", "HOME", "LANG"].filter((name) => process.env[name] !== undefined);
    expect(given.sort()).toEqual(
      [
        ...expected,
        "ESCAPEMENT_ATTEMPT",
        "ESCAPEMENT_FENCE",
        "ESCAPEMENT_JOB",
        "ESCAPEMENT_OUTPUT",
        "ESCAPEMENT_RUN",
        "ESCAPEMENT_SCHEDULED_AT",
        "MINE",
      ].sort(),
    );
    expect(context.lines).toContainEqual({ level: "info", message: "ESCAPEMENT_RUN=4711" });
  });

  test("fails with the exit code and the last lines", async () => {
    const failing = run({ command: "echo working; echo broken >&2; exit 3" }, contextFor());
    await expect(failing).rejects.toThrow(/exited with code 3:\n(.*\n)?.*broken/);
  });

  test("says which signal ended a command", async () => {
    await expect(run({ command: "kill -SEGV $$" }, contextFor())).rejects.toThrow("was ended by SIGSEGV");
  });

  test("says that a program does not exist", async () => {
    const failing = run({ command: { file: "no-such-program" } }, contextFor());
    await expect(failing).rejects.toThrow(/cannot be started: .*ENOENT/);
  });

  test.each([
    [{}, "The input must hold one of command, script."],
    [{ command: 1 }, "input.command must be a string or an object."],
    [{ command: "a", script: "b" }, "takes only one of the forms"],
    [{ command: "a", args: [] }, "input.args are a script's"],
    [{ command: {} }, "input.command.file is missing"],
    [{ command: "a", shell: "b" }, 'The input has no member "shell"'],
    [{ command: { file: "a", args: "b" } }, "input.command.args must be a list"],
    [{ command: { file: "a", args: [1] } }, "input.command.args[0] must be a string"],
    [{ command: "a", env: { A: 1 } }, "input.env.A must be a string"],
    [{ command: "a\0b" }, "NUL"],
    ["ls", "The input must be an object"],
  ])("refuses the input %j for good", async (input, message) => {
    const failing = run(input, contextFor());
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toBeInstanceOf(DoNotRetry);
  });

  test("ends the whole group when the run is cancelled", async () => {
    const context = contextFor();
    const running = run({ command: "sleep 61 & echo child=$!; sleep 62; echo not reached" }, context);
    await context.logged("child=");
    const pid = Number(context.lines[0]?.message.split("=")[1]);
    context.stop(new Cancelled());
    await expect(running).rejects.toBeInstanceOf(Cancelled);
    await expectGone(pid);
    expect(context.lines.map(({ message }) => message)).not.toContain("not reached");
  });

  test("kills what does not heed SIGTERM", async () => {
    const context = contextFor();
    const running = run({ command: "trap '' TERM; echo pid=$$; while :; do sleep 0.05; done" }, context);
    await context.logged("pid=");
    context.stop(new TimedOut(1));
    await expect(running).rejects.toBeInstanceOf(TimedOut);
    await expectGone(Number(context.lines[0]?.message.split("=")[1]));
  });

  test("lets a command that heeds SIGTERM tidy up", async () => {
    const context = contextFor();
    const command = "trap 'echo tidied; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    const running = run({ command }, context);
    await context.logged("ready");
    context.stop(new WorkerStopping());
    await expect(running).rejects.toBeInstanceOf(WorkerStopping);
    expect(context.lines).toContainEqual({ level: "info", message: "tidied" });
  });

  test("ends what a command leaves in the background", async () => {
    const context = contextFor();
    await run({ command: "sleep 63 & echo child=$!" }, context);
    await expectGone(Number(context.lines[0]?.message.split("=")[1]));
  });

  test("does not start a command for a run that is over already", async () => {
    const context = contextFor();
    context.stop(new Cancelled());
    await expect(run({ command: "echo hello" }, context)).rejects.toBeInstanceOf(Cancelled);
    expect(context.lines).toEqual([]);
  });

  test("keeps all lines of a talkative command in order, and the end of them as output", async () => {
    const context = contextFor();
    const output = await run({ command: "seq 1 20000" }, context);
    expect(context.lines.map(({ message }) => Number(message))).toEqual(
      Array.from({ length: 20_000 }, (_, index) => index + 1),
    );
    const { stdout } = output as { stdout: string };
    expect(stdout.length).toBeLessThanOrEqual(8 * 1024);
    expect(stdout.endsWith("19999\n20000")).toBe(true);
  });
});
