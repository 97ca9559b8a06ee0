/** The files that a command names: single ones, all of a folder, or the standard input. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import { readText } from "../values.ts";
import type { Source } from "./documents.ts";

const IS_DEFINITION = /\.(ya?ml|json)$/i;
/** Folders of definitions are small; one with more files than this is not one. */
const FILES = 5_000;

/** Folders with all that is below them, without what is hidden. Throws a Failure for what cannot be read. */
export function readSources(paths: string[]): Source[] {
  return paths.flatMap((path) => {
    if (path === "-") return [{ file: "standard input", text: readText("-") }];
    const files = isFolder(path) ? filesOf(path) : [path];
    if (files.length > FILES)
      throw new Failure(`${path} holds ${files.length} files; at most ${FILES} are read at once.`, 2);
    return files.map((file) => ({ file, text: readText(file) }));
  });
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    throw new Failure(`${path} cannot be read: ${(error as Error).message}`, 2);
  }
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith(".") && name !== "node_modules")
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesOf(path);
      return IS_DEFINITION.test(entry.name) ? [path] : [];
    });
}
