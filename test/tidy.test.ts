/** The architecture as tests: which folder may import which, who may write what, what is never to be found. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const files = execFileSync("git", ["ls-files", "-co", "--exclude-standard"], { cwd: root, encoding: "utf8" })
  .split("\n")
  .filter((path) => /\.(ts|tsx|mjs)$/.test(path) && !path.includes(".generated."));
const read = (path: string) => readFileSync(join(root, path), "utf8");

/** Folder → folders it may import besides itself. What is not listed may import nothing of ours. */
const MAY_IMPORT: Record<string, string[]> = {
  "server/core": [],
  "server/embedded": [],
  "server/config": ["server/core"],
  "server/store": ["server/core", "server/config"],
  "server/engine": ["server/core", "server/store", "server/config"],
  "server/graphql": ["server/core", "server/store", "server/engine", "server/config"],
  "server/gateway": ["server/core", "server/store", "server/engine", "server/config", "worker/protocol"],
  "server/http": ["server/core", "server/store", "server/gateway", "server/config"],
  "server/loops": ["server/core", "server/store", "server/engine", "server/config"],
  "server/import": ["server/core"],
  "server/cli": ["server/core", "server/import"],
  worker: [],
  web: [],
};

function placeOf(path: string): string | null {
  if (path === "worker/protocol.ts") return "worker/protocol";
  if (path === "server/config.ts") return "server/config";
  const [top, folder, rest] = path.split("/");
  if (top === "server") return rest === undefined ? null : `server/${folder}`;
  return top === "worker" || top === "web" ? top : null;
}

/** Relative imports of a file, as paths from the root. */
function importsOf(path: string): string[] {
  const found = read(path).matchAll(/(?:from|import\()\s*"(\.{1,2}\/[^"]+)"/g);
  return [...found].map(([, target]) => normalize(join(dirname(path), target ?? "")));
}

test("imports point one way: core ← store ← engine ← {graphql, gateway, loops} ← main", () => {
  const wrong = files.flatMap((path) => {
    const place = placeOf(path);
    if (place === null) return [];
    const allowed = new Set([place, ...(MAY_IMPORT[place] ?? [])]);
    if (place === "worker") allowed.add("worker/protocol");
    if (place === "worker/protocol") return importsOf(path);
    return importsOf(path)
      .filter((target) => {
        const targetPlace = placeOf(target);
        const inTree = /^(server|worker|web)\//.test(target);
        return inTree && (targetPlace === null || !allowed.has(targetPlace));
      })
      .map((target) => `${path} imports ${target}; ${place} may import only ${[...allowed].join(", ")}`);
  });
  expect(wrong).toEqual([]);
});

test("only starts, release, fire, leave and redrive put a run into `ready`", () => {
  const writers = files.filter(
    (path) => /^server\//.test(path) && /insert into escapement\.ready/.test(read(path)),
  );
  expect(writers.sort()).toEqual(
    ["enqueue", "fire", "leave", "redrive", "release", "start/plain"].map(
      (name) => `server/engine/${name}.ts`,
    ),
  );
});

test("only the engine moves runs from table to table", () => {
  const movers = files.filter(
    (path) =>
      /^server\//.test(path) &&
      /(insert into|delete from|update) escapement\.(waiting|ready|lease|ended)\b/.test(read(path)) &&
      !path.startsWith("server/engine/"),
  );
  expect(movers).toEqual([]);
});

test("only the program and its setup read the environment", () => {
  const readers = files.filter((path) => /^server\//.test(path) && /process\.env\b/.test(read(path)));
  expect(readers.sort()).toEqual(["server/main.ts", "server/setup.mjs"]);
  expect(files.filter((path) => path.startsWith("web/") && read(path).includes("process.env"))).toEqual([]);
});

test("decisions have no clock, no randomness and no I/O of their own", () => {
  const impure = files
    .filter((path) => /^server\/(core|import)\//.test(path))
    .filter((path) =>
      /\bDate\.now\(|new Date\(\)|Math\.random\(|from "node:(fs|net|http|child_process)/.test(read(path)),
    );
  expect(impure).toEqual([]);
});

test("time is the database's: lease logic never asks now() or the process's clock", () => {
  const wrong = files
    .filter((path) => path.startsWith("server/engine/"))
    // A monotonic span, such as how long a claim took, decides nothing about leases.
    .filter((path) => /(?<!\bperformance\.)\bnow\(\)|new Date\(\)/.test(read(path)));
  expect(wrong).toEqual([]);
});

test("every source file opens with a sentence on what it owns", () => {
  const silent = files
    .filter((path) => /^(server|worker|web)\//.test(path) && !/\.config\./.test(path))
    .filter((path) => !/^(#!.*\n)?\/\*\*/.test(read(path)));
  expect(silent).toEqual([]);
});

test("nothing unfinished is left behind", () => {
  // In two halves, or this file would find itself.
  const words = ["TO", "DO|FIX", "ME|X", "XX|@ts-", "ignore|@ts-", "expect-error"].join("");
  const unfinished = new RegExp(words);
  expect(files.filter((path) => unfinished.test(read(path)))).toEqual([]);
  const product = files.filter((path) => !path.startsWith("test/"));
  expect(product.filter((path) => read(path).includes("biome-ignore"))).toEqual([]);
});

test("no file or folder has a name that says nothing", () => {
  const vague = files.filter((path) =>
    /(^|\/)(utils?|helpers?|common|misc|manager|service)(\.|\/)/i.test(path),
  );
  expect(vague).toEqual([]);
});
