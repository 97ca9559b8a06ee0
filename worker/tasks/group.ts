/** The process group of a command: ended as a whole, politely first, and never left behind. */
import type { ChildProcess } from "node:child_process";

export interface Group {
  /** SIGTERM to every process of the group now, SIGKILL to those that are there when the grace time is over. */
  end(graceMs: number): void;
  /** SIGKILL to whatever is still there. To be called last. */
  finish(): void;
}

/** Groups to be killed should this process exit before their commands did. */
const alive = new Set<number>();
let watching = false;

/** The group of a child that was spawned with `detached`. */
export function processGroup(child: ChildProcess): Group {
  const { pid } = child;
  // The child could not be started: there is nothing to end.
  if (pid === undefined) return { end: () => undefined, finish: () => undefined };
  watchExit();
  alive.add(pid);
  let timer: NodeJS.Timeout | undefined;
  return {
    end(graceMs) {
      send(pid, "SIGTERM");
      clearTimeout(timer);
      timer = setTimeout(() => send(pid, "SIGKILL"), graceMs);
    },
    finish() {
      clearTimeout(timer);
      send(pid, "SIGKILL");
      alive.delete(pid);
    },
  };
}

function watchExit(): void {
  if (watching) return;
  watching = true;
  process.on("exit", () => {
    for (const pid of alive) send(pid, "SIGKILL");
  });
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody of the group is left.
  }
}
