/**
 * As whom PostgreSQL runs. It refuses to run as root, and we make no user on somebody's machine, so root
 * lends it another identity, whichever of these the system lets through first.
 */
import { execFileSync } from "node:child_process";

/** A user and group by number. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** One way to run a program as somebody PostgreSQL accepts. */
export interface Identity {
  /** For messages. */
  readonly name: string;
  /** What the command line begins with. */
  readonly prefix: readonly string[];
  /** Whom the child process becomes before that; absent for no change. */
  readonly spawnAs?: User;
  /** Who must own the data directory; absent when we are not root and cannot choose. */
  readonly owner?: User;
}

/** The ways to try, best first. `dataOwner` is who owns the data directory already, if anybody does. */
export function identities(dataOwner: User | undefined): Identity[] {
  if (process.platform === "win32") return [{ name: "the current user", prefix: [] }];
  const user = dataOwner && dataOwner.uid !== 0 ? dataOwner : nobody();
  if (process.getuid?.() !== 0) return [{ name: "the current user", prefix: [] }, userNamespace(user)];
  return [
    { name: `user ${user.uid}`, prefix: [], spawnAs: user, owner: user },
    mayEnterAnyFolder(user),
    { ...userNamespace(user), owner: { uid: 0, gid: 0 } },
  ];
}

/**
 * A checkout under a folder that only root may enter, such as /root: another user could not even load the
 * programs there, so it keeps the one capability that opens folders, also for access(2), which without that
 * secure bit asks what a plain user might. Docker allows both by default.
 */
function mayEnterAnyFolder(user: User): Identity {
  return {
    name: `user ${user.uid} with access to private folders (setpriv)`,
    prefix: [
      "setpriv",
      "--securebits=+no_setuid_fixup",
      `--reuid=${user.uid}`,
      `--regid=${user.gid}`,
      "--clear-groups",
      "--inh-caps=+dac_override",
      "--ambient-caps=+dac_override",
    ],
    owner: user,
  };
}

/**
 * Inside a user namespace we look like another user and stay who we are: for the root of a container who may
 * not become anybody else, and for a user without an entry in the user table, whom initdb refuses.
 */
function userNamespace(user: User): Identity {
  return {
    name: `user ${user.uid} in a user namespace (unshare)`,
    prefix: ["unshare", "--user", `--map-user=${user.uid}`, `--map-group=${user.gid}`],
  };
}

/** The user that owns nothing; it has an entry in the user table. */
function nobody(): User {
  try {
    const id = (flag: string) =>
      Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8", stdio: "pipe" }));
    return { uid: id("-u"), gid: id("-g") };
  } catch {
    return { uid: 65534, gid: 65534 };
  }
}
