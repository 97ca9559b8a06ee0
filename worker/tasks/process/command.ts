/**
 * Runs one command for an attempt: in a process group of its own, which is ended as a whole when the attempt is
 * cancelled, timed out or lost; its output in the run's log, line by line; its OUT parameters gathered on the way.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Context } from "../../attempt.ts";
import { LeaseLost, WorkerStopping } from "../../errors.ts";
import { copyLines, type Hearer } from "./copy-lines.ts";
import { processGroup } from "./group.ts";
import { Tail } from "./lines.ts";
import { OutParams, withParams } from "./out-params.ts";

export interface Command {
  file: string;
  args: string[];
  /** All that the command sees of an environment: secrets travel here, never in `args`. */
  env: Record<string, string>;
  cwd?: string | undefined;
  stdin?: string | undefined;
  /** Where ESCAPEMENT_OUTPUT points to. */
  outputFile: string;
  /** How messages call it; default: command. */
  noun?: string;
  /** Hears every line of both outputs. */
  onLine?: (line: string) => void;
  /** Ends what is no process of the group, before the group is ended. Must settle by itself in good time. */
  stopFirst?: (graceMs: number) => Promise<void>;
}

export interface KillOptions {
  /** From SIGTERM to SIGKILL. Default: 5. */
  killGraceSeconds?: number | undefined;
}

/** The command ended in another way than with exit code 0. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
}

export interface CommandOutput extends Record<string, unknown> {
  exitCode: number;
  /** The last lines of the standard output; all of it is in the log. */
  stdout: string;
}

const OUTPUT_TAIL_LENGTH = 8 * 1024;
const ERROR_TAIL_LENGTH = 2 * 1024;
const KILL_GRACE_SECONDS = 5;
/** A worker that shuts down has not much time for its commands, and a lost attempt none to lose. */
const HURRIED_GRACE_MS = 1_000;

/**
 * Resolves with the output of a command that exited with code 0, OUT parameters included. Throws CommandFailed with
 * the last lines when it ended otherwise, and the signal's reason when the attempt was stopped.
 */
export async function runCommand(
  command: Command,
  context: Context,
  options: KillOptions = {},
): Promise<CommandOutput> {
  const { signal } = context;
  signal.throwIfAborted();
  const child = start(command);
  const group = processGroup(child);
  let stopping: Promise<void> | undefined;
  const abort = () => {
    stopping = stop(graceMsOf(signal.reason, options));
  };
  const stop = async (graceMs: number) => {
    await command.stopFirst?.(graceMs).catch((error: unknown) => context.log(String(error), "error"));
    group.end(graceMs);
  };
  signal.addEventListener("abort", abort, { once: true });
  // What the command left in the background ends with it: the run is over, and so is all that it started.
  child.once("exit", () => group.end(HURRIED_GRACE_MS));
  const stdout = new Tail(OUTPUT_TAIL_LENGTH);
  const all = new Tail(ERROR_TAIL_LENGTH);
  const params = new OutParams(context);
  try {
    const ending = ended(child, command.noun ?? "command");
    const hearer = (more: Partial<Hearer>): Hearer => ({
      level: "info",
      tails: [all],
      onLine: command.onLine,
      ...more,
    });
    const copies = Promise.all([
      copyLines(
        child,
        child.stdout,
        context,
        hearer({ tails: [stdout, all], onPiece: (p) => params.push(p) }),
      ),
      copyLines(child, child.stderr, context, hearer({ level: "warn" })),
    ]);
    await Promise.allSettled([ending, copies]);
    await stopping;
    signal.throwIfAborted();
    const how = await ending;
    await copies;
    if (how !== "exited with code 0") throw failure(command.noun ?? "command", how, all.text);
    const own = { exitCode: 0, stdout: stdout.text };
    return withParams(await params.all(command.outputFile), own, context);
  } finally {
    signal.removeEventListener("abort", abort);
    group.finish();
  }
}

function start({ file, args, env, cwd, stdin }: Command): ChildProcess {
  const child = spawn(file, args, {
    cwd,
    env,
    detached: true,
    stdio: [stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  // A command need not read what it is given.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(stdin);
  return child;
}

/** How the command ended, in words; rejects when it could not be started. */
function ended(child: ChildProcess, noun: string): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once("error", (error) =>
      reject(new CommandFailed(`The ${noun} cannot be started: ${error.message}`)),
    );
    child.once("close", (code, signal) =>
      resolve(signal === null ? `exited with code ${code}` : `was ended by ${signal}`),
    );
  });
}

function failure(noun: string, how: string, lastLines: string): CommandFailed {
  return new CommandFailed(`The ${noun} ${how}${lastLines === "" ? "." : `:\n${lastLines}`}`);
}

function graceMsOf(reason: unknown, { killGraceSeconds = KILL_GRACE_SECONDS }: KillOptions): number {
  const isHurried = reason instanceof WorkerStopping || reason instanceof LeaseLost;
  return isHurried ? Math.min(HURRIED_GRACE_MS, killGraceSeconds * 1000) : killGraceSeconds * 1000;
}
