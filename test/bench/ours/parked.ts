/** Thousands of long polls that wait for work, each on a connection and under a name of its own. */
import type { ClaimAnswer } from "../../../worker/protocol.ts";
import { Durations, type Spread } from "../load.ts";
import { HttpConnection } from "./http.ts";
import type { Target } from "./target.ts";

export interface ParkedPolls {
  /** Adds connections until there are `count`. */
  park(order: { count: number }): Promise<void>;
  /** How long woken polls took, from the start's sending. */
  woken(): Spread;
  release(): void;
}

/** Connections opened at the same time: the listen backlog is finite. */
const AT_ONCE = 100;
const WAIT_SECONDS = 60;

export function createParkedPolls({ url, workerToken, name }: Target): ParkedPolls {
  const durations = new Durations();
  const connections: HttpConnection[] = [];
  let settling: HttpConnection | undefined;
  let settled: Promise<unknown> = Promise.resolve();
  let over = false;

  const settle = (lease: string): void => {
    settling ??= new HttpConnection(url, workerToken);
    const connection = settling;
    const body = JSON.stringify({ results: [{ lease, outcome: "succeeded" }] });
    settled = settled.then(() => connection.post("/v1/settle", body));
  };

  const poll = async (connection: HttpConnection, number: number): Promise<void> => {
    const claim = JSON.stringify({ executor: `${name}-parked-${number}`, max: 1, waitSeconds: WAIT_SECONDS });
    while (!over) {
      const { leases }: ClaimAnswer = JSON.parse(await connection.post("/v1/leases", claim));
      for (const lease of leases) {
        durations.since((lease.input as { sentMs: number }).sentMs);
        settle(lease.id);
      }
    }
  };

  return {
    async park({ count }) {
      over = false;
      durations.reset();
      while (connections.length < count) {
        const size = Math.min(AT_ONCE, count - connections.length);
        const slice = Array.from({ length: size }, () => new HttpConnection(url, workerToken));
        await Promise.all(slice.map((connection) => connection.connected()));
        for (const connection of slice) {
          const number = connections.push(connection);
          poll(connection, number).catch((error) => {
            if (!over) throw error;
          });
        }
      }
    },
    woken: () => durations.spread(),
    release() {
      over = true;
      for (const connection of connections.splice(0)) connection.close();
      settling?.close();
      settling = undefined;
    },
  };
}
