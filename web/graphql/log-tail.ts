/** The log of one attempt in memory: what is there, and then what comes; all of it, or the lines that fit a filter. */
import { useEffect, useRef, useState } from "react";
import { type Client, useClient } from "urql";
import { appendLog, EMPTY_LOG, EVERY_LINE, type Log, type LogFilter } from "../model/log.ts";
import { messageOf } from "./client.ts";
import { useConnection } from "./connection.ts";
import { useThrottled } from "./live.ts";
import { type LogChunk, RunLogQuery, RunLogTail } from "./runs.ts";

const DRAW_MS = 120;
const FROM_SERVER = { requestPolicy: "network-only" } as const;

/** `read`: what was there has come. `ended`: no more will come. */
export type TailedLog = { log: Log; read: boolean; ended: boolean; fault: string | undefined };
const NOTHING: TailedLog = { log: EMPTY_LOG, read: false, ended: false, fault: undefined };

type Place = { id: string; attempt: number; after: string | null; filter: LogFilter };

/** As the server wants it: nothing where nothing is left out. */
const asked = ({ search, level }: LogFilter) => ({
  search: search === "" ? null : search,
  level: level === "DEBUG" ? null : level,
});

/** Reads on from a place and hands over every piece, up to the present end. Throws with a message for people. */
export async function readLog(
  client: Client,
  { id, attempt, after, filter }: Place,
  take: (chunk: LogChunk) => void,
): Promise<void> {
  for (let from = after, more = true; more; ) {
    const place = { id, attempt, after: from, ...asked(filter) };
    const answer = await client.query(RunLogQuery, place, FROM_SERVER).toPromise();
    if (answer.error !== undefined) throw new Error(messageOf(answer.error));
    const chunk: LogChunk | undefined = answer.data?.run?.log;
    if (chunk === undefined) throw new Error("The run is gone.");
    take(chunk);
    from = chunk.cursor;
    more = chunk.text !== "" && !chunk.ended;
  }
}

/** Hands over what comes after a place, attempt after attempt, until the run has ended. */
function followLog(
  client: Client,
  { id, after, filter }: Place,
  take: (chunk: LogChunk) => void,
): () => void {
  const place = { id, after, ...asked(filter) };
  const { unsubscribe } = client.subscription(RunLogTail, place).subscribe(({ data }) => {
    if (data !== undefined) take(data.runLog);
  });
  return unsubscribe;
}

/** The log of one attempt as it grows; another run, attempt or filter needs another component (a `key`). */
export function useLog(id: string, attempt: number, filter: LogFilter = EVERY_LINE): TailedLog {
  const client = useClient();
  const lost = useConnection().state === "lost";
  const [shown, setShown] = useState(NOTHING);
  const latest = useRef(NOTHING);
  const cursor = useRef<string | null>(null);
  const { search, level } = filter;
  const draw = useThrottled(() => setShown(latest.current), DRAW_MS);

  useEffect(() => {
    // Left to itself, a broken subscription would begin again where it first began; this one goes on from its cursor.
    if (lost || latest.current.ended) return;
    let stop = (): void => {};
    let wanted = true;
    const take = (chunk: LogChunk): void => {
      if (!wanted) return;
      const mine = chunk.attempt === attempt;
      if (mine) cursor.current = chunk.cursor;
      latest.current = {
        log: mine ? appendLog(latest.current.log, chunk.text) : latest.current.log,
        read: latest.current.read || chunk.text === "",
        // A later attempt has begun: this one is over.
        ended: chunk.ended || !mine,
        fault: undefined,
      };
      if (latest.current.ended) stop();
      draw();
    };
    const place = (): Place => ({ id, attempt, after: cursor.current, filter: { search, level } });
    readLog(client, place(), take).then(
      () => {
        if (wanted && !latest.current.ended) stop = followLog(client, place(), take);
      },
      (error: Error) => {
        if (!wanted) return;
        latest.current = { ...latest.current, fault: error.message };
        draw();
      },
    );
    return () => {
      wanted = false;
      stop();
    };
  }, [client, id, attempt, search, level, lost, draw]);
  return shown;
}
