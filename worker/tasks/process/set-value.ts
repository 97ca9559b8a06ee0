/** Finds `${setValue(key=value)}` and `#{setValue(key=value)}` in a standard output, as DolphinScheduler writes them. */

const OPEN = /[$#]\{setValue\(/;
const CLOSE = ")}";
/** A value without an end must not grow the worker's memory. */
const LONGEST = 64 * 1024;

export interface SetValue {
  name: string;
  value: string;
}

/** Takes the output in pieces; a value may go over several lines and several pieces. */
export class SetValues {
  /** What may yet become the opening, or the text since the opening. */
  #rest = "";
  #inside = false;

  /** The values that this piece ends. One longer than 64 KiB is none. */
  push(piece: string): SetValue[] {
    const found: SetValue[] = [];
    this.#rest += piece;
    for (;;) {
      if (!this.#inside && !this.#open()) return found;
      const end = this.#rest.indexOf(CLOSE);
      if (end === -1) {
        if (this.#rest.length > LONGEST) this.#inside = false;
        else return found;
        continue;
      }
      const text = this.#rest.slice(0, end);
      const equals = text.indexOf("=");
      if (equals !== -1) found.push({ name: text.slice(0, equals).trim(), value: text.slice(equals + 1) });
      this.#rest = this.#rest.slice(end + CLOSE.length);
      this.#inside = false;
    }
  }

  /** Whether an opening is there; drops what cannot belong to one. */
  #open(): boolean {
    const match = OPEN.exec(this.#rest);
    this.#inside = match !== null;
    this.#rest = match === null ? this.#rest.slice(-10) : this.#rest.slice(match.index + match[0].length);
    return this.#inside;
  }
}
