/** A run's log in memory: the tail of the present attempt as it grows, or all of an earlier one. */
import { useEffect, useMemo, useRef, useState } from "react";
import { type Client, useClient } from "urql";
import { appendLog, EMPTY_LOG, type Log } from "../model/log.ts";
import { useConnection } from "./connection.ts";
import { useEvents, useThrottled } from "./live.ts";
import { RunLogQuery, RunLogTail } from "./runs.ts";

const DRAW_MS = 120;
const FROM_SERVER = { requestPolicy: "network-only" } as const;

export type TailedLog = { log: Log; ended: boolean; fault: string | undefined };

/** Reads on until there is nothing more, and hands over every piece. Throws urql's error. */
export async function readLog(
  client: Client,
  id: string,
  attempt: number,
  take: (text: string) => void,
): Promise<void> {
  const next = async (after: string | null): Promise<string | null> => {
    const { data, error } = await client.query(RunLogQuery, { id, attempt, after }, FROM_SERVER).toPromise();
    if (error !== undefined) throw error;
    const chunk = data?.run?.log;
    if (!chunk || chunk.text === "" || chunk.cursor === after) return null;
    take(chunk.text);
    return chunk.cursor;
  };
  for (let after = await next(null); after !== null; ) after = await next(after);
}

/** The log of one attempt. `live` follows it over the socket; otherwise it is read once. */
export function useLog(id: string, attempt: number, live: boolean): TailedLog {
  const client = useClient();
  const { epoch } = useConnection();
  const [shown, setShown] = useState<TailedLog>({ log: EMPTY_LOG, ended: false, fault: undefined });
  const growing = useRef<TailedLog>(shown);
  const draw = useThrottled(() => setShown(growing.current), DRAW_MS);
  const source = useMemo(() => ({ id, attempt, live, epoch }), [id, attempt, live, epoch]);

  useEffect(() => {
    // After a lost connection the socket starts over from the first line, so the page does too.
    growing.current = { log: EMPTY_LOG, ended: false, fault: undefined };
    setShown(growing.current);
    if (source.live) return;
    let wanted = true;
    const take = (text: string): void => {
      if (!wanted) return;
      growing.current = { ...growing.current, log: appendLog(growing.current.log, text) };
      draw();
    };
    readLog(client, source.id, source.attempt, take).then(
      () => {
        growing.current = { ...growing.current, ended: true };
        if (wanted) draw();
      },
      (error: unknown) => {
        growing.current = {
          ...growing.current,
          fault: error instanceof Error ? error.message : String(error),
        };
        if (wanted) draw();
      },
    );
    return () => {
      wanted = false;
    };
  }, [client, source, draw]);

  useEvents(
    RunLogTail,
    useMemo(() => ({ id: source.id }), [source]),
    ({ runLog: chunk }) => {
      if (chunk.attempt !== source.attempt) return;
      growing.current = {
        log: appendLog(growing.current.log, chunk.text),
        ended: chunk.ended,
        fault: undefined,
      };
      draw();
    },
    !live,
  );
  return shown;
}
