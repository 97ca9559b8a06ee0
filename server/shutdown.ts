/** How the program ends: a signal drains, a second one ends at once, and nothing takes longer than ten seconds. */

/** SIGTERM to exit; orchestrators send SIGKILL after ten by default. */
const DRAIN_MS = 9_500;
const PARENT_LOOK_MS = 1_000;

export interface Ending {
  /** Takes everything down, in order. */
  close: () => Promise<void>;
  /** The last resort: ends child processes without asking. Synchronous. */
  kill: () => void;
  say: (line: string) => void;
}

/**
 * Listens for the reason to end from now on, so that a signal that comes while the program starts is kept and
 * ends it cleanly once it has started. `underNpm`: npm does not hand on SIGTERM, so its end is ours.
 */
export function reasonToEnd(underNpm: boolean): Promise<string> {
  const parent = process.ppid;
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const)
      process.once(signal, () => resolve(signal));
    if (!underNpm) return;
    setInterval(() => {
      if (process.ppid !== parent) resolve("npm has ended");
    }, PARENT_LOOK_MS).unref();
  });
}

/** Waits for the reason to end, ends, and exits the process. */
export async function endFor(reason: Promise<string>, ending: Ending): Promise<never> {
  ending.say(`Stopping (${await reason}); once more to stop at once`);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      ending.kill();
      process.exit(130);
    });
  }
  setTimeout(() => {
    ending.say("Some requests did not end in time; stopping anyway");
    ending.kill();
    process.exit(1);
  }, DRAIN_MS).unref();
  await ending.close();
  process.exit(0);
}
