/** How outputs are sorted: by numbers that an id tells, so that old ones can go in whole folders. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { badInput } from "../core/rejection.ts";

/** 22 bits of sequence and 25 bits of milliseconds: some nine hours of runs share a folder. */
const PERIOD_BITS = 47n;
const PERIOD = /^[0-9a-f]{5}$/;
const RUN_ID = /^[1-9]\d{0,18}$/;

/** The folder that is the first part of `runFolder`; of fixed width, so that names sort like numbers. */
export function periodOf(runId: string): string {
  return (BigInt(runId) >> PERIOD_BITS).toString(16).padStart(5, "0");
}

/** The folder of a run's outputs, relative to the root of all of them. @throws BAD_INPUT for what is no run id. */
export function runFolder(runId: string): string {
  if (!RUN_ID.test(runId)) throw badInput("id", `"${runId}" is not the id of a run`);
  const last = (BigInt(runId) & 0xffn).toString(16).padStart(2, "0");
  return `${periodOf(runId)}/${last}/${runId}`;
}

/** Deletes the folders that hold nothing but runs with smaller ids. */
export async function removeFoldersBefore(root: string, runId: string): Promise<void> {
  const first = periodOf(runId);
  for (const period of await namesIn(root)) {
    if (PERIOD.test(period) && period < first) await rm(join(root, period), { recursive: true, force: true });
  }
}

/** The attempts that have a folder, ascending. */
export async function attemptsIn(runFolder: string): Promise<number[]> {
  const names = await namesIn(runFolder);
  return names
    .filter((name) => /^[1-9]\d{0,9}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/** What is in a folder; nothing when it is not there. */
export async function namesIn(path: string): Promise<string[]> {
  return (await unlessMissing(readdir(path))) ?? [];
}

/** Null instead of "no such file". */
export async function unlessMissing<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
