/** The one way the product says no: a failure the caller can expect, with a stable code and the field at fault. */

/** Codes of CONTRACT section 4; transports translate them, nobody invents others. */
export type RejectionCode =
  | "BAD_INPUT"
  | "NOT_FOUND"
  | "CONFLICT"
  | "ILLEGAL_STATE"
  | "UNAUTHENTICATED"
  | "FORBIDDEN"
  | "LIMIT_EXCEEDED"
  | "UNAVAILABLE";

/** One thing that is wrong with a request. */
export interface FieldFault {
  field: string;
  message: string;
}

/** Thrown for every expected failure. Its message reaches the caller and says what to do; anything else is masked. */
export class Rejection extends Error {
  override readonly name = "Rejection";
  readonly code: RejectionCode;
  /** The argument at fault, by its name in the API, when one is. */
  readonly field?: string;
  /** All that is wrong, where several things are looked at before the answer. */
  readonly faults?: readonly FieldFault[];

  constructor(code: RejectionCode, message: string, field?: string, faults?: readonly FieldFault[]) {
    super(message);
    this.code = code;
    if (field !== undefined) this.field = field;
    if (faults !== undefined) this.faults = faults;
  }
}

/** An argument is malformed or out of range. */
export const badInput = (field: string, message: string): Rejection =>
  new Rejection("BAD_INPUT", message, field);

/** `what` names the missing thing: `job "nightly" in namespace "default"`. */
export const notFound = (what: string, field?: string): Rejection =>
  new Rejection("NOT_FOUND", `there is no ${what}`, field);

/** The name is taken, or somebody else changed the thing first. */
export const conflict = (message: string, field?: string): Rejection =>
  new Rejection("CONFLICT", message, field);

/** The thing exists, but not in a state that allows this. */
export const illegalState = (message: string): Rejection => new Rejection("ILLEGAL_STATE", message);

/** No token, or one that is unknown, expired or revoked. */
export const unauthenticated = (message: string): Rejection => new Rejection("UNAUTHENTICATED", message);

/** A valid token without the right to do this. */
export const forbidden = (message: string): Rejection => new Rejection("FORBIDDEN", message);

/** Too large, too many, too deep: the message names the limit. */
export const limitExceeded = (message: string, field?: string): Rejection =>
  new Rejection("LIMIT_EXCEEDED", message, field);

/** Nothing is wrong with the request; the same one may succeed later. */
export const unavailable = (message: string): Rejection => new Rejection("UNAVAILABLE", message);
