/** What a container may use of its host: what the operator allowed, whatever the job's author asks for. */
import { realpath } from "node:fs/promises";
import { isAbsolute, sep } from "node:path";
import { DoNotRetry } from "../../errors.ts";

export interface ContainerPolicy {
  /** Images that runs may name: `python:3.13`, `registry.example/team/*`. Default: every image. */
  images?: string[] | undefined;
  /** Folders of the host that runs may mount, or parts of: `/data` to read, `/exports:rw` to write, too. Default: none. */
  mounts?: string[] | undefined;
  /** The most memory that one container gets, and what it gets when its run does not say: `512m`, `2g`. */
  memory?: string | undefined;
  /** The same for processors. */
  cpus?: number | undefined;
}

export interface Mount {
  source: string;
  target: string;
  readOnly?: boolean | undefined;
}

const UNITS = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Throws a DoNotRetry when the operator does not allow the image. */
export function checkImage(image: string, { images }: ContainerPolicy): void {
  const isAllowed = images === undefined || images.some((pattern) => matches(image, pattern));
  if (!isAllowed) throw new DoNotRetry("input.image is not one that this worker's operator allows.");
}

function matches(image: string, pattern: string): boolean {
  return pattern.endsWith("*") ? image.startsWith(pattern.slice(0, -1)) : image === pattern;
}

/** The memory a container gets. Throws a DoNotRetry when it asks for more than there is for it. */
export function memoryOf(asked: string | undefined, { memory }: ContainerPolicy): string | undefined {
  if (asked !== undefined && memory !== undefined && bytesOf(asked) > bytesOf(memory))
    throw new DoNotRetry(`input.memory may be up to ${memory} on this worker.`);
  return asked ?? memory;
}

export function cpusOf(asked: number | undefined, { cpus }: ContainerPolicy): number | undefined {
  if (asked !== undefined && cpus !== undefined && asked > cpus)
    throw new DoNotRetry(`input.cpus may be up to ${cpus} on this worker.`);
  return asked ?? cpus;
}

function bytesOf(memory: string): number {
  const [, number = "0", unit = "b"] = /^(\d+)([bkmg]?)$/i.exec(memory) ?? [];
  return Number(number) * (UNITS[unit.toLowerCase() as keyof typeof UNITS] ?? 1);
}

/**
 * The options of the mounts that a run asks for. What counts is where a source leads to in the end, so a symbolic link
 * opens nothing. Throws a DoNotRetry for what is not allowed.
 */
export async function mountOptions(mounts: Mount[], policy: ContainerPolicy): Promise<string[]> {
  const options: string[] = [];
  for (const [index, { source, target, readOnly = true }] of mounts.entries()) {
    const name = `input.mounts[${index}]`;
    if (!isAbsolute(source) || !isAbsolute(target) || /[,"\n]/.test(source + target))
      throw new DoNotRetry(`${name} needs absolute paths without commas and quotes.`);
    const real = await realpath(source).catch(() => undefined);
    const allowed = (policy.mounts ?? [])
      .map(readRule)
      .find((rule) => real !== undefined && isWithin(real, rule.folder));
    if (real === undefined || allowed === undefined)
      throw new DoNotRetry(`${name}.source is not a path that this worker's operator allows.`);
    if (!readOnly && !allowed.isWritable)
      throw new DoNotRetry(`${name} must be read-only: the operator does not allow to write there.`);
    options.push("--mount", `type=bind,source=${real},target=${target}${readOnly ? ",readonly" : ""}`);
  }
  return options;
}

function readRule(rule: string): { folder: string; isWritable: boolean } {
  const isWritable = rule.endsWith(":rw");
  return { folder: isWritable ? rule.slice(0, -3) : rule, isWritable };
}

function isWithin(path: string, folder: string): boolean {
  const base = folder.endsWith(sep) ? folder : folder + sep;
  return path === folder || path.startsWith(base);
}
