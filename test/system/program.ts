/** The program as users run it: processes of its own, on folders and databases of the test's own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const START_MS = 60_000;

export interface Program {
  url: string;
  pid: number;
  /** All it has printed. */
  output(): string;
  /** Resolves with its exit code, or the signal that ended it. */
  ended: Promise<number | string>;
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL to it and to every process below it, as a power cut would. */
  killTree(): Promise<void>;
  graphql<T = Record<string, never>>(query: string, variables?: Record<string, unknown>): Promise<T>;
  call(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: Record<string, never> }>;
}

const ADDRESS = /Dashboard.*?(http:\/\/[\d.:]+)/;

/**
 * Starts `escapement <command>` and resolves when it says where it listens, or has printed `until`.
 * Rejects with its output when it ends first.
 */
export async function startProgram(
  command: "dev" | "server",
  env: Record<string, string>,
  { until = ADDRESS }: { until?: RegExp } = {},
): Promise<Program> {
  const child = launch([command], env);
  let printed = "";
  child.stdout?.on("data", (chunk) => (printed += chunk));
  child.stderr?.on("data", (chunk) => (printed += chunk));
  const ended = once(child, "exit").then(([code, signal]) => (signal ?? code) as number | string);
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no address within ${START_MS} ms:\n${printed}`)),
      START_MS,
    );
    const look = () => {
      const found = until.exec(printed);
      if (found === null) return;
      clearTimeout(timer);
      resolve(found[1] ?? "");
    };
    child.stdout?.on("data", look);
    void ended.then((code) => {
      clearTimeout(timer);
      reject(new Error(`ended with ${code}:\n${printed}`));
    });
  });
  const pid = child.pid ?? 0;
  const post = async (path: string, body: unknown) =>
    await fetch(`${url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  return {
    url,
    pid,
    ended,
    output: () => printed,
    signal: (signal) => void process.kill(pid, signal),
    async killTree() {
      const pids = [pid, ...descendantsOf(pid)];
      for (const each of pids) {
        try {
          process.kill(each, "SIGKILL");
        } catch {
          // It went by itself.
        }
      }
      await ended;
    },
    async graphql<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
      const answer = (await (await post("/graphql", { query, variables })).json()) as {
        data?: T;
        errors?: { message: string }[];
      };
      if (answer.errors) throw new Error(answer.errors.map((error) => error.message).join("; "));
      return answer.data as T;
    },
    async call(method, path, body) {
      const response = await fetch(`${url}${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === "" ? {} : JSON.parse(text) };
    },
  };
}

/** Runs a command to its end. */
export async function runProgram(
  args: string[],
  env: Record<string, string>,
): Promise<{ code: number | string; output: string }> {
  const child = launch(args, env);
  let output = "";
  child.stdout?.on("data", (chunk) => (output += chunk));
  child.stderr?.on("data", (chunk) => (output += chunk));
  const [code, signal] = await once(child, "exit");
  return { code: signal ?? code, output };
}

function launch(args: string[], env: Record<string, string>): ChildProcess {
  const { PATH = "", HOME = "", TMPDIR = "/tmp" } = process.env;
  return spawn(process.execPath, ["--import", "tsx", "server/main.ts", ...args], {
    cwd: root,
    env: { PATH, HOME, TMPDIR, PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Processes below `pid`, by /proc; empty where there is no /proc. */
export function descendantsOf(pid: number): number[] {
  if (!existsSync("/proc")) return [];
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It ended while we looked.
    }
  }
  const found: number[] = [];
  for (let below = [pid]; below.length > 0; ) {
    below = [...parents].filter(([, parent]) => below.includes(parent)).map(([child]) => child);
    found.push(...below);
  }
  return found;
}
