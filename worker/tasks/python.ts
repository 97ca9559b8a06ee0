/**
 * Task type `python`: the text of a script, run by an interpreter of the operator's choice from a private folder that
 * goes with the attempt. Runs code as the worker's user, like `shell` (POSIX only).
 */
import { defineTask, type Task } from "../task.ts";
import { ARGS, COMMAND_OUTPUT, CWD, ENV, STDIN } from "./fields.ts";
import { type KillOptions, runCommand } from "./process/command.ts";
import { type EnvironmentOptions, identityOf, scrubbed } from "./process/environment.ts";
import { requirePosix } from "./process/group.ts";
import { withScratch } from "./process/scratch.ts";

export interface PythonOptions extends EnvironmentOptions, KillOptions {
  /** A name on the PATH or a path, such as that of a virtual environment's. Default: python3. */
  interpreter?: string | undefined;
  /** Where scripts run that name no `cwd`. Default: the attempt's private folder. */
  cwd?: string | undefined;
}

const INPUT = {
  type: "object",
  properties: {
    script: { type: "string", title: "Script", minLength: 1, format: "multiline" },
    params: {
      title: "Parameters",
      description:
        "Any JSON: the script reads it from its standard input, or from the file ESCAPEMENT_PARAMS.",
    },
    args: { ...ARGS, description: "sys.argv[1:]" },
    env: ENV,
    cwd: CWD,
    stdin: { ...STDIN, description: "Instead of the parameters." },
  },
  required: ["script"],
  additionalProperties: false,
} as const;

/** As text, without delay and without leaving anything behind. */
const MANNERS = { PYTHONUNBUFFERED: "1", PYTHONUTF8: "1", PYTHONDONTWRITEBYTECODE: "1" };

/** The task type `python`. Scripts see of the worker's environment PATH, HOME and LANG, or what `passEnv` names. */
export function python(options: PythonOptions): Task {
  requirePosix("python");
  return defineTask({
    type: "python",
    title: "Python",
    description: "Runs a Python script on the worker's machine, as the worker's user.",
    inputSchema: INPUT,
    outputSchema: COMMAND_OUTPUT,
    handler: (input, context) =>
      withScratch(async (scratch) => {
        const params = JSON.stringify(input.params ?? null);
        const outputFile = await scratch.write("output", "");
        const command = {
          file: options.interpreter ?? "python3",
          args: [await scratch.write("script.py", input.script), ...(input.args ?? [])],
          env: {
            ...scrubbed(options),
            ...MANNERS,
            ...identityOf(context.lease),
            ESCAPEMENT_OUTPUT: outputFile,
            ESCAPEMENT_PARAMS: await scratch.write("params.json", params),
            ...input.env,
          },
          cwd: input.cwd ?? options.cwd ?? scratch.path,
          stdin: input.stdin ?? params,
          noun: "script",
          outputFile,
        };
        return await runCommand(command, context, options);
      }),
  });
}
