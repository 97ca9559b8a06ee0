/** Starts runs, over REST or GraphQL, one per request or in lists. */
import { type ClosedLoop, closedLoop, nowMs, type Paced, pacedLoop } from "../load.ts";
import { HttpConnection } from "./http.ts";
import type { Target } from "./target.ts";

export type Transport = "rest" | "graphql";

/** Lists in flight while a queue is filled, and their size. */
const FILL = { lists: 4, size: 2_000 };
/** A producer in a hurry at a given rate has a pool of connections, too. */
const PACED_CONNECTIONS = 100;

const START_RUN = "mutation ($input: StartRunInput!) { startRun(input: $input) { id state } }";
const START_RUNS = "mutation ($input: [StartRunInput!]!) { startRuns(input: $input) { id } }";

export interface FillOrder {
  count: number;
  /** Set: each run has one of so many affinity keys, in turn. */
  keys?: number;
  /** Another job than the usual one. */
  job?: string;
}

export interface Producer {
  startOne(load: ClosedLoop & { transport: Transport }): Promise<number>;
  startLists(load: ClosedLoop & { transport: Transport; size: number }): Promise<number>;
  /** Puts runs into the queue as fast as it goes; returns runs per second. */
  fill(order: FillOrder): Promise<number>;
  /** Single starts by REST; each carries the time at which it was sent. */
  pace(load: Paced): Promise<number>;
}

export function createProducer({ url, operatorToken, job }: Target): Producer {
  const connections: HttpConnection[] = [];
  const connection = (number: number): HttpConnection => {
    connections[number] ??= new HttpConnection(url, operatorToken);
    return connections[number];
  };
  const one = (transport: Transport, input: object): string =>
    transport === "rest"
      ? JSON.stringify({ runs: [{ job, input }] })
      : JSON.stringify({ query: START_RUN, variables: { input: { job, input } } });
  const list = (transport: Transport, size: number): string => {
    const runs = Array.from({ length: size }, (_, n) => ({ job, input: { n } }));
    return transport === "rest"
      ? JSON.stringify({ runs })
      : JSON.stringify({ query: START_RUNS, variables: { input: runs } });
  };
  const path = (transport: Transport): string => (transport === "rest" ? "/v1/runs" : "/graphql");
  const post = async (number: number, transport: Transport, body: string): Promise<void> => {
    const answer = await connection(number).post(path(transport), body);
    if (answer.startsWith('{"errors"') || answer.includes('"errors":['))
      throw new Error(answer.slice(0, 1_000));
  };

  return {
    startOne: (load) => {
      const body = one(load.transport, { n: 1 });
      return closedLoop(load, async (client) => {
        await post(client, load.transport, body);
        return 1;
      });
    },

    startLists: (load) => {
      const body = list(load.transport, load.size);
      return closedLoop(load, async (client) => {
        await post(client, load.transport, body);
        return load.size;
      });
    },

    async fill({ count, keys, job: other }) {
      const full = list("rest", FILL.size);
      let left = count;
      const keyed = (from: number, size: number): string => {
        const one = (_: unknown, n: number): object => ({
          job: other ?? job,
          input: { n },
          ...(keys && { affinity: { group: "bench", key: `customer-${(from + n) % keys}` } }),
        });
        return JSON.stringify({ runs: Array.from({ length: size }, one) });
      };
      const body = (size: number): string => {
        if (keys !== undefined || other !== undefined) return keyed(left, size);
        return size === FILL.size ? full : list("rest", size);
      };
      const filler = async (_: unknown, number: number): Promise<void> => {
        while (left > 0) {
          const size = Math.min(left, FILL.size);
          left -= size;
          await post(number, "rest", body(size));
        }
      };
      const startedMs = nowMs();
      await Promise.all(Array.from({ length: FILL.lists }, filler));
      return (count / (nowMs() - startedMs)) * 1000;
    },

    pace: (load) => {
      const free: number[] = Array.from({ length: PACED_CONNECTIONS }, (_, number) => number).reverse();
      const queue: ((number: number) => void)[] = [];
      return pacedLoop(load, async () => {
        const body = one("rest", { sentMs: nowMs() });
        const number = free.pop() ?? (await new Promise<number>((resolve) => queue.push(resolve)));
        try {
          await post(number, "rest", body);
        } finally {
          const next = queue.shift();
          if (next) next(number);
          else free.push(number);
        }
      });
    },
  };
}
