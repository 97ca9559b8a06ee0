/** What is wrong with a text and where; whoever knows the field of the API makes a rejection of it. */
import { badInput } from "../rejection.ts";

/** Never leaves core: `asRejection` turns it into BAD_INPUT. */
export class Fault extends Error {
  /** Of the character at fault, from 0. */
  readonly index: number;

  constructor(message: string, index: number) {
    super(message);
    this.index = index;
  }
}

/** BAD_INPUT that says where, counted from 1; an error of another kind is given back as it is. */
export function asRejection(error: unknown, field: string): unknown {
  return error instanceof Fault
    ? badInput(field, `at character ${error.index + 1}: ${error.message}`)
    : error;
}

/** What a message quotes: enough to find it, not a page of it. */
export const short = (text: string, length = 60): string =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text;
