/** The built-in worker's process: started beside the server, started again when it dies, ended with it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const ENTRY = fileURLToPath(new URL("../worker/builtin.ts", import.meta.url));
/** A worker that dies at its start must not keep a core busy. */
const RESTART_MS = 1_000;
const RESTART_MAX_MS = 30_000;
/** A process that lived so long was well; the next restart is quick again. */
const WELL_MS = 60_000;

export interface WorkerProcess {
  /** Lets it drain, and ends it when that takes too long. */
  stop(): Promise<void>;
  kill(): void;
}

/** `environment` is all the worker sees; `say` gets a line when it has to be restarted. */
export function startWorkerProcess(
  environment: NodeJS.ProcessEnv,
  say: (line: string) => void,
): WorkerProcess {
  let child: ChildProcess;
  let stopping = false;
  let pauseMs = RESTART_MS;
  let timer: NodeJS.Timeout | undefined;

  const start = (): void => {
    const startedAt = performance.now();
    // The channel tells the worker when this process is gone, however it went.
    child = spawn(process.execPath, ["--import", "tsx", ENTRY], {
      env: environment,
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    child.on("error", () => {});
    child.once("exit", (code, signal) => {
      if (stopping) return;
      if (performance.now() - startedAt > WELL_MS) pauseMs = RESTART_MS;
      say(
        `The built-in worker ended (${signal ?? `exit code ${code}`}); it starts again in ${pauseMs / 1000} s`,
      );
      timer = setTimeout(start, pauseMs);
      pauseMs = Math.min(pauseMs * 2, RESTART_MAX_MS);
    });
  };
  start();

  return {
    async stop() {
      stopping = true;
      clearTimeout(timer);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      const impatient = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await ended;
      clearTimeout(impatient);
    },
    kill() {
      stopping = true;
      clearTimeout(timer);
      child.kill("SIGKILL");
    },
  };
}
