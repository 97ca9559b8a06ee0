/**
 * Sees to it that a worker which is killed outright leaves nothing behind: a shell that waits for the end of its input,
 * which comes when the worker is gone, and then kills the process groups and removes the folder that it was told of.
 */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import type { Socket } from "node:net";

/** Each line is a sign and what it is about: `+` a group has begun, `-` it has ended, `/` the folder is this one. */
const SCRIPT = `
groups=' '
folder=
while read -r sign what; do
  case $sign in
    +) groups="$groups$what " ;;
    -) groups="\${groups%% $what *} \${groups#* $what }" ;;
    /) folder=$what ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
[ -z "$folder" ] || rm -rf -- "$folder"
`;

const groups = new Set<number>();
let folder: string | undefined;
let ears: Socket | undefined;

/** Kills this group should this process end before `released` is called. */
export function guardGroup(id: number): void {
  groups.add(id);
  tell(`+ ${id}`);
}

export function releaseGroup(id: number): void {
  if (groups.delete(id)) tell(`- ${id}`);
}

/** Removes this folder when this process ends, in place of one that was named before. */
export function guardFolder(path: string): void {
  folder = path;
  tell(`/ ${path}`);
}

/** To the group, if anybody of it is left. */
export function signalGroup(id: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-id, signal);
  } catch {
    // Nobody of the group is left.
  }
}

function tell(line: string): void {
  ears ??= start();
  ears.write(`${line}\n`);
}

function start(): Socket {
  process.on("exit", () => {
    for (const id of groups) signalGroup(id, "SIGKILL");
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });
  const shell = spawn("/bin/sh", ["-c", SCRIPT], {
    // In a session of its own, so that what ends the worker's group leaves it to do its work.
    detached: true,
    env: { PATH: "/usr/bin:/bin" },
    stdio: ["pipe", "ignore", "ignore"],
  });
  const stdin = shell.stdin as Socket;
  // Without it, commands are still ended by a worker that ends in an orderly way.
  shell.on("error", () => undefined);
  stdin.on("error", () => undefined);
  shell.unref();
  stdin.unref();
  return stdin;
}
