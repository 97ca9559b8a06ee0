/** A private folder for the files of one attempt: its script, its input, what it gives back. */
import { mkdtempSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { callProgram } from "./call.ts";
import { guardFolder } from "./warden.ts";

export interface Scratch {
  path: string;
  /** Writes a file that only the worker's user can read, and resolves with its path. */
  write(name: string, text: string): Promise<string>;
  /** Lets whoever gets at the file write into it; the folder around it still lets nobody in. */
  open(file: string): Promise<void>;
}

/** The folder of this process, which holds those of its attempts. */
let home: string | undefined;

/** Gives `work` a folder of its own, which is removed when that has ended, however it ends. */
export async function withScratch<Result>(work: (scratch: Scratch) => Promise<Result>): Promise<Result> {
  const path = await make();
  try {
    return await work({
      path,
      write: async (name, text) => {
        const file = join(path, name);
        await writeFile(file, text, { mode: 0o600, flag: "wx" });
        return file;
      },
      open: (file) => chmod(file, 0o666),
    });
  } finally {
    await remove(path);
  }
}

/** A command may have made folders there that not even their owner can write to. */
async function remove(path: string): Promise<void> {
  const options = { recursive: true, force: true, maxRetries: 3 };
  try {
    await rm(path, options);
  } catch {
    await callProgram(["chmod", "-R", "u+rwX", path], { env: { PATH: "/usr/bin:/bin" }, timeoutMs: 30_000 });
    await rm(path, options);
  }
}

async function make(): Promise<string> {
  try {
    home ??= makeHome();
    return await mkdtemp(join(home, "attempt-"));
  } catch (error) {
    // Whoever tidies up old temporary files has taken it.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    home = makeHome();
    return await mkdtemp(join(home, "attempt-"));
  }
}

/** Only the worker's user gets in (mode 0700). */
function makeHome(): string {
  const path = mkdtempSync(join(tmpdir(), "escapement-"));
  guardFolder(path);
  return path;
}
