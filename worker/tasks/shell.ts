/**
 * Task type `shell`: a command in a process group of its own, its output in the run's log. Whoever may define jobs
 * runs code as the worker's user with this, so a worker offers it only where its operator says so (POSIX only).
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { Context, Handler } from "../attempt.ts";
import { DoNotRetry, WorkerStopping } from "../errors.ts";
import type { LogLevel } from "../log.ts";
import { processGroup } from "./group.ts";
import { members, text, texts } from "./input.ts";
import { Lines, Tail } from "./lines.ts";

export interface ShellOptions {
  /** The worker's own environment, of which commands see only what `passEnv` names. */
  environment: Record<string, string | undefined>;
  /** Default: PATH, HOME and LANG. */
  passEnv?: string[] | undefined;
  /** Where commands run that name no `cwd`. Default: the worker's own directory. */
  cwd?: string | undefined;
  /** From SIGTERM to SIGKILL. Default: 5. */
  killGraceSeconds?: number | undefined;
}

/** The input of a `shell` run. */
export interface ShellInput {
  /** A line for /bin/sh, or a program with its arguments and no shell in between. */
  command: string | { file: string; args?: string[] };
  env?: Record<string, string>;
  cwd?: string;
  stdin?: string;
}

export interface ShellOutput {
  exitCode: number;
  /** The last lines of the standard output; all of it is in the log. */
  stdout: string;
}

/** The command ended in another way than with exit code 0. */
class CommandFailed extends Error {
  override readonly name = "CommandFailed";
}

const OUTPUT_TAIL_LENGTH = 8 * 1024;
const ERROR_TAIL_LENGTH = 2 * 1024;
/** A worker that shuts down has not much time for its commands. */
const STOPPING_GRACE_MS = 1_000;

/** The handler for task type `shell`. */
export function shell(options: ShellOptions): Handler {
  if (process.platform === "win32")
    throw new Error("The shell task needs process groups: POSIX systems only.");
  return async (input, context) => run(checkedInput(input), context, options);
}

async function run(input: ShellInput, context: Context, options: ShellOptions): Promise<ShellOutput> {
  const { signal } = context;
  signal.throwIfAborted();
  const child = start(input, context, options);
  const group = processGroup(child);
  const abort = () => {
    const stopping = signal.reason instanceof WorkerStopping;
    group.end(stopping ? STOPPING_GRACE_MS : (options.killGraceSeconds ?? 5) * 1000);
  };
  signal.addEventListener("abort", abort, { once: true });
  // What the command left in the background ends with it: the run is over, and so is all that it started.
  child.once("exit", () => group.end(STOPPING_GRACE_MS));
  const stdout = new Tail(OUTPUT_TAIL_LENGTH);
  const all = new Tail(ERROR_TAIL_LENGTH);
  try {
    const ending = closed(child);
    const copies = Promise.all([
      copyLines(child.stdout, "info", context, [stdout, all]),
      copyLines(child.stderr, "warn", context, [all]),
    ]);
    await Promise.allSettled([ending, copies]);
    signal.throwIfAborted();
    const how = await ending;
    await copies;
    if (how === "exited with code 0") return { exitCode: 0, stdout: stdout.text };
    throw new CommandFailed(all.text === "" ? `The command ${how}.` : `The command ${how}:\n${all.text}`);
  } finally {
    signal.removeEventListener("abort", abort);
    group.finish();
  }
}

function start(input: ShellInput, { lease }: Context, options: ShellOptions): ChildProcess {
  const { command } = input;
  const [file, args] =
    typeof command === "string" ? ["/bin/sh", ["-c", command]] : [command.file, command.args ?? []];
  const child = spawn(file, args, {
    cwd: input.cwd ?? options.cwd,
    env: {
      ...picked(options),
      ESCAPEMENT_RUN: lease.run,
      ESCAPEMENT_ATTEMPT: String(lease.attempt),
      ESCAPEMENT_JOB: lease.job,
      ESCAPEMENT_SCHEDULED_AT: lease.scheduledAt,
      ESCAPEMENT_FENCE: String(lease.fence),
      ...input.env,
    },
    detached: true,
    stdio: [input.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  // A command need not read what it is given.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(input.stdin);
  return child;
}

/** How the command ended, in words; rejects when it could not be started. */
function closed(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) =>
      reject(new CommandFailed(`The command cannot be started: ${error.message}`)),
    );
    child.once("close", (code, signal) =>
      resolve(signal === null ? `exited with code ${code}` : `was ended by ${signal}`),
    );
  });
}

/** Waits for the log line by line, so that a command that writes faster than the server reads is held back. */
async function copyLines(
  stream: Readable | null,
  level: LogLevel,
  context: Context,
  tails: Tail[],
): Promise<void> {
  if (stream === null) return;
  const lines = new Lines();
  const write = (line: string) => {
    context.log(line, level);
    for (const tail of tails) tail.push(line);
  };
  stream.setEncoding("utf8");
  for await (const chunk of stream) {
    for (const line of lines.push(String(chunk))) write(line);
    await context.flushLog();
  }
  for (const line of lines.end()) write(line);
}

/** Nothing of the worker's environment that nobody asked for: it holds the worker's token. */
function picked({ environment, passEnv = ["PATH", "HOME", "LANG"] }: ShellOptions): Record<string, string> {
  const present: Record<string, string> = {};
  for (const name of passEnv) {
    const value = environment[name];
    if (value !== undefined) present[name] = value;
  }
  return present;
}

function checkedInput(input: unknown): ShellInput {
  const given = members(input, "The input", ["command", "env", "cwd", "stdin"]);
  return {
    command: checkedCommand(given.command),
    ...(given.env === undefined ? {} : { env: texts(given.env, "input.env") }),
    ...(given.cwd === undefined ? {} : { cwd: text(given.cwd, "input.cwd") }),
    ...(given.stdin === undefined ? {} : { stdin: text(given.stdin, "input.stdin") }),
  };
}

function checkedCommand(command: unknown): ShellInput["command"] {
  if (typeof command === "string") return text(command, "input.command");
  const { file, args = [] } = members(command, "input.command", ["file", "args"]);
  if (!Array.isArray(args)) throw new DoNotRetry("input.command.args must be a list of strings.");
  return {
    file: text(file, "input.command.file"),
    args: args.map((arg, index) => text(arg, `input.command.args[${index}]`)),
  };
}
