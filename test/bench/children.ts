/** The bench's end of the conversation with its load generators, each a process of its own. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface Child {
  readonly pid: number;
  /** Asks for an operation. Rejects with its error, or when the process ends. */
  call<Result>(name: string, args?: unknown): Promise<Result>;
  stop(): Promise<void>;
}

export interface ChildOptions {
  /** The Node.js to run it with; default: ours. */
  node?: string | undefined;
  /** Default: with tsx, for files of ours. */
  nodeArguments?: string[] | undefined;
  env?: Record<string, string> | undefined;
}

interface Pending {
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
}

interface Reply {
  id: number;
  result?: unknown;
  error?: string;
}

const STOP_MS = 5_000;

/** Starts a load generator. What it prints to stderr is kept for the error when it ends by itself. */
export function startChild(file: URL, options: ChildOptions = {}): Child {
  const path = fileURLToPath(file);
  const child: ChildProcess = fork(path, [], {
    execPath: options.node ?? process.execPath,
    execArgv: options.nodeArguments ?? ["--import", "tsx"],
    env: { ...process.env, NODE_ENV: "production", ...options.env },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const pending = new Map<number, Pending>();
  let calls = 0;
  let printed = "";
  let over = false;
  child.stderr?.on("data", (chunk) => {
    printed = (printed + chunk).slice(-4_000);
  });
  child.on("message", ({ id, result, error }: Reply) => {
    const call = pending.get(id);
    pending.delete(id);
    if (error === undefined) call?.resolve(result);
    else call?.reject(new Error(error));
  });
  const gone = (reason: string): void => {
    over = true;
    for (const { reject } of pending.values()) reject(new Error(`${path} ended (${reason})\n${printed}`));
    pending.clear();
  };
  child.on("error", (error) => gone(error.message));
  child.on("exit", (code, signal) => gone(String(signal ?? code)));

  return {
    get pid() {
      return child.pid ?? 0;
    },
    call<Result>(name: string, args?: unknown) {
      return new Promise<Result>((resolve, reject) => {
        if (over) return reject(new Error(`${path} is not running any more\n${printed}`));
        const id = calls++;
        pending.set(id, { resolve: resolve as (result: unknown) => void, reject });
        child.send({ id, name, args });
      });
    },
    async stop() {
      if (over) return;
      const ended = once(child, "exit");
      child.disconnect();
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}
