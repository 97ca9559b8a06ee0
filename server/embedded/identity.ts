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
  if (process.getuid?.() !== 0) return [{ name: "the current user", prefix: [] }];
  const user = dataOwner && dataOwner.uid !== 0 ? dataOwner : nobody();
  return [
    { name: `user ${user.uid}`, prefix: [], spawnAs: user, owner: user },
    mayEnterAnyFolder(user),
    userNamespace(),
  ];
}

/**
 * A checkout under a folder that only root may enter, such as /root: a plain `nobody` could not even load the
 * programs there, so it keeps the one capability that opens folders. Docker grants it by default.
 */
function mayEnterAnyFolder(user: User): Identity {
  const caps = "+dac_override";
  return {
    name: `user ${user.uid} with access to private folders (setpriv)`,
    prefix: [
      "setpriv",
      `--reuid=${user.uid}`,
      `--regid=${user.gid}`,
      "--clear-groups",
      `--inh-caps=${caps}`,
      `--ambient-caps=${caps}`,
    ],
    owner: user,
  };
}

/** A container whose root may not become anybody else: inside a user namespace, root looks like user 1000. */
function userNamespace(): Identity {
  return {
    name: "a user namespace (unshare)",
    prefix: ["unshare", "--user", "--map-user=1000", "--map-group=1000"],
    owner: { uid: 0, gid: 0 },
  };
}

/** The user that owns nothing; initdb needs one with an entry in the user table. */
function nobody(): User {
  try {
    const id = (flag: string) =>
      Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8", stdio: "pipe" }));
    return { uid: id("-u"), gid: id("-g") };
  } catch {
    return { uid: 65534, gid: 65534 };
  }
}
