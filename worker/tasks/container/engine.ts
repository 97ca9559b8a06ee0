/** The command line of docker or podman: which one there is, and the small calls about one run's containers. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { Lease } from "../../protocol.ts";
import { type Called, callProgram } from "../process/call.ts";
import { CommandFailed } from "../process/command.ts";

const ENGINES = ["docker", "podman"];
/** An engine that does not answer for so long will not answer. */
const CALL_MS = 30_000;
/** What a stop may take beyond the time that the container has for itself. */
const STOP_SLACK_MS = 5_000;

/** The first engine on this PATH. Throws when there is none. */
export function findEngine(path = ""): string {
  const found = ENGINES.flatMap((name) => path.split(delimiter).map((folder) => join(folder, name))).find(
    isProgram,
  );
  if (found !== undefined) return found;
  throw new Error("The container task needs docker or podman on the PATH, or its path as `engine`.");
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The container of one attempt, by name. */
export class Engine {
  readonly file: string;
  readonly #env: Record<string, string>;

  constructor(file: string, env: Record<string, string>) {
    this.file = file;
    this.#env = env;
  }

  /** Removes what earlier attempts of this run have left on this engine. Throws when it does not answer. */
  async removeEarlier({ run, fence }: Lease): Promise<void> {
    const list = await this.#call([
      "ps",
      "--all",
      "--filter",
      `label=escapement.run=${run}`,
      "--format",
      "{{.Names}}",
    ]);
    if (list.code !== 0) throw new CommandFailed(`The container engine does not work: ${list.output}`);
    // A later one belongs to whoever has the run now.
    const earlier = list.output.split(/\s+/).filter((name) => Number(/-(\d+)$/.exec(name)?.[1]) < fence);
    if (earlier.length > 0) await this.#call(["rm", "--force", "--volumes", ...earlier]);
  }

  /** Ends the container: politely, and if that does not work at once. Never rejects. */
  async stop(name: string, graceMs: number): Promise<void> {
    const seconds = String(Math.ceil(graceMs / 1000));
    const stopped = await this.#call(["stop", "-t", seconds, name], graceMs + STOP_SLACK_MS);
    if (stopped.code !== 0) await this.#call(["kill", name]);
  }

  /** Whatever is left of it. Never rejects. */
  async remove(name: string): Promise<void> {
    await this.#call(["rm", "--force", "--volumes", name]);
  }

  #call(args: string[], timeoutMs = CALL_MS): Promise<Called> {
    return callProgram([this.file, ...args], { env: this.#env, timeoutMs });
  }
}

/** Of an attempt: the fence tells it from those before and after. */
export function containerName({ run, fence }: Lease): string {
  return `escapement-${run.replace(/[^\w.-]/g, "_")}-${fence}`;
}
