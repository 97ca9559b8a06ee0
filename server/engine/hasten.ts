/** waiting → due: a run that waits for its time or its next try does so no longer. It goes through the one gate. */
import { illegalState, notFound } from "../core/rejection.ts";
import { nextState, type RunState } from "../core/run.ts";
import { guarded, type Sql } from "../store/connection.ts";
import { isRunId } from "../store/page.ts";
import type { EngineContext } from "./context.ts";
import type { NewInput, StartedRun } from "./engine.ts";
import { checkNewInput, placeOf, readNewGates } from "./new-input.ts";
import { releaseDue } from "./release.ts";
import { keyHeld, lockSingletons, moveKeys, readSingletons } from "./start/uniqueness.ts";

/** Throws NOT_FOUND, BAD_INPUT, LIMIT_EXCEEDED, and ILLEGAL_STATE unless the run waits for a time. */
export async function hasten(
  context: EngineContext,
  runId: string,
  input: NewInput | undefined,
): Promise<StartedRun> {
  if (!isRunId(runId)) throw notFound(`run "${runId}"`, "id");
  if (input) checkNewInput(input);
  const { sql } = context;
  const singletons = input ? await readSingletons(sql, [runId], input) : [];
  const gates = input ? await readNewGates(context, runId, input) : null;
  const hastened =
    singletons.length === 0
      ? await write(sql, runId, input, gates)
      : await guarded(sql, async (transaction) => {
          const { free } = await lockSingletons(transaction, singletons);
          if (free.length === 0) throw keyHeld();
          const written = await write(transaction as unknown as Sql, runId, input, gates);
          if (written) await moveKeys(transaction, free);
          return written;
        });
  if (hastened) await releaseDue(context);
  const [run] = await sql<StartedRun[]>`select id, state from escapement.run where id = ${runId}`;
  if (!run) throw notFound(`run "${runId}"`, "id");
  if (!hastened) throw illegalState(whyNot(run.state));
  return run;
}

/** False when it does not wait for a time. */
async function write(
  sql: Sql,
  runId: string,
  input: NewInput | undefined,
  gates: string | null,
): Promise<boolean> {
  const place = input && placeOf(input);
  // Stored to the millisecond, now might be rounded into the future: the one before is over.
  const rows = await sql`
    with hastened as (
      update escapement.waiting set wake_at = least(wake_at, escapement.clock() - interval '1 ms')
        ${place ? sql`, input = ${place.input}::text, payload = ${place.payload}::smallint` : sql``}
        ${gates ? sql`, gates = ${gates}::text` : sql``}
      where id = ${runId} and wake_at is not null returning id
    )
    ${
      gates
        ? sql`, moved as (
      update escapement.place p set key = g.key
      from hastened h, jsonb_to_recordset(${gates}::text::jsonb) as g(gate int, key text)
      -- It stands nowhere while it waits for its time, so this is nobody's place.
      where p.run_id = h.id and p.gate_id = g.gate and p.key <> g.key and p.state = 'AHEAD'
    )`
        : sql``
    }
    ${
      place?.beside
        ? sql`, placed as (
      insert into escapement.payload (run_id, json, bytes)
      select id, ${place.beside.json}::text, ${place.beside.bytes}::text::bytea from hastened
      on conflict (run_id) do update set json = excluded.json, bytes = excluded.bytes
    )`
        : place
          ? sql`, dropped as (delete from escapement.payload p using hastened h where p.run_id = h.id)`
          : sql``
    }
    select id from hastened`;
  return rows.length > 0;
}

function whyNot(state: RunState): string {
  if (state === "WAITING") return "the run does not wait for a time; see its holds";
  const transition = nextState(state, "release");
  return "illegal" in transition ? transition.illegal : "the run has just been changed by somebody else";
}
