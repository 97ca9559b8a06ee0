/**
 * What `npm start` and `npm test` need first: a fitting Node, the packages of package-lock.json, and with
 * `--web` the built dashboard. Says nothing and takes a few milliseconds when all is there. Runs before any
 * package is installed, so it uses Node alone.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const INSTALL = "npm ci --no-audit --no-fund --loglevel=error";

try {
  checkNode();
  installPackages();
  if (process.argv.includes("--web")) buildDashboard();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

function checkNode() {
  const { engines } = readJson("package.json");
  if (satisfies(process.versions.node, engines.node)) return;
  throw new Error(
    `Escapement needs Node ${engines.node}, and this is Node ${process.versions.node}. Install a newer one and try again.`,
  );
}

/** Ranges such as "^20.19.0 || >=22.12.0": all that package.json uses. */
function satisfies(version, ranges) {
  const actual = version.split(".").map(Number);
  return ranges.split("||").some((range) => {
    const [, operator, numbers] = /^\s*(\^|>=)(\d+\.\d+\.\d+)\s*$/.exec(range);
    const least = numbers.split(".").map(Number);
    const first = [0, 1, 2].find((part) => actual[part] !== least[part]);
    const enough = first === undefined || actual[first] > least[first];
    return enough && (operator === ">=" || actual[0] === least[0]);
  });
}

function installPackages() {
  const stamp = join("node_modules", ".escapement-stamp");
  const folder = join("server", "store", "patches");
  const patches = digest(existsSync(path(folder)) ? sources(folder) : []);
  const wanted = `${digest(["package-lock.json"])} ${patches} ${process.platform}-${process.arch}\n`;
  const found = read(stamp);
  if (found === wanted) return;
  const arePatched = found === undefined || found.split(" ")[1] === patches;
  if (!isInstalled() || !arePatched) {
    const reason = existsSync(path("node_modules"))
      ? "The installed packages are not those of package-lock.json and its patches"
      : "The packages are not installed yet";
    step(`${reason}; running ${INSTALL}`, "Packages installed", () =>
      spawnSync(INSTALL, { cwd: ROOT, stdio: "inherit", shell: true }),
    );
  }
  try {
    writeFileSync(path(stamp), wanted);
  } catch {
    // Packages that belong to somebody else are as good; the check above is then made each time.
  }
}

/** Whether npm's own record and the folders have every package that is not for another system. */
function isInstalled() {
  const record = read(join("node_modules", ".package-lock.json"));
  if (record === undefined) return false;
  const installed = JSON.parse(record).packages;
  return Object.entries(readJson("package-lock.json").packages).every(([folder, wanted]) => {
    if (folder === "") return true;
    const found = installed[folder];
    if (!found) return wanted.optional === true || wanted.devOptional === true;
    return found.version === wanted.version && existsSync(path(folder));
  });
}

function buildDashboard() {
  const config = join("web", "vite.config.ts");
  if (!existsSync(path(config))) return;
  const dist = path(join("web", "dist"));
  const wanted = digest([...sources("web"), "schema.graphql", "package-lock.json"]);
  if (read(join("web", "dist", ".stamp")) === wanted) return;

  // Built aside and moved into place: a server that is running goes on with the old one until then.
  const draft = path(join("node_modules", `.escapement-web-${process.pid}`));
  const vite = [path(join("node_modules", "vite", "bin", "vite.js")), "build", "--config", config];
  try {
    step("Building the dashboard", "Dashboard built", () =>
      spawnSync(process.execPath, [...vite, "--outDir", draft, "--emptyOutDir", "--logLevel", "warn"], {
        cwd: ROOT,
        stdio: "inherit",
        // Vite would take over "test" from a test run, and build React for development.
        env: { ...process.env, NODE_ENV: "production" },
      }),
    );
    mkdirSync(draft, { recursive: true });
    writeFileSync(join(draft, ".stamp"), wanted);
    rmSync(dist, { recursive: true, force: true });
    renameSync(draft, dist);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** The files a build reads, without what builds wrote. */
function sources(folder) {
  return readdirSync(path(folder), { withFileTypes: true })
    .flatMap((entry) => {
      const name = join(folder, entry.name);
      if (entry.isDirectory()) return ["dist", "node_modules"].includes(entry.name) ? [] : sources(name);
      return name.includes(".generated.") ? [] : [name];
    })
    .sort();
}

function digest(files) {
  const hash = createHash("sha256");
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(read(file) ?? "")
      .update("\0");
  return hash.digest("hex");
}

function step(begin, end, run) {
  console.log(`${begin} …`);
  const began = Date.now();
  const { status, error } = run();
  if (status !== 0)
    throw new Error(`That failed${error ? `: ${error.message}` : ""}. The messages above say why.`);
  console.log(`${end} in ${((Date.now() - began) / 1000).toFixed(1)} s`);
}

function path(name) {
  return join(ROOT, name);
}

function read(name) {
  try {
    return readFileSync(path(name), "utf8");
  } catch {
    return undefined;
  }
}

function readJson(name) {
  return JSON.parse(readFileSync(path(name), "utf8"));
}
