/**
 * How runs come in. At most one claim is out at any time: a parked long poll, or one that travels with a settle.
 * While a poll is parked nothing is ready for this worker, so a settle has nothing to bring along.
 */
import { randomUUID } from "node:crypto";
import type { Client } from "./client.ts";
import { type Persist, pause } from "./persist.ts";
import type { ClaimRequest, Lease } from "./protocol.ts";

/** The protocol's limit for one claim. */
const CLAIM_MAX = 1000;
/** A refused claim is a person's mistake; it is worth a look now and then. */
const REFUSED_PAUSE_MS = 5_000;

export interface IntakeParts {
  client: Client;
  persist: Persist;
  /** Aborted when no more runs are wanted. */
  signal: AbortSignal;
  /** Who claims what. */
  claim: Pick<ClaimRequest, "executor" | "namespaces" | "groups" | "types">;
  /** How long a poll may stay parked. */
  waitSeconds: number;
  free: () => number;
  /** Whether a settle is under way: it brings runs along, or calls `poll` when it is done. */
  settling: () => boolean;
  /** `late`: an answer was lost, so these may have been running down for a while. */
  begin: (leases: Lease[], late: boolean) => void;
  /** Whether a claim's answer said that the executor is drained. */
  drained: (drained: boolean) => void;
  refused: (error: unknown) => void;
}

export class Intake {
  readonly #parts: IntakeParts;
  #out = false;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** A claim for every free slot, to travel with a settle; `arrived` must follow. Nothing when none is useful. */
  next(waitSeconds = 0): ClaimRequest | undefined {
    const free = this.#parts.free();
    if (this.#out || free <= 0 || this.#parts.signal.aborted) return undefined;
    this.#out = true;
    const max = Math.min(free, CLAIM_MAX);
    return { ...this.#parts.claim, max, waitSeconds, requestId: randomUUID() };
  }

  /** The end of a claim that was out, with `tries` requests made for it. */
  arrived(leases: Lease[], tries: number): void {
    this.#out = false;
    if (leases.length > 0) this.#parts.begin(leases, tries > 1);
  }

  /** Parks a long poll where one is useful. */
  poll(): void {
    if (this.#parts.settling()) return;
    const claim = this.next(this.#parts.waitSeconds);
    if (claim !== undefined) void this.#park(claim);
  }

  async #park(claim: ClaimRequest): Promise<void> {
    const { client, persist, signal, refused } = this.#parts;
    let tries = 0;
    try {
      const answer = await persist(() => {
        tries++;
        return client.claim(claim, { signal });
      }, signal);
      this.#parts.drained(answer.drain === true);
      this.arrived(answer.leases, tries);
    } catch (error) {
      if (!signal.aborted) {
        refused(error);
        await pause(REFUSED_PAUSE_MS, signal).catch(() => undefined);
      }
      this.arrived([], tries);
    }
    this.poll();
  }
}
