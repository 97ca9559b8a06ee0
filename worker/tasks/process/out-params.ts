/**
 * OUT parameters: what a command says besides its exit code, by `${setValue(key=value)}` on its standard output and in
 * the file that `ESCAPEMENT_OUTPUT` names. They become members of the run's output.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { Context } from "../../attempt.ts";
import { DoNotRetry } from "../../errors.ts";
import { SetValues } from "./set-value.ts";

/** As many as anybody would name, and half of what an output may hold. */
const COUNT_MAX = 200;
const BYTES_MAX = 128 * 1024;
const NAME = /^[A-Za-z_][\w.-]{0,127}$/;

/** Merges OUT parameters into what a task reports itself, whose members win. Throws DoNotRetry when that is too much. */
export function withParams<Own extends Record<string, unknown>>(
  params: Iterable<[string, unknown]>,
  own: Own,
  { log }: Pick<Context, "log">,
): Own & Record<string, unknown> {
  const given = new Map(params);
  if (given.size > COUNT_MAX)
    throw new DoNotRetry(`${given.size} output parameters are too many; ${COUNT_MAX} are allowed.`);
  for (const name of Object.keys(own)) {
    if (!given.delete(name)) continue;
    log(`The output parameter "${name}" is left out: the task itself has a member of that name.`, "warn");
  }
  const object = Object.fromEntries(given);
  const bytes = Buffer.byteLength(JSON.stringify(object));
  if (bytes > BYTES_MAX)
    throw new DoNotRetry(`The output parameters have ${bytes} bytes as JSON; ${BYTES_MAX} are allowed.`);
  return { ...object, ...own };
}

/** Gathers those of one command. */
export class OutParams {
  readonly #finder = new SetValues();
  readonly #set = new Map<string, unknown>();
  readonly #context: Pick<Context, "log">;

  constructor(context: Pick<Context, "log">) {
    this.#context = context;
  }

  /** A piece of the standard output. */
  push(piece: string): void {
    for (const { name, value } of this.#finder.push(piece)) this.#add(name, value);
  }

  /** All of them, those of the file last: it wins. Throws when the file cannot be read as what it should be. */
  async all(file: string): Promise<Map<string, unknown>> {
    for (const [name, value] of readOutput(await textOf(file))) this.#add(name, value);
    return this.#set;
  }

  #add(name: string, value: unknown): void {
    if (NAME.test(name) && this.#set.size <= COUNT_MAX) this.#set.set(name, value);
    else if (!NAME.test(name))
      this.#context.log(
        `${JSON.stringify(name.slice(0, 200))} is no name for an output parameter: use letters, digits and _ . -`,
        "warn",
      );
  }
}

/** An object as JSON, or lines of `key=value`; empty lines and those that begin with # are skipped. */
export function readOutput(text: string): [string, unknown][] {
  const trimmed = text.trim();
  if (trimmed.startsWith("{")) return Object.entries(parsed(trimmed));
  return trimmed
    .split("\n")
    .map((line) => line.trimEnd())
    .flatMap((line, index): [string, string][] => {
      if (line === "" || line.startsWith("#")) return [];
      const equals = line.indexOf("=");
      if (equals === -1) throw new Error(`Line ${index + 1} of ESCAPEMENT_OUTPUT is not key=value.`);
      return [[line.slice(0, equals).trim(), line.slice(equals + 1)]];
    });
}

function parsed(text: string): object {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(
      `ESCAPEMENT_OUTPUT begins like JSON and is none: ${error instanceof Error ? error.message : error}`,
    );
  }
}

/** The command may have put anything in the file's place: a pipe would never end, and a large file is a mistake. */
async function textOf(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  if (file === undefined) return "";
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error("ESCAPEMENT_OUTPUT is not a file any more.");
    if (stat.size > 2 * BYTES_MAX)
      throw new DoNotRetry(`ESCAPEMENT_OUTPUT has ${stat.size} bytes; ${2 * BYTES_MAX} are allowed.`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}
