/** What runs before `npm start` and `npm test`, on a small project of its own. */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { newFolder } from "./folder.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

test("an unfit Node is refused in one sentence", () => {
  const project = newProject({ node: "^18.0.0 || >=99.0.0" });
  const { status, output } = setup(project);
  expect(status).toBe(1);
  expect(output).toBe(
    `Escapement needs Node ^18.0.0 || >=99.0.0, and this is Node ${process.versions.node}. Install a newer one and try again.\n`,
  );
});

test("missing packages are installed, with a word about it, and then it is silent", () => {
  const project = newProject();
  const first = setup(project);
  expect(first).toMatchObject({
    status: 0,
    output: expect.stringMatching(/not installed yet.*npm ci.*Packages installed in/s),
  });
  expect(existsSync(join(project, "node_modules", "part", "package.json"))).toBe(true);
  expect(setup(project)).toEqual({ status: 0, output: "" });
});

test("packages that npm has just installed are not installed again", () => {
  const project = newProject();
  spawnSync("npm", ["ci"], { cwd: project });
  expect(setup(project)).toEqual({ status: 0, output: "" });
  expect(existsSync(join(project, "node_modules", ".escapement-stamp"))).toBe(true);
});

test("a changed lock file brings the packages up to date", () => {
  const project = newProject();
  setup(project);
  writeLock(project, "2.0.0");
  expect(setup(project).output).toMatch(/are not those of package-lock.json.*Packages installed/s);
  expect(setup(project).output).toBe("");
});

test("the dashboard is built when its sources changed, and a failed build is an error", () => {
  const project = newProject();
  setup(project);
  symlinkSync(join(REPOSITORY, "node_modules", "vite"), join(project, "node_modules", "vite"));
  mkdirSync(join(project, "web"));
  expect(setup(project, "--web")).toEqual({ status: 0, output: "" }); // nothing to build yet
  writeFileSync(
    join(project, "web", "vite.config.ts"),
    `export default { root: ${JSON.stringify(join(project, "web"))} };`,
  );
  writeFileSync(join(project, "web", "index.html"), "<p>one</p>");
  expect(setup(project, "--web").output).toMatch(/^Building the dashboard …\nDashboard built in [\d.]+ s\n$/);
  expect(setup(project, "--web").output).toBe("");

  const page = join(project, "web", "dist", "index.html");
  writeFileSync(join(project, "web", "index.html"), "<p>two</p>");
  setup(project, "--web");
  expect(readFileSync(page, "utf8")).toContain("two");

  writeFileSync(join(project, "web", "index.html"), '<script type="module" src="./missing.ts"></script>');
  expect(setup(project, "--web").status).toBe(1);
  expect(readFileSync(page, "utf8")).toContain("two"); // what is served stays until there is something better

  rmSync(join(project, "web", "dist"), { recursive: true });
  writeFileSync(join(project, "web", "index.html"), "<p>two</p>");
  setup(project, "--web");
  expect(readFileSync(page, "utf8")).toContain("two");
});

/** A project with one package, which npm finds in the project itself. */
function newProject(engines = { node: ">=20.0.0" }): string {
  const project = newFolder();
  mkdirSync(join(project, "server"));
  copyFileSync(join(REPOSITORY, "server", "setup.mjs"), join(project, "server", "setup.mjs"));
  writeFileSync(
    join(project, "package.json"),
    JSON.stringify({ name: "small", type: "module", engines, dependencies: { part: "file:part" } }),
  );
  mkdirSync(join(project, "part"));
  writeLock(project, "1.0.0");
  return project;
}

function writeLock(project: string, version: string): void {
  writeFileSync(join(project, "part", "package.json"), JSON.stringify({ name: "part", version }));
  const packages = {
    "": { name: "small", dependencies: { part: "file:part" } },
    "node_modules/part": { resolved: "part", link: true },
    part: { version },
  };
  writeFileSync(
    join(project, "package-lock.json"),
    JSON.stringify({ name: "small", lockfileVersion: 3, packages }),
  );
}

function setup(project: string, ...args: string[]) {
  const run = spawnSync(process.execPath, [join(project, "server", "setup.mjs"), ...args], {
    encoding: "utf8",
  });
  return { status: run.status, output: run.stdout + run.stderr };
}
