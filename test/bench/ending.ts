/** What has to be taken down at the end, in the reverse of the order in which it came up. */

export class Ending {
  readonly #steps: (() => Promise<unknown>)[] = [];
  #over: Promise<void> | undefined;

  /** To be called at the end; a step that fails does not keep the others from it. */
  add(step: () => Promise<unknown>): void {
    this.#steps.push(step);
  }

  /** It has begun: what fails now fails for that reason. */
  get isUnderWay(): boolean {
    return this.#over !== undefined;
  }

  /** Takes everything down; a second call waits for the first. */
  end(): Promise<void> {
    this.#over ??= this.#end();
    return this.#over;
  }

  async #end(): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      await step().catch((error: unknown) => {
        process.stderr.write(`While cleaning up: ${error instanceof Error ? error.message : error}\n`);
      });
    }
  }
}
