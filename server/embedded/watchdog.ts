/**
 * Ends PostgreSQL when this process is gone, however it went: a shell of about one megabyte holds the other end
 * of a pipe. When the pipe closes without the word that all is well, its reader shuts the server down.
 */
import { spawn } from "node:child_process";
import { Socket } from "node:net";

/** $1: the postmaster's process id. $2: a folder to delete once it has ended, or nothing. */
const SCRIPT = `
  gone() {
    tries=0
    while kill -0 "$1"; do
      [ "$tries" -ge "$2" ] && return 1
      tries=$((tries + 1))
      sleep 0.2
    done
  }
  read -r word && exit 0
  kill -INT "$1"
  gone "$1" 25 || { kill -QUIT "$1"; gone "$1" 35; }
  [ -n "$2" ] && rm -rf "$2"
`;

/** Begins to watch; the function returned ends the watch. Not on Windows, where the next start clears up. */
export function watch(pid: number, temporaryDir: string | undefined): () => void {
  if (process.platform === "win32") return () => {};
  const shell = spawn("sh", ["-c", SCRIPT, "escapement-watchdog", String(pid), temporaryDir ?? ""], {
    stdio: ["pipe", "ignore", "ignore"],
    cwd: "/",
    detached: true, // a Ctrl-C for us must not take it away before we are done
  });
  const { stdin } = shell;
  // Neither a missing shell nor one that was killed is our end: the next start clears up.
  shell.on("error", () => {});
  stdin.on("error", () => {});
  shell.unref();
  if (stdin instanceof Socket) stdin.unref();
  return () => stdin.end("stopped\n");
}
