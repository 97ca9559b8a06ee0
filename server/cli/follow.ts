/** Waits for what a run does, over a subscription that is opened again when the server goes and another takes over. */
import { setTimeout as pause } from "node:timers/promises";
import type { Client, Variables } from "./client.ts";
import { Away } from "./failure.ts";

/** How long a server may be gone before the command gives up: a restart takes seconds. */
const PATIENCE_MS = 60_000;
const REOPEN_MS = 500;
/** What an event said is asked for again after this, should the event have been lost. */
const LOOK_AGAIN_MS = 10_000;

/**
 * What the subscription sends, and null whenever something may have been missed: at its beginning, after it was opened
 * again, and every ten seconds. `variables` is asked anew each time it is opened. Throws when nobody answers at first,
 * or for a minute later on.
 */
export async function* follow<Data>(
  client: Client,
  query: string,
  variables: () => Variables,
): AsyncGenerator<Data | null, never> {
  for (let lastHeardAt: number | null = null; ; ) {
    const aborting = new AbortController();
    const events = client.subscribe<Data>(query, variables(), aborting.signal);
    try {
      for (let next = events.next(); ; ) {
        const came = await Promise.race([next, pause(LOOK_AGAIN_MS, "quiet" as const, { ref: false })]);
        if (came !== "quiet") {
          if (came.done) break;
          next = events.next();
          // Whoever does not ask for more must not find this rejected in the air.
          next.catch(() => {});
          lastHeardAt = performance.now();
        }
        yield came === "quiet" ? null : came.value;
      }
    } catch (error) {
      const isPatient = lastHeardAt !== null && performance.now() - lastHeardAt < PATIENCE_MS;
      if (!(error instanceof Away) || !isPatient) throw error;
    } finally {
      aborting.abort();
    }
    await pause(REOPEN_MS);
  }
}
