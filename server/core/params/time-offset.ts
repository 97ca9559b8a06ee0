/** The arithmetic of time placeholders: `-1`, `+7*2`, `-30/24/60`, `12*-1`, in exact fractions of a day or whole numbers. */
import { DAY_MS } from "../duration.ts";
import { Fault } from "./fault.ts";

/** How far a placeholder reaches: whole days are days of a calendar, what was divided is elapsed time. */
export interface Offset {
  days: number;
  elapsedMs: number;
}

/** Some ten thousand years in days: more than there are years to write, and its product with a day is exact. */
const MAX = 4_000_000n;

/** A fraction; `divided` when a division has taken part in it. */
interface Fraction {
  over: bigint;
  under: bigint;
  divided: boolean;
}

/** Reads `+1-1/24` from `start` to `end`: terms without a division are days, the others elapsed time. Throws a Fault. */
export function parseOffset(text: string, start: number, end: number): Offset {
  const reader = new Reader(text, start, end);
  let days: Fraction = whole(0n);
  let elapsed: Fraction = whole(0n);
  for (let sign = reader.sign(); sign !== null; sign = reader.sign()) {
    const term = reader.term();
    const signed = { ...term, over: sign * term.over };
    if (term.divided) elapsed = sum(elapsed, signed);
    else days = sum(days, signed);
  }
  reader.expectEnd("hours are N/24, minutes N/24/60, and a + or - comes before each number");
  const ms = { over: elapsed.over * BigInt(DAY_MS), under: elapsed.under };
  if (ms.over % ms.under !== 0n) throw new Fault("is finer than a millisecond", start);
  return {
    days: bounded(days.over, MAX, start),
    elapsedMs: bounded(ms.over / ms.under, MAX * BigInt(DAY_MS), start),
  };
}

/** Reads a whole number such as `12*-1` from `start` to `end`. Throws a Fault. */
export function parseWhole(text: string, start: number, end: number): number {
  const reader = new Reader(text, start, end);
  const { over, under } = reader.sum();
  reader.expectEnd("only numbers, + - * / and parentheses can stand here");
  if (over % under !== 0n) throw new Fault("is not a whole number", start);
  return bounded(over / under, MAX, start);
}

const whole = (value: bigint): Fraction => ({ over: value, under: 1n, divided: false });

const sum = (a: Fraction, b: Fraction): Fraction => ({
  over: a.over * b.under + b.over * a.under,
  under: a.under * b.under,
  divided: a.divided || b.divided,
});

function bounded(value: bigint, max: bigint, index: number): number {
  if (value > max || value < -max) throw new Fault("is too far away", index);
  return Number(value);
}

/** A descent through the usual grammar; how deep it goes is bounded by the length of a placeholder. */
class Reader {
  readonly #text: string;
  readonly #end: number;
  #at: number;

  constructor(text: string, start: number, end: number) {
    this.#text = text;
    this.#at = start;
    this.#end = end;
  }

  sign(): 1n | -1n | null {
    if (this.#take("+")) return 1n;
    return this.#take("-") ? -1n : null;
  }

  sum(): Fraction {
    let value = this.term();
    for (let sign = this.sign(); sign !== null; sign = this.sign()) {
      const term = this.term();
      value = sum(value, { ...term, over: sign * term.over });
    }
    return value;
  }

  term(): Fraction {
    let value = this.#factor();
    for (;;) {
      if (this.#take("*")) {
        const by = this.#factor();
        value = {
          over: value.over * by.over,
          under: value.under * by.under,
          divided: value.divided || by.divided,
        };
      } else if (this.#take("/")) {
        const index = this.#at;
        const by = this.#factor();
        if (by.over === 0n) throw new Fault("divides by zero", index);
        const sign = by.over < 0n ? -1n : 1n;
        value = { over: sign * value.over * by.under, under: sign * value.under * by.over, divided: true };
      } else return value;
    }
  }

  expectEnd(advice: string): void {
    this.#blanks();
    if (this.#at < this.#end)
      throw new Fault(`"${this.#text.charAt(this.#at)}" does not belong here: ${advice}`, this.#at);
  }

  #factor(): Fraction {
    const sign = this.sign();
    if (sign !== null) {
      const value = this.#factor();
      return { ...value, over: sign * value.over };
    }
    if (this.#take("(")) {
      const value = this.sum();
      if (!this.#take(")")) throw new Fault("a closing parenthesis is missing", this.#at);
      return value;
    }
    return this.#number();
  }

  #number(): Fraction {
    this.#blanks();
    const start = this.#at;
    while (this.#at < this.#end && /[0-9]/.test(this.#text.charAt(this.#at))) this.#at++;
    const digits = this.#text.slice(start, this.#at);
    if (digits === "") throw new Fault("a number is missing", start);
    if (digits.length > 1 && digits.startsWith("0")) {
      throw new Fault(
        `"${digits}" begins with 0: put text that belongs to the pattern between quotes`,
        start,
      );
    }
    if (digits.length > 9) throw new Fault("is too large a number", start);
    return whole(BigInt(digits));
  }

  #take(char: string): boolean {
    this.#blanks();
    if (this.#at >= this.#end || this.#text.charAt(this.#at) !== char) return false;
    this.#at++;
    return true;
  }

  #blanks(): void {
    while (this.#at < this.#end && this.#text.charAt(this.#at) === " ") this.#at++;
  }
}
