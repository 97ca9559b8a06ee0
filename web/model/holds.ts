/** Why a run is not running yet, in one sentence per hold. */
import type { HoldKind } from "./state.ts";
import { clockTime, relativeTime } from "./time.ts";

export type Hold = { kind: HoldKind; until: string | null; runs: readonly { id: string }[] };

const SENTENCES: Record<HoldKind, (until: string, runs: number) => string> = {
  TIME: (until) => (until ? `starts ${until}` : "waits for its time"),
  RETRY: (until) => (until ? `retries ${until}` : "waits for its next try"),
  DEPENDENCY: (_, runs) =>
    runs === 0 ? "waits for other runs to end" : `waits for ${runs === 1 ? "a run" : `${runs} runs`} to end`,
  AFFINITY: () => "waits for another run with the same affinity key",
  CONCURRENCY: () => "waits for a place: the limit of parallel runs is reached",
  OVERLAP: () => "waits for the job's previous run to end",
  RATE: (until) => (until ? `may start ${until}: the rate limit` : "waits for the rate limit"),
  PAUSED: () => "is paused until someone resumes it",
};

/** The sentence for one hold, such as `retries at 12:00:05 (in 8 s)`. */
export function holdInWords(hold: Hold, nowMs: number, timeZone?: string): string {
  const until =
    hold.until === null
      ? ""
      : `at ${clockTime(hold.until, nowMs, timeZone)} (${relativeTime(hold.until, nowMs)})`;
  return SENTENCES[hold.kind](until, hold.runs.length);
}
