/**
 * What a submit command has started in a cluster: found in its output, saved for the next attempt, and ended when this
 * one is stopped, or by the next one when its worker was lost.
 */
import type { Context } from "../../attempt.ts";
import { callProgram } from "../process/call.ts";

export interface ApplicationsOptions {
  /** Finds ids in a line of the output. */
  find: (line: string, isFirst: boolean) => string[];
  /** The command that ends one. */
  kill: (id: string) => string[];
  env: Record<string, string>;
}

/** As many as one submit command can reasonably start, one after the other. */
const COUNT_MAX = 50;
const KILL_MS = 60_000;
/** A cancelled run loses its lease after 30 s. */
const STOPPING_KILL_MS = 20_000;
/** What clusters say of one that has ended by itself, or that they do not know any more. */
const OVER = /already (finished|killed)|does ?n[o']t exist|not found|no such|unknown application/i;

export class Applications {
  readonly #context: Context;
  readonly #options: ApplicationsOptions;
  readonly #found: string[] = [];
  readonly #ending = new Map<string, Promise<void>>();
  #saved: Promise<void> = Promise.resolve();

  constructor(context: Context, options: ApplicationsOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Reads a line of the submit command's output. What it finds is saved at once. */
  hear(line: string): void {
    for (const id of this.#options.find(line, this.#found.length === 0)) {
      if (this.#found.includes(id) || this.#found.length === COUNT_MAX) continue;
      this.#found.push(id);
      const { log, saveCheckpoint, signal } = this.#context;
      log(`Its id in the cluster is ${id}`);
      this.#saved = saveCheckpoint({ applications: [...this.#found] }).catch((error: unknown) =>
        log(`${id} could not be saved for a later attempt: ${error}`, "warn"),
      );
      if (signal.aborted) this.end();
    }
  }

  /** Ends what an earlier attempt has left. Throws when that does not work: two would run at once. */
  async endEarlier(): Promise<void> {
    for (const id of idsIn(this.#context.checkpoint)) {
      this.#context.log(`Ending ${id}, which an earlier attempt left`);
      const said = await this.#kill(id, KILL_MS);
      if (said !== undefined)
        throw new Error(`${id}, which an earlier attempt left, cannot be ended: ${said}`);
    }
  }

  /** Ends what has been found so far, each once. */
  end(): void {
    for (const id of this.#found) {
      if (this.#ending.has(id)) continue;
      const ending = this.#kill(id, STOPPING_KILL_MS).then((said) => {
        if (said === undefined) this.#context.log(`Ended ${id}`);
        else this.#context.log(`${id} could not be ended: ${said}`, "error");
      });
      this.#ending.set(id, ending);
    }
  }

  /** Resolves when nothing that was begun is under way. Never rejects. */
  async settled(): Promise<void> {
    await Promise.all([this.#saved, ...this.#ending.values()]);
  }

  /** What was found, in order. */
  get ids(): readonly string[] {
    return this.#found;
  }

  /** Undefined when it is over; else what the command said. */
  async #kill(id: string, timeoutMs: number): Promise<string | undefined> {
    const { code, output } = await callProgram(this.#options.kill(id), { env: this.#options.env, timeoutMs });
    return code === 0 || OVER.test(output) ? undefined : output || "no answer in time";
  }
}

function idsIn(checkpoint: unknown): string[] {
  const ids =
    typeof checkpoint === "object" && checkpoint !== null && Reflect.get(checkpoint, "applications");
  return Array.isArray(ids) ? ids.filter((id) => typeof id === "string") : [];
}

/**
 * YARN's ids. The first that is mentioned is the command's own; after that, an application may well write about others,
 * so only one that is said to be submitted is taken for its own.
 */
export function yarnIds(line: string, isFirst: boolean): string[] {
  const ids = [...line.matchAll(/\bapplication_\d+_\d+\b/g)].map(([id]) => id);
  const jobs = [...line.matchAll(/\bRunning job: job(_\d+_\d+)\b/g)].map(([, rest]) => `application${rest}`);
  if (isFirst || /submit/i.test(line)) return [...ids, ...jobs];
  return jobs;
}
