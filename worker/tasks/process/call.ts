/** Runs a small program for the worker itself, such as one that stops a container: its output whole, its time limited. */
import { spawn } from "node:child_process";
import { processGroup } from "./group.ts";

export interface Called {
  /** Null: it could not be started, or was ended. */
  code: number | null;
  /** The last of both its outputs, or why it could not be started. */
  output: string;
}

const OUTPUT_LENGTH = 16 * 1024;

/** Never rejects. What is not done within the time is killed with all that it started. */
export function callProgram(
  [file = "", ...args]: readonly string[],
  { env, timeoutMs }: { env: Record<string, string>; timeoutMs: number },
): Promise<Called> {
  return new Promise((resolve) => {
    const child = spawn(file, args, { env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const group = processGroup(child);
    let output = "";
    const hear = (text: string) => {
      output = (output + text).slice(-OUTPUT_LENGTH);
    };
    const timer = setTimeout(() => done(null), timeoutMs);
    const done = (code: number | null) => {
      clearTimeout(timer);
      group.finish();
      resolve({ code, output: output.trim() });
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", hear);
    }
    child.once("error", (error) => {
      hear(error.message);
      done(null);
    });
    child.once("close", done);
  });
}
