/** An input that takes the place of another: whether it may, and where it is kept. */
import { LIMITS } from "../config.ts";
import { refuseNul } from "../core/json.ts";
import { limitExceeded } from "../core/rejection.ts";
import { byteas } from "./context.ts";
import type { NewInput } from "./engine.ts";

/** Throws LIMIT_EXCEEDED and BAD_INPUT, naming the field. */
export function checkNewInput({ json, bytes }: NewInput): void {
  const field = bytes === null ? "input" : "inputBytes";
  const size = bytes?.length ?? Buffer.byteLength(json ?? "");
  if (size > LIMITS.inputBytes) {
    throw limitExceeded(`the input has ${size} bytes; at most ${LIMITS.inputBytes} are allowed`, field);
  }
  refuseNul(json, field);
}

/** The columns of a run, and of its row in `payload` when it has one. */
export function placeOf({ json, bytes }: NewInput) {
  const beside = bytes !== null || Buffer.byteLength(json ?? "") > LIMITS.inlineInputBytes;
  return {
    input: beside ? null : json,
    payload: bytes !== null ? 2 : beside ? 1 : 0,
    beside: beside ? { json: bytes === null ? json : null, bytes: byteas([bytes])[0] ?? null } : null,
  };
}
