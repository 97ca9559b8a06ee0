/** The whole path for minutes: starts, claims and settles at the same time, with a backlog that stays the same. */
import { nowMs } from "../load.ts";
import type { Consumer } from "./consumer.ts";
import { HttpConnection } from "./http.ts";
import type { Target } from "./target.ts";

export interface CycleOrder {
  ms: number;
  windowMs: number;
  /** Runs that may be started and not yet handled. */
  backlog: number;
}

const LIST = 100;
const PRODUCERS = 4;
const WORKERS = { with: "protocol", batch: 100, pollers: 8, unnoted: true } as const;

/** Runs per second of each window, at full speed. */
export async function cycle(
  { url, operatorToken, job }: Target,
  consumer: Consumer,
  { ms, windowMs, backlog }: CycleOrder,
): Promise<number[]> {
  const body = JSON.stringify({ runs: Array.from({ length: LIST }, (_, n) => ({ job, input: { n } })) });
  const end = nowMs() + ms;
  let started = 0;
  await consumer.listen(WORKERS);
  const handled = (): number => consumer.handled().count;
  const produce = async (): Promise<void> => {
    const connection = new HttpConnection(url, operatorToken);
    while (nowMs() < end) {
      if (started - handled() > backlog) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        continue;
      }
      await connection.post("/v1/runs", body);
      started += LIST;
    }
    connection.close();
  };
  const rates: number[] = [];
  const watch = async (): Promise<void> => {
    let before = handled();
    for (let next = nowMs() + windowMs; next <= end + 1; next += windowMs) {
      await new Promise((resolve) => setTimeout(resolve, next - nowMs()));
      const now = handled();
      rates.push(((now - before) / windowMs) * 1000);
      before = now;
    }
  };
  await Promise.all([watch(), ...Array.from({ length: PRODUCERS }, produce)]);
  await consumer.hush();
  return rates;
}
