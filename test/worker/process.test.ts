/** What all tasks that run commands have in common: nothing of theirs is left behind, whatever happens. */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { Cancelled, LeaseLost, python, shell, TimedOut } from "../../worker/index.ts";
import { callProgram } from "../../worker/tasks/process/call.ts";
import { withScratch } from "../../worker/tasks/process/scratch.ts";
import { contextFor, type TriedContext } from "./context.ts";
import { expectGone } from "./processes.ts";

const options = { environment: process.env, killGraceSeconds: 0.2 };
const run = shell(options);
const said = (context: TriedContext, name: string) =>
  context.lines.find(({ message }) => message.startsWith(`${name}=`))?.message.split("=")[1] ?? "";

/** A child of a child, both deaf to SIGTERM, in both languages. */
const FAMILIES = {
  shell: [
    run,
    `trap '' TERM; echo file=$ESCAPEMENT_OUTPUT; sh -c 'trap "" TERM; echo pid=$$; sleep 600' & wait`,
  ],
  python: [
    python(options),
    `import os, signal, subprocess
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("file=" + os.environ["ESCAPEMENT_OUTPUT"])
subprocess.run(["sh", "-c", "trap '' TERM; echo pid=$$; sleep 600 & wait"])`,
  ],
} as const;

describe.each(["shell", "python"] as const)("a %s script that is stopped", (type) => {
  const [task, script] = FAMILIES[type];

  test.each([new Cancelled(), new TimedOut(1), new LeaseLost()])(
    "leaves no process and no file: $name",
    async (reason) => {
      const context = contextFor();
      const running = task({ script }, context);
      const settled = expect(running).rejects.toBe(reason);
      await context.logged("pid=");
      await context.logged("file=");
      context.stop(reason);
      await settled;
      await expectGone(Number(said(context, "pid")));
      expect(existsSync(dirname(said(context, "file")))).toBe(false);
    },
  );
});

test("a command's folder is private, and goes with what the command has put there", async () => {
  const context = contextFor();
  const script = `folder=$(dirname $ESCAPEMENT_OUTPUT); echo folder=$folder; stat -c 'mode=%a' $folder
    mkdir -p $folder/a/b && echo x > $folder/a/b/c && chmod 0 $folder/a`;
  await run({ script }, context);
  expect(said(context, "mode")).toBe("700");
  expect(existsSync(said(context, "folder"))).toBe(false);
});

test("somebody who left the group with its output does not keep the run from ending", async () => {
  const context = contextFor();
  const script = `pipe=$(dirname $ESCAPEMENT_OUTPUT)/pipe; mkfifo $pipe
    setsid sh -c "echo pid=\\$\\$; echo > $pipe; exec sleep 600" & read line < $pipe`;
  expect(await run({ script }, context)).toMatchObject({ exitCode: 0 });
  process.kill(Number(said(context, "pid")), "SIGKILL");
});

test("a folder that somebody has removed is made again", async () => {
  const first = await withScratch(async ({ path }) => path);
  await callProgram(["rm", "-rf", dirname(first)], {
    env: { PATH: process.env.PATH ?? "" },
    timeoutMs: 10_000,
  });
  expect(await withScratch(async ({ path }) => existsSync(path))).toBe(true);
});

describe("a program that is called", () => {
  const env = { PATH: process.env.PATH ?? "" };

  test("answers with its code and both its outputs", async () => {
    const called = await callProgram(["sh", "-c", "echo a; exec >&2; echo b; exit 3"], {
      env,
      timeoutMs: 10_000,
    });
    expect(called.code).toBe(3);
    expect(called.output.split("\n").sort()).toEqual(["a", "b"]);
  });

  test("is killed with all of its own when its time is up, and said to be none when there is none", async () => {
    const called = await callProgram(["sh", "-c", "echo pid=$$; sleep 600 & wait"], { env, timeoutMs: 300 });
    expect(called.code).toBeNull();
    await expectGone(Number(called.output.split("=")[1]));
    expect(await callProgram(["no-such-program"], { env, timeoutMs: 10_000 })).toMatchObject({
      code: null,
      output: expect.stringContaining("ENOENT"),
    });
  });
});
