/**
 * The one lane on which finished runs go back: whatever finished while a request was under way leaves with the
 * next one, so a lone run waits for nobody and a thousand short ones share their round trips.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { Client } from "./client.ts";
import { ProtocolError } from "./client.ts";
import type { Persist } from "./persist.ts";
import type { ClaimRequest, Lease, SettleItem, SettleRequest, SettleResult } from "./protocol.ts";

/** The protocol's limit. */
const BATCH = 1000;
/** Characters of JSON in one request: outputs can be large, and a batch must stay below any server's limit. */
const BATCH_LENGTH = 256 * 1024;

export interface SettlerParts {
  client: Client;
  persist: Persist;
  /** Aborted when the worker gives up on what is still unanswered. */
  signal: AbortSignal;
  /** The claim to send along, when one is useful now. */
  claim: () => ClaimRequest | undefined;
  /** The claim's answer; nothing when it got none. */
  claimed: (leases: Lease[], tries: number) => void;
  /** The final word on one lease. */
  settled: (item: SettleItem, result: SettleResult) => void;
  /** The server will not take this outcome in any form. */
  refused: (item: SettleItem, error: unknown) => void;
  /** Nothing is left to settle. */
  idle: () => void;
}

export class Settler {
  readonly #parts: SettlerParts;
  #queue: SettleItem[] = [];
  #sending: SettleItem[] = [];
  #running: Promise<void> | undefined;

  constructor(parts: SettlerParts) {
    this.#parts = parts;
  }

  /** Outcomes not yet answered. */
  get size(): number {
    return this.#queue.length + this.#sending.length;
  }

  add(item: SettleItem): void {
    this.#queue.push(item);
    this.#running ??= this.#run();
  }

  /** Resolves when everything is answered or given up. Never rejects. */
  async flush(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // One turn of the event loop, so that runs which end together are settled together.
    await turn();
    while (this.#queue.length > 0) {
      this.#sending = this.#takeBatch();
      await this.#settle(this.#sending);
      this.#sending = [];
    }
    this.#running = undefined;
    this.#parts.idle();
  }

  #takeBatch(): SettleItem[] {
    let length = 0;
    let count = 0;
    for (const item of this.#queue.slice(0, BATCH)) {
      length += lengthOf(item);
      if (count > 0 && length > BATCH_LENGTH) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #settle(batch: SettleItem[]): Promise<void> {
    const { claim: nextClaim, claimed, settled } = this.#parts;
    const claim = nextClaim();
    let leases: Lease[] = [];
    let tries = 0;
    try {
      const answer = await this.#send(
        { results: batch, ...(claim === undefined ? {} : { claim }) },
        () => tries++,
      );
      leases = answer.leases ?? [];
      const results = new Map(answer.results.map((result) => [result.lease, result]));
      for (const item of batch) {
        settled(item, results.get(item.lease) ?? { lease: item.lease, status: "lost" });
      }
    } catch (error) {
      await this.#settleRefused(batch, error);
    } finally {
      if (claim !== undefined) claimed(leases, tries);
    }
  }

  #send(request: SettleRequest, count: () => void) {
    const { client, persist, signal } = this.#parts;
    return persist(() => {
      count();
      return client.settle(request, { signal });
    }, signal);
  }

  /** A refused request does not say which of its results is at fault, or its claim: each result is asked for alone. */
  async #settleRefused(batch: SettleItem[], error: unknown): Promise<void> {
    if (this.#parts.signal.aborted || !(error instanceof ProtocolError)) {
      for (const item of batch) this.#parts.refused(item, error);
      return;
    }
    for (const item of batch) await this.#settleAlone(item);
  }

  async #settleAlone(item: SettleItem): Promise<void> {
    try {
      const answer = await this.#send({ results: [item] }, () => undefined);
      this.#parts.settled(item, answer.results[0] ?? { lease: item.lease, status: "lost" });
    } catch (error) {
      await this.#settleDiminished(item, error);
    }
  }

  /** An output that the server does not take fails its run and says why, instead of having it run again and again. */
  async #settleDiminished(item: SettleItem, error: unknown): Promise<void> {
    if (item.outcome !== "succeeded" || !(error instanceof ProtocolError)) {
      this.#parts.refused(item, error);
      return;
    }
    const message = `The run succeeded, but the server refused its output: ${error.message}`;
    await this.#settleAlone({
      lease: item.lease,
      outcome: "failed",
      error: { message: message.slice(0, 10_000), type: "OutputRefused" },
      retry: false,
    });
  }
}

function lengthOf(item: SettleItem): number {
  const { output, outputBase64, error } = item;
  const short = output === undefined && outputBase64 === undefined && error === undefined;
  return short ? 100 : JSON.stringify(item).length;
}
