/** The process group of a command: ended as a whole, politely first, and never left behind. */
import type { ChildProcess } from "node:child_process";
import { guardGroup, releaseGroup, signalGroup } from "./warden.ts";

export interface Group {
  /** SIGTERM to every process of the group now, SIGKILL to those that are there when the grace time is over. */
  end(graceMs: number): void;
  /** SIGKILL to whatever is still there. To be called last. */
  finish(): void;
}

/** Throws where there are no process groups. */
export function requirePosix(type: string): void {
  if (process.platform === "win32")
    throw new Error(`The ${type} task needs process groups: POSIX systems only.`);
}

/** The group of a child that was spawned with `detached`. */
export function processGroup(child: ChildProcess): Group {
  const { pid } = child;
  // The child could not be started: there is nothing to end.
  if (pid === undefined) return { end: () => undefined, finish: () => undefined };
  guardGroup(pid);
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  return {
    end(graceMs) {
      // Its id may be somebody else's by now.
      if (isOver) return;
      signalGroup(pid, "SIGTERM");
      clearTimeout(timer);
      timer = setTimeout(() => signalGroup(pid, "SIGKILL"), graceMs);
    },
    finish() {
      isOver = true;
      clearTimeout(timer);
      signalGroup(pid, "SIGKILL");
      releaseGroup(pid);
    },
  };
}
