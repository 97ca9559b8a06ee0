/** Creates the database cluster on the first start. */
import {
  chownSync,
  closeSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Home, newUrl, ROLE, writeUrl } from "./home.ts";
import { outcome, type Runtime, spawnIn } from "./runtime.ts";
import { StartError } from "./start-error.ts";

const DRAFT = "init-";

/**
 * Creates the cluster beside its final place and moves it there when it is whole, so that a crash half-way
 * leaves nothing that looks like a database. `durable` false skips waiting for the disk.
 */
export async function createCluster(home: Home, runtime: Runtime, durable: boolean): Promise<void> {
  for (const name of readdirSync(home.dir)) {
    if (name.startsWith(DRAFT)) rmSync(join(home.dir, name), { recursive: true, maxRetries: 10 });
  }
  const draft = mkdtempSync(join(home.dir, DRAFT));
  try {
    const url = newUrl();
    const passwordFile = join(draft, "password");
    const data = join(draft, "data");
    writeFileSync(passwordFile, url.password, { mode: 0o600 });
    const { owner } = runtime.identity;
    if (owner) for (const path of [draft, passwordFile]) chownSync(path, owner.uid, owner.gid);

    const args = ["-D", data, "-U", ROLE, "-A", "scram-sha-256", `--pwfile=${passwordFile}`];
    const { code, output } = await outcome(
      spawnIn(
        runtime,
        "initdb",
        [...args, ...FORMAT, ...locale(runtime.major), ...(durable ? [] : ["--no-sync"])],
        {
          stdio: "pipe",
        },
      ),
    );
    if (code !== 0)
      throw new StartError(`initdb could not create a database in ${home.dir}:\n${output.trim()}`);

    writeUrl(home, url);
    renameSync(data, home.data);
    if (durable) syncFolder(home.dir);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

const FORMAT = ["--encoding=UTF8", "--data-checksums", "--no-instructions"];

/** The same on every machine, whatever its locales: PostgreSQL's own Unicode rules, or bytes before version 17. */
function locale(major: number): string[] {
  const builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
  return ["--locale=C", ...(major >= 17 ? builtin : [])];
}

function syncFolder(path: string): void {
  if (process.platform === "win32") return; // folders cannot be opened there
  const folder = openSync(path, "r");
  fsyncSync(folder);
  closeSync(folder);
}
