/** One attempt's progress on its way to the server: the newest word wins, and it is not said too often. */

import { LazyAbort } from "./abort.ts";
import { pause } from "./persist.ts";
import type { HeartbeatRequest } from "./protocol.ts";

/** The server shows a message as one line and takes no other control characters. */
const CONTROLS = /[^\P{Cc}\t\n]/gu;
/** As often as an eye can follow a bar; a handler that reports in a tight loop costs no more than this. */
const PAUSE_MS = 200;

export class Progress {
  /** Sends one report; must not reject. */
  readonly #send: (report: HeartbeatRequest) => Promise<void>;
  readonly #closing = new LazyAbort();
  #latest: HeartbeatRequest | undefined;
  #sending: Promise<void> | undefined;

  constructor(send: (report: HeartbeatRequest) => Promise<void>) {
    this.#send = send;
  }

  /** `fraction` from 0 to 1; what is outside is brought to the nearer end. */
  report(fraction: number, message?: string): void {
    if (Number.isNaN(fraction) || this.#closing.aborted) return;
    const progress = Math.min(1, Math.max(0, fraction));
    // A bar that moves on keeps the words beside it until there are new ones.
    const words = message?.replace(CONTROLS, " ").slice(0, 1000) ?? this.#latest?.message;
    this.#latest = words === undefined ? { progress } : { progress, message: words };
    this.#sending ??= this.#sendAll();
  }

  /** Sends what is left at once; resolves when it has been answered. Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#sending;
  }

  async #sendAll(): Promise<void> {
    while (this.#latest !== undefined) {
      const report = this.#latest;
      this.#latest = undefined;
      await this.#send(report);
      await pause(PAUSE_MS, this.#closing.signal).catch(() => undefined);
    }
    this.#sending = undefined;
  }
}
