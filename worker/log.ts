/** One attempt's log on its way to the server: in order, in chunks, without timers. */
import { setImmediate as turn } from "node:timers/promises";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** A request's size: far below any server's limit, large enough that a busy log needs few of them. */
const CHUNK_LENGTH = 128 * 1024;
/** What may wait for a server that is away; more would cost the worker its memory. */
const WAITING_LENGTH = 8 * 1024 * 1024;
/** Longer lines are cut: one line must fit into one request. */
const LINE_LENGTH = 32 * 1024;

/** Buffers lines and sends what has gathered whenever the request before it is answered. */
export class Log {
  /** Sends one chunk of NDJSON; answers false when no more is wanted; must not reject. */
  readonly #send: (chunk: string) => Promise<boolean>;
  #open = true;
  #lines: string[] = [];
  #length = 0;
  #dropped = 0;
  #sending: Promise<void> | undefined;

  constructor(send: (chunk: string) => Promise<boolean>) {
    this.#send = send;
  }

  add(level: LogLevel, message: string, time: Date): void {
    if (!this.#open) return;
    if (this.#length > WAITING_LENGTH) {
      this.#dropped++;
      return;
    }
    if (this.#dropped > 0) {
      this.#push(
        "warn",
        `${this.#dropped} lines are missing here: the server took the log too slowly.`,
        time,
      );
      this.#dropped = 0;
    }
    this.#push(level, message.slice(0, LINE_LENGTH), time);
    this.#sending ??= this.#sendAll();
  }

  /** Resolves when everything added so far has been sent or refused. Never rejects. */
  async flush(): Promise<void> {
    await this.#sending;
  }

  #push(level: LogLevel, message: string, time: Date): void {
    const line = `${JSON.stringify({ level, message, time: time.toISOString() })}\n`;
    this.#lines.push(line);
    this.#length += line.length;
  }

  async #sendAll(): Promise<void> {
    // One turn of the event loop, so that the lines of one burst travel together.
    await turn();
    while (this.#open && this.#lines.length > 0) this.#open = await this.#send(this.#takeChunk());
    this.#sending = undefined;
  }

  #takeChunk(): string {
    let count = 0;
    let length = 0;
    for (const line of this.#lines) {
      if (count > 0 && length + line.length > CHUNK_LENGTH) break;
      length += line.length;
      count++;
    }
    this.#length -= length;
    return this.#lines.splice(0, count).join("");
  }
}
