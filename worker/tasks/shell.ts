/**
 * Task type `shell`: a command line, a program or a script in a process group of its own, its output in the run's log.
 * Whoever may define jobs runs code as the worker's user with this, so a worker offers it only where its operator says
 * so (POSIX only).
 */
import { DoNotRetry } from "../errors.ts";
import { NO_NUL } from "../input-check.ts";
import { defineTask, type Task } from "../task.ts";
import { ARGS, COMMAND_OUTPUT, CWD, ENV, STDIN } from "./fields.ts";
import { type CommandOutput, type KillOptions, runCommand } from "./process/command.ts";
import { type EnvironmentOptions, identityOf, scrubbed } from "./process/environment.ts";
import { requirePosix } from "./process/group.ts";
import { type Scratch, withScratch } from "./process/scratch.ts";

export interface ShellOptions extends EnvironmentOptions, KillOptions {
  /** Where commands run that name no `cwd`. Default: the worker's own directory. */
  cwd?: string | undefined;
}

/** The input of a `shell` run: a command, or a script with its arguments. */
export interface ShellInput {
  /** A line for /bin/sh, or a program with its arguments and no shell in between. */
  command?: string | { file: string; args?: string[] } | undefined;
  /** Text for /bin/sh, or for what its first line `#!` names. */
  script?: string | undefined;
  args?: string[];
  env?: Record<string, string>;
  cwd?: string;
  stdin?: string;
}

export type ShellOutput = CommandOutput;

const INPUT = {
  type: "object",
  properties: {
    script: {
      type: "string",
      title: "Script",
      description: "Run by /bin/sh, or by what its first line #! names.",
      minLength: 1,
      format: "multiline",
    },
    command: {
      title: "Command",
      description:
        "Instead of a script: a line for /bin/sh, or a program with arguments that no shell reads.",
      anyOf: [
        { type: "string", minLength: 1, pattern: NO_NUL },
        {
          type: "object",
          properties: { file: { type: "string", minLength: 1, pattern: NO_NUL }, args: ARGS },
          required: ["file"],
          additionalProperties: false,
        },
      ],
    },
    args: { ...ARGS, description: "Of the script." },
    env: ENV,
    cwd: CWD,
    stdin: STDIN,
  },
  oneOf: [{ required: ["command"] }, { required: ["script"] }],
  additionalProperties: false,
} as const;

/** The task type `shell`. Commands see of the worker's environment PATH, HOME and LANG, or what `passEnv` names. */
export function shell(options: ShellOptions): Task {
  requirePosix("shell");
  return defineTask({
    type: "shell",
    title: "Shell",
    description: "Runs a script or a command on the worker's machine, as the worker's user.",
    inputSchema: INPUT,
    outputSchema: COMMAND_OUTPUT,
    handler: (input: ShellInput, context) =>
      withScratch(async (scratch) => {
        const outputFile = await scratch.write("output", "");
        const [file, args] = await programOf(input, scratch);
        const command = {
          file,
          args,
          env: {
            ...scrubbed(options),
            ...identityOf(context.lease),
            ESCAPEMENT_OUTPUT: outputFile,
            ...input.env,
          },
          cwd: input.cwd ?? options.cwd,
          stdin: input.stdin,
          outputFile,
        };
        return await runCommand(command, context, options);
      }),
  });
}

async function programOf(
  { command, script = "", args }: ShellInput,
  scratch: Scratch,
): Promise<[file: string, args: string[]]> {
  if (command !== undefined && args !== undefined)
    throw new DoNotRetry("input.args are a script's; those of a program go into input.command.args.");
  if (typeof command === "string") return ["/bin/sh", ["-c", command]];
  if (command !== undefined) return [command.file, command.args ?? []];
  const [file, ...own] = interpreterOf(script);
  return [file, [...own, await scratch.write("script", script), ...(args ?? [])]];
}

/** As the kernel reads a first line: a program and at most one argument. So a script needs no right to be executed. */
function interpreterOf(script: string): [file: string, ...args: string[]] {
  const [, file, argument = ""] = /^#![ \t]*(\S+)[ \t]*(.*)/.exec(script) ?? [];
  if (file === undefined) return ["/bin/sh"];
  return argument.trim() === "" ? [file] : [file, argument.trim()];
}
