/** The command line as people use it: a process for each call, its output piped. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../server/escapement.mjs", import.meta.url));

export interface Called {
  /** Its exit code, or the signal that ended it. */
  code: number | string;
  stdout: string;
  stderr: string;
  /** What it printed as JSON. */
  json: () => ReturnType<typeof JSON.parse>;
}

export interface CallOptions {
  input?: string;
  token?: string;
  cwd?: string;
  env?: Record<string, string>;
}

export interface Call {
  /** Resolves when it has ended. */
  ended: Promise<Called>;
  /** Resolves when the pattern is in its standard output. */
  prints(pattern: RegExp): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** As a reader does that has seen enough. */
  closeOutput(): void;
}

/** Starts `escapement` with these arguments, asking the server at `url`. */
export function start(url: string, args: string[], options: CallOptions = {}): Call {
  const { PATH = "", HOME = "", TMPDIR = "/tmp" } = process.env;
  const { input, token, cwd, env } = options;
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: {
      PATH,
      HOME,
      TMPDIR,
      ESCAPEMENT_URL: url,
      ...(token === undefined ? {} : { ESCAPEMENT_TOKEN: token }),
      ...env,
    },
    stdio: ["pipe", "pipe", "pipe"],
    ...(cwd === undefined ? {} : { cwd }),
  });
  let stdout = "";
  let stderr = "";
  const waiting: { pattern: RegExp; resolve: () => void }[] = [];
  const look = () => {
    for (const { pattern, resolve } of waiting) if (pattern.test(stdout)) resolve();
  };
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
    look();
  });
  child.stderr.on("data", (chunk) => (stderr += chunk));
  child.stdin.end(input ?? "");
  return {
    // "close" and not "exit": by then all that it printed has been read.
    ended: once(child, "close").then(([code, signal]) => ({
      code: signal ?? code,
      stdout,
      stderr,
      json: () => JSON.parse(stdout),
    })),
    prints: (pattern) =>
      new Promise((resolve) => {
        waiting.push({ pattern, resolve });
        look();
      }),
    signal: (signal) => void child.kill(signal),
    closeOutput: () => void child.stdout.destroy(),
  };
}

/** Calls it and waits for its end. */
export const call = (url: string, args: string[], options?: CallOptions): Promise<Called> =>
  start(url, args, options).ended;

/** A folder with these files, and how to get rid of it. */
export function folderOf(files: Record<string, string>): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "escapement-cli-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
