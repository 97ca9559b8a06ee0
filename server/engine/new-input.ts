/** An input that takes the place of another: whether it may, where it is kept, and the gates that it leads to. */
import { LIMITS } from "../config.ts";
import { withInput } from "../core/gate.ts";
import { refuseNul } from "../core/json.ts";
import { limitExceeded } from "../core/rejection.ts";
import { byteas, type EngineContext } from "./context.ts";
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

/**
 * The gates, as JSON text, of a waiting or ended run whose new input gives it other keys there; null when all stay as
 * they are. Its places by the former keys are free afterwards. Throws BAD_INPUT when the input has no key.
 */
export async function readNewGates(
  { sql, catalog, gates }: EngineContext,
  runId: string,
  input: NewInput,
): Promise<string | null> {
  const [run] = await sql<{ gates: string; versionId: number }[]>`
    select gates, version_id as "versionId" from escapement.waiting where id = ${runId} and gates is not null
    union all
    select gates, version_id as "versionId" from escapement.ended where id = ${runId} and gates is not null`;
  const version = run && (await catalog.versions([run.versionId])).get(run.versionId);
  const keyed = version ? withInput(run.gates, version.gates, input.json, "input") : null;
  if (keyed === null || keyed === run?.gates) return null;
  // They may not have been handed on yet, and the run would go on with them.
  await gates.work({ left: [runId], retrying: [runId] });
  return keyed;
}
