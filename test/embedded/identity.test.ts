/** PostgreSQL runs for an ordinary user and for root, wherever the folder lies. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { linkLibraries, PACKAGE } from "../../server/embedded/binaries.ts";
import {
  expectNoProcessNaming,
  expectRow,
  hold,
  holdReady,
  isRoot,
  leaveRow,
  newFolder,
  start,
} from "./folder.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const HOLDER = "test/embedded/holder.ts";
const NOBODY = { uid: 65534, gid: 65534 };
/** A user that every system has in its table, as initdb wants. */
const USER = { uid: 1, gid: 1 };
const canKeepCapability =
  isRoot &&
  works("setpriv", [
    "--securebits=+no_setuid_fixup",
    "--reuid=65534",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
    "true",
  ]);
const canUnshare = isRoot && works("unshare", ["--user", "--map-user=65534", "true"]);

describe.skipIf(!isRoot || process.platform !== "linux")("on a machine where we are root", () => {
  test("an ordinary user starts it as himself", async () => {
    const dataDir = newFolder();
    chownSync(dataDir, USER.uid, USER.gid);
    const holder = await holdReady(dataDir, USER);
    expect(userOf(holder.postmaster)).toBe(USER.uid);
    await leaveRow(holder.url);
    holder.process.send("stop");
    await expectNoProcessNaming(dataDir);

    // Root on the same folder runs it as the user to whom the data belong, so that he can start it again.
    const server = await start(dataDir);
    expect(userOf(server.pid)).toBe(USER.uid);
    await expectRow(server.url);
  });

  test("an ordinary user is told whose data he may not use", async () => {
    const dataDir = newFolder();
    await (await start(dataDir)).stop();
    chownSync(dataDir, 12345, 12345);
    const holder = await hold(dataDir, { uid: 12345, gid: 12345 });
    expect(holder.message).toMatchObject({
      type: "failed",
      message: expect.stringContaining("belongs to user 65534 and you are user 12345"),
    });
  });

  test("root lends it another user", async () => {
    const dataDir = newFolder();
    const server = await start(dataDir);
    expect(userOf(server.pid)).not.toBe(0);
    expect(statSync(join(dataDir, "data")).uid).toBe(userOf(server.pid));
  });

  test.skipIf(!canKeepCapability)(
    "a checkout in a folder that only root may enter is no obstacle",
    async () => {
      const checkout = privateCheckout();
      const dataDir = join(checkout, ".escapement");
      const path = pathWithout("unshare", checkout);
      const holder = await holdReady(dataDir, { holder: join(checkout, HOLDER), env: { PATH: path } });
      expect(userOf(holder.postmaster)).toBe(NOBODY.uid);
      await leaveRow(holder.url);
      holder.process.send("stop");
      await expectNoProcessNaming(dataDir);
      await expectRow((await start(dataDir)).url);
    },
  );

  test.skipIf(!canUnshare)(
    "where root cannot keep a capability, a user namespace does, and data move between both",
    async () => {
      const checkout = privateCheckout();
      const dataDir = join(checkout, ".escapement");
      const path = pathWithout("setpriv", checkout);
      const holder = await holdReady(dataDir, { holder: join(checkout, HOLDER), env: { PATH: path } });
      expect(userOf(holder.postmaster)).toBe(0);
      await leaveRow(holder.url);
      holder.process.send("stop");
      await expectNoProcessNaming(dataDir);
      await expectRow((await start(dataDir)).url);
    },
  );

  test.skipIf(!canUnshare)("a user without an entry in the user table starts it too", async () => {
    const dataDir = newFolder();
    chownSync(dataDir, 12345, 12345);
    const holder = await holdReady(dataDir, { uid: 12345, gid: 12345 });
    expect(userOf(holder.postmaster)).toBe(12345);
  });

  test("where nothing works the error names every try and DATABASE_URL", async () => {
    const checkout = privateCheckout();
    const path = pathWithout("unshare", checkout, pathWithout("setpriv", checkout));
    const holder = await hold(join(checkout, ".escapement"), {
      holder: join(checkout, HOLDER),
      env: { PATH: path },
    });
    expect(holder.message).toMatchObject({
      type: "failed",
      message: expect.stringMatching(/DATABASE_URL.*user 65534.*setpriv.*unshare.*on the PATH/s),
    });
  });

  test("library links go to a folder of ours when the package cannot be written to", () => {
    const root = newFolder();
    const native = join(root, "native");
    const links = join(root, "links");
    packageWithoutLinks(native);
    mkdirSync(links);
    chownSync(links, NOBODY.uid, NOBODY.gid);
    process.seteuid?.(NOBODY.uid);
    try {
      expect(linkLibraries(native, links)).toBe(`${links}:${join(native, "lib")}`);
    } finally {
      process.seteuid?.(0);
    }
    expect(readlinkSync(join(links, "liba.so.1"))).toBe(join(native, "lib", "liba.so.1.2"));
  });
});

test("missing library links are made beside the libraries, once", () => {
  const root = newFolder();
  const native = join(root, "native");
  packageWithoutLinks(native);
  expect(linkLibraries(native, join(root, "links"))).toBeUndefined();
  expect(linkLibraries(native, join(root, "links"))).toBeUndefined();
  expect(readlinkSync(join(native, "lib", "liba.so.1"))).toBe("liba.so.1.2");
  expect(readdirSync(root)).toEqual(["native"]);
});

/** What npm unpacks when it does not run install scripts. */
function packageWithoutLinks(native: string): void {
  mkdirSync(join(native, "lib"), { recursive: true });
  writeFileSync(join(native, "lib", "liba.so.1.2"), "");
  const list = [{ source: "native/lib/liba.so.1.2", target: "native/lib/liba.so.1" }];
  writeFileSync(join(native, "pg-symlinks.json"), JSON.stringify(list));
}

/** As much of a checkout with its packages as it takes to start PostgreSQL, under a folder of mode 0700. */
function privateCheckout(): string {
  const dir = newFolder();
  chmodSync(dir, 0o700);
  for (const path of ["package.json", "server/embedded", HOLDER, join("node_modules", PACKAGE)]) {
    cpSync(join(REPOSITORY, path), join(dir, path), { recursive: true, verbatimSymlinks: true });
  }
  symlinkSync(join(REPOSITORY, "node_modules", "postgres"), join(dir, "node_modules", "postgres"));
  return dir;
}

/** A PATH of one new folder with the programs that the launcher uses, but one. */
function pathWithout(missing: string, parent: string, from?: string): string {
  const bin = join(parent, `without-${missing}`);
  mkdirSync(bin);
  const programs = from
    ? readdirSync(from)
    : ["sh", "env", "id", "chown", "sleep", "rm", "setpriv", "unshare"];
  for (const program of programs.filter((name) => name !== missing)) {
    const original = execFileSync("which", [program], { encoding: "utf8" }).trim();
    symlinkSync(original, join(bin, program));
  }
  return bin;
}

function userOf(pid: number): number {
  return statSync(`/proc/${pid}`).uid;
}

function works(program: string, args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
