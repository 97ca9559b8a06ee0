/** Two objects of an export as one: what is about a process in 1.x, and what is in the definition within it. */
import { type Entry, Fields } from "./report.ts";

/** An object and one within it whose fields are about the same thing. */
export class Merged extends Fields {
  readonly #outer: Fields;
  readonly #inner: Fields;

  constructor(outer: Fields, inner: Fields) {
    super({}, "", []);
    this.#outer = outer;
    this.#inner = inner;
  }

  #holder(names: string[]): Fields {
    return this.#inner.peek(...names) === undefined ? this.#outer : this.#inner;
  }

  override peek(...names: string[]): unknown {
    return this.#holder(names).peek(...names);
  }

  override take(names: string | string[], to: string, note?: string): unknown {
    return this.#holder([names].flat()).take(names, to, note);
  }

  override read<T>(
    names: string | string[],
    to: string,
    reader: (value: unknown) => T | null,
    expected: string,
    note?: string,
  ): T | undefined {
    return this.#holder([names].flat()).read(names, to, reader, expected, note);
  }

  override each(names: string | string[], to: string): Fields[] {
    return this.#holder([names].flat()).each(names, to);
  }

  override add(names: string | string[], below: string, entry: Omit<Entry, "field">): void {
    this.#holder([names].flat()).add(names, below, entry);
  }

  override leave(names: string | string[], note: string, trivial = false): void {
    this.#holder([names].flat()).leave(names, note, trivial);
  }

  override say(names: string | string[], to: string, note: string): void {
    this.#holder([names].flat()).say(names, to, note);
  }

  override within(...names: string[]): Fields | null {
    return this.#holder(names).within(...names);
  }

  override finish(): void {
    this.#inner.finish();
    this.#outer.finish();
  }
}
