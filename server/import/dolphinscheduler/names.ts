/** Names of processes and tasks, which may be in any language, as names of jobs and keys of nodes, each once. */

const JOB_LENGTH = 120;
const KEY_LENGTH = 100;

/** Gives out names; one that was given out already gets a number. */
export class Names {
  readonly #taken = new Set<string>();
  readonly #allowed: RegExp;
  readonly #length: number;

  private constructor(allowed: RegExp, length: number) {
    this.#allowed = allowed;
    this.#length = length;
  }

  /** Letters, digits and . _ - : @ / of ASCII, and not one of the signs first. */
  static ofJobs(): Names {
    return new Names(/[^A-Za-z0-9_.:@/-]+/g, JOB_LENGTH);
  }

  static ofKeys(): Names {
    return new Names(/[^A-Za-z0-9_.-]+/g, KEY_LENGTH);
  }

  /** The name that is most like `name`; `otherwise` when nothing of it can be kept. */
  give(name: string, otherwise: string): string {
    const base = this.#fitting(name) || this.#fitting(otherwise);
    let given = base;
    for (let number = 2; this.#taken.has(given); number++) given = `${base}-${number}`;
    this.#taken.add(given);
    return given;
  }

  #fitting(name: string): string {
    return name
      .normalize("NFKD")
      .replace(/\p{M}/gu, "")
      .replace(this.#allowed, "-")
      .replace(/^[^A-Za-z0-9_]+|[^A-Za-z0-9_]+$/g, "")
      .slice(0, this.#length);
  }
}
