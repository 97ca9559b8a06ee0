/** Turns the chunks of a stream of text into lines, and keeps the last of them. */

/** A program that never ends its line must not grow the worker's memory. */
const LONGEST = 16 * 1024;

export class Lines {
  #rest = "";

  /** The lines that this chunk ends. */
  push(chunk: string): string[] {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > LONGEST) {
      lines.push(this.#rest);
      this.#rest = "";
    }
    return lines.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  }

  /** What was left without an end of line. */
  end(): string[] {
    const rest = this.#rest;
    this.#rest = "";
    return rest === "" ? [] : [rest];
  }
}

/** The last lines of a text that is too long to keep. */
export class Tail {
  readonly #maxLength: number;
  #lines: string[] = [];
  #length = 0;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  push(line: string): void {
    this.#lines.push(line);
    this.#length += line.length + 1;
    while (this.#length > this.#maxLength && this.#lines.length > 1) {
      this.#length -= (this.#lines.shift()?.length ?? 0) + 1;
    }
  }

  get text(): string {
    return this.#lines.join("\n").slice(-this.#maxLength);
  }
}
