/** Whether live events reach this page: one WebSocket, opened on first use and opened again for as long as it takes. */
import { type Client, createClient } from "graphql-ws";
import { useSyncExternalStore } from "react";
import { authorization, tokenRefused } from "./session.ts";

/** `epoch` counts the connections that followed a lost one: what was read before may be out of date. */
export type Connection = { state: "idle" | "open" | "lost"; epoch: number };

/** The close codes by which a graphql-transport-ws server refuses a caller. */
const UNAUTHORIZED = 4401;
const FORBIDDEN = 4403;
const PONG_WITHIN_MS = 5_000;
const RETRY_AT_MOST_MS = 5_000;

let connection: Connection = { state: "idle", epoch: 0 };
const listeners = new Set<() => void>();

function become(next: Connection): void {
  connection = next;
  for (const listener of listeners) listener();
}

export function useConnection(): Connection {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => connection,
  );
}

/** Opens the socket's client. A connection whose peer stops answering pings counts as lost. */
export function openSocket(url: string): Client {
  let socket: WebSocket | undefined;
  let pongMissing: number | undefined;
  return createClient({
    url,
    connectionParams: () => authorization(),
    retryAttempts: Number.POSITIVE_INFINITY,
    retryWait: (retries) =>
      new Promise((resolve) => {
        const waitMs = Math.min(RETRY_AT_MOST_MS, 250 * 2 ** retries) * (0.75 + Math.random() / 2);
        window.setTimeout(resolve, waitMs);
      }),
    shouldRetry: (event) => !(event instanceof CloseEvent && [UNAUTHORIZED, FORBIDDEN].includes(event.code)),
    keepAlive: 10_000,
    on: {
      opened: (opened) => {
        socket = opened as WebSocket;
      },
      connected: () =>
        become({
          state: "open",
          epoch: connection.state === "lost" ? connection.epoch + 1 : connection.epoch,
        }),
      ping: (received) => {
        if (received) return;
        pongMissing = window.setTimeout(() => socket?.close(4408, "No answer to a ping"), PONG_WITHIN_MS);
      },
      pong: (received) => {
        if (received) window.clearTimeout(pongMissing);
      },
      closed: (event) => {
        const close = event instanceof CloseEvent ? event : undefined;
        if (close?.code === UNAUTHORIZED || close?.code === FORBIDDEN) tokenRefused();
        // 1000 is our own doing: nothing is subscribed any more.
        become({ ...connection, state: close?.code === 1000 ? "idle" : "lost" });
      },
    },
  });
}
