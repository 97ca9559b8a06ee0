/** A run's log: a piece of it, and all of it as it is written. */
import { isEnded } from "../core/run.ts";
import type { LogFilter } from "../store/output-log-search.ts";
import type { Outputs } from "../store/outputs.ts";
import { fromCursor, toCursor } from "../store/page.ts";
import type { Run } from "../store/runs.ts";
import type { Feed } from "./feed.ts";

export interface LogChunk {
  text: string;
  attempt: number;
  /** Bytes; where to read on. */
  offset: number;
  /** No more will come. */
  ended: boolean;
}

interface Place {
  attempt: number;
  offset: number;
}

export function logCursor({ attempt, offset }: Place): string {
  return toCursor(attempt, offset);
}

/** Throws BAD_INPUT for a cursor that no log gave. */
export function readLogCursor(after: string | null | undefined): Place | null {
  const [attempt, offset] = fromCursor(after, "number", "number") ?? [];
  if (attempt === undefined || offset === undefined) return null;
  return { attempt: Math.max(1, Number(attempt)), offset: Math.max(0, Number(offset)) };
}

/** A piece of one attempt's log; of the last attempt's unless `attempt` or the cursor says which. */
export async function readChunk(
  outputs: Outputs,
  run: Run,
  attempt: number | null | undefined,
  from: Place | null,
  filter: LogFilter = {},
): Promise<LogChunk> {
  const made = run.attempt ?? 0;
  const wanted = attempt ?? from?.attempt ?? made;
  const offset = from?.attempt === wanted ? from.offset : 0;
  const slice = wanted < 1 ? null : await outputs.readLog(run.id, { ...filter, attempt: wanted, offset });
  const over = isEnded(run.state) || wanted < made;
  if (slice === null) return { text: "", attempt: wanted, offset, ended: over };
  const { text, nextOffset, size } = slice;
  return { text, attempt: wanted, offset: nextOffset, ended: over && nextOffset >= size };
}

/** Log text may appear without notice, on a file system shared with other servers. */
const LOOK_AGAIN_MS = 1_000;

/** Attempt after attempt, beginning with the first; ends with an empty chunk when the run has ended. */
export async function* tailLog(
  feed: Feed,
  outputs: Outputs,
  runId: string,
  from: Place | null,
  filter: LogFilter,
  load: () => Promise<Run | null>,
): AsyncGenerator<LogChunk> {
  let place = from ?? { attempt: 1, offset: 0 };
  let run = await load();
  while (run !== null) {
    for (;;) {
      const slice = await outputs.readLog(runId, { ...filter, ...place });
      if (slice !== null && slice.nextOffset > place.offset) {
        place = { attempt: place.attempt, offset: slice.nextOffset };
        if (slice.text !== "") yield { ...place, text: slice.text, ended: false };
      } else if (place.attempt < (run.attempt ?? 0)) {
        place = { attempt: place.attempt + 1, offset: 0 };
      } else break;
    }
    if (isEnded(run.state)) {
      yield { ...place, text: "", ended: true };
      return;
    }
    const batch = await feed.next(LOOK_AGAIN_MS);
    if (batch === null) return;
    const onlyText = batch.changes.length > 0 && batch.changes.every((change) => change.kind === "log");
    if (!onlyText || batch.resync) run = await load();
  }
}
